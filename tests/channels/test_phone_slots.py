"""What a caller may choose from who wants to be called back."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from channels.phone.phrases import in_language
from channels.phone.slots import SlotKind, propose, told

PARIS = ZoneInfo("Europe/Paris")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-{text}").replace(tzinfo=PARIS)


DAYS = [
    (moment("18T09:00"), moment("18T18:00")),
    (moment("19T09:00"), moment("19T12:00")),
    (moment("19T14:00"), moment("19T18:00")),
]


@pytest.mark.parametrize(
    ("now", "windows"),
    [
        ("18T10:20", [("now", "18T10:20", ""), ("today", "18T12:00", "18T14:00"), ("morning", "19T09:00", "19T12:00")]),
        ("18T16:00", [("now", "18T16:00", ""), ("today", "18T17:00", "18T18:00"), ("morning", "19T09:00", "19T12:00")]),
        ("18T17:30", [("now", "18T17:30", ""), ("morning", "19T09:00", "19T12:00")]),
        ("18T20:00", [("morning", "19T09:00", "19T12:00")]),
        ("18T07:00", [("today", "18T09:00", "18T11:00"), ("morning", "19T09:00", "19T12:00")]),
    ],
)
def test_windows_are_within_the_hours_in_which_we_call(now: str, windows: list[tuple[str, str, str]]) -> None:
    at = moment(now)
    spans = [(max(since, at), until) for since, until in DAYS if until > at]

    found = propose(spans, PARIS, now=at)

    assert [(one.kind, one.not_before, one.not_after) for one in found] == [
        (SlotKind(kind), moment(since), moment(until) if until else None) for kind, since, until in windows
    ]


def test_windows_are_told_as_people_say_them() -> None:
    now, later, tomorrow = propose(DAYS, PARIS, now=moment("18T10:20"))

    english = [told(one, in_language("en"), PARIS, now=moment("18T10:20")) for one in (now, later, tomorrow)]
    french = told(tomorrow, in_language("fr"), PARIS, now=moment("18T10:20"))

    assert english == [
        "as soon as it is your turn",
        "today at 12:00 to 14:00",
        "tomorrow at 9:00 to 12:00",
    ]
    assert french == "demain à 9 heures jusqu'à 12 heures"
