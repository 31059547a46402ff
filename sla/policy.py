"""Which policy a ticket falls under, and what it asks for.

Conditions list the values that a ticket may have, queues by id: `{"channel": ["phone", "chat"], "queue": [3],
"priority": ["urgent"]}`; what is not named does not matter. Targets are by metric, in whole seconds of working time:
`{"first_response": {"allowance_seconds": 14400, "warn_seconds_before": 1800}}`, the warning being optional.
"""

from collections.abc import Mapping
from typing import Any

from sla.agreement import Metric
from sla.errors import InvalidPolicy
from ticketing.envelope import Channel
from ticketing.status import Priority

CONDITIONS: dict[str, frozenset[str] | None] = {  # name -> the values that there are; None: any id
    "channel": frozenset(Channel),
    "queue": None,
    "priority": frozenset(Priority),
}
TARGET_KEYS = {"allowance_seconds", "warn_seconds_before"}
LONGEST_ALLOWANCE_SECONDS = 366 * 24 * 3600


def check_conditions(conditions: Any) -> None:
    """Raise InvalidPolicy unless these are conditions as this module's docstring shows them."""
    if not isinstance(conditions, Mapping):
        raise InvalidPolicy(f"conditions must be an object, not {conditions!r}")
    for name, wanted in conditions.items():
        if name not in CONDITIONS:
            raise InvalidPolicy(f"a policy has no condition on {name!r}; it has them on {', '.join(CONDITIONS)}")
        if not isinstance(wanted, list) or not wanted:
            raise InvalidPolicy(f"the condition on {name} must be a list of at least one value, not {wanted!r}")
        for value in wanted:
            _check_value(name, value)


def check_targets(targets: Any) -> None:
    """Raise InvalidPolicy unless these are targets as this module's docstring shows them."""
    if not isinstance(targets, Mapping) or not targets:
        raise InvalidPolicy("a policy needs targets, such as first_response")
    for metric, target in targets.items():
        if metric not in set(Metric):
            raise InvalidPolicy(f"{metric!r} is nothing that is measured; {', '.join(Metric)} is")
        _check_target(metric, target)


def _check_value(name: str, value: Any) -> None:
    known = CONDITIONS[name]
    if known is None and not _is_whole(value):
        raise InvalidPolicy(f"the condition on {name} takes ids, not {value!r}")
    if known is not None and not (isinstance(value, str) and value in known):
        raise InvalidPolicy(f"the condition on {name} knows no {value!r}; it knows {', '.join(sorted(known))}")


def _check_target(metric: str, target: Any) -> None:
    if not isinstance(target, Mapping) or not {"allowance_seconds"} <= set(target) <= TARGET_KEYS:
        raise InvalidPolicy(f"{metric}: a target has {' and '.join(sorted(TARGET_KEYS))}, the first of which it needs")
    allowance, warn_before = target["allowance_seconds"], target.get("warn_seconds_before", 0)
    if not _is_whole(allowance) or not 0 < allowance <= LONGEST_ALLOWANCE_SECONDS:
        raise InvalidPolicy(f"{metric}: allowance_seconds must be 1 to {LONGEST_ALLOWANCE_SECONDS}, not {allowance!r}")
    if not _is_whole(warn_before) or not 0 <= warn_before < allowance:
        raise InvalidPolicy(f"{metric}: warn_seconds_before must be less than the allowance, not {warn_before!r}")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
