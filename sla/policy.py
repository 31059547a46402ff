"""What may stand in a policy, said in full. Pure.

    {"name": "Gold", "position": 5, "calendar": 3,
     "conditions": {"channel": ["phone", "chat"], "queue": [3], "priority": ["urgent"], "language": ["fr"],
                    "tag": ["vip"], "field": {"product": ["kettle"]}, "customer_field": {"tier": ["gold"]}},
     "targets": {"first_response": {"allowance_seconds": 14400, "warn_seconds_before": 1800},
                 "resolution": {"allowance_seconds": 172800, "wall_clock": true, "pause_on": ["pending"],
                                "steps": [{"offset_seconds": 0, "actions": [{"kind": "notify", "to": ["assignee"]}]}]}},
     "on_reopen": "continue", "automatic_answers_count": false, "shadow": false}

Conditions list the values that a ticket may have; what is not named does not matter. Targets are by metric, in whole
seconds of the calendar's working time. What they mean stands in `sla.agreement`, what actions there are in
`sla.actions`. Whether the calendar, the queues and the agents exist, only the store knows: see `sla.policies`.
"""

import math
import reprlib
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from sla.actions import check_action
from sla.agreement import CONDITIONS, PAUSES, Metric, OnReopen
from sla.errors import InvalidPolicy
from ticketing.envelope import Channel
from ticketing.errors import InvalidInput
from ticketing.folding import fold_tag
from ticketing.languages import language_tag
from ticketing.status import Priority

LONGEST_ALLOWANCE_SECONDS = 366 * 24 * 3600
LONGEST_OFFSET_SECONDS = LONGEST_ALLOWANCE_SECONDS
MAX_NAME = 100
FURTHEST_POSITION = 1_000_000  # in both directions
MOST_VALUES = 200  # of one condition
MOST_FIELDS = 20
LONGEST_VALUE = 2000
MOST_STEPS = 20  # of one target
MOST_ACTIONS = 10  # of one step

WORDS = frozenset(
    {
        *("name", "position", "calendar", "conditions", "targets"),
        *("on_reopen", "automatic_answers_count", "shadow"),
    }
)
TARGET_WORDS = ("allowance_seconds", "warn_seconds_before", "wall_clock", "pause_on", "steps")
PROMISE_WORDS = ("warn_seconds_before", "steps")  # the agent names the moment, and it is one on the wall
STEP_WORDS = ("offset_seconds", "actions")


def check_policy(body: Mapping[str, Any]) -> None:
    """Raise InvalidPolicy unless these are the words of a policy, as this module's docstring shows them.

    `name`, `position` and `targets` must be there. `calendar` is left to whoever knows the calendars.
    """
    if not isinstance(body, Mapping):
        raise InvalidPolicy(f"a policy is an object, not {_shown(body)}")
    unknown = set(body) - WORDS
    if unknown:
        raise InvalidPolicy(f"a policy has no {_listed(unknown)}; it has {_listed(WORDS)}")
    check_name(body.get("name"))
    check_position(body.get("position"))
    check_conditions(body.get("conditions", {}))
    check_targets(body.get("targets", {}))
    if body.get("on_reopen", OnReopen.CONTINUE) not in list(OnReopen):
        raise InvalidPolicy(f"on_reopen is one of {', '.join(OnReopen)}, not {_shown(body['on_reopen'])}")
    for name in ("automatic_answers_count", "shadow"):
        if not isinstance(body.get(name, False), bool):
            raise InvalidPolicy(f"{name} is true or false, not {_shown(body[name])}")


def check_name(name: Any) -> None:
    """Raise InvalidPolicy unless a policy may be called this."""
    if not isinstance(name, str) or not name.strip():
        raise InvalidPolicy("a policy needs a name, by which people know it")
    if len(name) > MAX_NAME or name != " ".join(name.split()) or not name.isprintable():
        raise InvalidPolicy(f"a policy's name is one line of at most {MAX_NAME} characters, with single blanks")


def check_position(position: Any) -> None:
    """Raise InvalidPolicy unless this is a place in the order of policies."""
    if not _is_whole(position) or abs(position) > FURTHEST_POSITION:
        raise InvalidPolicy(
            f"a policy needs a position, a whole number from -{FURTHEST_POSITION} to {FURTHEST_POSITION}; the lowest "
            "is asked first"
        )


def check_conditions(conditions: Any) -> None:
    """Raise InvalidPolicy unless these are conditions as this module's docstring shows them."""
    if not isinstance(conditions, Mapping):
        raise InvalidPolicy(f"conditions must be an object, not {_shown(conditions)}")
    for name, wanted in conditions.items():
        if name not in CONDITIONS:
            raise InvalidPolicy(f"a policy has no condition on {_shown(name)}; it has them on {', '.join(CONDITIONS)}")
        if name in VALUES:
            _check_values(name, wanted, VALUES[name])
        else:
            _check_fields(name, wanted)


def check_targets(targets: Any) -> None:
    """Raise InvalidPolicy unless these are targets as this module's docstring shows them."""
    if not isinstance(targets, Mapping) or not targets:
        raise InvalidPolicy("a policy needs targets, an object such as {first_response: {allowance_seconds: 3600}}")
    for metric, target in targets.items():
        if not _is_one_of(metric, Metric):
            raise InvalidPolicy(f"{_shown(metric)} is nothing that is measured; {', '.join(Metric)} is")
        _check_target(metric, target)


def _check_values(name: str, wanted: Any, check: Callable[[str, Any], None]) -> None:
    if not isinstance(wanted, list) or not 0 < len(wanted) <= MOST_VALUES:
        raise InvalidPolicy(f"the condition on {name} is a list of 1 to {MOST_VALUES} values, not {_shown(wanted)}")
    for value in wanted:
        check(name, value)


def _check_fields(name: str, wanted: Any) -> None:
    if not isinstance(wanted, Mapping) or not 0 < len(wanted) <= MOST_FIELDS:
        raise InvalidPolicy(
            f"the condition on {name} is an object of 1 to {MOST_FIELDS} fields, each with a list of values, such as "
            f'{{"product": ["kettle"]}}, not {_shown(wanted)}'
        )
    for field, values in wanted.items():
        if not isinstance(field, str) or not 0 < len(field) <= MAX_NAME:
            raise InvalidPolicy(f"the condition on {name} names fields of 1 to {MAX_NAME} characters")
        _check_values(f"{name} {field}", values, _check_field_value)


def _one_of(known: Collection[str]) -> Callable[[str, Any], None]:
    def check(name: str, value: Any) -> None:
        if not _is_one_of(value, known):
            raise InvalidPolicy(f"the condition on {name} knows no {_shown(value)}; it knows {_listed(known)}")

    return check


def _check_id(name: str, value: Any) -> None:
    if not _is_whole(value) or not 0 < value < 2**63:
        raise InvalidPolicy(f"the condition on {name} takes ids, not {_shown(value)}")


def _check_language(name: str, value: Any) -> None:
    try:
        if isinstance(value, str) and value.strip() == value and language_tag(value):
            return
    except InvalidInput:
        pass
    raise InvalidPolicy(f"the condition on {name} takes language tags such as fr or pt-BR, not {_shown(value)}")


def _check_tag(name: str, value: Any) -> None:
    if not isinstance(value, str) or not fold_tag(value):
        raise InvalidPolicy(f"the condition on {name} takes tags, not {_shown(value)}")
    if value != fold_tag(value):
        raise InvalidPolicy(f"tags are kept folded: write {_shown(fold_tag(value))}, not {_shown(value)}")


def _check_field_value(name: str, value: Any) -> None:
    is_text = isinstance(value, str) and len(value) <= LONGEST_VALUE
    is_number = isinstance(value, int | float) and math.isfinite(value) and abs(value) < 2**63
    if not is_text and not is_number:
        raise InvalidPolicy(f"the condition on {name} takes text, numbers, true and false, not {_shown(value)}")


# What the condition on a list of values takes; those on fields are by name.
VALUES: Mapping[str, Callable[[str, Any], None]] = {
    "channel": _one_of(frozenset(Channel)),
    "queue": _check_id,
    "priority": _one_of(frozenset(Priority)),
    "language": _check_language,
    "tag": _check_tag,
}


def _check_target(metric: str, target: Any) -> None:
    is_promise = metric == Metric.PROMISE
    words = PROMISE_WORDS if is_promise else TARGET_WORDS
    if not isinstance(target, Mapping) or not set(target) <= set(words):
        raise InvalidPolicy(
            f"{metric}: a target is an object that has {', '.join(words)}, and nothing else{WHY[metric]}"
        )
    allowance: Any = LONGEST_ALLOWANCE_SECONDS if is_promise else target.get("allowance_seconds")
    if not _is_whole(allowance) or not 0 < allowance <= LONGEST_ALLOWANCE_SECONDS:
        raise InvalidPolicy(
            f"{metric}: allowance_seconds must be 1 to {LONGEST_ALLOWANCE_SECONDS}, not {_shown(allowance)}"
        )
    warn_before = target.get("warn_seconds_before", 0)
    if not _is_whole(warn_before) or not 0 <= warn_before < allowance:
        raise InvalidPolicy(
            f"{metric}: warn_seconds_before must be less than the allowance, and not negative; {_shown(warn_before)} is"
        )
    if not isinstance(target.get("wall_clock", False), bool):
        raise InvalidPolicy(f"{metric}: wall_clock is true or false, not {_shown(target['wall_clock'])}")
    _check_pauses(metric, target.get("pause_on", []))
    _check_steps(metric, target.get("steps", []), allowance)


def _check_pauses(metric: str, pauses: Any) -> None:
    known = f"pause_on lists what stops the clock: any of {', '.join(PAUSES)}, each once"
    if not isinstance(pauses, list) or not all(_is_one_of(one, PAUSES) for one in pauses):
        raise InvalidPolicy(f"{metric}: {known}, not {_shown(pauses)}")
    if len(set(pauses)) < len(pauses):
        raise InvalidPolicy(f"{metric}: {known}")


def _check_steps(metric: str, steps: Any, allowance: int) -> None:
    if not isinstance(steps, list) or len(steps) > MOST_STEPS:
        raise InvalidPolicy(f"{metric}: steps is a list of at most {MOST_STEPS} steps")
    seen = set[int]()
    for number, step in enumerate(steps, 1):
        where = f"{metric}, step {number}"
        if not isinstance(step, Mapping) or set(step) != set(STEP_WORDS):
            raise InvalidPolicy(f"{where}: a step is an object that has {' and '.join(STEP_WORDS)}, and nothing else")
        offset = step["offset_seconds"]
        _check_offset(where, offset, allowance)
        if offset in seen:
            raise InvalidPolicy(f"{where}: there is a step at {offset} already; put its actions there")
        seen.add(offset)
        _check_actions(where, step["actions"])


def _check_offset(where: str, offset: Any, allowance: int) -> None:
    if not _is_whole(offset) or abs(offset) > LONGEST_OFFSET_SECONDS:
        raise InvalidPolicy(
            f"{where}: offset_seconds is a whole number of seconds from the deadline, negative before it, of at most "
            f"{LONGEST_OFFSET_SECONDS}, not {_shown(offset)}"
        )
    if -offset >= allowance:
        raise InvalidPolicy(f"{where}: {-offset} seconds before the deadline the clock has not started yet")


def _check_actions(where: str, actions: Any) -> None:
    if not isinstance(actions, list) or not 0 < len(actions) <= MOST_ACTIONS:
        raise InvalidPolicy(f"{where}: actions is a list of 1 to {MOST_ACTIONS} actions")
    for number, action in enumerate(actions, 1):
        check_action(action, f"{where}, action {number}")


WHY: Mapping[str, str] = {
    **dict.fromkeys(Metric, ""),
    Metric.PROMISE: "; whoever makes a promise names its moment, on the clock on the wall",
}


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_one_of(value: Any, known: Iterable[str]) -> bool:
    return isinstance(value, str) and value in set(known)


def _shown(value: Any) -> str:
    return reprlib.repr(value)  # which neither goes deep nor on for long, whatever somebody sends


def _listed(names: Iterable[Any]) -> str:
    return ", ".join(sorted(map(str, names)))[:300]
