"""Plain factories for the tests of clocks: a desk that is open from nine to five, its policies and its tickets.

Unlike those of tests.make they need no channel, and work inside the caller's transaction, but for `opened`.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import select

from sla.models import Calendar, Policy
from ticketing import journal, lifecycle
from ticketing.customers import new_customer
from ticketing.envelope import Channel, MessageState
from ticketing.events import SYSTEM, Actor, ReplyWritten
from ticketing.models import Message, MessageKind, Queue, Ticket
from ticketing.queues import create_queue
from ticketing.store import db
from ticketing.transaction import transaction

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)  # a Wednesday
Row = TypeVar("Row", Calendar, Policy)

HOURS = {
    "time_zone": "UTC",
    "weekly": {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
}


def calendar(name: str = "Desk", definition: dict[str, Any] = HOURS) -> Calendar:
    """A calendar, the one of that name if there is one."""
    made = db.session().scalar(select(Calendar).where(Calendar.name == name))
    return made or _added(Calendar(name=name, version=1, definition=definition, created_at=NOON))


def policy(
    name: str,
    conditions: dict[str, Any],
    *,
    position: int = 1,
    calendar_id: int | None = None,
    archived_at: datetime | None = None,
    **first_response: int,
) -> Policy:
    """A policy whose target for the first response is `allowance_seconds`, perhaps with `warn_seconds_before`."""
    made = Policy(
        name=name,
        version=1,
        position=position,
        conditions=conditions,
        targets={"first_response": first_response},
        calendar_id=calendar_id or calendar().id,
        created_at=NOON,
        archived_at=archived_at,
    )
    return _added(made)


def ticket(*, channel: Channel = Channel.PHONE, at: datetime = NOON, waiting: bool = True) -> Ticket:
    """A ticket of a new customer."""
    return lifecycle.open_ticket(
        subject="Help",
        customer=new_customer("Ada", at=at),
        queue=db.session().scalar(select(Queue)) or create_queue("Support", at=at),
        channel=channel,
        waiting=waiting,
        by=SYSTEM,
        at=at,
    )


def opened(*, at: datetime = NOON, channel: Channel = Channel.PHONE) -> Ticket:
    """A ticket that was opened in a transaction of its own."""
    with transaction("test"):
        return ticket(at=at, channel=channel)


def _added(row: Row) -> Row:
    db.session().add(row)
    db.session().flush()
    return row


def reply(ticket: Ticket, *, after: timedelta, automatic: bool = False) -> None:
    """An agent's answer, as a row and as an entry of the journal."""
    row = Message(
        ticket_id=ticket.id,
        kind=MessageKind.OUTBOUND,
        channel=ticket.channel,
        body="We are on it.",
        automatic=automatic,
        state=MessageState.QUEUED,
        attachments=[],
        created_at=NOON + after,
    )
    db.session().add(row)
    db.session().flush()
    written = ReplyWritten(message_id=row.id, channel=ticket.channel, automatic=automatic)
    journal.append(ticket, written, by=Actor.agent(1), at=NOON + after)
