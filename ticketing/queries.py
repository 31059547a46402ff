"""Read tickets as lists and one by one: filters, orders, keyset pages, and only what the caller may see."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, and_, exists, not_, or_, select, tuple_
from sqlalchemy.orm import contains_eager, joinedload, selectinload
from sqlalchemy.sql import ColumnElement

from ticketing.agents import Caller
from ticketing.envelope import Channel
from ticketing.errors import NotFound
from ticketing.models import Message, Queue, Role, Ticket, TicketTag
from ticketing.queues import works
from ticketing.status import Priority, Status
from ticketing.store import db

LAST = datetime(9999, 12, 31, tzinfo=UTC)  # where "none" is sorted


class SLAState(StrEnum):
    """How a ticket stands with its clocks."""

    OK = "ok"
    AT_RISK = "at_risk"
    BREACHED = "breached"
    NONE = "none"


def sla_state(ticket: Ticket, now: datetime) -> SLAState:
    """Return the true state at this moment, whether or not anybody has flagged it."""
    if not ticket.sla_tracked:
        return SLAState.NONE
    if ticket.sla_breached or (ticket.due_at is not None and ticket.due_at <= now):
        return SLAState.BREACHED
    if ticket.warn_at is not None and ticket.warn_at <= now:
        return SLAState.AT_RISK
    return SLAState.OK


def _in_sla_state(state: SLAState, now: datetime) -> ColumnElement[bool]:
    """Return the same rule as SQL."""
    breached = or_(Ticket.sla_breached, and_(Ticket.due_at.is_not(None), Ticket.due_at <= now))
    warned = and_(Ticket.warn_at.is_not(None), Ticket.warn_at <= now)
    return {
        SLAState.NONE: not_(Ticket.sla_tracked),
        SLAState.BREACHED: and_(Ticket.sla_tracked, breached),
        SLAState.AT_RISK: and_(Ticket.sla_tracked, not_(breached), warned),
        SLAState.OK: and_(Ticket.sla_tracked, not_(breached), not_(warned)),
    }[state]


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
class Filter:
    """Which tickets; an empty field filters nothing. `assignee`: "none", or an agent's id."""

    queue: str = ""
    statuses: tuple[Status, ...] = ()
    assignee: str = ""
    channel: Channel | None = None
    priority: Priority | None = None
    tag: str = ""
    customer_id: int | None = None
    sla: SLAState | None = None


@dataclass(frozen=True)
class Page:
    """A page of tickets, and the position after its last one; None when there is nothing behind it."""

    tickets: Sequence[Ticket]
    next: tuple[datetime, int] | None = field(default=None)


def list_tickets(
    caller: Caller, wanted: Filter, *, sort: Sort, now: datetime, limit: int, after: tuple[datetime, int] | None = None
) -> Page:
    """Return one page of the tickets that the caller may see. At most three statements, whatever the page's size."""
    order = ORDERS[sort]
    query = _seen_by(caller, select(Ticket)).where(*_conditions(wanted, now))
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
    query = _seen_by(caller, select(Ticket)).where(Ticket.id == ticket_id)
    ticket = db.session().scalar(query.options(*_with_names()).execution_options(populate_existing=True))
    if ticket is None:
        raise NotFound(f"there is no ticket {ticket_id}")
    return ticket


def lock_seen(caller: Caller, ticket_id: int) -> Ticket:
    """Return a ticket that the caller may see, locked. Raises NotFound."""
    query = _seen_by(caller, select(Ticket)).where(Ticket.id == ticket_id).with_for_update(of=Ticket)
    ticket = db.session().scalar(query.options(*_with_names()).execution_options(populate_existing=True))
    if ticket is None:
        raise NotFound(f"there is no ticket {ticket_id}")
    return ticket


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


def _seen_by(caller: Caller, query: Select[Ticket]) -> Select[Ticket]:
    """Limit a query to the tickets of the caller's queues and those assigned to them; admins see all."""
    query = query.join(Ticket.queue)
    if caller.role is Role.ADMIN:
        return query
    return query.where(or_(works(caller), Ticket.assignee_id == caller.agent_id))


def _with_names() -> Sequence[Any]:
    return (
        contains_eager(Ticket.queue),
        joinedload(Ticket.customer, innerjoin=True),
        joinedload(Ticket.assignee),
        selectinload(Ticket.tag_rows),
    )


def _conditions(wanted: Filter, now: datetime) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.queue:
        by_id = wanted.queue.isdecimal() and len(wanted.queue) < 19
        conditions.append(Ticket.queue_id == int(wanted.queue) if by_id else Queue.name == wanted.queue)
    if wanted.statuses:
        conditions.append(Ticket.status.in_(wanted.statuses))
    if wanted.assignee == "none":
        conditions.append(Ticket.assignee_id.is_(None))
    elif wanted.assignee:
        conditions.append(Ticket.assignee_id == int(wanted.assignee))
    if wanted.tag:
        tagged = exists().where(TicketTag.ticket_id == Ticket.id, TicketTag.name == wanted.tag.casefold())
        conditions.append(tagged)
    equal = {Ticket.channel: wanted.channel, Ticket.priority: wanted.priority, Ticket.customer_id: wanted.customer_id}
    conditions.extend(column == value for column, value in equal.items() if value is not None)
    if wanted.sla is not None:
        conditions.append(_in_sla_state(wanted.sla, now))
    return conditions


def _behind(order: Order, after: tuple[datetime, int]) -> ColumnElement[bool]:
    position, here = tuple_(order.column, Ticket.id), tuple_(*after)
    return position < here if order.descending else position > here
