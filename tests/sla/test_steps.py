"""What is due on a clock by a moment, step by step."""

from dataclasses import replace
from datetime import timedelta

import pytest

from sla import clock
from sla.agreement import Metric, Target, always_open
from sla.clock import SLAClock
from sla.steps import due_steps, next_step
from tests.sla.desk import NOON

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
STEPS = (-HOUR, -30 * MINUTE, timedelta(0), HOUR, 2 * HOUR)
TARGET = Target(allowance=4 * HOUR, hours=always_open(), warn_before=HOUR, steps=STEPS)
DUE = NOON + 4 * HOUR


def running() -> SLAClock:
    return clock.start(Metric.RESOLUTION, TARGET, NOON, policy_id=1)


@pytest.mark.parametrize(
    ("done", "now", "expected"),
    [
        pytest.param(0, DUE - HOUR - MINUTE, [], id="before the first warning"),
        pytest.param(0, DUE - HOUR, [-HOUR], id="at the first warning"),
        pytest.param(0, DUE - MINUTE, [-HOUR, -30 * MINUTE], id="two warnings that were slept through"),
        pytest.param(1, DUE - MINUTE, [-30 * MINUTE], id="the second after the first"),
        pytest.param(2, DUE - MINUTE, [], id="nothing twice"),
        pytest.param(2, DUE, [timedelta(0)], id="at the deadline"),
        pytest.param(0, DUE, [timedelta(0)], id="warnings come too late at the deadline"),
        pytest.param(0, DUE + HOUR, [timedelta(0), HOUR], id="breach and escalation, both slept through"),
        pytest.param(3, DUE + 9 * HOUR, [HOUR, 2 * HOUR], id="all escalations"),
        pytest.param(5, DUE + 9 * HOUR, [], id="none is left"),
    ],
)
def test_each_step_is_taken_once(done: int, now: object, expected: list[timedelta]) -> None:
    steps, _ = due_steps(running(), TARGET, done, now)  # type: ignore[arg-type]

    assert [step.offset for step in steps] == expected
    assert [step.at for step in steps] == [DUE + offset for offset in expected]
    assert {step.due_at for step in steps} <= {DUE}


def test_a_warning_that_came_too_late_counts_as_done() -> None:
    assert due_steps(running(), TARGET, 0, DUE)[1] == 3


def test_a_clock_that_has_ended_has_no_steps() -> None:
    met = clock.meet(running(), DUE + MINUTE, always_open())

    assert due_steps(met, TARGET, 0, DUE + HOUR) == ([], 0)
    assert next_step(met, TARGET, 0) is None


def test_a_clock_that_rests_has_no_steps_until_it_goes_on() -> None:
    resting = clock.pause(running(), NOON + HOUR, "pending", always_open())
    going = clock.resume(resting, NOON + 3 * HOUR, always_open())

    assert due_steps(resting, TARGET, 0, DUE) == ([], 0)
    assert next_step(going, TARGET, 0) == DUE + HOUR


def test_a_clock_whose_deadline_passed_before_it_rested_is_breached_all_the_same() -> None:
    resting = clock.pause(running(), DUE + MINUTE, "pending", always_open())

    steps, _ = due_steps(resting, TARGET, 2, DUE + MINUTE)

    assert [step.offset for step in steps] == [timedelta(0)]


def test_escalations_follow_the_calendar_until_it_runs_out() -> None:
    endless = replace(TARGET, steps=(timedelta(0), timedelta(days=400 * 365)))

    assert next_step(running(), endless, 1) is None
