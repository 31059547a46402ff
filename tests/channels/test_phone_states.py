"""A call only moves on, in whatever order its provider tells of it."""

import itertools

import pytest

from channels.phone.states import FINAL, NEXT, STATES, CallState, Heard, moves_on

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


def test_the_table_names_every_state_and_never_leads_back() -> None:
    assert set(NEXT) == set(CallState)
    assert frozenset({"ended", "busy", "unanswered", "cancelled", "failed"}) == FINAL
    for before, after in itertools.product(CallState, repeat=2):
        assert not (moves_on(before, after) and moves_on(after, before))


def test_of_a_rooms_news_only_the_newest_counts() -> None:
    told = [Heard("CF1", number) for number in range(4)]
    for order in itertools.permutations([*told, told[1]]):
        heard = Heard()
        for one in order:
            if heard.misses(one):
                heard = Heard.read(str(one))

        assert heard == told[3], order
    assert told[3].misses(Heard("CF2", 0))
    assert Heard.read("") == Heard()
