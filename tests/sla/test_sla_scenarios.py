"""Eleven lives of tickets, told in minutes: what is counted, what is due when, and what becomes of it.

Others tell such lives too; where we come to something else, docs/sla.md says why ("Where we differ").
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sla.agreement import Metric
from sla.clock import as_of, counted_at
from sla.hours import BusinessHours
from sla.life import replay
from tests.sla.book import CUSTOMER, Book, agreement, entry, opened
from ticketing.events import Event, MessageReceived, ReplyWritten, StatusChanged, TicketResolved

PARIS = ZoneInfo("Europe/Paris")
MINUTE = timedelta(minutes=1)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri")

OFFICE = {day: [["08:00", "18:00"]] for day in WEEKDAYS}
EVERY_DAY = {day: [["09:00", "18:00"]] for day in (*WEEKDAYS, "sat", "sun")}
LONG_DAYS = {day: [["08:00", "20:00"]] for day in WEEKDAYS}
ALL_SAINTS = {"2022-11-01": {"spans": [], "name": "All Saints' Day"}}

QUESTION, ANSWER = MessageReceived(1, "email"), ReplyWritten(2, "email")
WAITS, GOES_ON, SOLVED = StatusChanged("open", "pending"), StatusChanged("pending", "open"), TicketResolved("open")

Outcome = tuple[Metric, int, str | None, str | None, str | None]  # metric, minutes counted, due, met, breached


@dataclass(frozen=True)
class Story:
    """What happens on or after the day of `opened`, at which times; `now` is when one looks."""

    opened: str
    weekly: Mapping[str, Any]
    minutes: tuple[int, int, int]  # for a first answer, for later ones, for a solution; 0: not promised
    happenings: Sequence[tuple[str, Event]]
    now: str
    outcomes: Sequence[Outcome]
    exceptions: Mapping[str, Any] = field(default_factory=dict)


FIRST, NEXT, SOLUTION = Metric.FIRST_RESPONSE, Metric.NEXT_RESPONSE, Metric.RESOLUTION
THURSDAY, TUESDAY = "2026-03-19", "2026-06-02"
STORIES = {
    "answered half an hour before the deadline": Story(
        f"{THURSDAY}T10:30",
        OFFICE,
        (60, 120, 180),
        [("11:00", ANSWER)],
        "11:00",
        [(FIRST, 30, "11:30", "11:00", None), (SOLUTION, 30, "13:30", None, None)],
    ),
    "answered three and a half hours late": Story(
        f"{THURSDAY}T10:30",
        OFFICE,
        (60, 120, 180),
        [("15:00", ANSWER)],
        "15:00",
        [(FIRST, 270, "11:30", "15:00", "11:30"), (SOLUTION, 270, "13:30", None, "13:30")],
    ),
    "the first words to the customer are the first answer, whatever is said later": Story(
        f"{THURSDAY}T10:30",
        OFFICE,
        (60, 120, 180),
        [("12:00", ANSWER), ("15:00", ANSWER)],
        "15:00",
        [(FIRST, 90, "11:30", "12:00", "11:30"), (SOLUTION, 270, "13:30", None, "13:30")],
    ),
    "the customer writes again, and the next answer is owed from then on": Story(
        f"{THURSDAY}T10:30",
        OFFICE,
        (60, 120, 180),
        [("13:00", ANSWER), ("13:05", QUESTION)],
        "13:05",
        [
            (FIRST, 150, "11:30", "13:00", "11:30"),
            (NEXT, 0, "15:05", None, None),
            (SOLUTION, 155, "13:30", None, None),
        ],
    ),
    "solved an hour before the solution is due": Story(
        f"{THURSDAY}T10:30",
        OFFICE,
        (60, 120, 180),
        [("12:30", SOLVED)],
        "15:00",
        [(FIRST, 120, "11:30", "12:30", "11:30"), (SOLUTION, 120, "13:30", "12:30", None)],
    ),
    "five hours of waiting on the customer, and the rest ends exactly at closing time": Story(
        f"{TUESDAY}T11:00",
        EVERY_DAY,
        (120, 180, 250),
        [("12:00", WAITS), ("17:00", GOES_ON)],
        "17:00",
        [(FIRST, 60, "18:00", None, None), (SOLUTION, 60, "2026-06-03T11:10", None, None)],
    ),
    "half an hour of waiting on the customer, then answered, then solved": Story(
        f"{TUESDAY}T11:00",
        EVERY_DAY,
        (120, 180, 250),
        [("12:00", WAITS), ("12:30", GOES_ON), ("12:45", ANSWER), ("14:00", SOLVED)],
        "14:00",
        [(FIRST, 75, "13:30", "12:45", None), (SOLUTION, 150, "15:40", "14:00", None)],
    ),
    "set to wait at once, worked on for half an hour, solved while it waits": Story(
        f"{TUESDAY}T11:00",
        EVERY_DAY,
        (120, 180, 240),
        [("11:00", WAITS), ("12:30", GOES_ON), ("13:00", WAITS), ("14:00", SOLVED)],
        "14:00",
        [(FIRST, 30, None, "14:00", None), (SOLUTION, 30, None, "14:00", None)],
    ),
    "answered on a holiday before anything was counted": Story(
        "2022-11-01T14:56:21",
        LONG_DAYS,
        (120, 1200, 0),
        [("16:25:40", WAITS), ("16:25:40", ANSWER)],
        "16:25:40",
        [(FIRST, 0, None, "16:25:40", None)],
        ALL_SAINTS,
    ),
    "the customer replies on that holiday, and is owed an answer in the hours after it": Story(
        "2022-11-01T14:56:21",
        LONG_DAYS,
        (120, 1200, 0),
        [("16:25:40", WAITS), ("16:25:40", ANSWER), ("16:59:14", GOES_ON), ("16:59:14", QUESTION)],
        "17:00",
        [(FIRST, 0, None, "16:25:40", None), (NEXT, 0, "2022-11-03T16:00", None, None)],
        ALL_SAINTS,
    ),
    "a second question before any answer changes nothing": Story(
        "2022-11-01T14:56:21",
        LONG_DAYS,
        (120, 1200, 0),
        [
            *(("16:25:40", WAITS), ("16:25:40", ANSWER), ("16:59:14", GOES_ON), ("16:59:14", QUESTION)),
            *(("16:59:58", WAITS), ("2022-11-07T14:26:36", GOES_ON), ("2022-11-07T14:26:36", QUESTION)),
            ("2022-11-07T15:26:36", QUESTION),
        ],
        "2022-11-07T15:26:36",
        [(FIRST, 0, None, "16:25:40", None), (NEXT, 60, "2022-11-09T10:26:36", None, None)],
        ALL_SAINTS,
    ),
}


def moment(story: Story, text: str | None) -> datetime | None:
    if text is None:
        return None
    whole = text if "T" in text else f"{story.opened[:10]}T{text}"
    return datetime.fromisoformat(whole).replace(tzinfo=PARIS).astimezone(UTC)


def at(story: Story, text: str) -> datetime:
    found = moment(story, text)
    assert found
    return found


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_a_life_comes_out_as_told(story: Story) -> None:
    hours = BusinessHours.from_dict(
        {"time_zone": "Europe/Paris", "weekly": story.weekly, "exceptions": story.exceptions}
    )
    first, later, solution = story.minutes
    targets: dict[str, Any] = {
        FIRST: {"allowance_seconds": first * 60, "pause_on": ["pending"]},
        NEXT: {"allowance_seconds": later * 60, "pause_on": ["pending"]},
    }
    if solution:
        targets[SOLUTION] = {"allowance_seconds": solution * 60}
    begun, now = at(story, story.opened), at(story, story.now)
    entries = [entry(at(story, time), event) for time, event in story.happenings]

    life = replay([entry(begun, opened(begun), CUSTOMER), *entries], Book([agreement(1, targets, hours=hours)]))

    assert life is not None
    clocks = [as_of(one, now) for one in life.clocks]
    told = [
        (one.metric, counted_at(one, now, hours) / MINUTE, one.due_at, one.met_at, one.breached_at)
        for one in sorted(clocks, key=lambda one: list(Metric).index(one.metric))
    ]
    assert told == [
        (metric, minutes, *(moment(story, one) for one in moments)) for metric, minutes, *moments in story.outcomes
    ]
