"""A call only moves on, in whatever order its provider tells of it."""

import itertools

import pytest

from channels.phone.states import FINAL, STATES, CallState, moves_on

ORDERS = list(itertools.permutations(["queued", "initiated", "ringing", "in-progress", "completed"]))


def test_whatever_the_order_a_call_ends_once_and_stays_ended() -> None:
    for order in ORDERS:
        state, ends = CallState.QUEUED, 0
        for status in order:
            if moves_on(state, STATES[status]):
                state = STATES[status]
                ends += state in FINAL

        assert (state, ends) == (CallState.ENDED, 1), order


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(sorted(FINAL), 2)))
def test_of_two_ends_the_first_stands(first: CallState, second: CallState) -> None:
    assert not moves_on(first, second)


@pytest.mark.parametrize("state", list(CallState))
def test_the_same_again_is_no_news(state: CallState) -> None:
    assert not moves_on(state, state)


def test_every_status_of_twilio_has_a_state_of_its_own() -> None:
    assert sorted(STATES.values()) == sorted(CallState)
