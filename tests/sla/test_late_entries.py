"""Entries that had to wait for a lock tell of a moment before the last one: nothing counts twice, nothing breaks."""

from dataclasses import replace
from datetime import timedelta

import pytest

from sla.agreement import Metric, Target
from sla.clock import SLAClock, backdate, counted_at, meet, pause, reopen, resume, retarget, start
from tests.sla.book import DESK, at

HOUR = timedelta(hours=1)
TEN_HOURS = Target(10 * HOUR, DESK)


@pytest.fixture
def clock() -> SLAClock:
    return start(Metric.RESOLUTION, TEN_HOURS, at("9:00"), policy_id=1)


def test_what_goes_on_before_it_rested_goes_on_when_it_rested(clock: SLAClock) -> None:
    rested = pause(clock, at("11:00"), "pending", DESK)

    went_on = resume(rested, at("10:58"), DESK)

    assert counted_at(went_on, at("12:00"), DESK) == 3 * HOUR


def test_a_change_of_policy_while_it_rests_does_not_move_the_end_of_the_rest(clock: SLAClock) -> None:
    rested = retarget(pause(clock, at("11:00"), "snoozed", DESK), at("12:00"), DESK, TEN_HOURS, 2)

    went_on = resume(rested, at("11:30"), DESK)

    assert counted_at(went_on, at("12:00"), DESK) == 2.5 * HOUR


def test_more_than_is_allowed_may_have_been_counted_when_it_goes_on(clock: SLAClock) -> None:
    rested = retarget(pause(clock, at("12:00"), "pending", DESK), at("13:00"), DESK, Target(HOUR, DESK), 2)
    held = pause(rested, at("12:30"), "on_hold", DESK)

    went_on = resume(held, at("14:00"), DESK)

    assert went_on.due_at == at("14:00")


def test_what_is_opened_again_before_it_was_solved_goes_on_from_there(clock: SLAClock) -> None:
    went_on = reopen(meet(clock, at("11:00"), DESK), at("10:30"), DESK)

    assert counted_at(went_on, at("12:00"), DESK) == 3 * HOUR


def test_what_rests_and_turns_out_to_have_begun_earlier_keeps_what_it_counted(clock: SLAClock) -> None:
    rested = pause(clock, at("9:00"), "pending", DESK)

    earlier = backdate(
        replace(rested, allowance=HOUR, started_at=at("11:00"), running_since=at("11:00")), at("9:30"), DESK
    )

    assert (earlier.counted, earlier.paused_by) == (1.5 * HOUR, "pending")
