"""Whatever happens to a ticket: an explanation's intervals leave no gap, and add up to what its clock has counted."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from sla.agreement import always_open
from sla.clock import as_of, counted_at
from sla.courses import courses_of
from sla.explanation import Kept, explain
from sla.hours import BusinessHours
from sla.life import replay
from sla.reasons import Named, Reasons
from sla.words import WORDS, Language
from tests.sla.book import CUSTOMER, DESK, HOUR, Book, agreement, at, entry, opened
from ticketing.events import (
    Event,
    MessageReceived,
    PriorityChanged,
    ReplyWritten,
    StatusChanged,
    TicketAssigned,
    TicketReleased,
    TicketReopened,
    TicketResolved,
    TicketSnoozed,
    TicketWoke,
)

SHIFTS = BusinessHours.from_dict(
    {
        "time_zone": "Europe/Paris",
        "weekly": {day: [["08:30", "12:00"], ["13:15", "02:00"]] for day in ("mon", "tue", "wed", "sat")},
        "exceptions": {"2026-03-03": {"spans": [], "name": "Stocktaking"}, "2026-03-04": [["10:00", "10:00:30"]]},
    }
)
USUAL = {
    "first_response": {"allowance_seconds": 3 * HOUR, "pause_on": ["pending", "on_hold", "snoozed"]},
    "next_response": {"allowance_seconds": 2 * HOUR, "pause_on": ["snoozed"]},
    "update": {"allowance_seconds": 8 * HOUR, "wall_clock": True},
    "resolution": {"allowance_seconds": 20 * HOUR},
    "queue_wait": {"allowance_seconds": HOUR},
}
URGENT = {**USUAL, "resolution": {"allowance_seconds": 5 * HOUR, "wall_clock": True}}
EVENTS: list[Event] = [
    *(StatusChanged("open", status) for status in ("open", "pending", "on_hold")),
    *(PriorityChanged("normal", priority) for priority in ("urgent", "normal")),
    *(TicketSnoozed("2026-03-09T10:00:00Z"), TicketWoke("due")),
    *(MessageReceived(1, "email"), ReplyWritten(2, "email"), ReplyWritten(2, "email", automatic=True)),
    *(TicketResolved("open"), TicketResolved("open", answer_needed=False), TicketReopened("solved")),
    *(TicketAssigned(None, 7), TicketReleased(7)),
]
# Some entries had to wait for a lock, and tell of a moment before the last one.
steps = st.timedeltas(timedelta(hours=-9), timedelta(hours=30))
happenings = st.lists(st.tuples(steps, st.sampled_from(EVENTS)), max_size=12)
rests = st.timedeltas(timedelta(0), timedelta(days=30))


@given(happenings=happenings, rest=rests, reopening=st.sampled_from(["continue", "restart", "keep"]))
@settings(max_examples=100)
def test_intervals_leave_no_gap_and_add_up(
    happenings: list[tuple[timedelta, Event]], rest: timedelta, reopening: str
) -> None:
    book = Book(
        [
            agreement(1, URGENT, hours=DESK, priority=["urgent"]),
            agreement(2, USUAL, hours=SHIFTS, on_reopen=reopening),
        ]
    )
    moment = at("10:00")
    entries = [entry(moment, opened(moment), CUSTOMER)]
    for step, event in happenings:
        moment += step
        entries.append(entry(moment, event))
    now = max(one.at for one in entries) + rest
    life = replay(entries, book)
    reasons = Reasons(Named({1: ("Urgent", 1), 2: ("Usual", 1)}, {}), lambda _: book.agreements, WORDS[Language.FRENCH])

    courses = courses_of(entries, book)

    assert life is not None
    assert [one.clock for one in courses] == life.clocks
    for course in courses:
        clock = course.clock
        target = book.agreement(clock.policy_id or 0).targets[clock.metric]
        told = explain(Kept(clock, None, target.hours, SHIFTS.time_zone), course, now, reasons)
        assert told.differs is None
        assert sum(one.counted_seconds for one in told.intervals) == told.elapsed_seconds
        assert told.elapsed_seconds == counted_at(clock, now, target.hours) // timedelta(seconds=1)
        assert told.state == as_of(clock, now).state
        edges = [clock.started_at, *(one.until for one in told.intervals)]
        assert [one.since for one in told.intervals] == edges[:-1]
        assert edges[-1] >= (clock.met_at or clock.cancelled_at or now) or not told.intervals
        assert all(one.since < one.until for one in told.intervals)
        assert target.hours is always_open() or not any("jour et nuit" in one.why for one in told.intervals[-1:])
