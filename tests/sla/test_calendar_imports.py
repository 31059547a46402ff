"""What holidays, files and feeds say, put together as the days that a calendar imports."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sla import imports
from sla.errors import InvalidCalendar
from sla.hours import BusinessHours, elapsed
from sla.ical import WHOLE_DAY, Closed
from sla.public_holidays import Choice, countries, region_of, years_around

HOUR = 3600
NINE_TO_FIVE = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
NIGHTS = {day: [["22:00", "06:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
MONDAY = date(2026, 3, 2)


def closed(*parts: tuple[float, float], name: str = "") -> Closed:
    return Closed(tuple((int(a * HOUR), int(b * HOUR)) for a, b in parts) or (WHOLE_DAY,), name)


def opened(weekly: dict[str, Any], said: imports.Said, **more: Any) -> dict[str, Any]:
    """The spans of each imported date."""
    definition = {"time_zone": "UTC", "weekly": weekly, **more}
    found = imports.imported(said, BusinessHours.from_dict(definition))
    BusinessHours.from_dict({**definition, "imported": found})  # it can be read
    return {day: words["spans"] for day, words in found.items()}


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param([], [], id="the whole day"),
        pytest.param([(14, 16)], [["09:00", "14:00"], ["16:00", "17:00"]], id="in the middle"),
        pytest.param([(8, 10)], [["10:00", "17:00"]], id="the beginning"),
        pytest.param([(12, 24)], [["09:00", "12:00"]], id="the rest of the day"),
        pytest.param([(0, 9), (17, 24)], [["09:00", "17:00"]], id="when it is closed anyway"),
        pytest.param([(9, 12), (13, 17)], [["12:00", "13:00"]], id="all but lunch"),
    ],
)
def test_what_is_closed_is_taken_out_of_the_day(parts: list[tuple[float, float]], expected: list[list[str]]) -> None:
    assert opened(NINE_TO_FIVE, {"ical:x": {MONDAY: closed(*parts)}}) == {"2026-03-02": expected}


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param([], {"2026-03-02": []}, id="the whole day, so its night too"),
        pytest.param(
            [(2, 4)],
            {
                "2026-03-02": [["00:00", "02:00"], ["04:00", "06:00"], ["22:00", "06:00"]],
                "2026-03-03": [["00:00", "06:00"], ["22:00", "06:00"]],
            },
            id="in the night that began the day before",
        ),
        pytest.param(
            [(21, 24)],
            {"2026-03-02": [["00:00", "06:00"]], "2026-03-03": [["00:00", "06:00"], ["22:00", "06:00"]]},
            id="until midnight, and then the night goes on",
        ),
    ],
)
def test_nights_are_kept_whole(parts: list[tuple[float, float]], expected: dict[str, Any]) -> None:
    assert opened(NIGHTS, {"ical:x": {MONDAY: closed(*parts)}}) == expected


def test_several_sources_close_together_and_the_whole_day_gives_the_name() -> None:
    said = {
        "feed:1": {MONDAY: closed((9, 10), name="Meeting"), date(2026, 3, 3): closed((9, 10), name="Meeting")},
        "holidays:CA": {MONDAY: closed(name="A holiday")},
        "ical:Works": {date(2026, 3, 3): closed((10, 12), name="Works")},
    }
    hours = BusinessHours.from_dict({"time_zone": "UTC", "weekly": NINE_TO_FIVE})

    found = imports.imported(said, hours)

    assert found == {
        "2026-03-02": {"spans": [], "name": "A holiday", "source": "holidays:CA"},
        "2026-03-03": {"spans": [["12:00", "17:00"]], "name": "Meeting", "source": "feed:1"},
    }


def test_what_is_stored_is_what_was_said() -> None:
    days = {MONDAY: closed((9, 10.5), (21, 24), name="Works"), date(2026, 3, 3): closed(name="Off")}

    assert imports.said_by({"ical:x": imports.kept(days)}) == {"ical:x": days}


@st.composite
def closings(draw: st.DrawFn) -> dict[date, Closed]:
    days = draw(st.lists(st.integers(0, 6), min_size=1, max_size=4, unique=True))
    found = {}
    for number in days:
        edges = sorted(draw(st.lists(st.integers(0, 24), min_size=2, max_size=4, unique=True)))
        parts = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=False)]
        found[MONDAY + timedelta(days=number)] = closed(*parts) if draw(st.booleans()) else closed()
    return found


@settings(max_examples=60)
@given(days=closings(), weekly=st.sampled_from([NINE_TO_FIVE, NIGHTS, {**NINE_TO_FIVE, "sat": [["20:00", "10:00"]]}]))
def test_an_hour_is_open_if_it_was_and_nothing_closes_it(days: dict[date, Closed], weekly: dict[str, Any]) -> None:
    definition: dict[str, Any] = {"time_zone": "UTC", "weekly": weekly}
    before = BusinessHours.from_dict(definition)
    after = BusinessHours.from_dict({**definition, "imported": imports.imported({"ical:x": days}, before)})

    for passed in range(-24, 9 * 24):
        hour = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(hours=passed)
        was, now = (elapsed(hour, hour + timedelta(hours=1), hours) for hours in (before, after))
        assert now == (timedelta(0) if _is_closed(hour, days, weekly) else was), hour


def _is_closed(hour: datetime, days: dict[date, Closed], weekly: dict[str, Any]) -> bool:
    today, yesterday = hour.date(), hour.date() - timedelta(days=1)
    if today in days and any(a <= hour.hour * HOUR < b for a, b in days[today].parts):
        return True
    night = yesterday in days and days[yesterday].parts == (WHOLE_DAY,)  # closes the night that would begin then
    return night and any(b < a and f"{hour:%H:%M}" < b for a, b in weekly.get(f"{yesterday:%a}".lower(), ()))


def test_the_holidays_of_a_region_are_known_by_name() -> None:
    choice = Choice.read({"country": "CA", "subdivision": "QC", "language": "fr"})

    days = choice.days([2026])

    assert choice.source == "holidays:CA-QC"
    assert days[date(2026, 6, 24)] == "Fête nationale du Québec"
    assert days[date(2026, 12, 25)] == "Jour de Noël"
    assert list(days) == sorted(days)
    assert {day.year for day in days} == {2026}


def test_a_country_says_what_may_be_chosen() -> None:
    canada = region_of("CA")

    assert countries()["CA"] == "Canada"
    assert canada.subdivisions["QC"] == ["Quebec", "Québec"]
    assert "fr" in canada.languages
    assert years_around(2026) == range(2016, 2032)


@pytest.mark.parametrize(
    "words",
    [
        None,
        "CA",
        {},
        {"country": "XX"},
        {"country": "Canada"},
        {"country": 5},
        {"country": ["CA"]},
        {"country": "CA", "subdivision": "XX"},
        {"country": "CA", "subdivision": 5},
        {"country": "CA", "language": "tlh"},
        {"country": "CA", "categories": ["bank"]},
    ],
    ids=str,
)
def test_holidays_that_there_are_not_are_refused(words: Any) -> None:
    with pytest.raises(InvalidCalendar):
        Choice.read(words)


def test_every_country_has_holidays_of_a_name() -> None:
    for country in ("CA", "FR", "IL", "SA", "JP", "BR"):
        days = Choice.read({"country": country}).days([2026])

        assert days
        assert all(days.values())
