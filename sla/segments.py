"""Lay one year of a calendar out as segments of open time in UTC, so that questions about it are two bisections. Pure.

Wall times become moments as a clock on the desk's wall would have it: a time that the change to summer time skips is
the moment of the change, a time that comes twice in autumn is the first of the two.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sla.definition import MIDNIGHT, Spans

NOTHING = timedelta(0)
DAY = timedelta(days=1)

Segment = tuple[datetime, datetime]  # opening and closing, UTC, half-open


@dataclass(frozen=True, slots=True)
class Year:
    """The open segments of one UTC year, in order, neither touching nor overlapping, cut at its two ends.

    `before[i]` and `after[i]` are the year's open time until segment i opens and closes; `total` is all of it.
    """

    opens: list[datetime]
    closes: list[datetime]
    before: list[timedelta]
    after: list[timedelta]
    total: timedelta

    def open_until(self, moment: datetime) -> timedelta:
        """Return the year's open time before `moment`, which is UTC and of this year."""
        index = bisect_right(self.opens, moment) - 1
        if index < 0:
            return NOTHING
        if moment >= self.closes[index]:
            return self.after[index]
        return self.before[index] + (moment - self.opens[index])

    def moment_after(self, worked: timedelta) -> datetime:
        """Return the first moment when `worked` of the year's open time is over; 0 < `worked` <= `total`."""
        index = bisect_left(self.after, worked)
        return self.opens[index] + (worked - self.before[index])

    def segments_from(self, moment: datetime) -> Iterator[Segment]:
        """Yield the segments that close after `moment`, whole."""
        index = bisect_right(self.closes, moment)
        yield from zip(self.opens[index:], self.closes[index:], strict=True)


def lay_out(year: int, zone: ZoneInfo, weekly: tuple[Spans, ...], exceptions: Mapping[date, Spans]) -> Year:
    """Return the open segments of a UTC year; `weekly` is Monday first."""
    first, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    opens: list[datetime] = []
    closes: list[datetime] = []
    # New Year comes up to 14 hours earlier elsewhere, and up to 12 later, to a night that began the day before.
    for opening, closing in _segments(first.date() - 2 * DAY, end.date(), zone, weekly, exceptions):
        opening, closing = max(opening, first), min(closing, end)
        if opening >= closing:
            continue
        if closes and opening <= closes[-1]:
            closes[-1] = max(closes[-1], closing)
        else:
            opens.append(opening)
            closes.append(closing)
    return _summed(opens, closes)


def _summed(opens: list[datetime], closes: list[datetime]) -> Year:
    before, after, total = [], [], NOTHING
    for opening, closing in zip(opens, closes, strict=True):
        before.append(total)
        total += closing - opening
        after.append(total)
    return Year(opens, closes, before, after, total)


def _segments(
    first: date, last: date, zone: ZoneInfo, weekly: tuple[Spans, ...], exceptions: Mapping[date, Spans]
) -> Iterable[Segment]:
    """Yield the open segments that begin on the local dates from `first` to `last`, in order.

    A span belongs to the date on which it opens; but a date with an exception is open as that exception says and not
    otherwise, so that what runs into it over midnight ends there.
    """
    day = first
    while day <= last:
        spans = exceptions.get(day, weekly[day.weekday()])
        for opening, closing in spans:
            stays = closing <= MIDNIGHT or day + DAY not in exceptions
            yield _moment(day, opening, zone), _moment(day, closing if stays else MIDNIGHT, zone)
        day += DAY


def _moment(day: date, seconds: int, zone: ZoneInfo) -> datetime:
    """Return the moment when the wall clock shows `seconds` after the date's midnight."""
    wall = datetime.combine(day, time.min, zone) + timedelta(seconds=seconds)
    moment = wall.astimezone(UTC)
    return moment if moment.astimezone(zone) == wall else _moment_of_change(wall, zone)


def _moment_of_change(skipped: datetime, zone: ZoneInfo) -> datetime:
    """Return when the wall clock jumped over the time that it never showed."""
    before, after = skipped.replace(fold=1).astimezone(UTC), skipped.astimezone(UTC)
    old_offset = before.astimezone(zone).utcoffset()
    gap = int((after - before).total_seconds())
    return before + timedelta(
        seconds=bisect_left(
            range(gap),
            True,
            key=lambda passed: (before + timedelta(seconds=passed)).astimezone(zone).utcoffset() != old_offset,
        )
    )
