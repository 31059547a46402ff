"""Do what is due on running clocks: warn, flag the breach, escalate. No verdict hangs on it: whoever reads a clock sees
its true state; this tells people, and lets follow what the policy wants.

Hundreds of tickets are swept in a handful of statements, whatever falls due on them. The tickets themselves are locked
but not written: their state is read from the deadlines that they carry.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import Table, select

from sla import rules
from sla.agreement import Metric, Promises, Target
from sla.consequences import Wanted, record
from sla.events import SLABreached, SLAEscalated, SLAWarned
from sla.models import Clock, value_of
from sla.segments import NOTHING
from sla.steps import Step, due_steps, next_step, target_of
from ticketing import journal
from ticketing.events import SYSTEM, Event
from ticketing.filters import among
from ticketing.many import update_many
from ticketing.models import Ticket
from ticketing.moment import rfc3339
from ticketing.store import db

CLOCK = cast(Table, Clock.__table__)


class Swept(NamedTuple):
    """How many clocks had something due, how many of them were breached, and what of that has consequences."""

    clocks: int
    breached: int
    consequences: int


class Ticking(NamedTuple):
    """A clock's columns."""

    id: int
    ticket_id: int
    metric: Metric
    sequence: int
    policy_id: int | None
    promise_id: int | None
    allowance_seconds: int
    started_at: datetime
    counted_microseconds: int
    running_since: datetime
    paused_by: str | None
    due_at: datetime | None
    warn_at: datetime | None
    met_at: datetime | None
    breached_at: datetime | None
    cancelled_at: datetime | None
    next_at: datetime | None
    steps_done: int
    agent_id: int | None


@dataclass
class Changes:
    """What a sweep comes to, table by table."""

    clocks: list[dict[str, Any]] = field(default_factory=list)
    entries: list[tuple[int, Event, datetime]] = field(default_factory=list)
    wanted: list[Wanted] = field(default_factory=list)


def flag_due(now: datetime, limit: int = 500) -> Swept:
    """Take every step that is due by `now` on no more than about `limit` clocks, what is due longest first.

    Call it again while it finds something. Runs inside a transaction. Several at once take each step once; tickets that
    others hold locked wait for the next time.
    """
    tickets = _lock_tickets(now, limit)
    if not tickets:
        return Swept(0, 0, 0)
    changes, promises = Changes(), rules.in_force()
    for clock in _due_clocks(tickets, now):
        _sweep_clock(clock, tickets[clock.ticket_id], now, promises, changes)
    recorded = _write(changes, now)
    breached = sum(type(event) is SLABreached for _, event, _ in changes.entries)
    return Swept(len(changes.clocks), breached, recorded)


def _lock_tickets(now: datetime, limit: int) -> dict[int, int | None]:
    """Lock the tickets whose clocks have something due; return who has each, by the tickets' ids.

    Nobody is waited for, so that the order of the locks does not matter.
    """
    query = (
        select(Ticket.id, Ticket.assignee_id)
        .select_from(Clock)
        .join(Ticket, Ticket.id == Clock.ticket_id)
        .where(Clock.next_at <= now)
        .order_by(Clock.next_at)
        .limit(limit)
        .with_for_update(of=Ticket, skip_locked=True, key_share=True)
    )
    db.session().flush()
    return {row.id: row.assignee_id for row in db.session().execute(query)}


def _due_clocks(ticket_ids: Iterable[int], now: datetime) -> Iterator[Ticking]:
    """Return what is due on tickets that are locked by now; what was true before the lock may no longer be."""
    columns = [getattr(Clock, name) for name in Ticking._fields]
    query = select(*columns).where(among(Clock.ticket_id, "tickets", sorted(ticket_ids)), Clock.next_at <= now)
    # A row has the columns by name as well; only mypy wants to hear of the NamedTuple.
    return cast(Iterator[Ticking], db.session().execute(query.order_by(Clock.ticket_id, Clock.id)))


def _sweep_clock(clock: Ticking, assignee_id: int | None, now: datetime, promises: Promises, changes: Changes) -> None:
    value = value_of(clock)
    target = target_of(value, promises)
    steps, done = due_steps(value, target, clock.steps_done, now)
    is_breach = clock.breached_at is None and any(step.offset == NOTHING for step in steps)
    changes.clocks.append(
        {
            "id": clock.id,
            "breached_at": clock.due_at if is_breach else clock.breached_at,
            "warn_at": None if is_breach or clock.breached_at else clock.warn_at,
            "next_at": next_step(value, target, done),
            "steps_done": done,
            "agent_id": assignee_id if is_breach else clock.agent_id,  # whose breach it is, for reports
        }
    )
    for step in steps:
        changes.entries.append((clock.ticket_id, _event(clock, step), step.at))
        changes.wanted += _wanted(clock, step, target)


def _event(clock: Ticking, step: Step) -> Event:
    due_at = rfc3339(step.due_at)
    if step.offset == NOTHING:
        return SLABreached(metric=clock.metric, clock_id=clock.id, due_at=due_at)
    kind = SLAWarned if step.offset < NOTHING else SLAEscalated
    return kind(metric=clock.metric, clock_id=clock.id, due_at=due_at, offset_seconds=step.offset_seconds)


def _wanted(clock: Ticking, step: Step, target: Target) -> Iterator[Wanted]:
    if clock.policy_id is None:
        return
    for number, action in enumerate(target.actions.get(step.offset, ())):
        yield Wanted(clock.id, clock.ticket_id, clock.policy_id, step.offset_seconds, number, dict(action))


def _write(changes: Changes, now: datetime) -> int:
    """Write everything down, table by table; return how many consequences there are."""
    update_many(CLOCK, changes.clocks)
    journal.append_many(changes.entries, by=SYSTEM)
    recorded = record(changes.wanted, at=now)
    db.session().expire_all()  # whoever has read one of them shall read it anew
    return recorded
