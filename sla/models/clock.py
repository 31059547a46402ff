"""Clocks, and the promises that some of them hold."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from sla.agreement import Metric
from sla.clock import SLAClock
from sla.models.rules import Calendar, Policy
from ticketing.store import Base

MICROSECOND = timedelta(microseconds=1)


class Clock(Base):
    """One target running for one ticket, as the reducer in sla.life left it.

    `channel`, `queue_id` and `priority` are those of the ticket while the clock runs, and stay as they were when its
    verdict fell: reports of the past do not change when a ticket moves on. `agent_id` is who had it then.
    """

    __tablename__ = "clock"
    __table_args__ = (UniqueConstraint("ticket_id", "metric", "sequence"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"))
    metric: Mapped[Metric]
    sequence: Mapped[int] = mapped_column(default=1)  # the ticket's first, second, … clock of this metric
    policy_id: Mapped[int | None] = mapped_column(ForeignKey("policy.id"))  # None: a promise of no policy
    calendar_id: Mapped[int | None] = mapped_column(ForeignKey("calendar.id"))  # None: every hour of the week counts
    promise_id: Mapped[int | None] = mapped_column(ForeignKey("promise.id"))
    allowance_seconds: Mapped[int]
    started_at: Mapped[datetime]
    counted_microseconds: Mapped[int] = mapped_column(default=0)  # by `running_since`, or in the end
    running_since: Mapped[datetime]
    paused_by: Mapped[str | None]  # pending, on_hold, snoozed
    due_at: Mapped[datetime | None]  # None: it rests, and nobody can say
    warn_at: Mapped[datetime | None]  # None: nobody is to be warned
    met_at: Mapped[datetime | None]
    breached_at: Mapped[datetime | None]  # the deadline, once somebody noticed that it passed unmet
    cancelled_at: Mapped[datetime | None]  # ended without a verdict, such as when its ticket was merged into another
    next_at: Mapped[datetime | None]  # when the sweep has something to do: a warning, the breach, an escalation
    steps_done: Mapped[int] = mapped_column(default=0)  # of the target's steps, in order
    channel: Mapped[str]
    queue_id: Mapped[int] = mapped_column(ForeignKey("queue.id"))
    priority: Mapped[str]
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("agent.id"))  # None: nobody had it

    policy: Mapped[Policy | None] = relationship()
    calendar: Mapped[Calendar | None] = relationship()

    def value(self) -> SLAClock:
        """Return what the reducer works on."""
        return value_of(self)

    def take(self, value: SLAClock) -> None:
        """Keep what the reducer came to."""
        for name, one in columns_of(value).items():
            setattr(self, name, one)


def columns_of(value: SLAClock) -> dict[str, Any]:
    """Return what the reducer came to, as it is kept."""
    return {
        "metric": value.metric,
        "sequence": value.sequence,
        "policy_id": value.policy_id,
        "promise_id": value.promise_id,
        "allowance_seconds": int(value.allowance.total_seconds()),
        "started_at": value.started_at,
        "running_since": value.running_since,
        "counted_microseconds": value.counted // MICROSECOND,
        "due_at": value.due_at,
        "paused_by": value.paused_by,
        "met_at": value.met_at,
        "breached_at": value.breached_at,
        "cancelled_at": value.cancelled_at,
    }


def value_of(row: Any) -> SLAClock:
    """Return what the reducer works on, from a clock or from a row of its columns."""
    return SLAClock(
        metric=row.metric,
        sequence=row.sequence,
        policy_id=row.policy_id,
        allowance=timedelta(seconds=row.allowance_seconds),
        started_at=row.started_at,
        counted=timedelta(microseconds=row.counted_microseconds),
        running_since=row.running_since,
        due_at=row.due_at,
        paused_by=row.paused_by,
        met_at=row.met_at,
        breached_at=row.breached_at,
        cancelled_at=row.cancelled_at,
        promise_id=row.promise_id,
    )


class Promise(Base):
    """A moment that an agent named to a customer, such as when somebody will call back."""

    __tablename__ = "promise"

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"), index=True)
    words: Mapped[str]  # what was promised
    due_at: Mapped[datetime]
    made_by_id: Mapped[int | None] = mapped_column(ForeignKey("agent.id"))  # None: a program, such as a callback
    made_at: Mapped[datetime]
    kept_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]


_to_do = text("next_at IS NOT NULL")
_met = text("met_at IS NOT NULL")
_breached = text("breached_at IS NOT NULL")
# Also the condition of queries: a partial index serves only what is written just like it.
RUNNING = text("met_at IS NULL AND breached_at IS NULL AND cancelled_at IS NULL")

Index("ix_clock_next", Clock.next_at, postgresql_where=_to_do, sqlite_where=_to_do)
Index("ix_promise_due", Promise.due_at, Promise.id)
Index("ix_clock_started", Clock.started_at, Clock.id)
# For reports: by the moment of the verdict, and what has none yet.
Index("ix_clock_met", Clock.met_at, postgresql_where=_met, sqlite_where=_met)
Index("ix_clock_breached", Clock.breached_at, postgresql_where=_breached, sqlite_where=_breached)
Index("ix_clock_running", Clock.due_at, postgresql_where=RUNNING, sqlite_where=RUNNING)
