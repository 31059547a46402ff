"""The append-only record of what happened to tickets: audit trail, outbox, feed, and what SLA replay reads.

What follows from an entry is not known here. `api/reactions.py` holds the table; `install` hands it over.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Flask, current_app
from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from ticketing import jobs
from ticketing.events import Actor, ActorType, Entry, Event
from ticketing.models.journal import JournalEntry
from ticketing.models.ticket import Ticket
from ticketing.store import db

AtOnce = Callable[[Ticket, Entry], None]
Afterwards = Callable[[Entry], None]

SWEEP_AFTER = timedelta(seconds=5)  # the workers get this long before the sweep wakes them again
WAKE_AGAIN_AFTER = timedelta(seconds=30)


@dataclass(frozen=True)
class Reactions:
    """What follows from what: in the same transaction, and after the commit (at least once, by the workers)."""

    at_once: Mapping[type[Event], Sequence[AtOnce]]
    afterwards: Mapping[type[Event], Sequence[Afterwards]]
    job: str  # dotted path of the function that carries out the AFTERWARDS of one entry, by its id


def install(app: Flask, reactions: Reactions) -> None:
    """Make the table of reactions known to this application."""
    app.extensions["comptoir.reactions"] = reactions


def reactions() -> Reactions:
    found: Reactions = current_app.extensions["comptoir.reactions"]
    return found


def append(ticket: Ticket, event: Event, *, by: Actor, at: datetime) -> JournalEntry:
    """Record an event beside the change that it tells of, and let what follows at once happen.

    The ticket is flushed (has its id) and locked, or new. Raises RuntimeError outside a transaction.
    """
    session = db.session()
    source = session.info.get("source")
    if source is None:
        raise RuntimeError("the journal is written inside transaction() only")
    follows = bool(reactions().afterwards.get(type(event)))
    row = JournalEntry(
        ticket_id=ticket.id,
        kind=event.kind(),
        actor_type=by.type,
        actor_id=by.id,
        source=source,
        data=event.data(),
        at=at,
        dispatched_at=None if follows else at,
    )
    session.add(row)
    ticket.updated_at = max(ticket.updated_at, at)
    if follows:
        session.info.setdefault("pending_entries", []).append(row)
    entry = Entry(ticket_id=ticket.id, at=at, actor=by, source=source, event=event)
    for reaction in reactions().at_once.get(type(event), ()):
        reaction(ticket, entry)
    return row


def entry_of(row: JournalEntry) -> Entry:
    """Return the stored line as a value."""
    actor = Actor(ActorType(row.actor_type), row.actor_id)
    return Entry(row.ticket_id, row.at, actor, row.source, Event.load(row.kind, row.data))


def pending_mark(session: Session) -> int:
    """Return where the list of entries to hand over stands, for a savepoint that may be rolled back."""
    return len(session.info.get("pending_entries", ()))


def forget_pending(session: Session, *, since: int = 0) -> None:
    """Drop what a rolled-back transaction, or savepoint, would have handed over."""
    del session.info.setdefault("pending_entries", [])[since:]


def dispatch_pending(session: Session) -> None:
    """Wake the workers for what the transaction that just ended has written."""
    rows: list[JournalEntry] = session.info.pop("pending_entries", [])
    jobs.wake(reactions().job, [row.id for row in rows])


def mark_dispatched(entry_id: int, *, at: datetime) -> None:
    """Note that everything that follows from the entry has happened."""
    db.session().execute(update(JournalEntry).where(JournalEntry.id == entry_id).values(dispatched_at=at))


def undispatched(now: datetime, limit: int = 500) -> list[int]:
    """Claim entries whose consequences nobody has carried out in good time; return their ids to wake workers for."""
    session = db.session()
    overdue = (
        select(JournalEntry.id)
        .where(
            JournalEntry.dispatched_at.is_(None),
            JournalEntry.at < now - SWEEP_AFTER,
            or_(JournalEntry.woken_at.is_(None), JournalEntry.woken_at < now - WAKE_AGAIN_AFTER),
        )
        .order_by(JournalEntry.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(session.scalars(overdue))
    if ids:
        session.execute(update(JournalEntry).where(JournalEntry.id.in_(ids)).values(woken_at=now))
    return ids


def lines(ticket_id: int, *, after: int = 0, limit: int = 50) -> Sequence[JournalEntry]:
    """Return the ticket's journal, oldest first, from behind the entry `after`."""
    query = select(JournalEntry).where(JournalEntry.ticket_id == ticket_id, JournalEntry.id > after)
    return db.session().scalars(query.order_by(JournalEntry.id).limit(limit)).all()
