"""Explain the clocks of a ticket from the store: the kept clocks, the journal, and the policies that there were."""

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from sla import rules
from sla.agreement import Agreement, Metric, always_open
from sla.calendars import hours_of
from sla.courses import courses_of
from sla.explanation import MOST_INTERVALS, Explanation, Kept, PolicyName, explain
from sla.life import OBSERVED
from sla.models import Calendar, Clock, Policy
from sla.reasons import Named, Reasons
from sla.rules import History
from sla.words import WORDS, Language
from ticketing import journal
from ticketing.events import Entry
from ticketing.models import JournalEntry, Queue
from ticketing.store import db

MOST_CLOCKS = 200  # the newest
MOST_ENTRIES = 3000  # that move clocks; reading more of them again takes seconds
MOST_IN_ALL = 10_000  # intervals of all clocks together, but for a few of each
FEWEST = 20
UTC_ZONE = ZoneInfo("UTC")

_KINDS = [one.kind() for one in OBSERVED]


def explanations_of(
    ticket_id: int, now: datetime, *, language: Language, metric: Metric | None = None, most_entries: int = MOST_ENTRIES
) -> list[Explanation]:
    """Return what there is to say of a ticket's clocks at `now`, oldest first; of very many, the newest.

    One that ended without a verdict is left out, as in `sla.readings`.
    """
    rows = _clocks(ticket_id, metric)
    if not rows:
        return []
    history = rules.history()
    entries = _entries(ticket_id, most_entries + 1)
    is_too_long = len(entries) > most_entries
    courses = [] if is_too_long else courses_of(entries, history)
    told = {(one.clock.metric, one.clock.sequence): one for one in courses}
    reasons = _reasons(history, language)
    most = min(MOST_INTERVALS, max(FEWEST, MOST_IN_ALL // len(rows)))
    untold = "differs_too_long" if is_too_long else "differs_untold"
    zone = _usual_zone(ticket_id) if any(row.policy is None for row in rows) else UTC_ZONE
    return [
        explain(_kept(row, zone), told.get((row.metric, row.sequence)), now, reasons, most=most, untold=untold)
        for row in rows
    ]


def _clocks(ticket_id: int, metric: Metric | None) -> Sequence[Clock]:
    has_verdict = or_(Clock.cancelled_at.is_(None), Clock.breached_at.is_not(None))
    query = select(Clock).where(Clock.ticket_id == ticket_id, has_verdict)
    if metric is not None:
        query = query.where(Clock.metric == metric)
    with_rules = (joinedload(Clock.policy).joinedload(Policy.calendar), joinedload(Clock.calendar))
    newest = query.options(*with_rules).order_by(Clock.started_at.desc(), Clock.id.desc()).limit(MOST_CLOCKS)
    return list(reversed(db.session().scalars(newest).all()))


def _entries(ticket_id: int, limit: int) -> Sequence[Entry]:
    query = select(JournalEntry).where(JournalEntry.ticket_id == ticket_id, JournalEntry.kind.in_(_KINDS))
    return [journal.entry_of(one) for one in db.session().scalars(query.order_by(JournalEntry.id).limit(limit))]


def _usual_zone(ticket_id: int) -> ZoneInfo:
    """Return the zone in which to tell of a promise that no policy speaks of: that of the ticket's other clocks."""
    query = select(Calendar).join(Policy, Policy.calendar_id == Calendar.id).join(Clock, Clock.policy_id == Policy.id)
    found = db.session().scalar(query.where(Clock.ticket_id == ticket_id).order_by(Clock.id).limit(1))
    return hours_of(found).time_zone if found else UTC_ZONE


def _kept(row: Clock, usual: ZoneInfo) -> Kept:
    calendar: Calendar | None = row.calendar or (row.policy.calendar if row.policy else None)
    return Kept(
        clock=row.value(),
        policy=PolicyName(row.policy.origin, row.policy.name, row.policy.version) if row.policy else None,
        hours=hours_of(row.calendar) if row.calendar else always_open(),
        zone=hours_of(calendar).time_zone if calendar else usual,
    )


def _reasons(history: History, language: Language) -> Reasons:
    session = db.session()
    versions = session.execute(select(Policy.id, Policy.name, Policy.version))
    named = Named(
        policies={policy_id: (name, version) for policy_id, name, version in versions},
        queues={queue_id: name for queue_id, name in session.execute(select(Queue.id, Queue.name))},  # noqa: C416 - rows
    )

    def in_order(at: datetime) -> list[Agreement]:
        moment = at.astimezone(UTC)
        return [one for one, since, until in history.periods if since <= moment and (until is None or moment < until)]

    return Reasons(named, in_order, WORDS[language])
