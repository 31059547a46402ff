"""Which tickets: whom they belong to, how they stand, and whether the caller may see them. As SQL conditions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import and_, exists, not_, or_, select
from sqlalchemy.sql import ColumnElement

from ticketing.agents import Caller
from ticketing.envelope import Channel
from ticketing.models import Queue, Role, Ticket, TicketTag
from ticketing.queues import works
from ticketing.status import Priority, Status
from ticketing.store import db


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


def in_sla_state(state: SLAState, now: datetime) -> ColumnElement[bool]:
    """Return the same rule as SQL."""
    breached = or_(Ticket.sla_breached, and_(Ticket.due_at.is_not(None), Ticket.due_at <= now))
    warned = and_(Ticket.warn_at.is_not(None), Ticket.warn_at <= now)
    return {
        SLAState.NONE: not_(Ticket.sla_tracked),
        SLAState.BREACHED: and_(Ticket.sla_tracked, breached),
        SLAState.AT_RISK: and_(Ticket.sla_tracked, not_(breached), warned),
        SLAState.OK: and_(Ticket.sla_tracked, not_(breached), not_(warned)),
    }[state]


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


def sees(caller: Caller) -> ColumnElement[bool]:
    """Return the condition that the caller may see a ticket that is joined with its queue."""
    return or_(works(caller), Ticket.assignee_id == caller.agent_id)


@dataclass(frozen=True)
class QueueIds:
    """Queues by id, known beforehand so that the list's own query can walk an index. None: no matter which."""

    worked: Sequence[int] | None
    wanted: Sequence[int] | None


def queues_of(caller: Caller, wanted: Filter) -> QueueIds:
    sees_all = caller.role is Role.ADMIN
    if sees_all and not wanted.queue:
        return QueueIds(worked=None, wanted=None)
    rows = db.session().execute(select(Queue.id, Queue.name, works(caller))).all()
    return QueueIds(
        worked=None
        if sees_all or all(works_it for *_, works_it in rows)
        else [q for q, _, works_it in rows if works_it],
        wanted=[queue_id for queue_id, name, _ in rows if wanted.queue in {name, str(queue_id)}]
        if wanted.queue
        else None,
    )


def conditions_of(caller: Caller, wanted: Filter, queues: QueueIds, now: datetime) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if queues.worked is not None:
        conditions.append(or_(Ticket.queue_id.in_(queues.worked), Ticket.assignee_id == caller.agent_id))
    if queues.wanted is not None:
        conditions.append(Ticket.queue_id.in_(queues.wanted))
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
        conditions.append(in_sla_state(wanted.sla, now))
    return conditions
