"""Which tickets: whom they belong to, how they stand, and whether the caller may see them. As SQL conditions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BindParameter,
    Select,
    and_,
    any_,
    bindparam,
    exists,
    literal_column,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.sql import ColumnElement

from ticketing.agents import Caller
from ticketing.envelope import Channel
from ticketing.errors import InvalidInput
from ticketing.fetching import fetch
from ticketing.folding import fold_tag
from ticketing.models import Queue, Role, Ticket, TicketTag
from ticketing.models.ticket import ACTIVE_ONES
from ticketing.queues import worked_by, works
from ticketing.status import ACTIVE, Priority, Status
from ticketing.store import BIG, UTCDateTime, dialect


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
    moment = _moment("now", now)
    breached = or_(Ticket.sla_breached, and_(Ticket.due_at.is_not(None), Ticket.due_at <= moment))
    warned = and_(Ticket.warn_at.is_not(None), Ticket.warn_at <= moment)
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
    waiting: bool | None = None  # for an answer
    snoozed: bool | None = None  # until a moment to come
    created_after: datetime | None = None  # at that moment or later
    created_before: datetime | None = None
    updated_after: datetime | None = None

    @property
    def shape(self) -> "Filter":
        """Return the same for all filters whose conditions differ in nothing but the values that are bound."""
        bound: dict[str, Any] = {name: EPOCH for name in MOMENTS if getattr(self, name) is not None}
        return replace(
            self,
            queue="some" if self.queue else "",
            assignee="1" if self.assignee.isdecimal() else self.assignee,
            tag="some" if self.tag else "",
            customer_id=None if self.customer_id is None else 1,
            **bound,
        )


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENTS = ("created_after", "created_before", "updated_after")


def sees(caller: Caller) -> ColumnElement[bool]:
    """Return the condition that the caller may see a ticket that is joined with its queue."""
    return or_(works(caller), is_mine(caller.agent_id))


def seen_by(sees_all: bool) -> ColumnElement[bool]:
    """Return the same condition for a statement that is made once, the caller's id to be bound as `me`."""
    me = bindparam("me", type_=Ticket.assignee_id.type)
    return true() if sees_all else or_(worked_by(me), Ticket.assignee_id == me)


def seen_as_asked() -> ColumnElement[bool]:
    """Return the same condition on a ticket that is joined with nothing."""
    me = bindparam("me", type_=Ticket.assignee_id.type)
    return or_(exists().where(Queue.id == Ticket.queue_id, worked_by(me)), Ticket.assignee_id == me)


@dataclass(frozen=True)
class QueueIds:
    """Queues by id, known beforehand so that the list's own query can walk an index. None: no matter which."""

    worked: Sequence[int] | None
    wanted: Sequence[int] | None
    others: Sequence[int] = ()  # that the caller does not work

    @property
    def walked(self) -> Sequence[int]:
        """Return those that are wanted and worked, where it matters which are worked."""
        return self._wanted_of(self.worked or ())

    @property
    def visited(self) -> Sequence[int]:
        """Return those that are wanted and not worked: only what the caller has been given there is theirs to see."""
        return self._wanted_of(self.others)

    def _wanted_of(self, queue_ids: Sequence[int]) -> Sequence[int]:
        return queue_ids if self.wanted is None else [one for one in queue_ids if one in self.wanted]


def queues_of(caller: Caller, wanted: Filter) -> QueueIds:
    sees_all = caller.role is Role.ADMIN
    if sees_all and not wanted.queue:
        return QueueIds(worked=None, wanted=None)
    rows = fetch(_queues(sees_all), {"me": caller.agent_id})
    wanted_ids = [queue_id for queue_id, name, _ in rows if wanted.queue in {name, str(queue_id)}]
    if wanted.queue and not wanted_ids:
        raise InvalidInput(f"there is no queue {wanted.queue!r}")
    worked = [queue_id for queue_id, _, works_it in rows if works_it]
    others = [queue_id for queue_id, _, works_it in rows if not works_it]
    return QueueIds(worked if others else None, wanted_ids if wanted.queue else None, others)


@cache
def _queues(sees_all: bool) -> Select[int, str, bool]:
    works_it = true() if sees_all else worked_by(bindparam("me", type_=Ticket.assignee_id.type))
    return select(Queue.id, Queue.name, works_it)


def conditions_of(caller: Caller, wanted: Filter, queues: QueueIds, now: datetime) -> list[ColumnElement[bool]]:
    """Return which tickets of those that the caller may see.

    What they are compared with is bound under the names of `values_of`: conditions that were made once serve whoever
    asks the same way.
    """
    conditions: list[ColumnElement[bool]] = []
    if queues.worked is not None:
        conditions.append(or_(in_queues("worked", queues.worked), is_mine(caller.agent_id)))
    if queues.wanted is not None:
        conditions.append(in_queues("wanted", queues.wanted))
    return conditions + conditions_on_tickets(wanted, now)


def conditions_on_tickets(wanted: Filter, now: datetime) -> list[ColumnElement[bool]]:
    """Return the part of the conditions that has nothing to do with queues and with who asks."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.statuses:
        conditions += _in_statuses(frozenset(wanted.statuses))
    if wanted.assignee == "none":
        conditions.append(Ticket.assignee_id.is_(None))
    elif wanted.assignee:
        conditions.append(_equals(Ticket.assignee_id, "assignee", int(wanted.assignee)))
    if wanted.tag:
        has_name = _equals(TicketTag.name, "tag", fold_tag(wanted.tag))
        conditions.append(exists().where(TicketTag.ticket_id == Ticket.id, has_name))
    if wanted.customer_id is not None:
        conditions.append(_equals(Ticket.customer_id, "customer", wanted.customer_id))
    if wanted.channel is not None:
        conditions.append(Ticket.channel == wanted.channel)
    if wanted.priority is not None:
        conditions.append(Ticket.priority == wanted.priority)
    if wanted.sla is not None:
        conditions.append(in_sla_state(wanted.sla, now))
    conditions += _that_wait(wanted, now)
    conditions += _in_spans(wanted)
    return conditions


def values_of(caller: Caller, wanted: Filter, queues: QueueIds, now: datetime) -> dict[str, Any]:
    """Return what a filter's conditions compare with, by name."""
    return {
        "me": caller.agent_id,
        "worked": queues.worked,
        "wanted": queues.wanted,
        "walked": _as_planned(queues.walked),
        "visited": queues.visited,
        "assignee": int(wanted.assignee) if wanted.assignee.isdecimal() else None,
        "tag": fold_tag(wanted.tag),
        "customer": wanted.customer_id,
        "now": now,
        **{name: getattr(wanted, name) for name in MOMENTS},
    }


PLANNED_FOR = 10  # elements: what PostgreSQL expects of an array that it does not know yet
NO_QUEUE = 0


def _as_planned(queue_ids: Sequence[int]) -> list[int]:
    """Return queues for a walk in each, with none among them where they are few.

    PostgreSQL goes on planning anew for values that are cheaper than it would expect; here the planning takes longer
    than the page, and a walk in no queue takes nothing.
    """
    return [*queue_ids, *[NO_QUEUE] * (PLANNED_FOR - len(queue_ids))]


def _equals(column: Any, name: str, value: Any) -> ColumnElement[bool]:
    equal: ColumnElement[bool] = column == bindparam(name, value, type_=column.type)
    return equal


def _that_wait(wanted: Filter, now: datetime) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.waiting is not None:
        waits = Ticket.waiting_since.is_not(None)
        conditions.append(waits if wanted.waiting else not_(waits))
    if wanted.snoozed is not None:
        away = Ticket.snoozed_until > bindparam("now", now, type_=UTCDateTime())
        conditions.append(away if wanted.snoozed else or_(Ticket.snoozed_until.is_(None), not_(away)))
    return conditions


def _in_spans(wanted: Filter) -> list[ColumnElement[bool]]:
    spans = {
        "created_after": (Ticket.created_at.__ge__, wanted.created_after),
        "created_before": (Ticket.created_at.__lt__, wanted.created_before),
        "updated_after": (Ticket.updated_at.__ge__, wanted.updated_after),
    }
    return [
        compared(bindparam(name, moment, type_=UTCDateTime()))
        for name, (compared, moment) in spans.items()
        if moment is not None
    ]


def _moment(name: str, value: datetime) -> BindParameter[datetime]:
    return bindparam(name, value, type_=UTCDateTime())


def is_mine(agent_id: int) -> ColumnElement[bool]:
    """Return the condition that the caller has the ticket."""
    return _equals(Ticket.assignee_id, "me", agent_id)


def in_queues(name: str, queue_ids: Sequence[int]) -> ColumnElement[bool]:
    """Return the condition that a ticket is in one of the queues that are bound under this name."""
    return among(Ticket.queue_id, name, queue_ids)


def among(column: Any, name: str, ids: Sequence[int] = ()) -> ColumnElement[bool]:
    """Return the condition that a column has one of the ids that are bound under this name.

    On PostgreSQL they are one value, so that the statement is the same for however many.
    """
    has: ColumnElement[bool]
    if dialect() == "postgresql":
        has = column == any_(bindparam(name, list(ids), type_=ARRAY(BIG)))
    else:
        has = column.in_(bindparam(name, ids, type_=BIG, expanding=True))
    return has


def _in_statuses(wanted: frozenset[Status]) -> list[ColumnElement[bool]]:
    """Return the condition, written so that the indexes on some statuses serve it: with the values in it."""
    active: list[Any] = [ACTIVE_ONES] if wanted <= ACTIVE else []
    if wanted == ACTIVE:
        return active
    return [*active, Ticket.status.in_([literal_column(f"'{one.value}'") for one in sorted(wanted)])]
