"""Which tickets a policy is for, and what is refused as a policy."""

from typing import Any

import pytest

from sla.errors import InvalidPolicy
from sla.policy import check_conditions, check_targets, matches
from ticketing.events import TicketOpened

CALL = TicketOpened(channel="phone", queue_id=3, priority="high", customer_id=1)


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        pytest.param({}, True, id="none: every ticket"),
        pytest.param({"channel": ["phone", "chat"]}, True, id="one of its channels"),
        pytest.param({"channel": ["email"]}, False, id="another channel"),
        pytest.param({"queue": [3]}, True, id="its queue"),
        pytest.param({"queue": [4]}, False, id="another queue"),
        pytest.param({"priority": ["high", "urgent"]}, True, id="its priority"),
        pytest.param({"channel": ["phone"], "queue": [3], "priority": ["high"]}, True, id="all that it has"),
        pytest.param({"channel": ["phone"], "queue": [3], "priority": ["low"]}, False, id="all but one"),
        pytest.param({"moon": ["full"]}, False, id="something that no ticket has"),
    ],
)
def test_a_policy_is_for_tickets_that_meet_every_condition(conditions: dict[str, Any], expected: bool) -> None:
    assert matches(conditions, CALL) is expected


@pytest.mark.parametrize(
    ("conditions", "sentence"),
    [
        pytest.param([], "must be an object", id="a list"),
        pytest.param({"moon": ["full"]}, "no condition on 'moon'", id="an unknown condition"),
        pytest.param({"channel": "phone"}, "at least one value", id="a word for a list"),
        pytest.param({"channel": []}, "at least one value", id="nothing that could match"),
        pytest.param({"channel": ["fax"]}, "knows no 'fax'; it knows api, chat", id="no such channel"),
        pytest.param({"channel": [["phone"]]}, "knows no", id="a list in a list"),
        pytest.param({"priority": [1]}, "knows no 1", id="a number for a priority"),
        pytest.param({"queue": ["Support"]}, "takes ids, not 'Support'", id="a queue's name"),
        pytest.param({"queue": [True]}, "takes ids, not True", id="a truth for an id"),
    ],
)
def test_nonsensical_conditions_are_refused(conditions: Any, sentence: str) -> None:
    with pytest.raises(InvalidPolicy, match=sentence):
        check_conditions(conditions)


def first_response(**target: Any) -> dict[str, Any]:
    return {"first_response": target}


@pytest.mark.parametrize(
    ("targets", "sentence"),
    [
        pytest.param({}, "needs targets", id="none"),
        pytest.param({"last_word": {"allowance_seconds": 60}}, "'last_word' is nothing that is measured", id="unknown"),
        pytest.param({"first_response": 60}, "allowance_seconds and warn_seconds_before", id="a bare number"),
        pytest.param(first_response(), "the first of which it needs", id="no allowance"),
        pytest.param(first_response(allowance_seconds=60, minutes=1), "a target has", id="an unknown key"),
        pytest.param(first_response(allowance_seconds=0), "must be 1 to", id="no time at all"),
        pytest.param(first_response(allowance_seconds=1.5), "must be 1 to", id="parts of a second"),
        pytest.param(first_response(allowance_seconds=True), "must be 1 to", id="a truth for a number"),
        pytest.param(first_response(allowance_seconds=10**9), "must be 1 to", id="decades"),
        pytest.param(first_response(allowance_seconds=60, warn_seconds_before=60), "less than", id="warns at once"),
        pytest.param(first_response(allowance_seconds=60, warn_seconds_before=-1), "less than", id="warns afterwards"),
    ],
)
def test_nonsensical_targets_are_refused(targets: Any, sentence: str) -> None:
    with pytest.raises(InvalidPolicy, match=sentence):
        check_targets(targets)


def test_sensible_policies_are_taken() -> None:
    check_conditions({"channel": ["sms"], "queue": [1, 2], "priority": ["low"]})
    check_targets(first_response(allowance_seconds=3600, warn_seconds_before=600))
    check_targets(first_response(allowance_seconds=3600))
