"""Which tickets a policy is for, and what is refused as a policy."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sla.errors import InvalidPolicy
from sla.facts import Facts
from sla.policy import check_conditions, check_policy, check_targets
from tests.sla import book
from tests.sla.desk import NOON

CALL = Facts(
    channel="phone",
    queue_id=3,
    priority="high",
    opened_at=NOON,
    waiting_since=NOON,
    language="fr-CA",
    tags=frozenset({"vip"}),
    fields={"product": "kettle", "parts": ["lid", "cord"]},
    customer_fields={"tier": "gold"},
)


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        pytest.param({}, True, id="none: every ticket"),
        pytest.param({"channel": ["phone", "chat"]}, True, id="one of its channels"),
        pytest.param({"channel": ["email"]}, False, id="another channel"),
        pytest.param({"queue": [3]}, True, id="its queue"),
        pytest.param({"queue": [4]}, False, id="another queue"),
        pytest.param({"priority": ["high", "urgent"]}, True, id="its priority"),
        pytest.param({"language": ["fr"]}, True, id="its language, whatever the country"),
        pytest.param({"language": ["fr-FR"]}, False, id="its language in another country"),
        pytest.param({"tag": ["late", "vip"]}, True, id="one of its tags"),
        pytest.param({"tag": ["late"]}, False, id="another tag"),
        pytest.param({"field": {"product": ["kettle"], "parts": ["cord"]}}, True, id="its fields"),
        pytest.param({"field": {"product": ["kettle"], "colour": ["red"]}}, False, id="a field that it has not"),
        pytest.param({"customer_field": {"tier": ["gold"]}}, True, id="its customer's field"),
        pytest.param({"customer_field": {"tier": ["silver"]}}, False, id="another customer's field"),
        pytest.param({"channel": ["phone"], "queue": [3], "priority": ["high"]}, True, id="all that it has"),
        pytest.param({"channel": ["phone"], "queue": [3], "priority": ["low"]}, False, id="all but one"),
    ],
)
def test_a_policy_is_for_tickets_that_meet_every_condition(conditions: dict[str, Any], expected: bool) -> None:
    check_conditions(conditions)

    assert book.agreement(**conditions).is_for(CALL) is expected


@pytest.mark.parametrize(
    ("conditions", "sentence"),
    [
        pytest.param([], "must be an object", id="a list"),
        pytest.param({"moon": ["full"]}, "no condition on 'moon'", id="an unknown condition"),
        pytest.param({"channel": "phone"}, "a list of 1 to 200 values", id="a word for a list"),
        pytest.param({"channel": []}, "a list of 1 to 200 values", id="nothing that could match"),
        pytest.param({"queue": [1] * 201}, "a list of 1 to 200 values", id="too many values"),
        pytest.param({"channel": ["fax"]}, "knows no 'fax'; it knows api, chat", id="no such channel"),
        pytest.param({"channel": [["phone"]]}, "knows no", id="a list in a list"),
        pytest.param({"priority": [1]}, "knows no 1", id="a number for a priority"),
        pytest.param({"queue": ["Support"]}, "takes ids, not 'Support'", id="a queue's name"),
        pytest.param({"queue": [True]}, "takes ids, not True", id="a truth for an id"),
        pytest.param({"queue": [2**63]}, "takes ids", id="an id that no table holds"),
        pytest.param({"language": ["French!"]}, "such as fr or pt-BR, not 'French!'", id="no language"),
        pytest.param({"language": [""]}, "such as fr or pt-BR", id="no language at all"),
        pytest.param({"tag": [" VIP "]}, "write 'vip', not ' VIP '", id="a tag that no ticket could have"),
        pytest.param({"tag": [" "]}, "takes tags", id="an empty tag"),
        pytest.param({"field": ["kettle"]}, "an object of 1 to 20 fields", id="values of no field"),
        pytest.param({"field": {}}, "an object of 1 to 20 fields", id="no field"),
        pytest.param({"field": {"product": "kettle"}}, "on field product is a list", id="a field's bare value"),
        pytest.param({"field": {"product": [None]}}, "takes text, numbers", id="a value that nothing has"),
        pytest.param({"customer_field": {"": ["gold"]}}, "names fields of 1 to", id="a field without a name"),
        pytest.param({"customer_field": {"tier": [float("inf")]}}, "takes text, numbers", id="no end of a number"),
    ],
)
def test_nonsensical_conditions_are_refused(conditions: Any, sentence: str) -> None:
    with pytest.raises(InvalidPolicy, match=sentence):
        check_conditions(conditions)


def first_response(**target: Any) -> dict[str, Any]:
    return {"first_response": {"allowance_seconds": 60, **target}}


def step(offset: Any = 0, actions: Any = ({"kind": "notify", "to": ["assignee"]},), **more: Any) -> dict[str, Any]:
    return {"offset_seconds": offset, "actions": list(actions) if isinstance(actions, tuple) else actions, **more}


@pytest.mark.parametrize(
    ("targets", "sentence"),
    [
        pytest.param({}, "needs targets", id="none"),
        pytest.param([], "needs targets", id="a list"),
        pytest.param({"last_word": {"allowance_seconds": 60}}, "'last_word' is nothing that is measured", id="unknown"),
        pytest.param({"first_response": 60}, "an object that has allowance_seconds, warn", id="a bare number"),
        pytest.param({"first_response": {}}, "must be 1 to 31622400, not None", id="no allowance"),
        pytest.param(first_response(minutes=1), "a target is an object that has", id="an unknown key"),
        pytest.param(first_response(allowance_seconds=0), "must be 1 to", id="no time at all"),
        pytest.param(first_response(allowance_seconds=1.5), "must be 1 to", id="parts of a second"),
        pytest.param(first_response(allowance_seconds=True), "must be 1 to", id="a truth for a number"),
        pytest.param(first_response(allowance_seconds=10**9), "must be 1 to", id="decades"),
        pytest.param(first_response(warn_seconds_before=60), "less than", id="warns at once"),
        pytest.param(first_response(warn_seconds_before=-1), "not negative", id="warns afterwards"),
        pytest.param(first_response(warn_seconds_before=None), "less than", id="warns at no moment"),
        pytest.param(first_response(wall_clock=1), "wall_clock is true or false", id="a number for a truth"),
        pytest.param(first_response(pause_on="pending"), "any of pending, on_hold, snoozed", id="a bare pause"),
        pytest.param(first_response(pause_on=["lunch"]), "any of pending", id="an unknown pause"),
        pytest.param(first_response(pause_on=["pending", "pending"]), "each once", id="a pause twice"),
        pytest.param(first_response(steps={}), "a list of at most 20 steps", id="steps that are no list"),
        pytest.param(first_response(steps=[step(n) for n in range(21)]), "at most 20 steps", id="too many steps"),
        pytest.param(first_response(steps=[{"offset_seconds": 0}]), "step 1: a step is an object", id="half a step"),
        pytest.param(first_response(steps=[step(why="late")]), "and nothing else", id="more than a step"),
        pytest.param(first_response(steps=[step(0), step(0)]), "step 2: there is a step at 0", id="a moment twice"),
        pytest.param(first_response(steps=[step(-60)]), "60 seconds before the deadline", id="a step at the start"),
        pytest.param(first_response(steps=[step(0.5)]), "whole number of seconds", id="half a second"),
        pytest.param(first_response(steps=[step(10**9)]), "of at most 31622400", id="a step in decades"),
        pytest.param(first_response(steps=[step(0, [])]), "a list of 1 to 10 actions", id="a step without actions"),
        pytest.param(
            first_response(steps=[step(0, [{"kind": "shout"}])]),
            "first_response, step 1, action 1: there is no action 'shout'",
            id="an unknown action",
        ),
        pytest.param({"promise": {"allowance_seconds": 60}}, "names its moment", id="an allowance for a promise"),
        pytest.param({"promise": {"pause_on": []}}, "names its moment", id="a promise that pauses"),
    ],
)
def test_nonsensical_targets_are_refused(targets: Any, sentence: str) -> None:
    with pytest.raises(InvalidPolicy, match=sentence):
        check_targets(targets)


def whole(**changes: Any) -> dict[str, Any]:
    return {"name": "Gold", "position": 5, "targets": first_response(), **changes}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        pytest.param([], "a policy is an object", id="a list"),
        pytest.param(whole(applies="new"), "has no applies; it has automatic_answers_count", id="an unknown word"),
        pytest.param(whole(name=""), "needs a name", id="no name"),
        pytest.param(whole(name=7), "needs a name", id="a number for a name"),
        pytest.param(whole(name="two\nlines"), "one line", id="two lines"),
        pytest.param(whole(name="x" * 101), "at most 100 characters", id="a long name"),
        pytest.param(whole(position="1"), "needs a position", id="a word for a position"),
        pytest.param(whole(position=10**7), "needs a position, a whole number from", id="a far position"),
        pytest.param(whole(conditions=None), "must be an object", id="no conditions, said so"),
        pytest.param(whole(targets=None), "needs targets", id="no targets, said so"),
        pytest.param(whole(on_reopen="never"), "one of continue, restart, keep, not 'never'", id="an unknown way"),
        pytest.param(whole(on_reopen=[]), "one of continue", id="a list of ways"),
        pytest.param(whole(automatic_answers_count="no"), "is true or false, not 'no'", id="a word for a truth"),
        pytest.param(whole(shadow=None), "shadow is true or false", id="nothing for a truth"),
    ],
)
def test_nonsensical_policies_are_refused(body: Any, sentence: str) -> None:
    with pytest.raises(InvalidPolicy, match=sentence):
        check_policy(body)


def test_what_is_nested_without_end_is_refused_like_any_nonsense() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]

    for body in (whole(targets=deep), whole(conditions={"queue": deep}), whole(targets=first_response(steps=[deep]))):
        with pytest.raises(InvalidPolicy):
            check_policy(body)


def test_a_policy_that_says_all_that_one_can_say_is_taken() -> None:
    every_action = [
        {"kind": "notify", "to": ["assignee", "supervisors", 7], "by": ["mail"]},
        {"kind": "raise_priority", "to": "urgent"},
        {"kind": "move", "queue": 3},
        {"kind": "assign", "agent": 7},
        {"kind": "tag", "tags": ["late"]},
        {"kind": "webhook", "url": "https://hooks.example/late"},
    ]
    target = {
        "allowance_seconds": 3600,
        "warn_seconds_before": 600,
        "wall_clock": True,
        "pause_on": ["pending", "on_hold", "snoozed"],
        "steps": [step(-600), step(0, every_action), step(3600)],
    }
    metrics = ("first_response", "next_response", "update", "resolution", "queue_wait")
    check_policy(
        {
            **whole(calendar=3, on_reopen="keep", automatic_answers_count=True, shadow=True),
            "conditions": {
                "channel": ["sms"],
                "queue": [1, 2],
                "priority": ["low"],
                "language": ["pt-BR"],
                "tag": ["très tard"],
                "field": {"product": ["kettle", 7, True]},
                "customer_field": {"tier": ["gold"]},
            },
            "targets": {**dict.fromkeys(metrics, target), "promise": {"warn_seconds_before": 900, "steps": [step(0)]}},
        }
    )
    check_targets({"promise": {}})


def test_the_policy_on_its_page_is_one() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "policies.md").read_text(encoding="utf-8")
    blocks = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL)]
    (shown,) = [block for block in blocks if "targets" in block]

    check_policy(shown)
    shown["targets"]["resolution"]["steps"][0]["offset_seconds"] = -129_600
    with pytest.raises(InvalidPolicy) as refused:
        check_policy(shown)
    assert str(refused.value) + "." in page.replace("\n", " ")
