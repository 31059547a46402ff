"""One clock's life, as the reducer tells it. 2 March 2026 is a Monday; the desk opens at nine."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce

import pytest

from sla.clock import Metric, SLAClock, State, Target, advance, as_of, remaining_seconds, start, state_at
from sla.hours import BusinessHours
from ticketing.events import (
    Actor,
    Entry,
    Event,
    MessageReceived,
    NoteWritten,
    ReplyWritten,
    TicketAssigned,
    TicketMerged,
    TicketOpened,
    TicketReopened,
    TicketResolved,
)

DESK = BusinessHours.from_dict(
    {"time_zone": "UTC", "weekly": {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}}
)
FOUR_HOURS = Target(timedelta(hours=4), timedelta(minutes=30), DESK)
AGENT, CUSTOMER = Actor.agent(7), Actor.customer(3)

REPLY = ReplyWritten(message_id=2, channel="email")
AUTOMATIC_REPLY = ReplyWritten(message_id=2, channel="email", automatic=True)
RESOLVED = TicketResolved(before="open")
MERGED = TicketMerged(into=9, messages=[1])

Happening = tuple[str, Event]  # at which time on 2 March, what


def at(time: str, day: int = 2) -> datetime:
    hour, minute = time.split(":")
    return datetime(2026, 3, day, int(hour), int(minute), tzinfo=UTC)


def opened(waiting_since: datetime | None) -> TicketOpened:
    since = waiting_since.isoformat() if waiting_since else None
    return TicketOpened(channel="email", queue_id=1, priority="normal", customer_id=3, waiting_since=since)


def entry(moment: datetime, event: Event, by: Actor = AGENT) -> Entry:
    return Entry(ticket_id=1, at=moment, actor=by, source="test", event=event)


def started(moment: datetime) -> SLAClock:
    clock = start(Metric.FIRST_RESPONSE, FOUR_HOURS, entry(moment, opened(moment), CUSTOMER))
    assert clock is not None
    return clock


def after(happenings: Sequence[Happening]) -> SLAClock:
    """Return the clock of a ticket that was opened at ten (due at two), after all that happened to it."""
    return reduce(advance, (entry(at(time), event) for time, event in happenings), started(at("10:00")))


def test_a_first_response_is_owed_from_the_opening_of_the_ticket() -> None:
    assert started(at("10:00")) == SLAClock(
        metric=Metric.FIRST_RESPONSE,
        allowance=timedelta(hours=4),
        started_at=at("10:00"),
        due_at=at("14:00"),
        warn_at=at("13:30"),
    )


@pytest.mark.parametrize(
    ("waiting_since", "expected"),
    [
        pytest.param(at("09:30"), at("13:30"), id="waited before the ticket was opened"),
        pytest.param(at("10:15"), at("14:00"), id="a clock that runs ahead wins no time"),
        pytest.param(at("23:00", day=1), at("13:00"), id="wrote on Sunday night"),
    ],
)
def test_the_wait_counts_from_when_the_customer_began_to_wait(waiting_since: datetime, expected: datetime) -> None:
    clock = start(Metric.FIRST_RESPONSE, FOUR_HOURS, entry(at("10:00"), opened(waiting_since)))

    assert clock is not None
    assert clock.due_at == expected


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(opened(None), id="opened by an agent, nobody waits"),
        pytest.param(MessageReceived(message_id=1, channel="email"), id="a message on a ticket that is there"),
        pytest.param(TicketReopened(before="solved"), id="reopened"),
    ],
)
def test_nothing_is_owed(event: Event) -> None:
    assert start(Metric.FIRST_RESPONSE, FOUR_HOURS, entry(at("10:00"), event)) is None


def test_without_a_warning_in_the_policy_nobody_is_warned() -> None:
    target = Target(timedelta(hours=4), None, DESK)
    clock = start(Metric.FIRST_RESPONSE, target, entry(at("10:00"), opened(at("10:00"))))

    assert clock is not None
    assert clock.warn_at is None


@pytest.mark.parametrize(
    ("happenings", "state", "met_at", "breached_at"),
    [
        pytest.param([], State.RUNNING, None, None, id="nothing yet"),
        pytest.param([("11:00", REPLY)], State.MET, "11:00", None, id="answered"),
        pytest.param([("13:59", REPLY)], State.MET, "13:59", None, id="answered in the last minute"),
        pytest.param([("14:00", REPLY)], State.BREACHED, "14:00", "14:00", id="answered at the deadline is too late"),
        pytest.param([("15:30", REPLY)], State.BREACHED, "15:30", "14:00", id="answered late"),
        pytest.param([("11:00", AUTOMATIC_REPLY)], State.RUNNING, None, None, id="a machine's answer is none"),
        pytest.param([("11:00", AUTOMATIC_REPLY), ("12:00", REPLY)], State.MET, "12:00", None, id="then a person's"),
        pytest.param([("11:00", NoteWritten(4))], State.RUNNING, None, None, id="a note is no answer"),
        pytest.param([("11:00", TicketAssigned(None, 7))], State.RUNNING, None, None, id="being assigned is none"),
        pytest.param([("11:00", RESOLVED)], State.MET, "11:00", None, id="resolved without words"),
        pytest.param([("16:00", RESOLVED)], State.BREACHED, "16:00", "14:00", id="resolved without words, late"),
        pytest.param([("11:00", REPLY), ("12:00", REPLY)], State.MET, "11:00", None, id="the first answer counts"),
        pytest.param([("11:00", REPLY), ("16:00", RESOLVED)], State.MET, "11:00", None, id="met stays met"),
        pytest.param(
            [("11:00", REPLY), ("15:00", RESOLVED), ("16:00", TicketReopened("solved"))],
            State.MET,
            "11:00",
            None,
            id="reopening owes no first response again",
        ),
        pytest.param([("11:00", MERGED)], State.CANCELLED, None, None, id="merged: nothing is owed here any more"),
        pytest.param([("11:00", MERGED), ("12:00", REPLY)], State.CANCELLED, None, None, id="and nothing can be met"),
        pytest.param([("14:00", MERGED)], State.BREACHED, None, "14:00", id="merged too late: missed all the same"),
        pytest.param([("11:00", REPLY), ("12:00", MERGED)], State.MET, "11:00", None, id="met before it was merged"),
    ],
)
def test_a_first_response_clock(
    happenings: Sequence[Happening], state: State, met_at: str | None, breached_at: str | None
) -> None:
    clock = after(happenings)

    assert clock.state is state
    assert clock.met_at == (at(met_at) if met_at else None)
    assert clock.breached_at == (at(breached_at) if breached_at else None)
    assert clock.due_at == at("14:00")


@pytest.mark.parametrize(
    ("happenings", "now", "expected"),
    [
        pytest.param([], "13:59", State.RUNNING, id="before the deadline"),
        pytest.param([], "14:00", State.BREACHED, id="at the deadline"),
        pytest.param([], "16:00", State.BREACHED, id="after it, though nobody noticed"),
        pytest.param([("11:00", REPLY)], "16:00", State.MET, id="answered in time"),
        pytest.param([("15:00", REPLY)], "16:00", State.BREACHED, id="answered late"),
    ],
)
def test_the_state_is_true_at_any_moment(happenings: Sequence[Happening], now: str, expected: State) -> None:
    assert state_at(after(happenings), at(now)) is expected


def test_a_breach_that_somebody_notices_late_is_stamped_with_the_deadline() -> None:
    assert as_of(started(at("10:00")), at("09:00", day=9)).breached_at == at("14:00")


def test_an_answer_in_time_undoes_a_breach_that_a_sweep_noticed_while_it_waited_for_the_lock() -> None:
    swept = as_of(started(at("10:00")), at("14:00"))

    clock = advance(swept, entry(at("13:59"), REPLY))

    assert clock == after([("13:59", REPLY)])
    assert clock.state is State.MET


@pytest.mark.parametrize(
    ("happenings", "now", "expected"),
    [
        pytest.param([], at("10:00"), 4 * 3600, id="all of it"),
        pytest.param([], at("13:30"), 1800, id="the last half hour"),
        pytest.param([], at("14:00"), 0, id="none"),
        pytest.param([], at("16:00"), -2 * 3600, id="overdue"),
        pytest.param([], at("10:00", day=3), -4 * 3600, id="overdue, the night not counted"),
        pytest.param([("11:00", REPLY)], at("16:00"), 3 * 3600, id="what was left when it was met"),
        pytest.param([("15:00", REPLY)], at("16:00"), -3600, id="what it was overdue by when it was answered"),
        pytest.param([], at("13:59") + timedelta(seconds=59, microseconds=1), 0, id="less than a second"),
        pytest.param([], at("14:00") + timedelta(microseconds=1), -1, id="overdue by less than a second"),
    ],
)
def test_seconds_remain(happenings: Sequence[Happening], now: datetime, expected: int) -> None:
    assert remaining_seconds(after(happenings), now, DESK) == expected


def test_working_time_remains_over_night() -> None:
    clock = started(at("16:00"))

    assert clock.due_at == at("12:00", day=3)
    assert clock.warn_at == at("11:30", day=3)
    assert remaining_seconds(clock, at("22:00"), DESK) == 3 * 3600
