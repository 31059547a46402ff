"""Place mail that a server returned and that proves nothing: a guess for the agent, or nothing of ours.

Whoever forges a bounce would otherwise switch off a customer's address, or write on their ticket. And whoever sends
spam in our name makes other servers return it to us, by the thousand.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select

from channels.errors import UnsupportedPayload
from ticketing.envelope import HandleKind, InboundMessage
from ticketing.errors import InvalidHandle
from ticketing.handles import fold
from ticketing.models import Handle, Message, MessageKind, Participant
from ticketing.store import db

WITHIN = timedelta(days=7)  # mail servers give up after 4 or 5 days (RFC 5321, 4.5.4.1)


@dataclass(frozen=True)
class ReturnedMail(InboundMessage):
    """A mail that says that another did not arrive, without proof that this was ours."""

    recipient: str = ""  # of that other one, "" when it does not say
    is_standard: bool = False  # by its form no person's


def placed(mail: ReturnedMail) -> InboundMessage:
    """Return it with the ticket of our newest mail to that recipient as a guess.

    Raises UnsupportedPayload for a standard report on a recipient to whom nobody here has written.
    """
    ticket_id = _newest_ticket(mail.recipient, mail.received_at)
    if ticket_id is not None:
        return replace(mail, hints=replace(mail.hints, subject_ticket_ids=(ticket_id,)))
    if mail.is_standard and mail.recipient:
        raise UnsupportedPayload("it returns a mail that this desk did not send: somebody writes in our name")
    return mail


def _newest_ticket(recipient: str, at: datetime) -> int | None:
    with suppress(InvalidHandle):
        address = fold(HandleKind.EMAIL, recipient)
        written = (
            select(Message.ticket_id)
            .join(Handle, Handle.id == Message.handle_id)
            .where(
                Handle.kind == HandleKind.EMAIL,
                Handle.address == address,
                Message.kind == MessageKind.OUTBOUND,
                Message.created_at > at - WITHIN,
            )
            .order_by(Message.id.desc())
        )
        copied = select(Participant.ticket_id).where(
            Participant.kind == HandleKind.EMAIL, Participant.address == address
        )
        session = db.session()
        return session.scalar(written.limit(1)) or session.scalar(copied.order_by(Participant.id.desc()).limit(1))
    return None
