"""When something is to happen to a clock: its warning, its breach, what comes after. Pure."""

from datetime import datetime, timedelta
from typing import NamedTuple

from sla.agreement import Promises, Target, always_open
from sla.clock import SLAClock, moment_of
from sla.errors import NeverOpen, OutOfReach
from sla.segments import NOTHING


class Step(NamedTuple):
    """A moment in a clock's life at which a policy wants something to happen."""

    offset: timedelta  # from the deadline: negative before it, nothing at the breach itself
    at: datetime
    due_at: datetime  # the deadline

    @property
    def offset_seconds(self) -> int:
        return self.offset // timedelta(seconds=1)


def target_of(clock: SLAClock, promises: Promises) -> Target:
    """Return the target of a clock: its policy's, or every hour of the week for a promise that no policy speaks of."""
    named = promises.agreement(clock.policy_id).targets.get(clock.metric) if clock.policy_id else None
    return named or Target(allowance=clock.allowance, hours=always_open())


def next_step(clock: SLAClock, target: Target, steps_done: int) -> datetime | None:
    """Return when the first step after `steps_done` of them is due; None: there is none left, or nobody can say."""
    if clock.has_ended or steps_done >= len(target.steps):
        return None
    try:
        return moment_of(clock, target.steps[steps_done], target)
    except (NeverOpen, OutOfReach):  # long after the deadline the calendar has run out
        return None


def due_steps(clock: SLAClock, target: Target, steps_done: int, now: datetime) -> tuple[list[Step], int]:
    """Return the steps after `steps_done` of them that are to be taken by `now`, and how many are done then.

    Whoever slept through several takes each of them, but a warning is left out when the deadline has passed as well.
    """
    steps: list[Step] = []
    while (at := next_step(clock, target, steps_done)) is not None and at <= now:
        offset = target.steps[steps_done]
        steps_done += 1
        is_late = clock.due_at is not None and clock.due_at <= now
        if clock.due_at is not None and not (is_late and offset < NOTHING):
            steps.append(Step(offset, at, clock.due_at))
    return steps, steps_done


def warning(clock: SLAClock, target: Target) -> datetime | None:
    """Return from when on the clock is at risk; None: never, or nobody can say, or it is too late for that."""
    if target.warn_before is None or clock.has_ended or clock.breached_at:
        return None
    return moment_of(clock, -target.warn_before, target)
