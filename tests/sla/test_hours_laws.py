"""Laws of working time that hold for every calendar, every zone and every night of the year."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from sla.hours import BusinessHours, due, elapsed, intervals

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
QUIET_ZONES = ("UTC", "Asia/Kathmandu", "Asia/Tokyo")  # their clocks never change
RESTLESS_ZONES = (
    "Africa/Cairo",
    "America/New_York",
    "America/Santiago",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Europe/Paris",
    "Pacific/Apia",
    "Pacific/Auckland",
)
NIGHTS = (None, ["22:00", "24:00"], ["22:00", "00:00"], ["23:15", "01:30"], ["22:30", "04:00"])
TURNS = ("01-01", "02-28", "02-29", "03-01", "12-31")  # of the year, and of February
QUARTER = timedelta(minutes=15)
EARLIEST = datetime(2011, 11, 1, tzinfo=UTC)
SOME_YEARS = timedelta(days=3000)
ONE_MICROSECOND = timedelta(microseconds=1)


def _time(quarters: int) -> str:
    return f"{quarters // 4:02d}:{quarters % 4 * 15:02d}"


@st.composite
def days(draw: st.DrawFn) -> list[list[str]]:
    """A day's spans: any between 04:00 and 22:00, perhaps a night that ends by 04:00, so that no two overlap."""
    edges = sorted(draw(st.lists(st.integers(16, 88), max_size=6, unique=True)))
    spans = [[_time(a), _time(b)] for a, b in zip(edges[::2], edges[1::2], strict=False)]
    night = draw(st.sampled_from(NIGHTS))
    return [*spans, night] if night else spans


@st.composite
def calendars(draw: st.DrawFn, zones: tuple[str, ...]) -> dict[str, Any]:
    """A definition that opens at least on Wednesdays."""
    weekly = {day: draw(days()) for day in DAYS}
    weekly["wed"] = weekly["wed"] or [["09:00", "17:00"]]
    dates = st.dates(EARLIEST.date(), (EARLIEST + SOME_YEARS).date()).map(str)
    days_of_the_year = st.dates(date(2012, 1, 1), date(2012, 12, 31)).map(lambda day: f"{day:%m-%d}")
    return {
        "time_zone": draw(st.sampled_from(zones)),
        "weekly": weekly,
        "exceptions": draw(st.dictionaries(dates, days(), max_size=5)),
        "imported": draw(st.dictionaries(dates, days().map(lambda spans: {"spans": spans}), max_size=5)),
        "yearly": draw(st.dictionaries(days_of_the_year | st.sampled_from(TURNS), days(), max_size=5)),
    }


every_calendar = calendars(QUIET_ZONES + RESTLESS_ZONES).map(BusinessHours.from_dict)
moments = st.timedeltas(timedelta(0), SOME_YEARS).map(lambda passed: EARLIEST + passed)
allowances = st.timedeltas(timedelta(0), timedelta(hours=400))


@given(desk=every_calendar, start=moments, allowance=allowances)
def test_what_has_passed_when_it_falls_due_is_the_allowance(
    desk: BusinessHours, start: datetime, allowance: timedelta
) -> None:
    deadline = due(start, allowance, desk)

    assert deadline >= start
    assert elapsed(start, deadline, desk) == allowance
    if allowance:
        assert elapsed(start, deadline - ONE_MICROSECOND, desk) < allowance


@given(desk=every_calendar, three=st.tuples(moments, moments, moments))
def test_working_time_adds_up(desk: BusinessHours, three: tuple[datetime, datetime, datetime]) -> None:
    first, second, third = three

    assert elapsed(first, second, desk) + elapsed(second, third, desk) == elapsed(first, third, desk)


@given(desk=every_calendar, start=moments, span=st.timedeltas(ONE_MICROSECOND, timedelta(days=500)))
def test_intervals_cover_the_time_and_add_up_to_what_has_passed(
    desk: BusinessHours, start: datetime, span: timedelta
) -> None:
    end = start + span
    found = list(intervals(start, end, desk))

    assert [opening for opening, _, _ in found] == [start, *(closing for _, closing, _ in found[:-1])]
    assert found[-1][1] == end
    assert all(opening < closing for opening, closing, _ in found)
    assert all(one[2] is not other[2] for one, other in pairwise(found))
    assert sum((b - a for a, b, is_open in found if is_open), timedelta(0)) == elapsed(start, end, desk)


@settings(max_examples=50)
@given(definition=calendars(QUIET_ZONES), start=moments, quarters=st.integers(0, 400))
def test_where_clocks_never_change_a_look_at_the_wall_every_quarter_of_an_hour_says_the_same(
    definition: dict[str, Any], start: datetime, quarters: int
) -> None:
    start = start.replace(minute=start.minute // 15 * 15, second=0, microsecond=0)
    looks = (start + number * QUARTER for number in range(quarters))

    open_quarters = sum(_is_open_by_the_wall(look, definition) for look in looks)

    assert elapsed(start, start + quarters * QUARTER, BusinessHours.from_dict(definition)) == open_quarters * QUARTER


def _is_open_by_the_wall(moment: datetime, definition: dict[str, Any]) -> bool:
    wall = moment.astimezone(ZoneInfo(definition["time_zone"]))
    today, yesterday = wall.date(), wall.date() - timedelta(days=1)
    shown = f"{wall:%H:%M}"
    if any(a <= shown and (shown < b or b <= a) for a, b in _spans_of(today, definition)):
        return True
    tails = [b for a, b in _spans_of(yesterday, definition) if b <= a]
    return _special(today, definition) is None and any(shown < b for b in tails)


def _spans_of(day: date, definition: dict[str, Any]) -> list[list[str]]:
    special = _special(day, definition)
    found: list[list[str]] = definition["weekly"][DAYS[day.weekday()]] if special is None else special
    return found


def _special(day: date, definition: dict[str, Any]) -> list[list[str]] | None:
    imported = definition["imported"].get(str(day), {}).get("spans")
    every_year = definition["yearly"].get(f"{day:%m-%d}")
    found: list[list[str]] | None = definition["exceptions"].get(
        str(day), imported if imported is not None else every_year
    )
    return found
