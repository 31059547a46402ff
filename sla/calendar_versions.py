"""Keep calendars: made, edited by versions, archived. A row never changes but for the moment at which it is archived.

All versions of a calendar share an origin, the id of the first, by which the API names them. Policies in force follow a
calendar to its new version, in the same transaction; what has been judged stands under the old one, with its hours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, func, select
from sqlalchemy.orm import aliased

from sla import imports, policies
from sla.definition import LONGEST_NAME
from sla.errors import InvalidCalendar
from sla.hours import BusinessHours
from sla.ical import WHOLE_DAY, Closed
from sla.models import Calendar, CalendarFeed, Policy
from sla.public_holidays import YEARS_AHEAD, Choice, years_around
from ticketing import audit
from ticketing.errors import Conflict, NotFound
from ticketing.events import Actor
from ticketing.store import db

MOST = 200  # in force
MOST_SOURCES = 20  # files and feeds of one calendar
RENEWED_BEFORE = 2  # years: so long before its holidays end, a calendar gets those of later years
YOUNG = timedelta(days=3 * 365)  # no calendar's holidays end so soon
WORDS = ("time_zone", "weekly", "exceptions", "yearly")


@dataclass(frozen=True)
class Change:
    """The calendar in force after an edit, and the policies that got a version with it."""

    calendar: Calendar
    policies: Sequence[Policy] = field(default_factory=list)

    @property
    def origins(self) -> list[int]:
        return [policy.origin for policy in self.policies]


def make_calendar(words: Mapping[str, Any], *, by: Actor, at: datetime) -> Calendar:
    """Add a calendar: `name`, `time_zone`, and `weekly`, `exceptions`, `yearly` (see sla.definition) and `holidays`
    (see sla.public_holidays) as one likes. Raises InvalidCalendar and Conflict.
    """
    policies.lock_rules()
    in_force = db.session().scalar(select(func.count()).select_from(Calendar).where(Calendar.archived_at.is_(None)))
    if (in_force or 0) >= MOST:
        raise Conflict(f"there are {MOST} calendars already; archive one")
    row = Calendar(name=_name(words, None), version=1, definition=definition_of(words, at=at), created_at=at)
    _add(row)
    _record("calendar_made", row, {"after": words_of(row)}, by=by, at=at)
    return row


def revise(origin: int, words: Mapping[str, Any], *, by: Actor, at: datetime) -> Change:
    """Replace a calendar's words by a new version; nothing happens when they are those that it has.

    What files and feeds have said stays. Raises NotFound, InvalidCalendar, NeverOpen when a policy could not be kept by
    it, and Conflict for one that is archived.
    """
    current = _changeable(origin)
    definition = definition_of(words, sources=current.definition.get("sources", {}), at=at)
    before = words_of(current)
    change = _replace(current, _name(words, current), definition, by=by, at=at)
    if change.calendar is not current:
        _read_feeds_again(current, definition, at)
        told = {"before": before, "after": words_of(change.calendar)}
        _record("calendar_changed", change.calendar, told, by=by, at=at)
    return change


def close_days(origin: int, source: str, days: Mapping[date, Closed], *, by: Actor, at: datetime) -> Change:
    """Close what a file or feed says, and nothing else that it may have said before; nothing happens if that is so.

    Raises as `revise` does.
    """
    current = _changeable(origin)
    sources = {name: said for name, said in current.definition.get("sources", {}).items() if name != source}
    if days:
        sources[source] = imports.kept(days)
    if len(sources) > MOST_SOURCES:
        raise Conflict(f"a calendar takes the days of at most {MOST_SOURCES} files and feeds")
    definition = _with_imported(_own(current.definition), current.definition.get("holidays"), sources)
    change = _replace(current, current.name, definition, by=by, at=at)
    if change.calendar is not current:
        _record("calendar_changed", change.calendar, {"source": source, "days": len(days)}, by=by, at=at)
    return change


def renew_holidays(origin: int, *, by: Actor, at: datetime) -> Change:
    """Give a calendar the holidays of later years, in a new version. Raises as `revise` does."""
    return revise(origin, words_of(_changeable(origin)), by=by, at=at)


def running_out(*, at: datetime) -> list[int]:
    """Return the calendars whose holidays come to an end soon."""
    old = select(Calendar).where(Calendar.archived_at.is_(None), Calendar.created_at < at - YOUNG)
    return [row.origin for row in db.session().scalars(old) if _ends_soon(row.definition, at)]


def archive(origin: int, *, by: Actor, at: datetime) -> None:
    """Take a calendar out of force; nothing happens if it is. Raises NotFound, and Conflict while a policy uses it."""
    policies.lock_rules()
    row = find_calendar(origin)
    if row.archived_at is not None:
        return
    using = select(Policy.name).join(Policy.calendar).where(_origin(Calendar) == origin, Policy.archived_at.is_(None))
    name = db.session().scalar(using.order_by(Policy.position).limit(1))
    if name is not None:
        raise Conflict(f"policy {name!r} uses calendar {origin}; give it another one, or archive it first")
    row.archived_at = max(at, row.created_at)
    db.session().execute(delete(CalendarFeed).where(CalendarFeed.calendar_id == origin))
    db.session().flush()
    _record("calendar_archived", row, {"before": words_of(row)}, by=by, at=at)


def find_calendar(origin: int) -> Calendar:
    """Return the newest version of a calendar, in force or archived. Raises NotFound."""
    query = select(Calendar).where(_origin(Calendar) == origin).order_by(Calendar.version.desc()).limit(1)
    row = db.session().scalar(query.execution_options(populate_existing=True))
    if row is None:
        raise NotFound(f"there is no calendar {origin}")
    return row


def versions(origin: int, *, after: int, limit: int) -> Sequence[Calendar]:
    """Return the versions of a calendar, oldest first, from behind version `after`. Raises NotFound."""
    find_calendar(origin)
    query = select(Calendar).where(_origin(Calendar) == origin, Calendar.version > after)
    return db.session().scalars(query.order_by(Calendar.version).limit(limit)).all()


def page(*, archived: bool, after: int, limit: int) -> Sequence[Calendar]:
    """Return calendars in the order of their origins: those in force, or the last versions of those archived."""
    newer = aliased(Calendar)
    is_last = ~exists().where(_origin(newer) == _origin(Calendar), newer.version > Calendar.version)
    which = [Calendar.archived_at.is_not(None), is_last] if archived else [Calendar.archived_at.is_(None)]
    query = select(Calendar).where(*which, _origin(Calendar) > after)
    return db.session().scalars(query.order_by(_origin(Calendar)).limit(limit)).all()


def words_of(row: Calendar) -> dict[str, Any]:
    """Return what a version says, in the words of the API."""
    chosen = row.definition.get("holidays")
    return {
        "name": row.name,
        "time_zone": row.definition["time_zone"],
        **{name: row.definition.get(name, {}) for name in WORDS[1:]},
        "holidays": chosen and {name: value for name, value in chosen.items() if name != "through"},
    }


def definition_of(
    words: Mapping[str, Any], *, at: datetime, sources: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return a calendar's words as a version keeps them, its holidays written out. Raises InvalidCalendar."""
    chosen = words.get("holidays")
    holidays = None
    if chosen is not None:
        holidays = {**Choice.read(chosen).words(), "through": years_around(at.year)[-1]}
    return _with_imported(_own(words), holidays, sources or {})


def _own(words: Mapping[str, Any]) -> dict[str, Any]:
    return {name: words[name] for name in WORDS if words.get(name)}


def _with_imported(own: dict[str, Any], holidays: Any, sources: Mapping[str, Any]) -> dict[str, Any]:
    hours = BusinessHours.from_dict(own)
    said = dict(imports.said_by(sources))
    kept: dict[str, Any] = {"sources": dict(sources)} if sources else {}
    if holidays:
        choice = Choice.read({name: value for name, value in holidays.items() if name != "through"})
        days = choice.days(years_around(holidays["through"] - YEARS_AHEAD))
        said[choice.source] = {day: Closed((WHOLE_DAY,), name) for day, name in days.items()}
        kept["holidays"] = holidays
    days_off = imports.imported(said, hours)
    definition = {**own, **kept, **({"imported": days_off} if days_off else {})}
    BusinessHours.from_dict(definition)  # several sources may be too much together
    return definition


def _changeable(origin: int) -> Calendar:
    policies.lock_rules()
    row = find_calendar(origin)
    if row.archived_at is not None:
        raise Conflict(f"calendar {origin} is archived; make a new one")
    return row


def _replace(current: Calendar, name: str, definition: dict[str, Any], *, by: Actor, at: datetime) -> Change:
    """Put a new version into force, and with it the policies; both share the moment."""
    if (current.name, current.definition) == (name, definition):
        return Change(current)
    moment = max(at, current.created_at)  # whoever had to wait for the lock may have looked earlier
    row = Calendar(
        origin_id=current.origin,
        name=name,
        version=current.version + 1,
        definition=definition,
        created_at=moment,
        archived_at=None,
    )
    current.archived_at = moment
    _add(row)
    return Change(row, policies.follow_calendar(current.id, row.id, by=by, at=moment))


def _add(row: Calendar) -> None:
    db.session().add(row)
    db.session().flush()


def _name(words: Mapping[str, Any], of: Calendar | None) -> str:
    """Return a name that no other calendar has or had: old verdicts are told by name and version."""
    name = " ".join(str(words["name"]).split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise InvalidCalendar(f"a calendar needs a name of at most {LONGEST_NAME} characters")
    others = select(Calendar).where(Calendar.name == name)
    if of is not None:
        others = others.where(_origin(Calendar) != of.origin)
    other = db.session().scalar(others.order_by(Calendar.version.desc()).limit(1))
    if other is not None:
        raise Conflict(f"calendar {other.origin} is called {name!r}, or was; take another name")
    return name


def _read_feeds_again(before: Calendar, definition: Mapping[str, Any], at: datetime) -> None:
    """Have the feeds read again when the desk has moved: what they say of hours was reckoned in its former zone."""
    if definition["time_zone"] == before.definition["time_zone"]:
        return
    for feed in db.session().scalars(select(CalendarFeed).where(CalendarFeed.calendar_id == before.origin)):
        feed.etag, feed.next_at = "", at


def _ends_soon(definition: Mapping[str, Any], at: datetime) -> bool:
    holidays = definition.get("holidays")
    return holidays is not None and holidays["through"] - at.year < RENEWED_BEFORE


def _origin(model: Any) -> ColumnElement[int]:
    found: ColumnElement[int] = func.coalesce(model.origin_id, model.id)
    return found


def _record(kind: str, row: Calendar, change: Mapping[str, Any], *, by: Actor, at: datetime) -> None:
    data = {"version": row.version, **change}
    audit.record(kind, subject="calendar", subject_id=row.origin, by=by, at=at, data=data)
