"""Promises to customers: moments that agents name to them, kept, broken or withdrawn.

The row holds the words, the journal what happened, and the clock that follows from it (see `sla.life`) the verdict. A
promise stands until it is kept or withdrawn, also when its ticket is solved; a broken one can be kept late, and stays
broken.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, tuple_, update

from sla.events import PromiseKept, PromiseMade, PromiseWithdrawn
from sla.models import Promise
from ticketing import journal, lifecycle
from ticketing.agents import Caller
from ticketing.erasure import ERASED
from ticketing.errors import Conflict, InvalidInput, NotFound
from ticketing.events import Actor, ActorType, Entry, TicketAbsorbed, TicketErased
from ticketing.filters import sees
from ticketing.models import JournalEntry, Ticket
from ticketing.moment import rfc3339
from ticketing.queries import lock_seen
from ticketing.store import db

MAX_WORDS = 500
MOST_OPEN = 20  # of one ticket
LONGEST = timedelta(days=366)


class PromiseState(StrEnum):
    """How a promise stands."""

    OPEN = "open"
    KEPT = "kept"  # before its moment
    BROKEN = "broken"  # for good, also when it was kept late
    WITHDRAWN = "withdrawn"


def make_promise(ticket: Ticket, *, words: str, due_at: datetime, by: Actor, at: datetime) -> Promise:
    """Note what was promised to the ticket's customer, and until when. The ticket is locked.

    Raises InvalidInput, InvalidTransition for a ticket to which nothing can be added, and Conflict for too many.
    """
    lifecycle.must_not_be_over(ticket, at)
    if due_at <= at:
        raise InvalidInput(f"a promise is for a moment to come; it is {rfc3339(at)} now")
    if due_at - at > LONGEST:
        raise InvalidInput("a promise is for a moment within a year")
    session = db.session()
    waiting = select(func.count()).select_from(Promise).where(Promise.ticket_id == ticket.id, _is_open())
    if (session.scalar(waiting) or 0) >= MOST_OPEN:
        raise Conflict(f"ticket {ticket.id} has {MOST_OPEN} promises that wait; keep or withdraw one first")
    maker = by.id if by.type is ActorType.AGENT else None
    row = Promise(ticket_id=ticket.id, words=words.strip(), due_at=due_at, made_by_id=maker, made_at=at)
    session.add(row)
    session.flush()
    journal.append(ticket, PromiseMade(row.id, rfc3339(due_at)), by=by, at=at)
    return row


def keep_promise(caller: Caller, promise_id: int, *, at: datetime) -> Promise:
    """Note that a promise was kept; nothing happens if it was. Raises NotFound, and Conflict for a withdrawn one."""
    row, ticket = _lock(caller, promise_id)
    if row.withdrawn_at is not None:
        raise Conflict(f"promise {row.id} was withdrawn; make another one")
    if row.kept_at is None:
        row.kept_at = at
        journal.append(ticket, PromiseKept(row.id), by=Actor.agent(caller.agent_id), at=at)
    return row


def withdraw_promise(caller: Caller, promise_id: int, *, at: datetime) -> Promise:
    """Take a promise back before its moment; nothing happens if it was. Raises NotFound, and Conflict for one that was
    kept, or whose moment has come: what was promised stays so.
    """
    row, ticket = _lock(caller, promise_id)
    if row.withdrawn_at is not None:
        return row
    if row.kept_at is not None:
        raise Conflict(f"promise {row.id} was kept; there is nothing to withdraw")
    if row.due_at <= at:
        raise Conflict(f"the moment of promise {row.id} has passed; it can be kept late, not withdrawn")
    row.withdrawn_at = at
    journal.append(ticket, PromiseWithdrawn(row.id), by=Actor.agent(caller.agent_id), at=at)
    return row


def state_of(row: Promise, now: datetime) -> PromiseState:
    """Return how a promise stands at this moment."""
    if row.withdrawn_at is not None:
        return PromiseState.WITHDRAWN
    if (row.kept_at or now) >= row.due_at:
        return PromiseState.BROKEN
    return PromiseState.OPEN if row.kept_at is None else PromiseState.KEPT


def promises_of(ticket_id: int, *, after: int, limit: int) -> Sequence[Promise]:
    """Return a ticket's promises, oldest first, from behind one. Whoever asks may see the ticket."""
    query = select(Promise).where(Promise.ticket_id == ticket_id, Promise.id > after).order_by(Promise.id).limit(limit)
    return db.session().scalars(query).all()


def promises_to(customer_ids: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Yield all that was promised to these persons, as plain values."""
    columns = ("id", "ticket_id", "words", "due_at", "made_by_id", "made_at", "kept_at", "withdrawn_at")
    query = select(*(getattr(Promise, name) for name in columns)).join(Ticket, Ticket.id == Promise.ticket_id)
    for row in db.session().execute(query.where(Ticket.customer_id.in_(customer_ids)).order_by(Promise.id)):
        yield dict(zip(columns, row, strict=True))


def page(
    caller: Caller,
    *,
    state: PromiseState | None,
    made_by: int | None,
    queue_id: int | None,
    now: datetime,
    after: tuple[datetime, int] | None,
    limit: int,
) -> Sequence[Promise]:
    """Return promises on the tickets that the caller sees, from behind a moment and an id.

    Open ones are in the order of their moments, the others the latest moment first.
    """
    query = _seen_by(caller)
    position = tuple_(Promise.due_at, Promise.id)
    ahead = state is PromiseState.OPEN
    if state is not None:
        query = query.where(_is(state, now))
    if made_by is not None:
        query = query.where(Promise.made_by_id == made_by)
    if queue_id is not None:
        query = query.where(Ticket.queue_id == queue_id)
    if after is not None:
        query = query.where(position > tuple_(*after) if ahead else position < tuple_(*after))
    order = (Promise.due_at, Promise.id) if ahead else (Promise.due_at.desc(), Promise.id.desc())
    return db.session().scalars(query.order_by(*order).limit(limit)).all()


def follow_merge(ticket: Ticket, entry: Entry) -> None:
    """Let the promises of a ticket that was merged into this one stand here. AT_ONCE in api/reactions.py.

    The merge has ended their clocks there; those whose moment is to come are made anew. A broken one keeps its verdict
    where it was broken.
    """
    if not isinstance(entry.event, TicketAbsorbed):
        return
    db.session().flush()
    left = select(Promise).where(Promise.ticket_id == entry.event.merged, _is_open()).order_by(Promise.id)
    for row in db.session().scalars(left).all():
        row.ticket_id = ticket.id
        if row.due_at > entry.at:
            journal.append(ticket, PromiseMade(row.id, rfc3339(row.due_at)), by=entry.actor, at=entry.at)


def forget_words(ticket: Ticket, entry: Entry) -> None:
    """Blank what was promised to a customer who is erased; moments and verdicts stay. AT_ONCE in api/reactions.py.

    A merge may have taken a promise to somebody else's ticket; the journal of their own still names it.
    """
    if not isinstance(entry.event, TicketErased) or ticket.customer.erased_at is None:
        return
    session = db.session()
    made = select(JournalEntry.data).where(JournalEntry.ticket_id == ticket.id, JournalEntry.kind == PromiseMade.kind())
    named = [data["promise_id"] for data in session.scalars(made)]
    theirs = or_(Promise.ticket_id == ticket.id, Promise.id.in_(named))
    session.execute(update(Promise).where(theirs).values(words=ERASED))


def keep_for(ticket: Ticket, promise_id: int, *, by: Actor, at: datetime) -> None:
    """Note that what was promised on a ticket is done; nothing happens if it was kept or withdrawn. It is locked."""
    row = _standing(promise_id)
    if row is not None:
        row.kept_at = at
        journal.append(ticket, PromiseKept(row.id), by=by, at=at)


def withdraw_for(ticket: Ticket, promise_id: int, *, by: Actor, at: datetime) -> None:
    """Take back what was promised on a ticket, unless its moment has come: what was promised stays so. It is locked."""
    row = _standing(promise_id)
    if row is not None and row.due_at > at:
        row.withdrawn_at = at
        journal.append(ticket, PromiseWithdrawn(row.id), by=by, at=at)


def _standing(promise_id: int) -> Promise | None:
    query = select(Promise).where(Promise.id == promise_id, _is_open())
    return db.session().scalar(query.execution_options(populate_existing=True))


def _lock(caller: Caller, promise_id: int) -> tuple[Promise, Ticket]:
    """Return a promise in its newest state and its ticket, locked: a merge may have moved it while we waited."""
    query = _seen_by(caller).where(Promise.id == promise_id).execution_options(populate_existing=True)
    while (row := db.session().scalar(query)) is not None:
        ticket = lock_seen(caller, row.ticket_id)
        db.session().refresh(row)
        if row.ticket_id == ticket.id:
            return row, ticket
    raise NotFound(f"there is no promise {promise_id}")


def _seen_by(caller: Caller) -> Select[Promise]:
    query: Select[Promise] = select(Promise).join(Ticket, Ticket.id == Promise.ticket_id).join(Ticket.queue)
    return query.where(sees(caller))


def _is_open() -> ColumnElement[bool]:
    """Return the condition that a promise is neither kept nor withdrawn, broken or not."""
    return and_(Promise.kept_at.is_(None), Promise.withdrawn_at.is_(None))


def _is(state: PromiseState, now: datetime) -> ColumnElement[bool]:
    if state is PromiseState.WITHDRAWN:
        return Promise.withdrawn_at.is_not(None)
    stands = Promise.withdrawn_at.is_(None)
    if state is PromiseState.OPEN:
        return and_(stands, Promise.kept_at.is_(None), Promise.due_at > now)
    if state is PromiseState.KEPT:
        return and_(stands, Promise.kept_at < Promise.due_at)
    late = or_(Promise.kept_at.is_(None), Promise.kept_at >= Promise.due_at)
    return and_(stands, Promise.due_at <= now, late)
