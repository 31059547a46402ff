"""The append-only record of what happened to tickets: audit trail, outbox, feed, and what SLA replay reads.

What follows from an entry is not known here. `api/reactions.py` holds the table; `install` hands it over.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from flask import Flask, current_app
from sqlalchemy import Table, exists, or_, select, tuple_, update
from sqlalchemy.orm import Session

from ticketing import jobs, search
from ticketing.events import Actor, ActorType, Entry, Event, TicketOpened
from ticketing.inserting import insert_lines
from ticketing.many import insert_many
from ticketing.models.journal import WRITTEN, JournalEntry
from ticketing.models.ticket import Ticket
from ticketing.realtime import News
from ticketing.store import db

AtOnce = Callable[[Ticket, Entry], None]
Afterwards = Callable[[Entry], None]

SWEEP_AFTER = timedelta(seconds=5)  # the workers get this long before the sweep wakes them again
WAKE_AGAIN_AFTER = [timedelta(seconds=s) for s in (30, 60, 300, 900, 3600)]  # the last one again and again
LAST = len(WAKE_AGAIN_AFTER) - 1
MANY = 100  # lines, from which on they go to the database in one value


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


def append(ticket: Ticket, event: Event, *, by: Actor, at: datetime) -> None:
    """Record an event beside the change that it tells of, and let what follows at once happen.

    The ticket is flushed (has its id) and locked, or new. Raises RuntimeError outside a transaction.
    """
    session = db.session()
    source = session.info.get("source")
    if source is None:
        raise RuntimeError("the journal is written inside transaction() only")
    line = {
        "ticket_id": ticket.id,
        "kind": event.kind(),
        "actor_type": by.type,
        "actor_id": by.id,
        "source": source,
        "data": event.data(),
        "at": at,
        "dispatched_at": None if reactions().afterwards.get(type(event)) else at,
    }
    session.info.setdefault(WRITTEN, []).append(line)
    if ticket.updated_at < at:  # what is set to the same value would be flushed all the same
        ticket.updated_at = at
    entry = Entry(ticket_id=ticket.id, at=at, actor=by, source=source, event=event)
    for reaction in reactions().at_once.get(type(event), ()):
        reaction(ticket, entry)


def note(ticket_ids: Sequence[int], event: Event, *, by: Actor, at: datetime) -> None:
    """Record one event for many tickets that it does not change: nothing follows at once, no version goes up."""
    session = db.session()
    shared = {
        "kind": event.kind(),
        "actor_type": by.type,
        "actor_id": by.id,
        "source": session.info["source"],
        "data": event.data(),
        "at": at,
        "dispatched_at": None if reactions().afterwards.get(type(event)) else at,
    }
    session.info.setdefault(WRITTEN, []).extend({"ticket_id": one, **shared} for one in ticket_ids)


def append_many(entries: Iterable[tuple[int, Event, datetime]], *, by: Actor) -> None:
    """Record events of many tickets, by id and each at its moment, of kinds from which nothing follows at once.

    Their fields are plain values. The tickets are locked; their version and last change are the caller's to write.
    """
    session = db.session()
    source, afterwards = session.info["source"], reactions().afterwards
    session.info.setdefault(WRITTEN, []).extend(
        {
            "ticket_id": ticket_id,
            "kind": event.kind(),
            "actor_type": by.type,
            "actor_id": by.id,
            "source": source,
            "data": dict(vars(event)),  # plain values; `data()` copies them deeply, which costs more than all the rest
            "at": at,
            "dispatched_at": None if afterwards.get(type(event)) else at,
        }
        for ticket_id, event, at in entries
    )


def has_written(event: Event) -> bool:
    """Say whether this transaction has recorded such an event already, for whichever ticket."""
    kind, data = event.kind(), event.data()
    written = db.session().info.get(WRITTEN, ())
    return any(line["kind"] == kind and line["data"] == data for line in written)


def was_opened(ticket: Ticket) -> bool:
    """Say whether this transaction has opened the ticket."""
    kind = TicketOpened.kind()
    written = db.session().info.get(WRITTEN, ())
    return any(line["kind"] == kind and line["ticket_id"] == ticket.id for line in written)


def entry_of(row: JournalEntry) -> Entry:
    """Return the stored line as a value."""
    actor = Actor(ActorType(row.actor_type), row.actor_id)
    return Entry(row.ticket_id, row.at, actor, row.source, Event.load(row.kind, row.data))


def mark(session: Session) -> int:
    """Return where this transaction's entries stand, for a savepoint that may be rolled back."""
    return len(session.info.get(WRITTEN, ()))


def since(session: Session, mark: int) -> list[dict[str, Any]]:
    """Return the entries that this transaction has added since the mark, as they will be written."""
    return list(session.info.get(WRITTEN, ())[mark:])


def forget(session: Session, *, since: int = 0) -> None:
    """Drop the entries of a rolled-back transaction, or of what was rolled back to a savepoint."""
    del session.info.setdefault(WRITTEN, [])[since:]
    search.forget(session, since=since)


@dataclass(frozen=True)
class Written:
    """The entries of a transaction: those that something follows from, and what there is to tell."""

    to_follow: Sequence[int]
    news: Sequence[News]  # without those that were too many to be numbered here: the ticker tells of them


def write(session: Session) -> Written:
    """Write this transaction's entries, all at once."""
    lines: list[dict[str, Any]] = session.info.pop(WRITTEN, [])
    session.flush()
    search.write(session)
    if len(lines) >= MANY and all(line["dispatched_at"] for line in lines):
        insert_many(cast(Table, JournalEntry.__table__), [{**line, "attempts": 0} for line in lines])
        return Written((), ())
    rows = sorted(insert_lines(JournalEntry, lines, ("ticket_id", "kind", "dispatched_at")), key=lambda row: row.id)
    to_follow = [row.id for row in rows if row.dispatched_at is None]
    return Written(to_follow, [News(row.id, row.ticket_id, row.kind) for row in rows])


def dispatch(written: Written) -> None:
    """Wake the workers for what a transaction that was committed has written."""
    jobs.wake(reactions().job, written.to_follow)


def mark_dispatched(entry_id: int, *, at: datetime) -> None:
    """Note that everything that follows from the entry has happened."""
    db.session().execute(update(JournalEntry).where(JournalEntry.id == entry_id).values(dispatched_at=at))


def is_followed(entry: Entry) -> bool:
    """Say whether another entry of the same kind came behind, whose consequences are still to be carried out."""
    behind = tuple_(JournalEntry.at, JournalEntry.ticket_id) > tuple_(entry.at, entry.ticket_id)
    waiting = JournalEntry.dispatched_at.is_(None)
    return bool(db.session().scalar(select(exists().where(waiting, JournalEntry.kind == entry.event.kind(), behind))))


def undispatched(now: datetime, limit: int = 500) -> list[int]:
    """Claim entries whose consequences nobody has carried out in good time; return their ids to wake workers for.

    One that fails again and again is claimed ever more seldom, so that it never stands in the way of the others.
    """
    session = db.session()
    overdue = (
        select(JournalEntry.id, JournalEntry.attempts)
        .where(
            JournalEntry.dispatched_at.is_(None),
            JournalEntry.at < now - SWEEP_AFTER,
            or_(JournalEntry.wake_at.is_(None), JournalEntry.wake_at <= now),
        )
        .order_by(JournalEntry.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = session.execute(overdue).all()
    claims = [
        {"id": entry_id, "attempts": attempts + 1, "wake_at": now + WAKE_AGAIN_AFTER[min(attempts, LAST)]}
        for entry_id, attempts in rows
    ]
    if claims:
        session.execute(update(JournalEntry), claims)
    return [entry_id for entry_id, _ in rows]


def lines(ticket_id: int, *, after: int = 0, limit: int = 50) -> Sequence[JournalEntry]:
    """Return the ticket's journal, oldest first, from behind the entry `after`."""
    query = select(JournalEntry).where(JournalEntry.ticket_id == ticket_id, JournalEntry.id > after)
    return db.session().scalars(query.order_by(JournalEntry.id).limit(limit)).all()
