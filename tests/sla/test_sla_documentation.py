"""The worked examples of docs/sla.md, reckoned."""

import re
import tomllib
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest

from sla.agreement import Agreement
from sla.courses import courses_of
from sla.explanation import Kept, explain
from sla.hours import BusinessHours, due
from sla.reasons import Named, Reasons
from sla.words import WORDS, Language
from tests.sla.book import Book, agreement, entry, opened
from ticketing.events import (
    Entry,
    Event,
    MessageReceived,
    PriorityChanged,
    ReplyWritten,
    StatusChanged,
    TicketReopened,
    TicketResolved,
)

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "sla.md").read_text(encoding="utf-8")
EXAMPLES = [tomllib.loads(block) for block in re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)]
DEFAULTS = tomllib.loads((ROOT / "config" / "defaults.toml").read_text(encoding="utf-8"))
MOVES: dict[str, Event] = {
    "reply": ReplyWritten(2, "email"),
    "message": MessageReceived(3, "email"),
    "pending": StatusChanged("open", "pending"),
    "open": StatusChanged("pending", "open"),
    "urgent": PriorityChanged("normal", "urgent"),
    "solved": TicketResolved("open"),
    "thanks": TicketResolved("open", answer_needed=False),
    "reopened": TicketReopened("solved"),
}


def calendar(name: str) -> BusinessHours:
    (found,) = [one for one in DEFAULTS["calendars"] if one["name"] == name]
    return BusinessHours.from_dict({key: value for key, value in found.items() if key != "name"})


def hours_of(example: dict[str, Any]) -> BusinessHours:
    return BusinessHours.from_dict(example["hours"]) if "hours" in example else calendar(example["calendar"])


def agreed(number: int, promised: dict[str, int], hours: BusinessHours, **conditions: Any) -> Agreement:
    targets = {metric: {"allowance_seconds": allowance} for metric, allowance in promised.items()}
    return agreement(number, targets, hours=hours, **conditions)


def book_of(example: dict[str, Any]) -> Book:
    hours = hours_of(example)
    urgent = example.get("promised_if_urgent", {})
    agreements = [agreed(1, urgent, hours, priority=["urgent"])] if urgent else []
    return Book([*agreements, agreed(2, example["promised"], hours)])


def lived(example: dict[str, Any]) -> list[Entry]:
    begun = example["opened"].astimezone(UTC)
    return [entry(begun, opened(begun)), *(entry(at.astimezone(UTC), MOVES[name]) for at, name in example["then"])]


def test_there_are_six_examples() -> None:
    assert len(EXAMPLES) == 6


@pytest.mark.parametrize("example", EXAMPLES, ids=[str(one["opened"]) for one in EXAMPLES])
def test_an_example_comes_out_as_the_page_says(example: dict[str, Any]) -> None:
    book, now, zone = book_of(example), example["now"].astimezone(UTC), hours_of(example).time_zone
    reasons = Reasons(Named({}, {}), lambda _: book.agreements, WORDS[Language.ENGLISH])

    told = [
        explain(Kept(course.clock, None, hours_of(example), zone), course, now, reasons)
        for course in courses_of(lived(example), book)
        if course.clock.cancelled_at is None
    ]

    assert [(one.metric, one.state, one.elapsed_seconds, one.due_at) for one in told] == [
        (clock["metric"], clock["state"], clock["counted_seconds"], clock["due_at"]) for clock in example["clocks"]
    ]
    for one, clock in zip(told, example["clocks"], strict=True):
        assert sum(interval.counted_seconds for interval in one.intervals) == clock["counted_seconds"]
        assert clock["due_at"].astimezone(zone).replace(tzinfo=None) == clock["due_at"].replace(tzinfo=None)


def test_a_second_after_the_second_example_it_is_saturday() -> None:
    start = EXAMPLES[1]["opened"] + timedelta(seconds=1)

    found = due(start, timedelta(seconds=14_400), calendar("Support desk"))

    assert found.astimezone(calendar("Support desk").time_zone).isoformat() == "2026-11-21T10:00:01-05:00"


def test_the_sentences_on_the_page_are_those_of_the_engine() -> None:
    shown = re.findall(r'"((?:Open|Lunch|Closed|Waiting) [^"]*|Closed: [^"]*)"', PAGE.replace("\n  ", " "))
    told = (ROOT / "tests" / "sla" / "test_explanation.py").read_text(encoding="utf-8")

    assert len(shown) == 4
    assert [one for one in shown if one not in told] == []


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
