"""The tables of the SLA engine. Calendars and policies are versions: a row never changes, but for being archived."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from sla.clock import Metric, SLAClock
from ticketing.store import Base


class Calendar(Base):
    """One version of when the desk is open."""

    __tablename__ = "calendar"
    __table_args__ = (UniqueConstraint("name", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    version: Mapped[int]
    definition: Mapped[dict[str, Any]]  # see sla.definition
    created_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]  # None: the version in force


class Policy(Base):
    """One version of what is promised to whom. The first in order of position whose conditions match is a ticket's."""

    __tablename__ = "policy"
    __table_args__ = (UniqueConstraint("name", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    version: Mapped[int]
    position: Mapped[int]
    conditions: Mapped[dict[str, Any]]  # see sla.policy
    targets: Mapped[dict[str, Any]]  # see sla.policy
    calendar_id: Mapped[int] = mapped_column(ForeignKey("calendar.id"))
    created_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]  # None: in force

    calendar: Mapped[Calendar] = relationship()


class Clock(Base):
    """One target running for one ticket, as the reducer in sla.clock left it."""

    __tablename__ = "clock"
    __table_args__ = (UniqueConstraint("ticket_id", "metric", "sequence"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"))
    metric: Mapped[Metric]
    sequence: Mapped[int] = mapped_column(default=1)  # the ticket's first, second, … clock of this metric
    policy_id: Mapped[int] = mapped_column(ForeignKey("policy.id"))
    calendar_id: Mapped[int] = mapped_column(ForeignKey("calendar.id"))
    allowance_seconds: Mapped[int]
    started_at: Mapped[datetime]
    due_at: Mapped[datetime]
    warn_at: Mapped[datetime | None]  # None: nobody is to be warned
    met_at: Mapped[datetime | None]
    breached_at: Mapped[datetime | None]  # the deadline, once somebody noticed that it passed unmet
    cancelled_at: Mapped[datetime | None]  # ended without a verdict: its ticket was merged into another

    policy: Mapped[Policy] = relationship()
    calendar: Mapped[Calendar] = relationship()

    def value(self) -> SLAClock:
        """Return what the reducer works on."""
        return SLAClock(
            metric=self.metric,
            allowance=timedelta(seconds=self.allowance_seconds),
            started_at=self.started_at,
            due_at=self.due_at,
            warn_at=self.warn_at,
            met_at=self.met_at,
            breached_at=self.breached_at,
            cancelled_at=self.cancelled_at,
        )

    def take(self, value: SLAClock) -> None:
        """Keep what the reducer came to."""
        self.due_at, self.warn_at = value.due_at, value.warn_at
        self.met_at, self.breached_at, self.cancelled_at = value.met_at, value.breached_at, value.cancelled_at


_running = text("met_at IS NULL AND breached_at IS NULL AND cancelled_at IS NULL")

Index("ix_clock_due", Clock.due_at, postgresql_where=_running, sqlite_where=_running)
