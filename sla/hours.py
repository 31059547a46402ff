"""Reckon in working time: when an allowance is used up, how much of it has passed. Pure.

Everything is elapsed time to the microsecond, never wall-clock time: the night of the change to summer time has seven
hours. Spans are half-open: at opening time the desk is open, at closing time it is closed.
"""

from calendar import isleap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any, Self
from zoneinfo import ZoneInfo

from sla.definition import DayOfYear, Spans, read_dates, read_weekly, read_yearly, read_zone
from sla.errors import NeverOpen, OutOfReach
from sla.segments import NOTHING, Segment, Year, lay_out

FIRST_YEAR, LAST_YEAR = 1900, 2199
LONGEST_CLOSURE = timedelta(days=366)

Interval = tuple[datetime, datetime, bool]  # from, to (UTC, half-open), whether the desk is open


@dataclass(frozen=True)
class BusinessHours:
    """When the desk is open: spans of each weekday, Monday first, and of the days that differ, in the desk's own zone.

    A span belongs to the date on which it opens, over midnight too. A day that differs is open as it says itself and
    not otherwise; a date beats the day of every year.
    """

    time_zone: ZoneInfo
    weekly: tuple[Spans, ...]
    exceptions: Mapping[date, Spans] = field(default_factory=dict, hash=False)  # those that were imported as well
    yearly: Mapping[DayOfYear, Spans] = field(default_factory=dict, hash=False)
    names: Mapping[date | DayOfYear, str] = field(default_factory=dict, hash=False)
    _years: dict[int, Year] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def from_dict(cls, definition: Mapping[str, Any]) -> Self:
        """Return the hours of a calendar's definition (see sla.definition). Raises InvalidCalendar."""
        dates, yearly = read_dates(definition), read_yearly(definition)
        return cls(
            read_zone(definition),
            read_weekly(definition),
            {day: special.spans for day, special in dates.items()},
            {day: special.spans for day, special in yearly.items()},
            {
                **{day: special.name for day, special in yearly.items() if special.name},
                **{day: special.name for day, special in dates.items() if special.name},
            },
        )

    def spans_of(self, day: date) -> Spans:
        """Return what opens on a date of the desk."""
        special = self.special(day)
        return self.weekly[day.weekday()] if special is None else special

    def special(self, day: date) -> Spans | None:
        """Return what opens on a date that differs from its weekday; None: it does not differ."""
        return self.exceptions.get(day, self.yearly.get((day.month, day.day)))

    def name_of(self, day: date) -> str:
        """Return what a date of the desk is called, such as "Christmas Day"; "": it has no name."""
        return self.names.get(day) or self.names.get((day.month, day.day), "")

    def year(self, number: int) -> Year:
        """Return the open segments of a UTC year, laid out when first asked for. Raises OutOfReach.

        Two threads that ask at once lay the same year out twice, and either result will do.
        """
        try:
            return self._years[number]
        except KeyError:
            if not FIRST_YEAR <= number <= LAST_YEAR:
                raise OutOfReach(f"working time is reckoned from {FIRST_YEAR} to {LAST_YEAR}: {number}") from None
        laid_out = lay_out(number, self.time_zone, self.weekly, self._special_days(number))
        self._years[number] = laid_out
        return laid_out

    def _special_days(self, year: int) -> Mapping[date, Spans]:
        """Return the days that differ in a year and around its two ends."""
        near = range(year - 1, year + 2)
        found = {
            date(number, month, day): spans
            for number in near
            for (month, day), spans in self.yearly.items()
            if (month, day) != (2, 29) or isleap(number)
        }
        return found | {day: spans for day, spans in self.exceptions.items() if day.year in near}


def due(start: datetime, allowance: timedelta, hours: BusinessHours) -> datetime:
    """Return the first moment when `allowance` of working time has passed since `start`.

    `start` is aware, any zone; `allowance` is working time, >= 0; the result is UTC. An allowance that ends exactly at
    closing time is due at closing time; no allowance at all is due at `start`.
    Holds: elapsed(start, due(start, allowance, hours), hours) == allowance.
    Raises NeverOpen when the desk is closed for more than a year before the allowance is used up.
    """
    moment = start if start.tzinfo is UTC else _utc(start)  # a call is a tenth of the whole
    if allowance <= NOTHING:
        return _due_at_once(moment, allowance)
    year = hours.year(moment.year)
    worked = year.open_until(moment) + allowance
    if worked <= year.total:
        return year.moment_after(worked)
    closed_since = max(moment, year.closes[-1]) if year.closes else moment
    return _due_in_a_later_year(closed_since, moment.year + 1, worked - year.total, hours)


def elapsed(start: datetime, end: datetime, hours: BusinessHours) -> timedelta:
    """Return the working time from `start` to `end`, both aware; negative when `end` comes before `start`."""
    first, last = _utc(start), _utc(end)
    if last < first:
        return -elapsed(end, start, hours)
    if first.year == last.year:
        year = hours.year(first.year)
        return year.open_until(last) - year.open_until(first)
    whole_years = sum((hours.year(number).total for number in range(first.year, last.year)), NOTHING)
    return whole_years + hours.year(last.year).open_until(last) - hours.year(first.year).open_until(first)


def intervals(start: datetime, end: datetime, hours: BusinessHours) -> Iterator[Interval]:
    """Yield what the time from `start` to `end` consists of: open and closed intervals in turn, without gaps.

    Both are aware; nothing is yielded when `end` is not after `start`. The open intervals add up to elapsed().
    """
    position, end = _utc(start), _utc(end)
    for opening, closing in _joined(position, end, hours):
        if position < opening:
            yield position, opening, False
        yield max(position, opening), closing, True
        position = closing
    if position < end:
        yield position, end, False


def _joined(start: datetime, end: datetime, hours: BusinessHours) -> Iterator[Segment]:
    """Yield the open segments between two UTC moments, cut at `end`, those that touch at New Year made one."""
    held: Segment | None = None
    for opening, closing in _segments(start, end, hours):
        if held and held[1] == opening:
            held = (held[0], closing)
            continue
        if held:
            yield held
        held = (opening, closing)
    if held:
        yield held


def _segments(start: datetime, end: datetime, hours: BusinessHours) -> Iterator[Segment]:
    for number in range(start.year, end.year + 1):
        for opening, closing in hours.year(number).segments_from(start):
            if max(opening, start) >= end:
                return
            yield opening, min(closing, end)


def _due_at_once(moment: datetime, allowance: timedelta) -> datetime:
    if allowance < NOTHING:
        raise ValueError(f"an allowance cannot be negative: {allowance}")
    return moment


def _due_in_a_later_year(closed_since: datetime, first_year: int, rest: timedelta, hours: BusinessHours) -> datetime:
    for number in count(first_year):
        year = hours.year(number)
        opening = year.opens[0] if year.opens else datetime(number + 1, 1, 1, tzinfo=UTC)
        if opening - closed_since > LONGEST_CLOSURE:
            raise NeverOpen(f"the desk does not open within a year of {closed_since:%Y-%m-%d}; see its calendar")
        if rest <= year.total:
            return year.moment_after(rest)
        rest -= year.total
        closed_since = year.closes[-1] if year.closes else closed_since
    raise NeverOpen("the desk does not open")  # pragma: no cover - count() has no end


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is UTC:
        return moment
    if moment.utcoffset() is None:
        raise ValueError(f"{moment.isoformat()} says no time zone; working time is reckoned between aware moments")
    return moment.astimezone(UTC)
