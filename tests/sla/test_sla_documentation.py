"""The worked examples of docs/sla.md, reckoned."""

import re
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sla.definition import MIDNIGHT
from sla.hours import BusinessHours, due, elapsed

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "sla.md").read_text(encoding="utf-8")
BLOCKS = [tomllib.loads(block) for block in re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)]
EXAMPLES = [block for block in BLOCKS if "due" in block]
DEFAULTS = tomllib.loads((ROOT / "config" / "defaults.toml").read_text(encoding="utf-8"))


def calendar(name: str) -> BusinessHours:
    (found,) = [one for one in DEFAULTS["calendars"] if one["name"] == name]
    return BusinessHours.from_dict({key: value for key, value in found.items() if key != "name"})


def hours_of(example: dict[str, Any]) -> BusinessHours:
    return BusinessHours.from_dict(example["hours"]) if "hours" in example else calendar(example["calendar"])


def test_there_are_three_examples() -> None:
    assert len(EXAMPLES) == 3


@pytest.mark.parametrize("example", EXAMPLES, ids=[str(one["start"]) for one in EXAMPLES])
def test_an_example_is_due_when_the_page_says(example: dict[str, Any]) -> None:
    allowance, hours = timedelta(seconds=example["allowance_seconds"]), hours_of(example)

    found = due(example["start"], allowance, hours)

    assert found == example["due"]
    assert found.astimezone(hours.time_zone).replace(tzinfo=None) == example["due"].replace(tzinfo=None)
    assert elapsed(example["start"], example["due"], hours) == allowance


def test_a_second_after_the_second_example_it_is_saturday() -> None:
    start = EXAMPLES[1]["start"] + timedelta(seconds=1)

    found = due(start, timedelta(seconds=EXAMPLES[1]["allowance_seconds"]), calendar("Support desk"))

    assert found.astimezone(calendar("Support desk").time_zone).isoformat() == "2026-11-21T10:00:01-05:00"


def test_the_shift_of_the_third_example_has_seven_hours() -> None:
    hours = hours_of(EXAMPLES[2])

    assert elapsed(datetime(2027, 3, 27, tzinfo=UTC), datetime(2027, 3, 29, tzinfo=UTC), hours) == timedelta(hours=7)


def test_the_calendar_on_the_page_is_one() -> None:
    (shown,) = [block for block in BLOCKS if "due" not in block]

    hours = BusinessHours.from_dict(shown)

    assert hours.weekly[5] == ((22 * 3600, 6 * 3600 + MIDNIGHT),)
    assert len(hours.exceptions) == 2


def test_the_table_has_the_policies_that_come_with_the_package() -> None:
    rows = re.findall(r"^\| ([\w ]+) \| (\d+) \| (.*?) \| ([\w ]+) \| (\d+) s \| (\d+) s before \|", PAGE, re.MULTILINE)
    shown = [(name, int(position), calendar, int(a), int(w)) for name, position, _, calendar, a, w in rows]
    channels = [re.findall(r"`(\w+)`", row[2]) for row in rows]

    targets = [one["targets"]["first_response"] for one in DEFAULTS["policies"]]
    assert shown == [
        (one["name"], one["position"], one["calendar"], target["allowance_seconds"], target["warn_seconds_before"])
        for one, target in zip(DEFAULTS["policies"], targets, strict=True)
    ]
    assert channels == [one.get("conditions", {}).get("channel", []) for one in DEFAULTS["policies"]]
