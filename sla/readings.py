"""What a ticket's clocks show when somebody looks at them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from sla.agreement import Metric, always_open
from sla.calendars import hours_of
from sla.clock import State, as_of, remaining_seconds
from sla.models import Clock
from ticketing.store import db


@dataclass(frozen=True)
class Reading:
    """One clock at one moment. `remaining_seconds` is working time, negative when overdue; see sla.clock."""

    metric: Metric
    policy: str | None  # None: a promise that no policy speaks of
    policy_version: int | None
    state: State
    allowance_seconds: int
    started_at: datetime
    due_at: datetime | None  # None: it rests, and nobody can say
    paused_by: str | None
    remaining_seconds: int
    met_at: datetime | None
    breached_at: datetime | None


def clocks_of(ticket_id: int, now: datetime) -> Sequence[Reading]:
    """Return a ticket's clocks as they truly stand at `now`, whether or not a sweep ran. One statement.

    One that ended without a verdict is left out.
    """
    has_verdict = or_(Clock.cancelled_at.is_(None), Clock.breached_at.is_not(None))
    query = (
        select(Clock)
        .where(Clock.ticket_id == ticket_id, has_verdict)
        .options(joinedload(Clock.policy), joinedload(Clock.calendar))
        .order_by(Clock.started_at, Clock.id)
    )
    return [_read(row, now) for row in db.session().scalars(query)]


def _read(row: Clock, now: datetime) -> Reading:
    clock = as_of(row.value(), now)
    return Reading(
        metric=clock.metric,
        policy=row.policy.name if row.policy else None,
        policy_version=row.policy.version if row.policy else None,
        state=clock.state,
        allowance_seconds=row.allowance_seconds,
        started_at=clock.started_at,
        due_at=clock.due_at,
        paused_by=clock.paused_by,
        remaining_seconds=remaining_seconds(clock, now, hours_of(row.calendar) if row.calendar else always_open()),
        met_at=clock.met_at,
        breached_at=clock.breached_at,
    )
