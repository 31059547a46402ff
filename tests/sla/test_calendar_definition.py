"""A calendar's definition is read as people write it, and refused in sentences."""

from datetime import date
from typing import Any

import pytest

from sla.definition import MOST_EXCEPTIONS, MOST_SPANS_A_DAY
from sla.errors import InvalidCalendar
from sla.hours import BusinessHours

NINE_TO_FIVE = (9 * 3600, 17 * 3600)


def monday(*spans: list[str]) -> dict[str, Any]:
    return {"time_zone": "UTC", "weekly": {"mon": list(spans)}}


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        pytest.param([["09:00", "17:00"]], (NINE_TO_FIVE,), id="one span"),
        pytest.param([["13:00", "17:00"], ["09:00", "12:00"]], ((32400, 43200), (46800, 61200)), id="put in order"),
        pytest.param([["09:00", "12:00"], ["12:00", "17:00"]], ((32400, 43200), (43200, 61200)), id="two that touch"),
        pytest.param([["00:00", "24:00"]], ((0, 86400),), id="a whole day"),
        pytest.param([["22:00", "06:00"]], ((79200, 108000),), id="over midnight"),
        pytest.param([["22:00", "00:00"]], ((79200, 86400),), id="until midnight, written 00:00"),
        pytest.param([["09:00:30", "09:00:31"]], ((32430, 32431),), id="to the second"),
        pytest.param([], (), id="closed"),
    ],
)
def test_a_day_is_read(spans: list[list[str]], expected: tuple[tuple[int, int], ...]) -> None:
    assert BusinessHours.from_dict(monday(*spans)).weekly[0] == expected


def test_a_day_left_out_is_closed() -> None:
    assert BusinessHours.from_dict(monday(["09:00", "17:00"])).weekly == ((NINE_TO_FIVE,), (), (), (), (), (), ())


def test_the_nearer_word_beats_the_farther() -> None:
    layers: dict[str, Any] = {
        "yearly": {"12-24": [["10:00", "11:00"]], "12-25": [], "12-26": {"spans": [], "name": "Boxing Day"}},
        "imported": {
            "2026-12-25": {"spans": [["12:00", "13:00"]], "name": "Christmas Day", "source": "holidays:CA"},
            "2026-12-26": {"spans": [["14:00", "15:00"]], "source": "holidays:CA"},
        },
        "exceptions": {"2026-12-26": [["16:00", "17:00"]], "2026-12-25": {"spans": [], "name": "Christmas at home"}},
    }
    weekly = {day: [["09:00", "10:00"]] for day in ("thu", "fri", "sat")}

    told = []
    for kept in ([], ["yearly"], ["yearly", "imported"], ["yearly", "imported", "exceptions"]):
        hours = BusinessHours.from_dict({"time_zone": "UTC", "weekly": weekly} | {key: layers[key] for key in kept})
        told.append([_told(hours, date(2026, 12, day)) for day in (24, 25, 26)])

    assert told == [
        [("09", ""), ("09", ""), ("09", "")],
        [("10", ""), ("closed", ""), ("closed", "Boxing Day")],
        [("10", ""), ("12", "Christmas Day"), ("14", "Boxing Day")],
        [("10", ""), ("closed", "Christmas at home"), ("16", "Boxing Day")],
    ]


def _told(hours: BusinessHours, day: date) -> tuple[str, str]:
    spans = hours.spans_of(day)
    return f"{spans[0][0] // 3600:02d}" if spans else "closed", hours.name_of(day)


def test_an_exception_without_a_name_keeps_that_of_the_holiday() -> None:
    hours = BusinessHours.from_dict(
        {
            "time_zone": "UTC",
            "imported": {"2026-12-25": {"spans": [], "name": " Christmas Day "}},
            "exceptions": {"2026-12-25": [["09:00", "12:00"]]},
        }
    )

    assert hours.spans_of(date(2026, 12, 25)) == ((32400, 43200),)
    assert hours.name_of(date(2026, 12, 25)) == "Christmas Day"


def test_the_29th_of_february_comes_in_leap_years() -> None:
    hours = BusinessHours.from_dict({"time_zone": "UTC", "yearly": {"02-29": [["10:00", "12:00"]]}})

    opens = [hours.year(year).total.total_seconds() / 3600 for year in (1900, 2000, 2024, 2026, 2028, 2100)]

    assert opens == [0, 2, 2, 0, 2, 0]


@pytest.mark.parametrize(
    ("definition", "sentence"),
    [
        pytest.param({}, "needs a time_zone", id="no zone"),
        pytest.param({"time_zone": 5}, "needs a time_zone", id="a number for a zone"),
        pytest.param({"time_zone": "Europe/Atlantis"}, "no IANA time zone", id="no such zone"),
        pytest.param({"time_zone": "Europe"}, "no IANA time zone", id="half a zone"),
        pytest.param({"time_zone": "../etc/passwd"}, "no IANA time zone", id="a path for a zone"),
        pytest.param({"time_zone": "U\0TC"}, "no IANA time zone", id="a zone with a null"),
        pytest.param({"time_zone": "UTC", "weekly": []}, "weekly must be an object", id="weekly is a list"),
        pytest.param({"time_zone": "UTC", "feasts": []}, "no feasts; it has exceptions", id="an unknown key"),
        pytest.param({"time_zone": "UTC", "weekly": {"monday": []}}, "no day monday", id="an unknown day"),
        pytest.param({"time_zone": "UTC", "exceptions": {"25.12.": []}}, "no date", id="a date of another kind"),
        pytest.param({"time_zone": "UTC", "exceptions": {"20261225": []}}, "no date", id="a date without its strokes"),
        pytest.param({"time_zone": "UTC", "exceptions": {"2026-02-30": []}}, "no date", id="a date that never comes"),
        pytest.param({"time_zone": "UTC", "weekly": {"mon": "09:00"}}, "list of spans", id="a day that is no list"),
        pytest.param(monday(["09:00"]), "no span", id="half a span"),
        pytest.param(monday(["9:00", "17:00"]), "'9:00' is no time of day", id="a short hour"),
        pytest.param(monday(["09:00", "17.00"]), "'17.00' is no time of day", id="a point for a colon"),
        pytest.param(monday(["25:00", "26:00"]), "'25:00' is no time of day", id="an hour too many"),
        pytest.param(monday(["09:60", "17:00"]), "'09:60' is no time of day", id="sixty minutes"),
        pytest.param(monday(["09:00", "24:01"]), "'24:01' is no time of day", id="after midnight"),
        pytest.param(monday(["09:00", 17]), "17 is no time of day", id="a number for a time"),  # type: ignore[list-item]
        pytest.param(monday(["24:00", "06:00"]), "cannot open at 24:00", id="opens at the end of the day"),
        pytest.param(monday(["09:00", "09:00"]), "is empty", id="an empty span"),
        pytest.param(monday(["09:00", "12:00"], ["11:00", "17:00"]), "overlap from 11:00 until 12:00", id="overlap"),
        pytest.param(monday(["22:00", "06:00"], ["23:00", "24:00"]), "overlap from 23:00 until 06:00", id="at night"),
        pytest.param(
            {"time_zone": "UTC", "weekly": {"mon": [["22:00", "06:00"]], "tue": [["05:00", "12:00"]]}},
            "runs over midnight into tue's span from 05:00",
            id="overlap with the next day",
        ),
        pytest.param(
            {"time_zone": "UTC", "weekly": {"sun": [["22:00", "06:00"]], "mon": [["05:30", "12:00"]]}},
            "runs over midnight into mon's span from 05:30",
            id="overlap of the week's end with its start",
        ),
        pytest.param(monday(*[["09:00", "17:00"]] * (MOST_SPANS_A_DAY + 1)), "at most 48 spans", id="too many spans"),
        pytest.param(
            {"time_zone": "UTC", "exceptions": {str(n): [] for n in range(MOST_EXCEPTIONS + 1)}},
            "at most 5000 dates",
            id="too many exceptions",
        ),
        pytest.param({"time_zone": "UTC", "yearly": {"2026-12-25": []}}, "no day of the year", id="a year in yearly"),
        pytest.param({"time_zone": "UTC", "yearly": {"02-30": []}}, "no day of the year", id="a day that never comes"),
        pytest.param({"time_zone": "UTC", "yearly": {"1-1": []}}, "no day of the year", id="a short day of the year"),
        pytest.param(
            {"time_zone": "UTC", "yearly": {"01-01": "x"}}, "list of spans", id="a yearly day that is no list"
        ),
        pytest.param({"time_zone": "UTC", "imported": {"x": []}}, "imported: 'x' is no date", id="imported nonsense"),
        pytest.param({"time_zone": "UTC", "exceptions": {"2026-12-25": {}}}, "spans and a name", id="no spans"),
        pytest.param(
            {"time_zone": "UTC", "exceptions": {"2026-12-25": {"spans": [], "colour": "red"}}},
            "spans and a name",
            id="a day with something else",
        ),
        pytest.param(
            {"time_zone": "UTC", "exceptions": {"2026-12-25": {"spans": [], "name": "x" * 201}}},
            "at most 200 characters",
            id="an endless name",
        ),
        pytest.param(
            {"time_zone": "UTC", "exceptions": {"2026-12-25": {"spans": [], "name": 5}}}, "a text", id="a number's name"
        ),
    ],
)
def test_nonsense_is_refused_in_a_sentence(definition: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidCalendar, match=sentence):
        BusinessHours.from_dict(definition)
