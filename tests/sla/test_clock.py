"""The moves of one clock that is started on Monday at ten and allows four hours of a desk open from nine to five."""

from datetime import datetime, timedelta

import pytest

from sla import clock
from sla.agreement import Metric, Target
from sla.clock import SLAClock, State, as_of, counted_at, moment_of, remaining_seconds, state_at
from sla.errors import NeverOpen
from sla.hours import BusinessHours
from sla.steps import next_step, warning
from tests.sla.book import DESK, at

HOURS = timedelta(hours=1)
TARGET = Target(
    timedelta(hours=4), DESK, warn_before=timedelta(minutes=30), steps=(-HOURS / 2, timedelta(0), timedelta(hours=2))
)


def started(time: str = "10:00") -> SLAClock:
    return clock.start(Metric.RESOLUTION, TARGET, at(time), policy_id=1)


def met(time: str) -> SLAClock:
    return clock.meet(started(), at(time), DESK)


@pytest.mark.parametrize(
    ("one", "now", "expected"),
    [
        pytest.param(started(), "13:59", State.RUNNING, id="before the deadline"),
        pytest.param(started(), "14:00", State.BREACHED, id="at the deadline"),
        pytest.param(started(), "16:00", State.BREACHED, id="after it, though nobody noticed"),
        pytest.param(met("13:59"), "16:00", State.MET, id="answered in time"),
        pytest.param(met("14:00"), "16:00", State.BREACHED, id="answered at the deadline"),
        pytest.param(clock.pause(started(), at("11:00"), "pending", DESK), "16:00", State.PAUSED, id="at rest"),
        pytest.param(
            clock.pause(started(), at("14:00"), "pending", DESK), "16:00", State.BREACHED, id="at rest too late"
        ),
        pytest.param(clock.cancel(started(), at("13:00"), DESK), "16:00", State.CANCELLED, id="cancelled"),
        pytest.param(clock.cancel(started(), at("14:00"), DESK), "16:00", State.BREACHED, id="cancelled too late"),
    ],
)
def test_the_state_is_true_at_any_moment(one: SLAClock, now: str, expected: State) -> None:
    assert state_at(one, at(now)) is expected


def test_a_breach_that_somebody_notices_late_is_stamped_with_the_deadline() -> None:
    assert as_of(started(), at("9T09:00")).breached_at == at("14:00")


@pytest.mark.parametrize("move", ["meet", "cancel", "pause"])
def test_what_happened_in_time_undoes_a_breach_that_a_sweep_noticed_while_it_waited_for_the_lock(move: str) -> None:
    swept, told = as_of(started(), at("14:00")), ("pending",) if move == "pause" else ()

    moved = getattr(clock, move)(swept, at("13:59"), *told, DESK)

    assert moved == getattr(clock, move)(started(), at("13:59"), *told, DESK)
    assert moved.breached_at is None


@pytest.mark.parametrize(
    ("one", "now", "expected"),
    [
        pytest.param(started(), at("10:00"), 4 * 3600, id="all of it"),
        pytest.param(started(), at("13:30"), 1800, id="the last half hour"),
        pytest.param(started(), at("14:00"), 0, id="none"),
        pytest.param(started(), at("16:00"), -2 * 3600, id="overdue"),
        pytest.param(started(), at("3T10:00"), -4 * 3600, id="overdue, the night not counted"),
        pytest.param(started("16:00"), at("22:00"), 3 * 3600, id="over night"),
        pytest.param(met("11:00"), at("16:00"), 3 * 3600, id="what was left when it was met"),
        pytest.param(met("15:00"), at("16:00"), -3600, id="what it was overdue by when it was answered"),
        pytest.param(started(), at("13:59") + timedelta(seconds=59, microseconds=1), 0, id="less than a second"),
        pytest.param(started(), at("14:00") + timedelta(microseconds=1), -1, id="overdue by less than a second"),
        pytest.param(clock.pause(started(), at("11:00"), "pending", DESK), at("16:00"), 3 * 3600, id="at rest"),
    ],
)
def test_seconds_remain(one: SLAClock, now: datetime, expected: int) -> None:
    assert remaining_seconds(one, now, DESK) == expected


def test_a_rest_moves_the_deadline_by_the_working_time_that_it_took() -> None:
    resting = clock.pause(started(), at("11:00"), "pending", DESK)

    goes_on = clock.resume(resting, at("3T09:30"), DESK)

    assert (resting.due_at, counted_at(resting, at("16:00"), DESK)) == (None, HOURS)
    assert (goes_on.due_at, goes_on.paused_by) == (at("3T12:30"), None)
    assert counted_at(goes_on, at("3T10:30"), DESK) == 2 * HOURS


def test_a_breached_clock_that_rests_keeps_its_deadline_but_counts_no_more() -> None:
    resting = clock.pause(started(), at("15:00"), "pending", DESK)

    goes_on = clock.resume(resting, at("3T09:00"), DESK)

    assert (resting.breached_at, goes_on.breached_at, goes_on.due_at) == (at("14:00"),) * 3
    assert remaining_seconds(goes_on, at("3T10:00"), DESK) == -2 * 3600


def test_what_was_told_late_counts_nothing_backwards() -> None:
    resumed = clock.resume(clock.pause(started(), at("11:00"), "pending", DESK), at("12:00"), DESK)

    assert clock.pause(resumed, at("11:30"), "on_hold", DESK).counted == HOURS


@pytest.mark.parametrize(
    ("allowance", "expected"),
    [
        pytest.param(8, at("3T10:00"), id="more: seven hours are left"),
        pytest.param(2, at("12:00"), id="less: one hour is left"),
        pytest.param(1, at("11:00"), id="just as much as was counted"),
        pytest.param(0.5, at("11:00"), id="less than was counted: now"),
    ],
)
def test_another_allowance_leaves_what_was_counted(allowance: float, expected: datetime) -> None:
    target = Target(allowance * HOURS, DESK)

    moved = clock.retarget(started(), at("11:00"), DESK, target, 2)

    assert (moved.due_at, moved.policy_id, moved.started_at) == (expected, 2, at("10:00"))
    assert counted_at(moved, at("11:30"), DESK) == 1.5 * HOURS


def test_a_clock_whose_calendar_has_run_out_cannot_go_on() -> None:
    over = BusinessHours.from_dict({"time_zone": "UTC", "exceptions": {"2026-03-02": [["09:00", "12:00"]]}})
    resting = clock.pause(started(), at("11:00"), "pending", over)

    with pytest.raises(NeverOpen):
        clock.resume(resting, at("11:30"), over)


@pytest.mark.parametrize(
    ("one", "steps_done", "expected"),
    [
        pytest.param(started(), 0, at("13:30"), id="the warning"),
        pytest.param(started(), 1, at("14:00"), id="the breach"),
        pytest.param(as_of(started(), at("14:00")), 2, at("16:00"), id="two hours after it"),
        pytest.param(started(), 3, None, id="nothing more"),
        pytest.param(met("11:00"), 0, None, id="met"),
        pytest.param(clock.pause(started(), at("11:00"), "pending", DESK), 0, None, id="nobody can say"),
        pytest.param(clock.pause(started(), at("15:00"), "pending", DESK), 2, at("16:00"), id="late, and at rest"),
    ],
)
def test_the_next_step(one: SLAClock, steps_done: int, expected: datetime | None) -> None:
    assert next_step(one, TARGET, steps_done) == expected


def test_a_clock_is_at_risk_from_its_warning_until_its_breach() -> None:
    assert warning(started(), TARGET) == at("13:30")
    assert warning(as_of(started(), at("14:00")), TARGET) is None
    assert warning(started(), Target(timedelta(hours=4), DESK)) is None


def test_a_step_whose_moment_had_passed_when_the_allowance_became_less_is_due_now() -> None:
    tight = Target(timedelta(minutes=80), DESK, warn_before=timedelta(minutes=30), steps=(-HOURS / 2, timedelta(0)))

    moved = clock.retarget(started(), at("11:00"), DESK, tight, 2)

    assert moment_of(moved, -HOURS / 2, tight) == at("11:00")
