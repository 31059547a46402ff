"""Work off replays: the journals of past tickets through the reducer of `sla.life`, beside the clocks that were kept.

A replay goes through its tickets in the order of their ids, some at a time, and keeps after each batch how far it came
and what it counted, in one write that only succeeds from where the batch began: whoever is killed, or works on the same
one as somebody else, counts nothing twice. One replay at a time is worked on, the oldest.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import CursorResult, Select, bindparam, func, insert, literal_column, select, update

from sla import replays, shadow
from sla.comparison import Flip, Kept, Place, Tally
from sla.life import OBSERVED, Life, replay
from sla.models import MICROSECOND, Clock, JobState, Replay, ReplayFlip
from sla.proposal import Proposal
from sla.replays import MOST_FLIPS, UNFINISHED, Span
from ticketing.events import SYSTEM, Entry, Event
from ticketing.fetching import fetch
from ticketing.filters import among
from ticketing.models import JournalEntry, Ticket
from ticketing.store import BIG, UTCDateTime, db, dialect
from ticketing.transaction import transaction

BATCH = 500  # tickets
SLICE = timedelta(seconds=3)  # of a worker's time; then whatever else waits has its turn


class Unreadable(Exception):
    """The journal of a ticket makes no sense to the reducer."""


def advance(replay_id: int, *, now: Callable[[], datetime], batch: int = BATCH, most: timedelta = SLICE) -> bool:
    """Go on with a replay for a while, opening transactions of its own; return whether there is more to do.

    Does nothing for one that is over, or that has to wait for an older one.
    """
    until = now() + most
    row = replays.find(replay_id)
    db.session().rollback()
    if row.state is JobState.QUEUED and is_next(replay_id):
        _begin(row, now())
        row = replays.find(replay_id)
    if row.state is not JobState.RUNNING:
        return False
    work = _Work(row)
    while work.do_batch(batch, now):
        if now() >= until:
            return True
    return False


def is_next(replay_id: int) -> bool:
    """Say whether no older replay is still to be worked on."""
    return next_one() == replay_id


def next_one() -> int | None:
    """Return the replay that is to be worked on; None: there is none."""
    return db.session().scalar(select(func.min(Replay.id)).where(Replay.state.in_(UNFINISHED)))


def left_alone(*, since: datetime, at: datetime) -> int | None:
    """Claim the replay that is to be worked on if nobody has touched it since then; None: there is none."""
    waits = select(Replay.id).where(Replay.id == next_one(), Replay.updated_at <= since)
    found = db.session().scalar(waits.with_for_update(skip_locked=True))
    if found is not None:
        db.session().execute(update(Replay).where(Replay.id == found).values(updated_at=at))
    return found


def _begin(row: Replay, now: datetime) -> None:
    tickets = replays.tickets_in(Span(row.from_at, row.to_at)).subquery()
    numbers = select(func.count(), func.min(tickets.c.id), func.max(tickets.c.id)).select_from(tickets)
    with transaction("worker") as session:
        total, first, last = session.execute(numbers).one()
        begun = {"total": total, "after_id": (first or 1) - 1, "last_id": last or 0, "updated_at": now}
        waiting = update(Replay).where(Replay.id == row.id, Replay.state == JobState.QUEUED)
        session.execute(waiting.values(state=JobState.RUNNING, **begun))


class Past(NamedTuple):
    """Some tickets, in order, with their journals and clocks."""

    tickets: Sequence[int]
    journals: Mapping[int, Sequence[Entry]]
    clocks: Mapping[int, Sequence[Kept]]


class _Work:
    """One replay in the hands of one worker."""

    def __init__(self, row: Replay) -> None:
        self._id, self._asked_at, self._shadow_id = row.id, row.created_at, row.shadow_id
        self._by_itself = row.asked_by_id is None
        self._span = Span(row.from_at, row.to_at)
        self._after_id, self._last_id, self._done = row.after_id, row.last_id, row.done
        self._tally = Tally.unpack(row.tally)
        self._proposal = Proposal.read(row.proposal)

    def do_batch(self, size: int, now: Callable[[], datetime]) -> bool:
        """Judge some tickets and keep what came of it; return whether there are more."""
        with _one_snapshot():
            past = _read(self._span, self._after_id, self._last_id, size)
        try:
            flips = [(one, flip) for one in past.tickets for flip in self._judge(one, past)]
        except Unreadable as error:
            self._keep(now(), state=JobState.FAILED, error=str(error))
            return False
        last = past.tickets[-1] if past.tickets else self._last_id
        is_over = len(past.tickets) < size or last >= self._last_id
        self._done += len(past.tickets)
        kept = self._keep(now(), flips, after_id=last, state=JobState.DONE if is_over else JobState.RUNNING)
        self._after_id = last
        return kept and not is_over

    def _judge(self, ticket_id: int, past: Past) -> Sequence[Flip]:
        try:
            life = replay(past.journals.get(ticket_id, ()), self._proposal)
        except Exception as error:  # whatever it is, the other replays of the desk must not wait for this one
            raise Unreadable(f"ticket {ticket_id}: {type(error).__name__} in its journal") from error
        kept = past.clocks.get(ticket_id, ())
        return self._tally.add(kept, life.clocks if life else (), _place_of(life), self._asked_at)

    def _keep(self, now: datetime, flips: Sequence[tuple[int, Flip]] = (), **values: Any) -> bool:
        """Write down how far it came; return whether that counts: not if somebody else was faster, or ended it."""
        state = values["state"]
        finished_at = None if state is JobState.RUNNING else now
        change = (
            update(Replay)
            .where(Replay.id == self._id, Replay.state == JobState.RUNNING, Replay.after_id == self._after_id)
            .values(done=self._done, tally=self._tally.pack(), updated_at=now, finished_at=finished_at, **values)
        )
        with transaction("worker") as session:
            written: CursorResult[Any] = session.connection().execute(change)
            if not written.rowcount:
                return False
            room = MOST_FLIPS - (self._tally.flips - len(flips))
            lines = [_line(self._id, ticket_id, flip) for ticket_id, flip in flips[: max(0, room)]]
            if lines:
                session.execute(insert(ReplayFlip), lines)
            if state is JobState.DONE and self._shadow_id is not None and self._by_itself:
                shadow.tell(self._shadow_id, replay_id=self._id, at=now)
        return True


NOWHERE = Place("", "", 0)


def _place_of(life: Life | None) -> Place:
    return Place(life.facts.channel, life.facts.priority, life.facts.queue_id) if life else NOWHERE


def _line(replay_id: int, ticket_id: int, flip: Flip) -> dict[str, Any]:
    return {"replay_id": replay_id, "ticket_id": ticket_id, **flip._asdict()}


@contextmanager
def _one_snapshot() -> Iterator[None]:
    """Let all that is read be of one moment: a journal, and the clocks that were kept by it."""
    session = db.session()
    session.rollback()
    options = {} if dialect() == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    session.connection(execution_options=options)
    try:
        yield
    finally:
        session.rollback()


KINDS: list[Any] = [literal_column(f"'{event.kind()}'") for event in OBSERVED]


def _read(span: Span, after_id: int, last_id: int, size: int) -> Past:
    bounds = {"since": span.since, "until": span.until, "after": after_id, "last": last_id, "size": size}
    ids = [row.id for row in fetch(_tickets(), bounds)]
    if not ids:
        return Past((), {}, {})
    journals: dict[int, list[Entry]] = {one: [] for one in ids}
    for ticket_id, kind, data, at in fetch(_entries(dialect()), {"ids": ids}):
        journals[ticket_id].append(Entry(ticket_id, at, SYSTEM, "", Event.load(kind, data)))
    clocks: dict[int, list[Kept]] = {}
    for ticket_id, channel, priority, queue_id, counted, metric, started, due, met, breached, cancelled in fetch(
        _clocks(dialect()), {"ids": ids}
    ):
        place = Place(channel, priority, queue_id)
        one = Kept(metric, started, due, met, breached, cancelled, counted * MICROSECOND, place)
        clocks.setdefault(ticket_id, []).append(one)
    return Past(ids, journals, clocks)


@cache
def _tickets() -> Select[int]:
    moment = UTCDateTime()
    query = select(Ticket.id).where(
        Ticket.id > bindparam("after", type_=BIG),
        Ticket.id <= bindparam("last", type_=BIG),
        Ticket.created_at >= bindparam("since", type_=moment),
        Ticket.created_at < bindparam("until", type_=moment),
    )
    return query.order_by(Ticket.id).limit(bindparam("size", type_=BIG))


@cache
def _entries(_dialect: str) -> Select[*tuple[Any, ...]]:
    columns = (JournalEntry.ticket_id, JournalEntry.kind, JournalEntry.data, JournalEntry.at)
    of_these = (among(JournalEntry.ticket_id, "ids"), JournalEntry.kind.in_(KINDS))
    return select(*columns).where(*of_these).order_by(JournalEntry.ticket_id, JournalEntry.id)


@cache
def _clocks(_dialect: str) -> Select[*tuple[Any, ...]]:
    columns = (
        *(Clock.ticket_id, Clock.channel, Clock.priority, Clock.queue_id, Clock.counted_microseconds, Clock.metric),
        *(Clock.started_at, Clock.due_at, Clock.met_at, Clock.breached_at, Clock.cancelled_at),
    )
    return select(*columns).where(among(Clock.ticket_id, "ids")).order_by(Clock.ticket_id, Clock.id)
