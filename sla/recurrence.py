"""Follow the recurrence rule of a calendar's event (RFC 5545, 3.3.10) day by day, in bounded work. Pure.

dateutil's rrule is not used because a hostile rule, such as one for 30 February, keeps it busy until the year 9999.
Here every day that is looked at is paid for from a budget. What days need not know is refused: rules by the hour or
finer, and weeks by their number.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from typing import Any, Self

from sla.errors import InvalidCalendar

DAY = timedelta(days=1)
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
PERIODS = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
REFUSED = ("BYHOUR", "BYMINUTE", "BYSECOND", "BYWEEKNO", "BYEASTER", "RSCALE", "SKIP")

NthWeekday = tuple[int, int]  # which one of its month or year, from the end when negative, 0: every one; Monday is 0


@dataclass
class Budget:
    """How many more days may be looked at."""

    left: int

    def spend(self, days: int) -> None:
        """Raise InvalidCalendar when there are no more."""
        self.left -= days
        if self.left < 0:
            raise InvalidCalendar("the events of this calendar repeat too often to be followed")


@dataclass(frozen=True)
class Rule:
    """When something happens again. What is empty does not matter."""

    period: str
    interval: int = 1
    count: int | None = None
    until: date | None = None  # inclusive
    months: frozenset[int] = frozenset()
    days_of_month: frozenset[int] = frozenset()  # from the end when negative
    days_of_year: frozenset[int] = frozenset()
    weekdays: frozenset[NthWeekday] = frozenset()
    positions: frozenset[int] = frozenset()  # among the days of one period
    week_start: int = 0

    @classmethod
    def read(cls, parts: Mapping[str, Sequence[Any]], *, until: date | None) -> Self:
        """Return the rule of an RRULE's parts, each a list; `until` is UNTIL as a date. Raises InvalidCalendar."""
        period = str(next(iter(parts.get("FREQ", ())), "")).upper()
        if period not in PERIODS:
            raise InvalidCalendar(f"a rule by {period or 'nothing'} is not followed; {', '.join(PERIODS)} are")
        if refused := [part for part in REFUSED if part in parts]:
            raise InvalidCalendar(f"rules with {refused[0]} are not followed")
        return cls(
            period=period,
            interval=_whole(parts, "INTERVAL") or 1,
            count=_whole(parts, "COUNT"),
            until=until,
            months=_numbers(parts, "BYMONTH", 1, 12),
            days_of_month=_numbers(parts, "BYMONTHDAY", -31, 31),
            days_of_year=_numbers(parts, "BYYEARDAY", -366, 366),
            weekdays=frozenset(_weekday(one, period) for one in parts.get("BYDAY", ())),
            positions=_numbers(parts, "BYSETPOS", -366, 366),
            week_start=_weekday(next(iter(parts.get("WKST", ("MO",)))), "WEEKLY")[1],
        )

    def days(self, first: date, *, since: date, until: date, budget: Budget) -> Iterator[date]:
        """Yield the days from `since` to `until`, both included, of what happens on `first` for the first time."""
        last = until if self.until is None else min(until, self.until)
        rule, happened = self._completed(first), 0
        for number in count(0 if self.count else self._skipped(first, since)):
            begin, end = rule._period(first, number)
            if begin > last:
                return
            budget.spend((end - begin).days + 1)
            for day in rule._matching(begin, end):
                if day < first:
                    continue
                happened += 1
                if day > last or (self.count and happened > self.count):
                    return
                if day >= since:
                    yield day

    def _completed(self, first: date) -> "Rule":
        """Return the rule with what it leaves open taken from the first day."""
        says = self.days_of_month or self.days_of_year or self.weekdays
        if says or self.period == "DAILY":
            return self
        if self.period == "WEEKLY":
            return self._with(weekdays=frozenset({(0, first.weekday())}))
        months = self.months or (frozenset({first.month}) if self.period == "YEARLY" else self.months)
        return self._with(months=months, days_of_month=frozenset({first.day}))

    def _with(self, **changed: Any) -> "Rule":
        return Rule(**{**self.__dict__, **changed})

    def _skipped(self, first: date, since: date) -> int:
        """Return how many periods end before `since`, so that nothing need be known of them."""
        passed = {
            "DAILY": (since - first).days - 1,
            "WEEKLY": (since - first).days // 7 - 1,
            "MONTHLY": (since.year - first.year) * 12 + since.month - first.month - 1,
            "YEARLY": since.year - first.year - 1,
        }[self.period]
        return max(0, passed // self.interval)

    def _period(self, first: date, number: int) -> tuple[date, date]:
        """Return the first and the last day of a period, counted from that of the first day."""
        steps = number * self.interval
        if self.period == "DAILY":
            day = _after(first, steps)
            return day, day
        if self.period == "WEEKLY":
            begin = _after(first, steps * 7 - (first.weekday() - self.week_start) % 7)
            return begin, _after(begin, 6)
        if self.period == "MONTHLY":
            return _month(first.year, first.month + steps)
        return _month(first.year + steps, min(self.months, default=1))[0], _month(
            first.year + steps, max(self.months, default=12)
        )[1]

    def _matching(self, begin: date, end: date) -> list[date]:
        days = [day for day in _each(begin, end) if self._has(day)]
        if not self.positions:
            return days
        wanted = {one - 1 if one > 0 else len(days) + one for one in self.positions}
        return [day for position, day in enumerate(days) if position in wanted]

    def _has(self, day: date) -> bool:
        if self.months and day.month not in self.months:
            return False
        if self.days_of_month and not _is_nth(day.day, _month(day.year, day.month)[1].day, self.days_of_month):
            return False
        if self.days_of_year and not _is_nth(_in_year(day), _in_year(date(day.year, 12, 31)), self.days_of_year):
            return False
        return not self.weekdays or any(
            weekday == day.weekday() and (nth == 0 or nth in self._nths(day)) for nth, weekday in self.weekdays
        )

    def _nths(self, day: date) -> tuple[int, int]:
        """Return which one of its weekday the day is, from the beginning and from the end of its month or year."""
        if self.period == "YEARLY" and not self.months:
            position, length = _in_year(day), _in_year(date(day.year, 12, 31))
        else:
            position, length = day.day, _month(day.year, day.month)[1].day
        return (position - 1) // 7 + 1, -((length - position) // 7 + 1)


def _whole(parts: Mapping[str, Sequence[Any]], name: str) -> int | None:
    found = next(iter(parts.get(name, ())), None)
    if found is not None and not (isinstance(found, int) and found > 0):
        raise InvalidCalendar(f"{name} of a rule must be a whole number above 0, not {found!r}")
    return found


def _numbers(parts: Mapping[str, Sequence[Any]], name: str, least: int, most: int) -> frozenset[int]:
    found = parts.get(name, ())
    if not all(isinstance(one, int) and least <= one <= most and one != 0 for one in found):
        raise InvalidCalendar(f"{name} of a rule makes no sense: {', '.join(map(str, found))[:80]}")
    return frozenset(map(int, found))


def _weekday(text: Any, period: str) -> NthWeekday:
    word = str(text).upper()
    nth, name = word[:-2], word[-2:]
    try:
        number = int(nth or 0)
        weekday = WEEKDAYS.index(name)
    except ValueError:
        raise InvalidCalendar(f"a rule names a weekday {word[:20]!r}, which there is not") from None
    return (number if period in ("MONTHLY", "YEARLY") else 0), weekday


def _is_nth(position: int, length: int, wanted: frozenset[int]) -> bool:
    return position in wanted or position - length - 1 in wanted


def _in_year(day: date) -> int:
    return day.timetuple().tm_yday


def _month(year: int, month: int) -> tuple[date, date]:
    """Return the first and the last day of a month; `month` may lie beyond December."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    if year >= date.max.year:
        return date.max, date.max
    first = date(year, month, 1)
    following = date(year + month // 12, month % 12 + 1, 1)
    return first, following - DAY


def _after(day: date, days: int) -> date:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return date.max if days > 0 else date.min


def _each(begin: date, end: date) -> Iterator[date]:
    for passed in range((end - begin).days + 1):
        yield begin + timedelta(days=passed)
