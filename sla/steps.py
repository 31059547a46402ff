"""When something is to happen to a clock: its warning, its breach, what comes after. Pure."""

from datetime import datetime

from sla.agreement import Target, always_open
from sla.clock import SLAClock, moment_of
from sla.errors import NeverOpen, OutOfReach


def target_of(clock: SLAClock, target: Target | None) -> Target:
    """Return the target of a clock; `target` is None for a promise that no policy speaks of."""
    return target or Target(allowance=clock.allowance, hours=always_open())


def next_step(clock: SLAClock, target: Target, steps_done: int) -> datetime | None:
    """Return when the first step after `steps_done` of them is due; None: there is none left, or nobody can say."""
    if clock.has_ended or steps_done >= len(target.steps):
        return None
    try:
        return moment_of(clock, target.steps[steps_done], target)
    except (NeverOpen, OutOfReach):  # long after the deadline the calendar has run out
        return None


def warning(clock: SLAClock, target: Target) -> datetime | None:
    """Return from when on the clock is at risk; None: never, or nobody can say, or it is too late for that."""
    if target.warn_before is None or clock.has_ended or clock.breached_at:
        return None
    return moment_of(clock, -target.warn_before, target)
