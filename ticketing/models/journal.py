"""The journal's table."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from ticketing.events import ActorType
from ticketing.store import Base

WRITTEN = "journal entries"  # of the transaction under way, in the session's info; they go out in one statement


class JournalEntry(Base):
    """One thing that happened to a ticket. Never changed afterwards, but for the marks of the outbox."""

    __tablename__ = "journal"

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"))
    kind: Mapped[str]
    actor_type: Mapped[ActorType]
    actor_id: Mapped[int | None]  # None: the system
    source: Mapped[str]  # the door through which it came
    data: Mapped[dict[str, Any]]
    at: Mapped[datetime]
    dispatched_at: Mapped[datetime | None]  # None: what follows from it has not all happened yet
    attempts: Mapped[int] = mapped_column(default=0)  # how often the sweep has woken a worker for it
    wake_at: Mapped[datetime | None]  # not to be swept before; None: as soon as it is overdue


_undispatched = text("dispatched_at IS NULL")

Index("ix_journal_ticket", JournalEntry.ticket_id, JournalEntry.id)
Index(
    "ix_journal_undispatched",
    JournalEntry.at,
    postgresql_where=_undispatched,
    sqlite_where=_undispatched,
)
