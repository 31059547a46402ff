"""Read tickets as lists and one by one: filters, orders, keyset pages, and only what the caller may see."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.orm import contains_eager, joinedload, selectinload
from sqlalchemy.sql import ColumnElement

from ticketing.agents import Caller
from ticketing.errors import NotFound
from ticketing.filters import Filter, conditions_of, queues_of, sees
from ticketing.lifecycle import lock_ticket
from ticketing.models import Message, Role, Ticket
from ticketing.store import db

LAST = datetime(9999, 12, 31, tzinfo=UTC)  # where "none" is sorted


class Sort(StrEnum):
    """The orders of a list of tickets; ties go by id."""

    DUE = "due"  # the earliest deadline first, none last
    WAITING = "waiting"  # who waits longest first, who does not last
    CREATED = "created"
    NEWEST = "-created"
    UPDATED = "updated"  # the latest change first


@dataclass(frozen=True)
class Order:
    column: Any  # the mapped column
    value: Any  # function from a ticket to the column's value
    descending: bool = False


ORDERS: dict[Sort, Order] = {
    Sort.DUE: Order(Ticket.due_order, lambda t: t.due_at or LAST),
    Sort.WAITING: Order(Ticket.waiting_order, lambda t: t.waiting_since or LAST),
    Sort.CREATED: Order(Ticket.created_at, lambda t: t.created_at),
    Sort.NEWEST: Order(Ticket.created_at, lambda t: t.created_at, descending=True),
    Sort.UPDATED: Order(Ticket.updated_at, lambda t: t.updated_at, descending=True),
}


@dataclass(frozen=True)
class Page:
    """A page of tickets, and the position after its last one; None when there is nothing behind it."""

    tickets: Sequence[Ticket]
    next: tuple[datetime, int] | None = field(default=None)


def list_tickets(
    caller: Caller, wanted: Filter, *, sort: Sort, now: datetime, limit: int, after: tuple[datetime, int] | None = None
) -> Page:
    """Return one page of the tickets that the caller may see. At most three statements, whatever the page's size.

    An admin's costs two, unless it asks for a queue.
    """
    order = ORDERS[sort]
    queues = queues_of(caller, wanted)
    query = select(Ticket).join(Ticket.queue).where(*conditions_of(caller, wanted, queues, now))
    if after is not None:
        query = query.where(_behind(order, after))
    key = order.column.desc() if order.descending else order.column
    query = query.order_by(key, Ticket.id.desc() if order.descending else Ticket.id).limit(limit + 1)
    found = db.session().scalars(query.options(*_with_names())).all()
    shown = found[:limit]
    more = len(found) > limit
    return Page(shown, (order.value(shown[-1]), shown[-1].id) if more else None)


def read_ticket(caller: Caller, ticket_id: int) -> Ticket:
    """Return a ticket with all that is shown of it. Raises NotFound, also for one that is not the caller's to see."""
    db.session().flush()
    query = select(Ticket).join(Ticket.queue).where(Ticket.id == ticket_id, sees(caller))
    ticket = db.session().scalar(query.options(*_with_names()).execution_options(populate_existing=True))
    if ticket is None:
        raise NotFound(f"there is no ticket {ticket_id}")
    return ticket


def lock_seen(caller: Caller, ticket_id: int) -> Ticket:
    """Return a ticket that the caller may see, locked. Raises NotFound."""
    # First the lock on the bare row: a joined row would be judged by what its neighbours were before the wait for it.
    lock_ticket(ticket_id)
    return read_ticket(caller, ticket_id)


def must_know(caller: Caller, customer_id: int) -> None:
    """Raise NotFound unless the caller sees a ticket of this customer: ids can be counted through, persons may not."""
    query = select(Ticket.id).join(Ticket.queue).where(Ticket.customer_id == customer_id, sees(caller))
    if db.session().scalar(query.limit(1)) is None and caller.role is not Role.ADMIN:
        raise NotFound(f"there is no customer {customer_id}")


def list_messages(ticket: Ticket, *, after: int, limit: int) -> Sequence[Message]:
    """Return the ticket's messages, oldest first, from behind the message `after`, with authors and attachments."""
    query = (
        select(Message)
        .where(Message.ticket_id == ticket.id, Message.id > after)
        .order_by(Message.id)
        .limit(limit)
        .options(
            joinedload(Message.author_agent), joinedload(Message.author_customer), selectinload(Message.attachments)
        )
    )
    return db.session().scalars(query).all()


def _with_names() -> Sequence[Any]:
    return (
        contains_eager(Ticket.queue),
        joinedload(Ticket.customer, innerjoin=True),
        joinedload(Ticket.assignee),
        selectinload(Ticket.tag_rows),
    )


def _behind(order: Order, after: tuple[datetime, int]) -> ColumnElement[bool]:
    position, here = tuple_(order.column, Ticket.id), tuple_(*after)
    return position < here if order.descending else position > here
