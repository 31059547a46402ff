"""What follows from the steps of a clock, and how the people at the desk are told."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ticketing.store import Base


class ConsequenceState(StrEnum):
    """How far a consequence has come."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"  # for good, with the reason


class Consequence(Base):
    """Something that a policy wants done at a step of a clock: recorded with the step, carried out after it, once."""

    __tablename__ = "sla_consequence"
    __table_args__ = (UniqueConstraint("clock_id", "policy_id", "offset_seconds", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    clock_id: Mapped[int] = mapped_column(ForeignKey("clock.id"))
    ticket_id: Mapped[int]  # the clock's; to check both again, in every row, costs a sweep as much as writing them
    policy_id: Mapped[int]
    offset_seconds: Mapped[int]  # of the step, from the deadline
    number: Mapped[int]  # of the action in the step, from 0
    action: Mapped[dict[str, Any]]  # see sla.policy
    state: Mapped[ConsequenceState] = mapped_column(default=ConsequenceState.PENDING)
    reason: Mapped[str] = mapped_column(default="")  # why it failed, or was not needed
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    next_at: Mapped[datetime | None]  # when it is tried; None: over
    done_at: Mapped[datetime | None]


class Alert(Base):
    """Something that an agent is told in the app, and by mail, SMS or webhook as they wish."""

    __tablename__ = "alert"
    __table_args__ = (UniqueConstraint("consequence_id", "agent_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"))
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("ticket.id"), index=True)
    consequence_id: Mapped[int | None] = mapped_column(ForeignKey("sla_consequence.id"))
    kind: Mapped[str]  # sla_warned, sla_breached, sla_escalated, shadow_compared, …
    data: Mapped[dict[str, Any]]
    at: Mapped[datetime]
    read_at: Mapped[datetime | None]


class AlertNotice(Base):
    """One alert on its way out of the house to one agent: held through quiet hours, tried again, sent once."""

    __tablename__ = "alert_notice"
    __table_args__ = (UniqueConstraint("alert_id", "medium"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    alert_id: Mapped[int] = mapped_column(ForeignKey("alert.id", ondelete="CASCADE"))
    medium: Mapped[str]  # mail, sms, webhook
    state: Mapped[ConsequenceState] = mapped_column(default=ConsequenceState.PENDING)
    reason: Mapped[str] = mapped_column(default="")
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime | None]  # when it is tried; None: over
    done_at: Mapped[datetime | None]


class AlertPreference(Base):
    """How an agent wants to be told, and when not. Without a row: in the app only."""

    __tablename__ = "alert_preference"

    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"), primary_key=True)
    mail: Mapped[bool] = mapped_column(default=False)  # to the agent's own address
    sms: Mapped[str] = mapped_column(default="")  # E.164; "": none
    webhook: Mapped[str] = mapped_column(default="")  # a public https address; "": none
    webhook_secret: Mapped[str] = mapped_column(default="")  # encrypted; signs what we post there
    time_zone: Mapped[str] = mapped_column(default="UTC")
    quiet: Mapped[dict[str, Any]] = mapped_column(default=dict)  # weekday -> spans, as in a calendar
    updated_at: Mapped[datetime]


_to_do = text("next_at IS NOT NULL")

Index("ix_sla_consequence_next", Consequence.next_at, postgresql_where=_to_do, sqlite_where=_to_do)
Index("ix_alert_notice_next", AlertNotice.next_at, postgresql_where=_to_do, sqlite_where=_to_do)
Index("ix_alert_agent", Alert.agent_id, Alert.id)
