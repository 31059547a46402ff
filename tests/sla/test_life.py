"""What each kind of entry does to a ticket's clocks: one row, one life.

The desk of `tests.sla.book` is open from nine to five, Monday to Friday; the ticket is opened on Monday at ten. It owes
a first answer within 2 hours, the next ones within 3, an update every 8, a solution within 16, and somebody to take the
ticket within one.
"""

from collections.abc import Sequence
from typing import Any

import pytest

from sla.clock import as_of
from sla.events import PromiseKept, PromiseMade, PromiseWithdrawn, SLARearmed
from sla.life import Life, replay
from tests.sla.book import AGENT, CUSTOMER, EVERYTHING, HOUR, Book, agreement, at, entry, opened
from ticketing.events import (
    Event,
    LiveEnded,
    MessageReceived,
    NoteWritten,
    PriorityChanged,
    ReplyWritten,
    StatusChanged,
    TagsChanged,
    TicketAbsorbed,
    TicketAssigned,
    TicketMerged,
    TicketMoved,
    TicketReleased,
    TicketReopened,
    TicketResolved,
    TicketSnoozed,
    TicketSplit,
    TicketWoke,
)

Happening = tuple[str, Event]

REPLY = ReplyWritten(message_id=2, channel="email")
MACHINE = ReplyWritten(message_id=2, channel="email", automatic=True)
MESSAGE = MessageReceived(message_id=1, channel="email")
OUT_OF_OFFICE = MessageReceived(message_id=1, channel="email", automatic=True)
TAKEN, RELEASED = TicketAssigned(None, 7), TicketReleased(7)
PENDING, ON_HOLD = StatusChanged("open", "pending"), StatusChanged("open", "on_hold")
GOES_ON = StatusChanged("pending", "open")
SNOOZED, WOKE = TicketSnoozed(until="2026-03-09T10:00:00Z"), TicketWoke("due")
RESOLVED, THANKS = TicketResolved("open"), TicketResolved("open", answer_needed=False)
REOPENED = TicketReopened("solved")
MERGED = TicketMerged(into=9, messages=[1])
TO_URGENT = PriorityChanged("normal", "urgent")
DESK = Book([agreement()])


def lived(happenings: Sequence[Happening], book: Book = DESK, *, waiting: bool = True) -> Life:
    first = entry(at("10:00"), opened(at("10:00") if waiting else None), CUSTOMER)
    life = replay([first, *(entry(at(time), event, AGENT) for time, event in happenings)], book)
    assert life is not None
    return life


def story(life: Life, metric: str, now: str = "31T12:00") -> list[str]:
    """Each clock of the metric in a few words: `started state moments`, times of 2 March without their day."""
    return [_told(as_of(one, at(now))) for one in life.clocks if one.metric == metric]


def _told(clock: Any) -> str:
    words = [f"{_time(clock.started_at)} {clock.state.value}"]
    for name in ("due_at", "met_at", "cancelled_at"):
        moment = getattr(clock, name)
        if moment is not None:
            words.append(f"{name.removesuffix('_at')} {_time(moment)}")
    return " ".join(words) + (f" by {clock.paused_by}" if clock.paused_by else "")


def _time(moment: Any) -> str:
    return f"{moment:%H:%M}" if moment.day == 2 else f"{moment.day}T{moment:%H:%M}"


LIVES = {
    "first_response": [
        ("nothing yet", [], "10:30", ["10:00 running due 12:00"]),
        ("nothing, at the deadline", [], "12:00", ["10:00 breached due 12:00"]),
        ("answered", [("11:00", REPLY)], "13:00", ["10:00 met due 12:00 met 11:00"]),
        ("answered in the last minute", [("11:59", REPLY)], "13:00", ["10:00 met due 12:00 met 11:59"]),
        ("answered at the deadline", [("12:00", REPLY)], "13:00", ["10:00 breached due 12:00 met 12:00"]),
        ("answered late", [("15:30", REPLY)], "16:00", ["10:00 breached due 12:00 met 15:30"]),
        ("a machine's answer is none", [("11:00", MACHINE)], "11:30", ["10:00 running due 12:00"]),
        ("a note is no answer", [("11:00", NoteWritten(4))], "11:30", ["10:00 running due 12:00"]),
        ("being taken is no answer", [("11:00", TAKEN)], "11:30", ["10:00 running due 12:00"]),
        ("resolved without words", [("11:00", RESOLVED)], "13:00", ["10:00 met due 12:00 met 11:00"]),
        ("the first answer counts", [("11:00", REPLY), ("11:30", REPLY)], "13:00", ["10:00 met due 12:00 met 11:00"]),
        ("pending does not pause it", [("11:00", PENDING)], "11:30", ["10:00 running due 12:00"]),
        ("merged", [("11:00", MERGED)], "13:00", ["10:00 cancelled due 12:00 cancelled 11:00"]),
        (
            "merged, then answered",
            [("11:00", MERGED), ("11:30", REPLY)],
            "13:00",
            ["10:00 cancelled due 12:00 cancelled 11:00"],
        ),
        ("merged too late", [("12:00", MERGED)], "13:00", ["10:00 breached due 12:00 cancelled 12:00"]),
        (
            "reopening owes none again",
            [("11:00", REPLY), ("11:10", RESOLVED), ("11:20", REOPENED)],
            "13:00",
            ["10:00 met due 12:00 met 11:00"],
        ),
        (
            "its words went to another ticket",
            [("11:00", TicketSplit(into=9, messages=[1], waiting_since=None))],
            "13:00",
            ["10:00 cancelled due 12:00 cancelled 11:00"],
        ),
    ],
    "next_response": [
        ("not before the first answer", [("10:30", MESSAGE)], "11:00", []),
        ("after it", [("11:00", REPLY), ("11:30", MESSAGE)], "12:00", ["11:30 running due 14:30"]),
        ("a machine's message asks nothing", [("11:00", REPLY), ("11:30", OUT_OF_OFFICE)], "12:00", []),
        (
            "it runs from the oldest message",
            [("11:00", REPLY), ("11:30", MESSAGE), ("12:30", MESSAGE)],
            "13:00",
            ["11:30 running due 14:30"],
        ),
        (
            "one that was taken in late is the oldest",
            [("11:00", REPLY), ("12:30", MESSAGE), ("11:30", MESSAGE)],
            "13:00",
            ["11:30 running due 14:30"],
        ),
        (
            "answered, and asked again",
            [("11:00", REPLY), ("11:30", MESSAGE), ("12:00", REPLY), ("16:00", MESSAGE)],
            "16:30",
            ["11:30 met due 14:30 met 12:00", "16:00 running due 3T11:00"],
        ),
        (
            "a machine's answer is none",
            [("11:00", REPLY), ("11:30", MESSAGE), ("12:00", MACHINE)],
            "13:00",
            ["11:30 running due 14:30"],
        ),
        (
            "merely thanks: nothing was owed",
            [("11:00", REPLY), ("11:10", RESOLVED), ("11:30", MESSAGE), ("11:30", REOPENED), ("12:00", THANKS)],
            "13:00",
            ["11:30 cancelled due 14:30 cancelled 12:00"],
        ),
        (
            "another ticket was merged into it, whose customer waits since earlier",
            [
                ("11:00", REPLY),
                ("12:00", MESSAGE),
                ("13:00", TicketAbsorbed(merged=4, messages=[5], waiting_since=at("11:15").isoformat())),
            ],
            "13:30",
            ["11:15 running due 14:15"],
        ),
    ],
    "update": [
        ("not before the first answer", [], "10:30", []),
        ("from one answer", [("11:00", REPLY)], "12:00", ["11:00 running due 3T11:00"]),
        (
            "to the next",
            [("11:00", REPLY), ("15:00", REPLY)],
            "16:00",
            ["11:00 met due 3T11:00 met 15:00", "15:00 running due 3T15:00"],
        ),
        (
            "it rests while the customer is asked",
            [("11:00", REPLY), ("12:00", PENDING)],
            "16:00",
            ["11:00 paused by pending"],
        ),
        (
            "and goes on with what was left",
            [("11:00", REPLY), ("12:00", PENDING), ("16:00", GOES_ON)],
            "16:30",
            ["11:00 running due 3T15:00"],
        ),
        (
            "none once it is solved",
            [("11:00", REPLY), ("12:00", RESOLVED)],
            "13:00",
            ["11:00 cancelled due 3T11:00 cancelled 12:00"],
        ),
        (
            "again when it is opened again",
            [("11:00", REPLY), ("12:00", RESOLVED), ("13:00", REOPENED)],
            "14:00",
            ["11:00 cancelled due 3T11:00 cancelled 12:00", "13:00 running due 3T13:00"],
        ),
    ],
    "resolution": [
        ("from the opening", [], "10:30", ["10:00 running due 4T10:00"]),
        ("solved", [("3T10:00", RESOLVED)], "4T12:00", ["10:00 met due 4T10:00 met 3T10:00"]),
        ("too late", [("4T10:00", RESOLVED)], "4T12:00", ["10:00 breached due 4T10:00 met 4T10:00"]),
        ("pending", [("11:00", PENDING)], "12:00", ["10:00 paused by pending"]),
        ("on hold", [("11:00", ON_HOLD)], "12:00", ["10:00 paused by on_hold"]),
        (
            "from one rest to the other",
            [("11:00", PENDING), ("12:00", StatusChanged("pending", "on_hold"))],
            "13:00",
            ["10:00 paused by on_hold"],
        ),
        ("snoozed it runs", [("11:00", SNOOZED)], "12:00", ["10:00 running due 4T10:00"]),
        (
            "a night of rest costs no more than the evening",
            [("16:00", PENDING), ("3T09:00", GOES_ON)],
            "3T10:00",
            ["10:00 running due 4T11:00"],
        ),
        ("solved while it rested", [("11:00", PENDING), ("12:00", RESOLVED)], "13:00", ["10:00 met met 12:00"]),
        (
            "opened again it goes on",
            [("11:00", RESOLVED), ("3T09:00", REOPENED)],
            "3T10:00",
            ["10:00 running due 4T16:00"],
        ),
        (
            "merely thanks: the verdict comes back",
            [("11:00", RESOLVED), ("12:00", MESSAGE), ("12:00", REOPENED), ("5T12:00", THANKS)],
            "9T12:00",
            ["10:00 met due 4T10:00 met 11:00"],
        ),
        (
            "a breach while it rests is none",
            [("11:00", PENDING), ("9T11:00", GOES_ON)],
            "9T12:00",
            ["10:00 running due 11T10:00"],
        ),
        ("paused too late", [("4T10:00", PENDING)], "4T12:00", ["10:00 breached due 4T10:00 by pending"]),
    ],
    "queue_wait": [
        ("nobody yet", [], "10:30", ["10:00 running due 11:00"]),
        ("taken", [("10:20", TAKEN)], "12:00", ["10:00 met due 11:00 met 10:20"]),
        ("answered", [("10:20", REPLY)], "12:00", ["10:00 met due 11:00 met 10:20"]),
        (
            "given back",
            [("10:20", TAKEN), ("13:00", RELEASED)],
            "13:30",
            ["10:00 met due 11:00 met 10:20", "13:00 running due 14:00"],
        ),
        ("hung up", [("10:20", LiveEnded("phone"))], "12:00", ["10:00 cancelled due 11:00 cancelled 10:20"]),
        (
            "moved to another queue",
            [("10:20", TicketMoved(1, 2))],
            "10:30",
            ["10:00 cancelled due 11:00 cancelled 10:20", "10:20 running due 11:20"],
        ),
        ("snoozed", [("10:20", SNOOZED)], "12:00", ["10:00 paused by snoozed"]),
        ("awake again", [("10:20", SNOOZED), ("14:00", WOKE)], "14:10", ["10:00 running due 14:40"]),
    ],
    "promise": [
        ("made", [("11:00", PromiseMade(5, at("15:00").isoformat()))], "12:00", ["11:00 running due 15:00"]),
        (
            "kept",
            [("11:00", PromiseMade(5, at("15:00").isoformat())), ("14:00", PromiseKept(5))],
            "16:00",
            ["11:00 met due 15:00 met 14:00"],
        ),
        (
            "one of two withdrawn",
            [
                ("11:00", PromiseMade(5, at("15:00").isoformat())),
                ("11:00", PromiseMade(6, at("20:00").isoformat())),
                ("14:00", PromiseWithdrawn(6)),
            ],
            "16:00",
            ["11:00 breached due 15:00", "11:00 cancelled due 20:00 cancelled 14:00"],
        ),
        (
            "a solution keeps no promise",
            [("11:00", PromiseMade(5, at("15:00").isoformat())), ("12:00", RESOLVED)],
            "13:00",
            ["11:00 running due 15:00"],
        ),
    ],
}


@pytest.mark.parametrize(
    ("metric", "happenings", "now", "expected"),
    [
        pytest.param(metric, happenings, now, expected, id=f"{metric}: {name}")
        for metric, rows in LIVES.items()
        for name, happenings, now, expected in rows
    ],
)
def test_a_life(metric: str, happenings: Sequence[Happening], now: str, expected: list[str]) -> None:
    assert story(lived(happenings), metric, now) == expected


@pytest.mark.parametrize(
    ("on_reopen", "expected"),
    [
        pytest.param("continue", ["10:00 running due 4T16:00"], id="it goes on"),
        pytest.param("restart", ["10:00 met due 4T10:00 met 11:00", "3T09:00 running due 4T17:00"], id="a new one"),
        pytest.param("keep", ["10:00 met due 4T10:00 met 11:00"], id="it stays as it was"),
    ],
)
def test_reopening_does_to_the_resolution_what_the_policy_says(on_reopen: str, expected: list[str]) -> None:
    book = Book([agreement(on_reopen=on_reopen)])

    life = lived([("11:00", RESOLVED), ("3T09:00", REOPENED)], book)

    assert story(life, "resolution", "3T10:00") == expected


def test_machines_answers_count_where_the_policy_says_so() -> None:
    book = Book([agreement(automatic_answers_count=True)])

    assert story(lived([("11:00", MACHINE)], book), "first_response") == ["10:00 met due 12:00 met 11:00"]


def test_a_target_may_say_what_pauses_it() -> None:
    strict = {"first_response": {"allowance_seconds": 2 * HOUR, "pause_on": ["pending"]}}
    book = Book([agreement(1, strict)])

    life = lived([("11:00", PENDING), ("13:00", GOES_ON)], book)

    assert story(life, "first_response", "13:30") == ["10:00 running due 14:00"]


def test_on_the_wall_clock_nights_count() -> None:
    book = Book([agreement(1, {"resolution": {"allowance_seconds": 16 * HOUR, "wall_clock": True}})])

    assert story(lived([], book), "resolution", "12:00") == ["10:00 running due 3T02:00"]


def test_a_ticket_that_an_agent_opens_owes_no_first_answer_but_updates() -> None:
    life = lived([("11:00", MESSAGE)], waiting=False)

    assert story(life, "first_response") == []
    assert story(life, "update", "12:00") == ["10:00 running due 3T10:00"]
    assert story(life, "next_response", "12:00") == ["11:00 running due 14:00"]


def test_nothing_is_owed_where_no_policy_is_for_the_ticket() -> None:
    assert lived([("11:00", REPLY), ("12:00", MESSAGE)], Book([agreement(channel=["phone"])])).clocks == []


URGENT = {
    "first_response": {"allowance_seconds": HOUR},
    "resolution": {"allowance_seconds": 4 * HOUR, "wall_clock": True},
}
TWO = Book([agreement(1, URGENT, priority=["urgent"]), agreement(2)])


@pytest.mark.parametrize(
    ("happenings", "metric", "now", "expected"),
    [
        pytest.param(
            [("10:30", TO_URGENT)], "first_response", "10:40", ["10:00 running due 11:00"], id="what was counted stays"
        ),
        pytest.param(
            [("11:30", TO_URGENT)],
            "first_response",
            "11:40",
            ["10:00 breached due 11:30"],
            id="more was counted than is allowed now: due now",
        ),
        pytest.param(
            [("12:00", TO_URGENT)],
            "first_response",
            "13:00",
            ["10:00 breached due 12:00"],
            id="what was missed stays missed",
        ),
        pytest.param(
            [("11:00", REPLY), ("11:30", TO_URGENT)],
            "first_response",
            "13:00",
            ["10:00 met due 12:00 met 11:00"],
            id="what was met stays met",
        ),
        pytest.param(
            [("16:00", TO_URGENT)],
            "resolution",
            "16:10",
            ["10:00 breached due 16:00"],
            id="six hours of four are used up",
        ),
        pytest.param(
            [("11:00", TO_URGENT)],
            "resolution",
            "11:10",
            ["10:00 running due 14:00"],
            id="three hours are left, on the wall clock now",
        ),
        pytest.param(
            [("11:00", PENDING), ("12:00", TO_URGENT), ("3T09:00", GOES_ON)],
            "resolution",
            "3T09:30",
            ["10:00 running due 3T12:00"],
            id="it rests on",
        ),
        pytest.param(
            [("10:30", TO_URGENT)],
            "queue_wait",
            "10:40",
            ["10:00 cancelled due 11:00 cancelled 10:30"],
            id="nobody asks for it any more",
        ),
        pytest.param(
            [("10:30", TO_URGENT), ("10:40", PriorityChanged("urgent", "low")), ("10:50", TO_URGENT)],
            "first_response",
            "10:55",
            ["10:00 running due 11:00"],
            id="there and back and there",
        ),
        pytest.param(
            [("10:30", TO_URGENT), ("3T10:00", REPLY), ("3T11:00", PriorityChanged("urgent", "low"))],
            "update",
            "3T12:00",
            ["3T11:00 running due 4T11:00"],
            id="what is newly owed is owed from now on",
        ),
    ],
)
def test_another_priority_may_be_another_agreement(
    happenings: Sequence[Happening], metric: str, now: str, expected: list[str]
) -> None:
    assert story(lived(happenings, TWO), metric, now) == expected


def test_an_edit_reaches_an_open_ticket_only_when_it_is_rearmed() -> None:
    old = agreement(1, EVERYTHING, tag=["none"])
    new = agreement(2, {"first_response": {"allowance_seconds": HOUR}}, origin=1)
    life = Life.opened(entry(at("10:00"), opened(at("10:00"))), Book([agreement(1)]))
    after = Book([new, old])

    life.take(entry(at("10:10"), TagsChanged(["billing"], [])), after)
    untouched = story(life, "first_response", "10:20")
    life.take(entry(at("10:20"), SLARearmed(1)), after)

    assert untouched == ["10:00 running due 12:00"]
    assert story(life, "first_response", "10:30") == ["10:00 running due 11:00"]


def test_a_life_can_be_put_down_and_taken_up_after_every_entry() -> None:
    happenings = [
        ("10:20", TAKEN),
        ("11:00", REPLY),
        ("11:30", MESSAGE),
        ("12:00", PENDING),
        ("13:00", GOES_ON),
        ("13:10", TO_URGENT),
        ("14:00", RESOLVED),
        ("15:00", MESSAGE),
        ("15:00", REOPENED),
        ("15:30", THANKS),
    ]
    entries = [entry(at("10:00"), opened(at("10:00"))), *(entry(at(time), event) for time, event in happenings)]
    whole = replay(entries, TWO)
    life = Life.opened(entries[0], TWO)
    for one in entries[1:]:
        clocks = tuple(life.clocks)
        life = Life.unpack(life.pack(), lambda clocks=clocks: clocks)
        life.take(one, TWO)

    assert whole is not None
    assert life.clocks == whole.clocks
    assert life.pack() == whole.pack()
