"""A calendar's definition is read as people write it, and refused in sentences."""

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
        pytest.param({"time_zone": "UTC", "holidays": []}, "no holidays; it has exceptions", id="an unknown key"),
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
    ],
)
def test_nonsense_is_refused_in_a_sentence(definition: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidCalendar, match=sentence):
        BusinessHours.from_dict(definition)
