"""Waits in the line of a queue: who waited live, from when to when, and how it ended."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from ticketing.envelope import Channel
from ticketing.store import Base


class WaitEnd(StrEnum):
    """How a wait ended."""

    ANSWERED = "answered"  # a person at the desk took it on
    LEFT = "left"  # the customer went, or nobody was to answer any more


class Wait(Base):
    """One customer's wait in the line of a queue. What callers are told of their own wait is reckoned from these."""

    __tablename__ = "wait"

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"), index=True)
    queue_id: Mapped[int] = mapped_column(ForeignKey("queue.id"))
    channel: Mapped[Channel]  # on which it began
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    end: Mapped[WaitEnd | None]


_over = text("ended_at IS NOT NULL")
_lasts = text("ended_at IS NULL")

Index("ix_wait_over", Wait.queue_id, Wait.ended_at, postgresql_where=_over, sqlite_where=_over)
Index("ix_wait_open", Wait.queue_id, Wait.began_at, postgresql_where=_lasts, sqlite_where=_lasts)
