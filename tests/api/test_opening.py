"""Whether the line of a queue is open, and when it is again."""

from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask

from api.opening import opening_by, opening_of
from channels.phone.opening import Opening
from sla.hours import BusinessHours
from tests import make

OFFICE = {
    "time_zone": "Europe/Paris",
    "weekly": {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("definition", "moment", "is_open", "opens_at"),
    [
        (OFFICE, "2026-11-18T08:00:00", True, None),  # nine in Paris: open from the first moment on
        (OFFICE, "2026-11-18T07:59:59", False, "2026-11-18T08:00:00"),
        (OFFICE, "2026-11-18T16:00:00", False, "2026-11-19T08:00:00"),  # closed from the last moment on
        (OFFICE, "2026-11-20T20:00:00", False, "2026-11-23T08:00:00"),  # over the weekend
        ({**OFFICE, "exceptions": {"2026-11-19": []}}, "2026-11-18T18:00:00", False, "2026-11-20T08:00:00"),
        ({"time_zone": "UTC", "weekly": {}}, "2026-11-18T18:00:00", False, None),  # nobody knows
        ({"time_zone": "UTC", "weekly": {"wed": [["22:00", "24:00"]]}}, "2026-11-18T23:59:59", True, None),
    ],
)
def test_a_calendar_says_when_it_is_open(
    definition: dict[str, Any], moment: str, is_open: bool, opens_at: str | None
) -> None:
    opening = opening_by(BusinessHours.from_dict(definition), at=at(moment))

    assert opening == Opening(is_open, at(opens_at) if opens_at else None, definition["time_zone"])


NIGHT = at("2026-11-18T23:00:00")
OF_POLICY = "America/Toronto"  # those of make.calendar


def test_a_queues_own_calendar_comes_before_that_of_the_policy(sqlite_app: Flask) -> None:
    office, nights = make.calendar("Office"), make.calendar("Nights", weekly={"wed": [["12:00", "24:00"]]})
    make.policy("Phone", calendar=office.origin, conditions={"channel": ["phone"]})

    own = opening_of(make.queue("Own", settings={"calendar": nights.origin}), at=NIGHT)
    agreed = opening_of(make.queue("Agreed"), at=NIGHT)

    assert own == Opening(is_open=True, time_zone=OF_POLICY)
    assert agreed == Opening(is_open=False, opens_at=at("2026-11-19T14:00:00"), time_zone=OF_POLICY)


def test_without_a_calendar_a_line_is_always_open(sqlite_app: Flask) -> None:
    make.policy("Mail only", calendar=make.calendar().origin, conditions={"channel": ["email"]})

    assert opening_of(make.queue(), at=NIGHT) == Opening()


def test_a_wall_clock_target_closes_nothing(sqlite_app: Flask) -> None:
    targets = {"queue_wait": {"allowance_seconds": 60, "wall_clock": True}}
    make.policy("Phone", calendar=make.calendar().origin, targets=targets)

    assert opening_of(make.queue(), at=NIGHT).is_open


def test_what_a_door_knew_is_read_from_the_item_again() -> None:
    closed = Opening(is_open=False, opens_at=NIGHT, time_zone="Europe/Paris")

    assert Opening.from_meta(closed.meta()) == closed
    assert Opening.from_meta(Opening().meta()) == Opening()
    assert not Opening.from_meta({}).is_open
