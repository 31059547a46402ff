"""What a version of a policy asks for, and of whom, as plain values that the timekeeper and replay read alike. Pure.

    {"first_response": {"allowance_seconds": 14400, "warn_seconds_before": 1800},
     "resolution": {"allowance_seconds": 172800, "wall_clock": true, "pause_on": ["pending"],
                    "steps": [{"offset_seconds": 0, "actions": [{"kind": "raise_priority", "to": "urgent"}]}]}}

Spans are working time of the policy's calendar, of every hour of the week where `wall_clock` is true. A step's offset
is counted from the deadline: before it when negative, after it when positive.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, Protocol

from sla.facts import Facts
from sla.hours import BusinessHours
from ticketing.status import Status


class Metric(StrEnum):
    """What is measured."""

    FIRST_RESPONSE = "first_response"  # from the customer's first message until a person at the desk answers
    NEXT_RESPONSE = "next_response"  # later on: from the oldest message that nobody has answered
    UPDATE = "update"  # from one message of the desk to the next, as long as the ticket is open
    RESOLUTION = "resolution"  # until it is solved
    QUEUE_WAIT = "queue_wait"  # until somebody at the desk takes it
    PROMISE = "promise"  # until a moment that an agent named to the customer


class OnReopen(StrEnum):
    """What becomes of the time to resolution when a solved ticket is opened again."""

    CONTINUE = "continue"  # it goes on where it stopped; the time for which the ticket was solved is not counted
    RESTART = "restart"  # a new one starts; the old verdict stays
    KEEP = "keep"  # the verdict stays, and nothing starts


SNOOZED = "snoozed"
PAUSES = (Status.PENDING.value, Status.ON_HOLD.value, SNOOZED)  # what may stop a clock for a while

# What pauses a clock where its target does not say.
USUAL_PAUSES: dict[Metric, frozenset[str]] = {
    Metric.FIRST_RESPONSE: frozenset(),
    Metric.NEXT_RESPONSE: frozenset(),
    Metric.UPDATE: frozenset({Status.PENDING.value, Status.ON_HOLD.value}),
    Metric.RESOLUTION: frozenset({Status.PENDING.value, Status.ON_HOLD.value}),
    Metric.QUEUE_WAIT: frozenset({SNOOZED}),
    Metric.PROMISE: frozenset(),
}


@dataclass(frozen=True)
class Target:
    """What is asked for: working time in `hours`.

    `calendar_id` is the row of its calendar; None: every hour of the week counts. `steps` are the moments at which
    something happens, as offsets from the deadline, in order; the deadline itself, 0, is one of them. `actions` is what
    the policy wants done at a step (see sla.actions). `warn_before` is None when nobody is to be warned.
    """

    allowance: timedelta
    hours: BusinessHours
    calendar_id: int | None = None
    warn_before: timedelta | None = None
    pause_on: frozenset[str] = frozenset()
    steps: tuple[timedelta, ...] = (timedelta(0),)
    actions: Mapping[timedelta, Sequence[Mapping[str, Any]]] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True)
class Agreement:
    """One version of a policy, ready for use. `id` is that of its row; of a proposal it is negative.

    `origin` is what all versions of a policy have in common, the id of the first.
    """

    id: int
    origin: int
    position: int
    conditions: Mapping[str, Any]
    targets: Mapping[Metric, Target]
    automatic_answers_count: bool = False
    on_reopen: OnReopen = OnReopen.CONTINUE

    def is_for(self, facts: Facts) -> bool:
        """Say whether a ticket meets every condition."""
        return all(CONDITIONS[name](facts, wanted) for name, wanted in self.conditions.items())


class Promises(Protocol):
    """The agreements that there are: those in force now, those of a time past, or those that somebody proposes."""

    def agreement_for(self, facts: Facts, at: datetime) -> Agreement | None:
        """Return the first one in order whose conditions the ticket meets at that moment; None: nothing is promised."""

    def agreement(self, agreement_id: int) -> Agreement:
        """Return one of them, in force or not."""


def targets_of(
    targets: Mapping[str, Mapping[str, Any]], hours: BusinessHours, calendar_id: int | None
) -> dict[Metric, Target]:
    """Return the targets of a policy, written as this module's docstring shows them and checked by `sla.policy`."""
    return {Metric(name): _target(Metric(name), target, hours, calendar_id) for name, target in targets.items()}


def _target(metric: Metric, target: Mapping[str, Any], hours: BusinessHours, calendar_id: int | None) -> Target:
    warn = target.get("warn_seconds_before")
    offsets = {0, *(step["offset_seconds"] for step in target.get("steps", ()))}
    if warn is not None:
        offsets.add(-warn)
    earliest = min(offsets)
    on_the_wall = target.get("wall_clock", False) or metric is Metric.PROMISE
    return Target(
        allowance=timedelta(seconds=target.get("allowance_seconds", 0)),  # a promise names its own moment
        hours=always_open() if on_the_wall else hours,
        calendar_id=None if on_the_wall else calendar_id,
        warn_before=timedelta(seconds=-earliest) if earliest < 0 else None,
        pause_on=frozenset(target["pause_on"]) if "pause_on" in target else USUAL_PAUSES[metric],
        steps=tuple(timedelta(seconds=offset) for offset in sorted(offsets)),
        actions=_actions(target),
    )


def _actions(target: Mapping[str, Any]) -> dict[timedelta, list[Mapping[str, Any]]]:
    wanted: dict[timedelta, list[Mapping[str, Any]]] = {}
    for step in target.get("steps", ()):
        wanted.setdefault(timedelta(seconds=step["offset_seconds"]), []).extend(step.get("actions", ()))
    return wanted


@cache
def always_open() -> BusinessHours:
    """Return the hours of a desk that never closes: time as the clock on the wall has it."""
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    return BusinessHours.from_dict({"time_zone": "UTC", "weekly": {day: [["00:00", "24:00"]] for day in days}})


def _speaks(facts: Facts, wanted: list[str]) -> bool:
    """Say whether the customer's language is one of these; `fr` is also for who speaks `fr-CA`."""
    spoken = facts.language.lower()
    return any(spoken == one.lower() or spoken.startswith(f"{one.lower()}-") for one in wanted)


def _has(values: Mapping[str, Any], wanted: Mapping[str, list[Any]]) -> bool:
    return all(_shares(values.get(name), choices) for name, choices in wanted.items())


def _shares(value: Any, choices: list[Any]) -> bool:
    return any(one in choices for one in value) if isinstance(value, list) else value in choices


# Each lists the values that a ticket may have; fields are listed by name.
CONDITIONS: dict[str, Callable[[Facts, Any], bool]] = {
    "channel": lambda facts, wanted: facts.channel in wanted,
    "queue": lambda facts, wanted: facts.queue_id in wanted,
    "priority": lambda facts, wanted: facts.priority in wanted,
    "language": _speaks,
    "tag": lambda facts, wanted: not facts.tags.isdisjoint(wanted),
    "field": lambda facts, wanted: _has(facts.fields, wanted),
    "customer_field": lambda facts, wanted: _has(facts.customer_fields, wanted),
}
