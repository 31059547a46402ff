"""Read an iCalendar file (RFC 5545) as the times at which the desk is closed. Every event in it closes the desk.

The file is cut into its events first and each is read by itself, so that a hostile one costs bounded time: time zones
of its own making (VTIMEZONE, whose rules may be endless) and alarms are not read at all, a zone is known by its name.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sla.definition import LONGEST_NAME, MIDNIGHT
from sla.errors import InvalidCalendar
from sla.recurrence import Budget, Rule

MOST_BYTES = 1_000_000
MOST_EVENTS = 2000
LONGEST_LINE = 20_000
MOST_WORK = 150_000  # days looked at

DAY = timedelta(days=1)
WHOLE_DAY = (0, MIDNIGHT)
ONCE = ("UID", "SUMMARY", "STATUS", "DTSTART", "DTEND", "DURATION", "RRULE", "RECURRENCE-ID")
OFTEN = ("RDATE", "EXDATE")

Part = tuple[int, int]  # of a day, in seconds since its midnight


@dataclass(frozen=True)
class Closed:
    """The parts of a date during which the desk is closed, and what the day is called; "": nothing."""

    parts: tuple[Part, ...]
    name: str = ""


@dataclass(frozen=True)
class Closings:
    """What a file says: its own name, "" when it has none, and the closed parts by date."""

    name: str
    days: Mapping[date, Closed]


@dataclass(frozen=True)
class _Window:
    """Which days matter, where the desk is, and how much may be looked at."""

    since: date
    until: date
    zone: ZoneInfo
    budget: Budget = field(default_factory=lambda: Budget(MOST_WORK))


@dataclass(frozen=True)
class _Event:
    """One event, its beginning and its end alike: two dates, or two moments in the event's own zone."""

    uid: str
    name: str
    start: date
    span: timedelta
    rule: Mapping[str, Sequence[Any]] | None
    more: tuple[date, ...]
    but: tuple[date, ...]
    replaces: date | None  # which of the days of the event with the same uid this one stands for

    @property
    def is_timed(self) -> bool:
        return isinstance(self.start, datetime)

    @property
    def first(self) -> date:
        return _day(self.start)


def read_closings(content: bytes, zone: ZoneInfo, *, since: date, until: date) -> Closings:
    """Return when the desk is closed from `since` until `until`, both included, in the desk's zone.

    An event of whole days closes these; another closes its hours. What was cancelled closes nothing. Raises
    InvalidCalendar.
    """
    if len(content) > MOST_BYTES:
        raise InvalidCalendar(f"an iCalendar file may have at most {MOST_BYTES} bytes, not {len(content)}")
    lines = _lines(content)
    name, blocks = _cut(lines)
    events = [event for event in (_read(block, zone) for block in blocks) if event is not None]
    try:
        return Closings(name, _closings(events, _Window(since, until, zone)))
    except OverflowError:
        raise InvalidCalendar("an event lies at one of the ends of time") from None


def _lines(content: bytes) -> list[str]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidCalendar("an iCalendar file is text in UTF-8") from None
    unfolded = re.sub(r"\r?\n[ \t]", "", text)
    lines = [line for line in (one.strip("\r") for one in unfolded.split("\n")) if line]
    if not lines or lines[0].strip().upper() != "BEGIN:VCALENDAR":
        raise InvalidCalendar("that is no iCalendar file; one begins with BEGIN:VCALENDAR")
    return lines


def _cut(lines: Iterable[str]) -> tuple[str, list[dict[str, list[str]]]]:
    """Return the file's name, and of each event the lines that matter by property."""
    name, inside = "", list[str]()
    blocks = list[dict[str, list[str]]]()
    for line in lines:
        word = re.split("[;:]", line, maxsplit=1)[0].upper()
        if word == "BEGIN":
            inside.append(_value(line).upper())
            if inside == ["VCALENDAR", "VEVENT"]:
                blocks.append({})
        elif word == "END":
            if inside:
                inside.pop()
        elif inside == ["VCALENDAR", "VEVENT"] and word in (*ONCE, *OFTEN):
            _keep(blocks[-1], word, line)
        elif inside == ["VCALENDAR"] and word in ("X-WR-CALNAME", "NAME") and not name:
            name = clean(_value(line))
        if len(blocks) > MOST_EVENTS:
            raise InvalidCalendar(f"an iCalendar file may have at most {MOST_EVENTS} events")
        if len(inside) > 10:
            raise InvalidCalendar("the parts of an iCalendar file are not nested so deep")
    return name, blocks


def _keep(block: dict[str, list[str]], word: str, line: str) -> None:
    if len(line) > LONGEST_LINE:
        raise InvalidCalendar(f"{word} of an event has more than {LONGEST_LINE} characters")
    kept = block.setdefault(word, [])
    if not kept or (word in OFTEN and sum(map(len, kept)) + len(line) <= LONGEST_LINE):
        kept.append(line)


def _value(line: str) -> str:
    return line.partition(":")[2].strip()


def clean(text: str) -> str:
    """Return a name as it can be stored and shown on one line."""
    readable = "".join(one if one.isprintable() else " " for one in text.replace("\\,", ",").replace("\\;", ";"))
    return " ".join(readable.split())[:LONGEST_NAME]


def _read(block: Mapping[str, list[str]], zone: ZoneInfo) -> _Event | None:
    """Return an event; None for one that says no time."""
    from icalendar import Event  # takes a second to import, which only this needs

    if "DTSTART" not in block:
        return None
    try:
        lines = (line for kept in block.values() for line in kept)
        read = Event.from_ical("\r\n".join(("BEGIN:VEVENT", *lines, "END:VEVENT", "")))
        return _understood(read, zone)
    except InvalidCalendar:
        raise
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
        # What the library makes of nonsense: its own errors, and those of the values that are not there.
        shown = clean(_value(block["DTSTART"][0]))[:40]
        raise InvalidCalendar(f"an event ({shown}) cannot be read: {clean(str(error))}") from None


def _understood(read: Any, zone: ZoneInfo) -> _Event:
    start = _when(read["DTSTART"].dt, zone)
    replaces = read["RECURRENCE-ID"].dt if "RECURRENCE-ID" in read else None
    cancelled = str(read.get("STATUS", "")).upper() == "CANCELLED"
    return _Event(
        uid=str(read.get("UID", "")),
        name=clean(str(read.get("SUMMARY", ""))),
        start=start,
        span=timedelta(0) if cancelled else _span(read, start, zone),
        rule=read.get("RRULE"),
        more=_days(read, "RDATE", start),
        but=_days(read, "EXDATE", start),
        replaces=None if replaces is None else _day_of(replaces, start),
    )


def _when(value: Any, zone: ZoneInfo) -> date:
    """Return a date, or an aware moment; one without a zone, or with one that nobody knows, is the desk's own."""
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=zone)
    if isinstance(value, date):
        return value
    raise InvalidCalendar("an event needs a date or a moment to start at")


def _span(read: Any, start: date, zone: ZoneInfo) -> timedelta:
    if "DTEND" in read:
        end = _when(read["DTEND"].dt, zone)
        if isinstance(start, datetime) != isinstance(end, datetime):
            raise InvalidCalendar("an event starts on a date and ends at a moment, or the other way round")
        found: timedelta = _utc(end) - _utc(start) if isinstance(start, datetime) else end - start
        return max(found, timedelta(0) if isinstance(start, datetime) else DAY)
    span = read["DURATION"].dt if "DURATION" in read else None
    if not isinstance(span, timedelta):
        return timedelta(0) if isinstance(start, datetime) else DAY
    return max(span, timedelta(0)) if isinstance(start, datetime) else max(timedelta(days=span.days), DAY)


def _utc(moment: Any) -> datetime:
    found: datetime = moment.astimezone(UTC)
    return found


def _days(read: Any, name: str, start: date) -> tuple[date, ...]:
    found = read.get(name, ())
    lists = found if isinstance(found, list) else [found] if found else []
    return tuple(_day_of(one.dt, start) for each in lists for one in each.dts)


def _day_of(value: Any, start: date) -> date:
    """Return the day that a value of RDATE, EXDATE or RECURRENCE-ID names, in the zone of the event."""
    when = value[0] if isinstance(value, tuple) else value  # a period begins with its start
    if isinstance(when, datetime) and when.tzinfo is not None and isinstance(start, datetime):
        when = when.astimezone(start.tzinfo)
    if not isinstance(when, date):
        raise InvalidCalendar("an event comes again, or does not, on a date or at a moment")
    return _day(when)


def _day(when: date) -> date:
    return when.date() if isinstance(when, datetime) else when


def _closings(events: Sequence[_Event], window: _Window) -> dict[date, Closed]:
    replaced = defaultdict[str, set[date]](set)
    for event in events:
        if event.replaces is not None:
            replaced[event.uid].add(event.replaces)
    found = dict[date, Closed]()
    for event in events:
        gone = replaced[event.uid] if event.replaces is None else set[date]()
        for first in sorted(_happenings(event, window) - gone):
            for day, part in _parts(event, first, window):
                if window.since <= day <= window.until:
                    found[day] = joined(found.get(day), Closed((part,), event.name))
    return found


def _happenings(event: _Event, window: _Window) -> set[date]:
    """Return the days on which the event begins, as far as they matter."""
    if not event.span:
        return set()
    days = {event.first, *event.more} if event.rule is None else set(event.more)
    since = _back(window.since, event.span.days + 2)
    if event.rule is not None:
        rule = Rule.read(event.rule, until=_last_day(event))
        days.update(rule.days(event.first, since=since, until=window.until + DAY, budget=window.budget))
    return {day for day in days if since <= day <= window.until + DAY} - set(event.but)


def _back(day: date, days: int) -> date:
    return day - timedelta(days=days) if days < day.toordinal() else date.min


def _last_day(event: _Event) -> date | None:
    """Return the last day on which the event may begin by UNTIL, which is a date or, mostly in UTC, a moment."""
    until = next(iter((event.rule or {}).get("UNTIL", ())), None)
    if until is None or not isinstance(event.start, datetime):
        return None if until is None else _day_of(until, event.start)
    if not isinstance(until, datetime):
        return _day_of(until, event.start)
    there = until.astimezone(event.start.tzinfo) if until.tzinfo is not None else until
    return there.date() if event.start.time() <= there.time() else there.date() - DAY


def _parts(event: _Event, first: date, window: _Window) -> Iterator[tuple[date, Part]]:
    """Yield the days that an event closes when it begins on `first`, and which part of each."""
    if not isinstance(event.start, datetime):
        begin = max(first, window.since).toordinal()
        end = min(window.until.toordinal() + 1, first.toordinal() + event.span.days)
        window.budget.spend(max(0, end - begin))
        yield from ((date.fromordinal(one), WHOLE_DAY) for one in range(begin, end))
        return
    opens = datetime.combine(first, event.start.timetz()).astimezone(UTC)
    begin_at, end_at = opens.astimezone(window.zone), (opens + event.span).astimezone(window.zone)
    day = max(begin_at.date(), window.since)
    while day <= min(end_at.date(), window.until):
        window.budget.spend(1)
        opening = _seconds(begin_at.time()) if day == begin_at.date() else 0
        closing = _seconds(end_at.time()) if day == end_at.date() else MIDNIGHT
        if opening < closing:
            yield day, (opening, closing)
        day += DAY


def _seconds(moment: time) -> int:
    return moment.hour * 3600 + moment.minute * 60 + moment.second


def joined(one: Closed | None, other: Closed) -> Closed:
    """Return what two closings of a date make together; a whole day's name counts before that of some hours."""
    if one is None:
        return other
    parts = list[Part]()
    for start, end in sorted((*one.parts, *other.parts)):
        if parts and start <= parts[-1][1]:
            parts[-1] = (parts[-1][0], max(end, parts[-1][1]))
        else:
            parts.append((start, end))
    whole = [closed.name for closed in (one, other) if WHOLE_DAY in closed.parts and closed.name]
    return Closed(tuple(parts), next(iter(whole), one.name or other.name))
