"""Read tickets as lists and one by one: filters, orders, keyset pages, and only what the caller may see."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import contains_eager, joinedload, selectinload

from ticketing.agents import Caller
from ticketing.errors import NotFound
from ticketing.fetching import fetch_one
from ticketing.filters import Filter, queues_of, seen_by, sees, values_of
from ticketing.lifecycle import lock_ticket
from ticketing.models import Role, Ticket
from ticketing.rows import (
    MESSAGE,
    TICKET,
    TICKETS,
    MessageRow,
    TicketRow,
    fetch_messages,
    fetch_tickets,
    messages,
    tickets_from,
)
from ticketing.store import db, dialect
from ticketing.walks import LAST, walk


class Sort(StrEnum):
    """The orders of a list of tickets; ties go by id."""

    DUE = "due"  # the earliest deadline first, none last
    WAITING = "waiting"  # who waits longest first, who does not last
    CREATED = "created"
    NEWEST = "-created"
    UPDATED = "updated"  # the latest change first


@dataclass(frozen=True)
class Order:
    column: Any  # the table's column
    value: Any  # function from a ticket to the column's value
    descending: bool = False


ORDERS: dict[Sort, Order] = {
    Sort.DUE: Order(TICKET.c.due_order, lambda t: t.due_at or LAST),
    Sort.WAITING: Order(TICKET.c.waiting_order, lambda t: t.waiting_since or LAST),
    Sort.CREATED: Order(TICKET.c.created_at, lambda t: t.created_at),
    Sort.NEWEST: Order(TICKET.c.created_at, lambda t: t.created_at, descending=True),
    Sort.UPDATED: Order(TICKET.c.updated_at, lambda t: t.updated_at, descending=True),
}


@dataclass(frozen=True)
class Page:
    """A page of tickets in plain columns, and the position after its last one; None when there is nothing behind it."""

    tickets: Sequence[TicketRow]
    next: tuple[datetime, int] | None = field(default=None)


def list_tickets(
    caller: Caller, wanted: Filter, *, sort: Sort, now: datetime, limit: int, after: tuple[datetime, int] | None = None
) -> Page:
    """Return one page of the tickets that the caller may see. At most two statements, whatever the page's size.

    An admin's costs one, unless it asks for a queue. What is asked the same way shares a statement: `ticketing.walks`.
    """
    order = ORDERS[sort]
    queues = queues_of(caller, wanted)
    position = {} if after is None else {"after": after[0], "after_id": after[1]}
    values = {**values_of(caller, wanted, queues, now), **position}
    shape = {"by": order.column, "descending": order.descending, "goes_on": after is not None}
    statement = walk(wanted, queues, **shape, at_least=limit + 1)
    found = fetch_tickets(statement, values)
    shown = found[:limit]
    more = len(found) > limit
    return Page(shown, (order.value(shown[-1]), shown[-1].id) if more else None)


def show_ticket(caller: Caller, ticket_id: int) -> TicketRow:
    """Return a ticket in plain columns, to be shown. Raises NotFound, also for one that is not the caller's to see."""
    found = fetch_tickets(_shown(caller.role is Role.ADMIN, dialect()), {"ticket": ticket_id, "me": caller.agent_id})
    if not found:
        raise NotFound(f"there is no ticket {ticket_id}")
    return found[0]


def must_see(caller: Caller, ticket_id: int) -> None:
    """Raise NotFound unless there is such a ticket and the caller may see it."""
    values = {"ticket": ticket_id, "me": caller.agent_id}
    if fetch_one(_seen(caller.role is Role.ADMIN), values) is None:
        raise NotFound(f"there is no ticket {ticket_id}")


def read_ticket(caller: Caller, ticket_id: int) -> Ticket:
    """Return a ticket with all that is shown of it. Raises NotFound, also for one that is not the caller's to see."""
    db.session().flush()
    query = select(Ticket).join(Ticket.queue).where(Ticket.id == ticket_id, sees(caller))
    ticket = db.session().scalar(query.options(*_with_names()).execution_options(populate_existing=True))
    if ticket is None:
        raise NotFound(f"there is no ticket {ticket_id}")
    return ticket


def lock_seen(caller: Caller, ticket_id: int) -> Ticket:
    """Return a ticket that the caller may see, locked. Raises NotFound; who may not see it does not hold it either."""
    if caller.role is not Role.ADMIN:
        must_see(caller, ticket_id)
    # The lock is on the bare row: a joined row would be judged by what its neighbours were before the wait for it.
    # So it is looked at again with the lock.
    lock_ticket(ticket_id)
    return read_ticket(caller, ticket_id)


def lock_all_seen(caller: Caller, ticket_ids: Iterable[int]) -> dict[int, Ticket]:
    """Return tickets that the caller may see by id, locked in the order of their ids. Raises NotFound."""
    return {one: lock_seen(caller, one) for one in sorted(set(ticket_ids))}


def list_messages(ticket_id: int, *, after: int, limit: int) -> Sequence[MessageRow]:
    """Return a ticket's messages, oldest first, from behind the message `after`, with authors and attachments.

    The caller of this has made sure that whoever asks may see the ticket.
    """
    return fetch_messages(_said(dialect()), {"ticket": ticket_id, "after": after, "limit": limit})


@cache
def _shown(sees_all: bool, dialect: str) -> Select[Any]:
    return tickets_from(TICKETS, dialect).where(TICKET.c.id == bindparam("ticket"), seen_by(sees_all))


@cache
def _seen(sees_all: bool) -> Select[Any]:
    return select(TICKET.c.id).select_from(TICKETS).where(TICKET.c.id == bindparam("ticket"), seen_by(sees_all))


@cache
def _said(dialect: str) -> Select[Any]:
    of_ticket = messages(dialect).where(MESSAGE.c.ticket_id == bindparam("ticket"), MESSAGE.c.id > bindparam("after"))
    return of_ticket.order_by(MESSAGE.c.id).limit(bindparam("limit"))


def _with_names() -> Sequence[Any]:
    return (
        contains_eager(Ticket.queue),
        joinedload(Ticket.customer, innerjoin=True),
        joinedload(Ticket.assignee),
        selectinload(Ticket.tag_rows),
        selectinload(Ticket.skill_rows),
    )
