"""Queues, where tickets wait, and inboxes, our own addresses that fill them."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ticketing.envelope import Channel
from ticketing.store import Base


class QueueAccess(StrEnum):
    """Whose a queue is."""

    EVERYONE = "everyone"  # every agent works it
    MEMBERS = "members"  # only its members do


class Assignment(StrEnum):
    """How a queue's tickets find their agents."""

    OFF = "off"  # agents ask for work
    ROUND_ROBIN = "round_robin"  # each gets one in turn
    LEAST_LOADED = "least_loaded"  # who has the least in hand gets one


class Queue(Base):
    """Where tickets wait for agents."""

    __tablename__ = "queue"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    access: Mapped[QueueAccess] = mapped_column(default=QueueAccess.EVERYONE)
    assignment: Mapped[Assignment] = mapped_column(default=Assignment.OFF)
    settings: Mapped[dict[str, Any]] = mapped_column(
        default=dict
    )  # how its callers are treated: ticketing.queue_settings
    created_at: Mapped[datetime]


class QueueMember(Base):
    """An agent who works a queue."""

    __tablename__ = "queue_member"

    queue_id: Mapped[int] = mapped_column(ForeignKey("queue.id"), primary_key=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"), primary_key=True, index=True)


class Inbox(Base):
    """An address of ours on a channel."""

    __tablename__ = "inbox"
    __table_args__ = (UniqueConstraint("channel", "address"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[Channel]
    name: Mapped[str]
    address: Mapped[str]  # folded mail address, E.164 number, or a chat widget's key
    queue_id: Mapped[int] = mapped_column(ForeignKey("queue.id"), index=True)
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    secret: Mapped[str | None]  # encrypted, see ticketing.secrets; None: that door is shut
    created_at: Mapped[datetime]

    queue: Mapped[Queue] = relationship()
