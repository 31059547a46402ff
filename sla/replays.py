"""Ask what would have been, had other policies and calendars been in force; read what came of it.

The answer is worked out in the background by `sla.replaying`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, select, update

from sla import policies, proposal
from sla.agreement import Metric
from sla.calendar_versions import definition_of
from sla.comparison import Tally, Verdict
from sla.definition import LONGEST_NAME
from sla.errors import InvalidCalendar, InvalidPolicy
from sla.models import Calendar, JobState, Policy, Replay, ReplayFlip
from sla.proposal import MOST_CALENDARS, MOST_POLICIES
from sla.reports.groups import Named
from ticketing.agents import Caller
from ticketing.errors import Conflict, InvalidInput, NotFound
from ticketing.events import Actor
from ticketing.filters import sees
from ticketing.models import Queue, Ticket
from ticketing.store import db

MOST_TICKETS = 1_000_000  # of one replay
MOST_WAITING = 20  # replays that are not over
MOST_FLIPS = 100_000  # that are kept of one replay; all are counted
CALENDAR_WORDS = {"id", "name", "time_zone", "weekly", "exceptions", "yearly", "holidays"}
UNFINISHED = (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True)
class Span:
    """Tickets opened from one moment until another, which is not part of it."""

    since: datetime
    until: datetime


def ask(
    *,
    wanted: Sequence[Mapping[str, Any]] | None,
    calendars: Sequence[Mapping[str, Any]] | None,
    span: Span,
    zone: ZoneInfo | None = None,
    by: Actor,
    at: datetime,
) -> Replay:
    """Ask for a replay of these tickets under a proposal, to be worked off in the background.

    `wanted` are all the policies that would be in force, in the place of today's; None: today's. `calendars` stand in
    for those in force of the same id or name. Hours of the week are told in `zone`; None: that of the first
    policy's calendar. Raises InvalidPolicy, InvalidCalendar, InvalidInput, and Conflict when too many wait already.
    """
    if wanted is None and calendars is None:
        raise InvalidInput("propose policies, calendars or both; without them nothing would be otherwise")
    return keep(completed(wanted, calendars, at=at), span, zone=zone, by=by, at=at)


def keep(
    document: Mapping[str, Any],
    span: Span,
    *,
    zone: ZoneInfo | None = None,
    shadow_id: int | None = None,
    by: Actor | None,
    at: datetime,
) -> Replay:
    """Keep a question whose document is complete; `by` None: nobody asked, the desk does so by itself."""
    read = proposal.checked(document, at)
    _check_size(span)
    waiting = select(func.count()).select_from(Replay).where(Replay.state.in_(UNFINISHED))
    if (db.session().scalar(waiting) or 0) >= MOST_WAITING:
        raise Conflict(f"{MOST_WAITING} replays wait already; cancel some, or ask again when they are over")
    row = Replay(
        asked_by_id=by.id if by else None,
        shadow_id=shadow_id,
        proposal=dict(document),
        from_at=span.since,
        to_at=span.until,
        tally=Tally(zone or read.zone).pack(),
        created_at=at,
        updated_at=at,
    )
    db.session().add(row)
    db.session().flush()
    return row


def find(replay_id: int) -> Replay:
    """Return a replay. Raises NotFound."""
    row = db.session().get(Replay, replay_id, populate_existing=True)
    if row is None:
        raise NotFound(f"there is no replay {replay_id}")
    return row


def newest(*, before: int, limit: int) -> Sequence[Replay]:
    """Return up to `limit` + 1 replays, newest first, from behind the replay `before` (0: from the newest)."""
    query = select(Replay).order_by(Replay.id.desc()).limit(limit + 1)
    return db.session().scalars(query.where(Replay.id < before) if before else query).all()


def give_up(replay_id: int, *, at: datetime) -> None:
    """Cancel a replay that is not over, so that it stops soon; remove one that is. Raises NotFound."""
    cancelled = (
        update(Replay)
        .where(Replay.id == replay_id, Replay.state.in_(UNFINISHED))
        .values(state=JobState.CANCELLED, updated_at=at, finished_at=at)
    )
    if not db.session().connection().execute(cancelled).rowcount:
        db.session().delete(find(replay_id))


def shadows_of(rows: Iterable[Replay]) -> dict[int, int]:
    """Return by which id the API names the shadow policies that these replays compare, by their versions' ids."""
    ids = {row.shadow_id for row in rows if row.shadow_id is not None}
    return {one.id: one.origin for one in db.session().scalars(select(Policy).where(Policy.id.in_(ids)))} if ids else {}


def queues_named(ids: Iterable[int]) -> dict[int, Named]:
    """Return queues by id, as they are called now."""
    rows = db.session().execute(select(Queue.id, Queue.name).where(Queue.id.in_(sorted(set(ids)))))
    return {row.id: Named(row.id, row.name) for row in rows}


@dataclass(frozen=True)
class FlippedTicket:
    """A wait of a ticket whose verdict would have been another."""

    id: int
    ticket_id: int
    subject: str
    metric: Metric
    started_at: datetime
    before: Verdict
    after: Verdict


@dataclass(frozen=True)
class FlipFilter:
    """Which flips; None: all."""

    metric: Metric | None = None
    before: Verdict | None = None
    after: Verdict | None = None


def flips(caller: Caller, replay_id: int, wanted: FlipFilter, *, after: int, limit: int) -> Sequence[FlippedTicket]:
    """Return up to `limit` + 1 flips of tickets that the caller may see, from behind the flip `after`."""
    query = (
        select(ReplayFlip, Ticket.subject)
        .join(Ticket, Ticket.id == ReplayFlip.ticket_id)
        .join(Queue, Queue.id == Ticket.queue_id)
        .where(ReplayFlip.replay_id == replay_id, ReplayFlip.id > after, sees(caller))
        .order_by(ReplayFlip.id)
        .limit(limit + 1)
    )
    for column, value in (
        (ReplayFlip.metric, wanted.metric),
        (ReplayFlip.before, wanted.before),
        (ReplayFlip.after, wanted.after),
    ):
        query = query if value is None else query.where(column == value)
    return [
        FlippedTicket(
            one.id, one.ticket_id, subject, one.metric, one.started_at, Verdict(one.before), Verdict(one.after)
        )
        for one, subject in db.session().execute(query)
    ]


def completed(
    wanted: Sequence[Mapping[str, Any]] | None, calendars: Sequence[Mapping[str, Any]] | None, *, at: datetime
) -> dict[str, Any]:
    """Return a proposal with all that it leaves to what is in force today (see `sla.proposal`).

    Raises InvalidPolicy and InvalidCalendar.
    """
    if wanted is not None and len(wanted) > MOST_POLICIES:
        raise InvalidPolicy(f"policies: at most {MOST_POLICIES} can be proposed at once, not {len(wanted)}")
    if calendars is not None and len(calendars) > MOST_CALENDARS:
        raise InvalidCalendar(f"calendars: at most {MOST_CALENDARS} can be proposed at once, not {len(calendars)}")
    known = Calendars(calendars or (), at=at)
    whole = known.todays_policies() if wanted is None else [known.named(one, n) for n, one in enumerate(wanted, 1)]
    return {"policies": whole, "calendars": known.used()}


class Calendars:
    """The calendars that a proposal may name: its own, and those in force unless it has others in their place."""

    def __init__(self, proposed: Sequence[Mapping[str, Any]], *, at: datetime) -> None:
        in_force = db.session().scalars(select(Calendar).where(Calendar.archived_at.is_(None))).all()
        self._by_name = {row.name: {"name": row.name, **row.definition} for row in in_force}
        self._names = {row.origin: row.name for row in in_force}
        self._at = at
        self._proposed: list[str] = []
        for place, calendar in enumerate(proposed, 1):
            self._propose(calendar, f"calendars, number {place}")
        self._used = set(self._proposed)

    def _propose(self, calendar: Mapping[str, Any], where: str) -> None:
        calendar_id = calendar.get("id")
        if calendar_id is not None and not (_is_id(calendar_id) and calendar_id in self._names):
            raise InvalidCalendar(f"{where}: there is no calendar {calendar_id!r} in force to stand in for")
        unknown = set(calendar) - CALENDAR_WORDS
        if unknown:
            raise InvalidCalendar(f"{where}: a calendar has no {min(unknown)[:100]!r} here; see POST /sla/calendars")
        name = calendar.get("name", None if calendar_id is None else self._names[calendar_id])
        if not isinstance(name, str) or not 0 < len(name.strip()) <= len(name) <= LONGEST_NAME:
            raise InvalidCalendar(f"{where}: a calendar needs a name of at most {LONGEST_NAME} characters")
        if name in self._proposed:
            raise InvalidCalendar(f"{where}: there is another one of the name {name!r}")
        self._proposed.append(name)
        self._by_name[name] = {
            "name": name,
            **self._defined(calendar, self._names[calendar_id] if calendar_id else name, where),
        }
        if calendar_id is not None:
            self._names[calendar_id] = name

    def _defined(self, calendar: Mapping[str, Any], stands_in_for: str, where: str) -> dict[str, Any]:
        """Return its definition; what files and feeds close in the calendar for which it stands in stays closed."""
        sources = self._by_name.get(stands_in_for, {}).get("sources")
        try:
            return definition_of(calendar, at=self._at, sources=sources)
        except InvalidCalendar as error:
            raise InvalidCalendar(f"{where}: {error}") from None

    def named(self, policy: Mapping[str, Any], place: int) -> dict[str, Any]:
        """Return a proposed policy with its calendar's name. Raises InvalidPolicy."""
        wanted = policy.get("calendar")
        name = self._names.get(wanted) if _is_id(wanted) else wanted  # type: ignore[arg-type]
        if not isinstance(name, str) or name not in self._by_name:
            raise InvalidPolicy(
                f"policies, number {place}: `calendar` is the id of a calendar in force or the name of a proposed one, "
                f"not {str(wanted)[:100]!r}"
            )
        self._used.add(name)
        return {**policy, "calendar": name}

    def todays_policies(self, *, shadow_id: int | None = None) -> list[dict[str, Any]]:
        """Return the policies in force in the order in which they are asked, as if this shadow were one of them."""
        every = policies.page(archived=False, after=None, limit=MOST_POLICIES)
        return [self._worded(one) for one in every if not one.shadow or one.id == shadow_id]

    def _worded(self, policy: Policy) -> dict[str, Any]:
        words = {name: value for name, value in policies.words_of(policy).items() if name != "shadow"}
        return {**words, "calendar": self._of(policy.calendar)}

    def _of(self, calendar: Calendar) -> str:
        """Return the name of what stands in for the calendar of a policy in force: usually itself."""
        name = self._names.get(calendar.origin, calendar.name)
        if calendar.archived_at is not None and name not in self._proposed:
            # An older version, which the policy was not taken along from.
            name = f"{calendar.name} (version {calendar.version})"
            self._by_name[name] = {"name": name, **calendar.definition}
        self._used.add(name)
        return name

    def used(self) -> list[dict[str, Any]]:
        return [self._by_name[name] for name in sorted(self._used)]


def tickets_in(span: Span) -> Select[int]:
    """Return the query of the ids of the tickets that were opened in a span."""
    return select(Ticket.id).where(Ticket.created_at >= span.since, Ticket.created_at < span.until)


def _check_size(span: Span) -> None:
    if span.since >= span.until:
        raise InvalidInput("from must come before to")
    some = tickets_in(span).limit(MOST_TICKETS + 1).subquery()
    if (db.session().scalar(select(func.count()).select_from(some)) or 0) > MOST_TICKETS:
        raise InvalidInput(f"more than {MOST_TICKETS:,} tickets were opened in that span; ask for a shorter one")


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
