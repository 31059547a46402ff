"""Calendar feeds: iCalendar addresses from which a calendar's closed days come, read again every day.

Reading takes three steps, so that no transaction is open while the other side is asked: a feed is claimed, it is read
(see `api.feeds`), and what it says becomes the calendar's, if it is anything new.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from sla import calendar_versions
from sla.calendar_versions import Change
from sla.ical import Closed
from sla.models import Calendar, CalendarFeed
from ticketing import audit
from ticketing.errors import Conflict, NotFound
from ticketing.events import SYSTEM, Actor
from ticketing.store import db

MOST = 10  # of one calendar
EVERY = timedelta(days=1)
AFTER_TROUBLE = timedelta(hours=3)
LEASE = timedelta(minutes=10)  # within which whoever has claimed a feed reads it
LONGEST_ETAG = 500
LONGEST_ERROR = 500


@dataclass(frozen=True)
class Question:
    """What to ask for: an address, and what we have of it already."""

    url: str
    etag: str  # "": nothing that would still do
    time_zone: ZoneInfo


def add(origin: int, url: str, *, by: Actor, at: datetime) -> CalendarFeed:
    """Let a calendar follow a feed, whose address has been checked. Raises NotFound and Conflict."""
    _in_force(origin)
    of_calendar = select(CalendarFeed).where(CalendarFeed.calendar_id == origin)
    if db.session().scalar(of_calendar.where(CalendarFeed.url == url)) is not None:
        raise Conflict(f"calendar {origin} follows this feed already")
    if (db.session().scalar(select(func.count()).select_from(of_calendar.subquery())) or 0) >= MOST:
        raise Conflict(f"a calendar follows at most {MOST} feeds")
    row = CalendarFeed(calendar_id=origin, url=url, etag="", error="", read_at=None, next_at=at, created_at=at)
    db.session().add(row)
    db.session().flush()
    _record("calendar_feed_added", row, by=by, at=at)
    return row


def remove(origin: int, feed_id: int, *, by: Actor, at: datetime) -> Change:
    """Follow a feed no more; its days are open again, in a new version. Raises NotFound, and as `revise` does."""
    row = find_feed(origin, feed_id)
    change = calendar_versions.close_days(origin, _source(row), {}, by=by, at=at)
    db.session().delete(row)
    _record("calendar_feed_removed", row, by=by, at=at)
    return change


def find_feed(origin: int, feed_id: int) -> CalendarFeed:
    """Return a feed of a calendar. Raises NotFound."""
    row = db.session().get(CalendarFeed, feed_id)
    if row is None or row.calendar_id != origin:
        raise NotFound(f"calendar {origin} follows no feed {feed_id}")
    return row


def page(origin: int, *, after: int, limit: int) -> Sequence[CalendarFeed]:
    """Return the feeds of a calendar in the order of their ids, from behind the id `after`. Raises NotFound."""
    calendar_versions.find_calendar(origin)
    query = select(CalendarFeed).where(CalendarFeed.calendar_id == origin, CalendarFeed.id > after)
    return db.session().scalars(query.order_by(CalendarFeed.id).limit(limit)).all()


def claim_due(*, at: datetime, limit: int) -> list[int]:
    """Claim the feeds that are to be read now, for a while; return their ids."""
    query = select(CalendarFeed).where(CalendarFeed.next_at <= at).order_by(CalendarFeed.next_at).limit(limit)
    rows = db.session().scalars(query.with_for_update(skip_locked=True)).all()
    for row in rows:
        row.next_at = at + LEASE
    return [row.id for row in rows]


def question(feed_id: int, *, at: datetime) -> Question | None:
    """Return what to ask a feed for; None when nobody follows it any more."""
    row = db.session().get(CalendarFeed, feed_id)
    if row is None:
        return None
    zone = ZoneInfo(calendar_versions.find_calendar(row.calendar_id).definition["time_zone"])
    # A feed that never changes may still have rules that go on: each year it is read in full.
    year, _, etag = row.etag.partition(" ")
    return Question(row.url, etag if year == str(at.year) else "", zone)


def take(feed_id: int, days: Mapping[date, Closed], etag: str, *, at: datetime) -> Change | None:
    """Make what a feed says its calendar's; None when nobody follows it any more. Raises as `revise` does."""
    row = db.session().get(CalendarFeed, feed_id)
    if row is None:
        return None
    change = calendar_versions.close_days(row.calendar_id, _source(row), days, by=SYSTEM, at=at)
    row.etag = f"{at.year} {etag}" if etag and len(etag) <= LONGEST_ETAG and etag.isprintable() else ""
    note(feed_id, at=at)
    return change


def note(feed_id: int, *, at: datetime, error: str = "") -> None:
    """Note how reading a feed went; "" is well."""
    row = db.session().get(CalendarFeed, feed_id)
    if row is not None:
        row.error, row.next_at = error[:LONGEST_ERROR], at + (AFTER_TROUBLE if error else EVERY)
        row.read_at = row.read_at if error else at


def _in_force(origin: int) -> Calendar:
    row = calendar_versions.find_calendar(origin)
    if row.archived_at is not None:
        raise Conflict(f"calendar {origin} is archived; make a new one")
    return row


def _source(row: CalendarFeed) -> str:
    return f"feed:{row.id}"


def _record(kind: str, row: CalendarFeed, *, by: Actor, at: datetime) -> None:
    audit.record(kind, subject="calendar", subject_id=row.calendar_id, by=by, at=at, data={"feed": row.id})
