"""Bring a ticket back to the desk when the answer on it did not arrive: the customer knows nothing, and waits."""

from datetime import datetime

from sqlalchemy import exists, select

from ticketing import closing, lifecycle, snoozing
from ticketing.envelope import MessageState
from ticketing.events import SYSTEM
from ticketing.models import Message, MessageKind, Ticket
from ticketing.status import Status
from ticketing.store import db

LOST = (MessageState.FAILED, MessageState.BOUNCED)


def bring_back(ticket: Ticket, message: Message, *, at: datetime) -> None:
    """Open the ticket of a reply that did not arrive, as the customer's own words would; wake it if it is snoozed.

    Nothing happens for what a program wrote, where a later reply has left, or on a ticket that is closed. The ticket is
    locked. Clocks that the reply has met stay met.
    """
    if message.automatic or closing.is_over(ticket, at) or _was_written_again(message):
        return
    if ticket.status is Status.SOLVED:
        lifecycle.reopen(ticket, by=SYSTEM, at=at)
    elif ticket.status in {Status.PENDING, Status.ON_HOLD}:
        lifecycle.change_status(ticket, Status.OPEN, by=SYSTEM, at=at)
    snoozing.wake(ticket, why="undelivered", by=SYSTEM, at=at)


def _was_written_again(message: Message) -> bool:
    later = (
        Message.ticket_id == message.ticket_id,
        Message.id > message.id,
        Message.kind == MessageKind.OUTBOUND,
        Message.automatic.is_(False),
        Message.state.not_in(LOST),
    )
    return bool(db.session().scalar(select(exists().where(*later))))
