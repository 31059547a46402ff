"""Work on many tickets that goes on in the background: the rules carried over to open tickets, and replays."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from sla.agreement import Metric
from ticketing.store import Base


class JobState(StrEnum):
    """How far a piece of background work has come."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Rearming(Base):
    """An edit of the rules that is carried over to open tickets, one after the other by id; `after_id` is the last one
    done, so that whoever finds it left alone goes on from there. `policies` are those that were edited, by origin;
    tickets that have to do with others stay as they are.
    """

    __tablename__ = "sla_rearming"

    id: Mapped[int] = mapped_column(primary_key=True)
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("agent.id"))
    policies: Mapped[list[int]]
    state: Mapped[JobState] = mapped_column(default=JobState.QUEUED)
    total: Mapped[int]  # open tickets when it began
    done: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)  # tickets that stand under another version now
    after_id: Mapped[int] = mapped_column(default=0)
    last_id: Mapped[int]  # tickets opened later are under the new rules anyway
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class Replay(Base):
    """A question: what would have been, had these been the policies and calendars?"""

    __tablename__ = "sla_replay"

    id: Mapped[int] = mapped_column(primary_key=True)
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("agent.id"))
    shadow_id: Mapped[int | None] = mapped_column(ForeignKey("policy.id"))  # the shadow policy that it compares
    proposal: Mapped[dict[str, Any]]  # policies and calendars, as the API takes them
    from_at: Mapped[datetime]
    to_at: Mapped[datetime]
    state: Mapped[JobState] = mapped_column(default=JobState.QUEUED)
    total: Mapped[int] = mapped_column(default=0)  # tickets
    done: Mapped[int] = mapped_column(default=0)
    after_id: Mapped[int] = mapped_column(default=0)  # the last ticket done
    last_id: Mapped[int] = mapped_column(default=0)  # the last one there was when it began
    tally: Mapped[dict[str, Any]] = mapped_column(default=dict)  # what has been counted so far
    error: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class ReplayFlip(Base):
    """A wait that was breached and would not have been, or the other way round."""

    __tablename__ = "sla_replay_flip"

    id: Mapped[int] = mapped_column(primary_key=True)
    replay_id: Mapped[int] = mapped_column(ForeignKey("sla_replay.id", ondelete="CASCADE"))
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"))
    metric: Mapped[Metric]
    started_at: Mapped[datetime]  # since when it is waited for
    before: Mapped[str]  # met, breached, running, none
    after: Mapped[str]


Index("ix_sla_replay_flip_page", ReplayFlip.replay_id, ReplayFlip.id)
