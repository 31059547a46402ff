"""Cut time into the hours, days, weeks and months of a time zone, in SQL and outside.

SQLite knows no zones and PostgreSQL may know other ones than we do, so both are told by how much the clock on the wall
differs from UTC, and since when.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Double, Integer, case, cast, func

from ticketing.store import BIG, dialect

HOUR, DAY, WEEK = 3600, 86_400, 7 * 86_400
STEP = 6 * HOUR  # no zone changes its offset twice within it
HOURS_A_WEEK = 168
THURSDAY = 72  # hours after the beginning of a week: 1970-01-01
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Wall:
    """How the clock on a zone's wall goes during a span: `offsets[i]` seconds before UTC from `since[i]` on.

    Moments are whole seconds since 1970; the first offset holds from the beginning of the span.
    """

    zone: ZoneInfo
    since: tuple[int, ...]
    offsets: tuple[int, ...]

    @classmethod
    def of(cls, zone: ZoneInfo, begins: datetime, ends: datetime) -> "Wall":
        """Return how it goes from one moment to another."""
        moments = [*range(seconds(begins), seconds(ends), STEP), seconds(ends)]
        changes = [
            _change(zone, early, late)
            for early, late in pairwise(moments)
            if _offset(zone, early) != _offset(zone, late)
        ]
        since = (moments[0], *changes)
        return cls(zone, since, tuple(_offset(zone, one) for one in since))

    def shows(self, second: int) -> int:
        """Return what the wall shows at a second, as seconds since its own 1970."""
        return second + self.offsets[max(0, bisect_right(self.since, second) - 1)]

    def next_change(self, second: int) -> int:
        """Return when the offset next changes after a second; far away if it does not."""
        place = bisect_right(self.since, second)
        return self.since[place] if place < len(self.since) else second + WEEK

    def hour_of_week(self, second: int) -> int:
        """Return the hour of the week, 0 to 167, Monday's first hour being 0."""
        return (self.shows(second) // HOUR + THURSDAY) % HOURS_A_WEEK

    def shown(self, moment: Any) -> ColumnElement[int]:
        """Return what the wall shows at a column's moment, in whole seconds."""
        first, *others = self.offsets
        if not others:
            return epoch(moment) + first
        changes = [datetime.fromtimestamp(one, UTC) for one in self.since[1:]]
        offset = case(
            *((moment < until, before) for until, before in zip(changes, self.offsets, strict=False)),
            else_=self.offsets[-1],
        )
        return epoch(moment) + cast(offset, BIG)


def seconds(moment: datetime) -> int:
    """Return a moment as whole seconds since 1970."""
    return int(moment.timestamp() // 1)


def epoch(moment: Any) -> ColumnElement[int]:
    """Return a column's moment as whole seconds since 1970."""
    if dialect() == "postgresql":
        return cast(func.floor(_epoch(moment)), BIG)
    # Without the fraction: SQLite would round to milliseconds, perhaps into the next day.
    return cast(func.strftime("%s", func.substr(moment, 1, 19)), Integer)


def microseconds_between(begins: Any, ends: Any) -> ColumnElement[int]:
    """Return the time from one column's moment to another's."""
    if dialect() == "postgresql":
        return cast(_epoch(ends - begins) * 1_000_000, BIG)
    return _microseconds(ends) - _microseconds(begins)


def _epoch(value: Any) -> Any:
    """Return seconds as a double, exact to the microsecond for centuries; EXTRACT's numeric is slow."""
    return func.date_part("epoch", value, type_=Double())


def _microseconds(moment: Any) -> ColumnElement[int]:
    return epoch(moment) * 1_000_000 + cast(func.substr(moment, 21, 6), Integer)


def day_number(wall: Wall, moment: Any) -> ColumnElement[int]:
    """Return the local day of a column's moment; `day_of` says which one it is."""
    return wall.shown(moment) // DAY


def week_number(wall: Wall, moment: Any) -> ColumnElement[int]:
    """Return the local week, Monday first, of a column's moment; `week_of` says which one it is."""
    return (wall.shown(moment) // DAY + 3) // 7


def month_number(wall: Wall, moment: Any, begins: datetime, ends: datetime) -> ColumnElement[int]:
    """Return the local month of a column's moment between two; `month_of` says which one it is."""
    number, last = _month(begins.astimezone(wall.zone)), _month(ends.astimezone(wall.zone))
    branches = []
    while number < last:
        end = datetime.combine(month_of(number + 1), datetime.min.time(), wall.zone).astimezone(UTC)
        branches.append((moment < end, number))
        number += 1
    return cast(case(*branches, else_=last), BIG) if branches else cast(last, BIG)


def day_of(number: int) -> date:
    """Return a day by its number."""
    return EPOCH + timedelta(days=number)


def week_of(number: int) -> date:
    """Return the Monday of a week by its number."""
    return EPOCH + timedelta(days=7 * number - 3)


def month_of(number: int) -> date:
    """Return the first day of a month by its number."""
    return date(number // 12, number % 12 + 1, 1)


def _month(local: datetime) -> int:
    return local.year * 12 + local.month - 1


def _offset(zone: ZoneInfo, second: int) -> int:
    offset = datetime.fromtimestamp(second, zone).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def _change(zone: ZoneInfo, early: int, late: int) -> int:
    """Return the first second after `early` at which the zone's offset is that of `late`."""
    wanted = _offset(zone, late)
    return early + bisect_left(range(late - early), True, key=lambda passed: _offset(zone, early + passed) == wanted)
