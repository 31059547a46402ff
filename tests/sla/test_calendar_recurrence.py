"""Rules of recurrence, beside dateutil's, and in bounded work where dateutil's would never end."""

import time
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from dateutil.rrule import DAILY, MONTHLY, WEEKLY, YEARLY, rrule, weekday
from hypothesis import given, settings
from hypothesis import strategies as st

from sla.errors import InvalidCalendar
from sla.recurrence import WEEKDAYS, Budget, Rule

FREQUENCIES = {"DAILY": DAILY, "WEEKLY": WEEKLY, "MONTHLY": MONTHLY, "YEARLY": YEARLY}
PLENTY = 1_000_000


def few(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=1, max_size=3, unique=True)


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """An RRULE's parts, those that are empty left out; none that never comes true, of which dateutil makes no end."""
    period = draw(st.sampled_from(sorted(FREQUENCIES)))
    by_months = period in ("MONTHLY", "YEARLY")
    nth = draw(st.sampled_from(["", "1", "2", "5", "-1", "-2"] if by_months else [""]))  # a mixture dateutil misreads
    interval = draw(st.integers(1, 5))
    parts: dict[str, Any] = {"FREQ": [period], "INTERVAL": [interval], "WKST": [draw(st.sampled_from(WEEKDAYS))]}
    by = draw(st.sampled_from(["", "BYMONTHDAY", "BYDAY", "BYYEARDAY"]))
    if by == "BYMONTHDAY":
        parts[by] = draw(few(st.sampled_from([1, 2, 13, 28, 29, -1, -2, -28])))
    if by == "BYDAY":
        parts[by] = [f"{nth}{one}" for one in draw(few(st.sampled_from(WEEKDAYS)))]
        if by_months and not nth and draw(st.booleans()):
            parts["BYSETPOS"] = draw(few(st.sampled_from([1, 2, -1, -3])))
    if by == "BYYEARDAY" and period == "YEARLY":
        parts[by] = draw(few(st.sampled_from([1, 60, 100, 365, -1, -365])))
    elif period != "MONTHLY" or interval == 1:
        parts |= draw(st.just({}) | few(st.integers(1, 12)).map(lambda months: {"BYMONTH": months}))
    return parts | draw(st.just({}) | st.integers(1, 40).map(lambda times: {"COUNT": [times]}))


@settings(max_examples=100)
@given(
    parts=rules(),
    first=st.dates(date(2014, 1, 1), date(2018, 12, 31)),
    ends=st.none() | st.dates(date(2016, 1, 1), date(2024, 1, 1)),
)
def test_the_days_are_those_of_dateutil(parts: dict[str, Any], first: date, ends: date | None) -> None:
    if "COUNT" in parts:
        ends = None
    since, until = date(2017, 1, 1), date(2021, 12, 31)

    found = list(Rule.read(parts, until=ends).days(first, since=since, until=until, budget=Budget(PLENTY)))

    assert found == _by_dateutil(parts, first, ends, since, until)


def _by_dateutil(parts: dict[str, Any], first: date, ends: date | None, since: date, until: date) -> list[date]:
    weekdays = [
        weekday(WEEKDAYS.index(one[-2:]), int(one[:-2]) if one[:-2] else None) for one in parts.get("BYDAY", ())
    ]
    rule = rrule(
        FREQUENCIES[parts["FREQ"][0]],
        dtstart=datetime(first.year, first.month, first.day),  # noqa: DTZ001 - a date
        interval=parts["INTERVAL"][0],
        wkst=WEEKDAYS.index(parts["WKST"][0]),
        count=parts.get("COUNT", [None])[0],
        until=datetime(ends.year, ends.month, ends.day) if ends else None,  # noqa: DTZ001 - a date
        bymonth=parts.get("BYMONTH"),
        bymonthday=parts.get("BYMONTHDAY"),
        byyearday=parts.get("BYYEARDAY"),
        byweekday=weekdays or None,
        bysetpos=parts.get("BYSETPOS"),
    )
    begin, end = (datetime(day.year, day.month, day.day) for day in (since, until))  # noqa: DTZ001 - dates
    return [one.date() for one in rule.between(begin, end, inc=True)]


@pytest.mark.parametrize(
    "parts",
    [
        {"FREQ": ["YEARLY"], "BYMONTH": [2], "BYMONTHDAY": [30]},
        {"FREQ": ["DAILY"], "BYMONTH": [2], "BYMONTHDAY": [31]},
        {"FREQ": ["MONTHLY"], "BYMONTHDAY": [31], "BYMONTH": [4], "COUNT": [2_000_000_000]},
        {"FREQ": ["YEARLY"], "INTERVAL": [2_000_000_000]},
        {"FREQ": ["WEEKLY"], "INTERVAL": [2_000_000_000]},
        {"FREQ": ["DAILY"], "INTERVAL": [2_000_000_000]},
    ],
)
def test_a_rule_that_never_comes_true_ends(parts: dict[str, Any]) -> None:
    found = Rule.read(parts, until=None).days(
        date(2016, 1, 2), since=date(2017, 1, 1), until=date(2031, 12, 31), budget=Budget(20_000)
    )

    assert list(found) == []


def test_work_is_bounded() -> None:
    started = time.process_time()
    forever = Rule.read({"FREQ": ["DAILY"], "COUNT": [2_000_000_000]}, until=None)

    with pytest.raises(InvalidCalendar, match="too often"):
        list(forever.days(date.min, since=date(2026, 1, 1), until=date(2031, 1, 1), budget=Budget(100_000)))
    assert time.process_time() - started < 5


def test_days_long_ago_cost_nothing_when_they_are_not_counted() -> None:
    budget = Budget(40)

    found = list(
        Rule.read({"FREQ": ["DAILY"]}, until=None).days(
            date(1, 1, 1), since=date(2026, 1, 1), until=date(2026, 1, 31), budget=budget
        )
    )

    assert found == [date(2026, 1, 1) + timedelta(days=passed) for passed in range(31)]


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"FREQ": ["SECONDLY"]},
        {"FREQ": ["MINUTELY"]},
        {"FREQ": ["HOURLY"], "INTERVAL": [24]},
        {"FREQ": ["DAILY"], "INTERVAL": [0]},
        {"FREQ": ["DAILY"], "COUNT": [-1]},
        {"FREQ": ["DAILY"], "BYHOUR": [1]},
        {"FREQ": ["YEARLY"], "BYWEEKNO": [20]},
        {"FREQ": ["YEARLY"], "BYMONTH": [13]},
        {"FREQ": ["YEARLY"], "BYMONTHDAY": [0]},
        {"FREQ": ["MONTHLY"], "BYDAY": ["XX"]},
        {"FREQ": ["MONTHLY"], "BYDAY": ["1"]},
    ],
    ids=str,
)
def test_a_rule_that_makes_no_sense_is_refused(parts: dict[str, Any]) -> None:
    with pytest.raises(InvalidCalendar):
        Rule.read(parts, until=None)
