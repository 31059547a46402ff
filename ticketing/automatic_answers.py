"""Answer a customer by a program: at most once per address and window, and never a machine.

RFC 3834, 2: what a mailing list, a machine or somebody who asks for silence sent gets no answer, nor does any address
get many of them. Two programs that answer each other are quiet after one answer of ours.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, update
from sqlalchemy.orm import aliased
from sqlalchemy.orm.attributes import set_committed_value

from ticketing import journal
from ticketing.envelope import Channel, HandleKind, MessageState, Sender
from ticketing.events import SYSTEM, ReplyWritten
from ticketing.inserting import insert_now
from ticketing.models import Handle, Inbox, Message, MessageKind, Ticket
from ticketing.participants import addressed
from ticketing.reach import withheld_channels
from ticketing.reachability import takes_automatic_mail
from ticketing.store import db


def may_be_answered(message: Message) -> bool:
    """Say whether a program may answer a customer's message at all, as far as the message and the address tell."""
    return (
        not message.automatic
        and not message.data.get("no_automatic_answer", False)
        and message.inbox is not None
        and message.handle is not None
        and takes_automatic_mail(message.handle)
    )


def claim(message: Message, *, window: timedelta, at: datetime) -> bool:
    """Say whether the address is to be answered now, and note that it was: once within the window.

    Addresses that differ by what stands behind a plus sign count as one, for a program may write from a new one each
    time. Whoever else asks at this moment waits for us, and then is refused.
    """
    handle = message.handle
    if handle is None or message.channel in withheld_channels(handle.customer_id):
        return False
    other = aliased(Handle)
    same = (other.kind == handle.kind, other.key == handle.key) if handle.key else (other.id == handle.id,)
    lately = exists().where(*same, other.auto_answered_at > at - window)
    mine = update(Handle).where(Handle.id == handle.id, ~lately).values(auto_answered_at=at).returning(Handle.id)
    if db.session().scalar(mine.execution_options(synchronize_session=False)) is None:
        return False
    set_committed_value(handle, "auto_answered_at", at)
    return True


def answer(ticket: Ticket, message: Message, body: str, *, at: datetime) -> Message:
    """Write a program's answer to a customer's message; it leaves after the commit. The ticket is locked, or new.

    It is nobody's answer: it assigns nothing, changes no status, and the customer waits on.
    """
    to = addressed([_reader(message)], ()) if message.channel is Channel.EMAIL else {}  # only mail has addressees
    return _write(ticket, message.channel, message.inbox, message.handle, body, to, at)


def tell(ticket: Ticket, inbox: Inbox, handle: Handle, body: str, *, at: datetime) -> Message:
    """Write to a customer by a program, unasked, from an inbox of ours to an address of theirs; it leaves after the
    commit. The ticket is locked. Whether the customer wants that is the caller's to know.
    """
    return _write(ticket, inbox.channel, inbox, handle, body, {}, at)


def _write(
    ticket: Ticket,
    channel: Channel,
    inbox: Inbox | None,
    handle: Handle | None,
    body: str,
    data: dict[str, Any],
    at: datetime,
) -> Message:
    row = Message(
        ticket_id=ticket.id,
        kind=MessageKind.OUTBOUND,
        channel=channel,
        inbox=inbox,
        handle=handle,
        body=body,
        automatic=True,
        state=MessageState.QUEUED,
        channel_reason="last_used",
        data=data,
        attachments=[],
        created_at=at,
    )
    insert_now(row)
    journal.append(ticket, ReplyWritten(row.id, row.channel, automatic=True), by=SYSTEM, at=at)
    return row


def _reader(message: Message) -> Sender:
    handle, customer = message.handle, message.author_customer
    address, name = (handle.shown if handle is not None else ""), (customer.name if customer is not None else "")
    return Sender(HandleKind.EMAIL, address, name)
