"""The moves of one SLA clock, as pure functions; which entry of the journal causes which move stands in `sla.life`.

Time is half-open: an answer in time comes before the deadline; at the deadline itself the clock is breached. Only the
moments decide: an entry that had to wait for a lock counts from when it happened, and undoes a breach that a sweep
noticed meanwhile, so that replay from the journal comes to the same verdict.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sla.agreement import Metric, Target
from sla.changing import replace
from sla.hours import BusinessHours, due, elapsed
from sla.segments import NOTHING


class State(StrEnum):
    """How a clock stands."""

    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    BREACHED = "breached"  # for good, also when the answer came in the end
    CANCELLED = "cancelled"  # ended without a verdict; never shown


@dataclass(frozen=True)
class SLAClock:
    """One target running for one ticket. All moments are UTC.

    `counted` is the working time that had passed at `running_since`, which is when it last began to run or to rest; all
    of it once the clock has ended.
    `due_at` is None while it rests with its deadline still ahead, since nobody can say when it will go on. `met_at` is
    when what was awaited happened, in time or late; `breached_at` is the deadline itself, never the moment when
    somebody noticed. `cancelled_at` is when it ended unmet: nobody is owed anything any more.
    """

    metric: Metric
    sequence: int  # the ticket's first, second, … clock of this metric
    policy_id: int | None  # the agreement under which it runs; None: a promise that no policy speaks of
    allowance: timedelta
    started_at: datetime
    counted: timedelta
    running_since: datetime
    due_at: datetime | None
    paused_by: str | None = None  # pending, on_hold or snoozed; None: it runs, or has ended
    met_at: datetime | None = None
    breached_at: datetime | None = None
    cancelled_at: datetime | None = None
    promise_id: int | None = None

    @property
    def state(self) -> State:
        """The state as far as it has been noticed; `state_at` tells the true one."""
        if self.breached_at:
            return State.BREACHED
        if self.met_at:
            return State.MET
        if self.cancelled_at:
            return State.CANCELLED
        return State.PAUSED if self.paused_by else State.RUNNING

    @property
    def has_ended(self) -> bool:
        """Whether nothing is awaited any more; one that is breached goes on until it is answered."""
        return self.met_at is not None or self.cancelled_at is not None


def start(
    metric: Metric, target: Target, since: datetime, *, sequence: int = 1, policy_id: int | None = None
) -> SLAClock:
    """Return a clock that runs since then. Raises NeverOpen and OutOfReach, as `due` does."""
    return SLAClock(
        metric=metric,
        sequence=sequence,
        policy_id=policy_id,
        allowance=target.allowance,
        started_at=since,
        counted=NOTHING,
        running_since=since,
        due_at=due(since, target.allowance, target.hours),
    )


def as_of(clock: SLAClock, now: datetime) -> SLAClock:
    """Return the clock with its breach noticed, if its deadline passed unmet before or at `now`."""
    if clock.has_ended or clock.breached_at or clock.due_at is None or now < clock.due_at:
        return clock
    return replace(clock, breached_at=clock.due_at)


def state_at(clock: SLAClock, now: datetime) -> State:
    """Return the true state at `now`, whether or not anybody noticed a breach."""
    return as_of(clock, now).state


def meet(clock: SLAClock, at: datetime, hours: BusinessHours) -> SLAClock:
    """Stop the clock: what was awaited has happened."""
    counted = counted_at(clock, at, hours)
    return replace(clock, met_at=at, breached_at=_missed(clock, at), counted=counted, paused_by=None)


def cancel(clock: SLAClock, at: datetime, hours: BusinessHours) -> SLAClock:
    """End the clock unmet. A deadline that passed before stays missed, noticed or not."""
    counted = counted_at(clock, at, hours)
    return replace(clock, cancelled_at=at, breached_at=_missed(clock, at), counted=counted, paused_by=None)


def pause(clock: SLAClock, at: datetime, by: str, hours: BusinessHours) -> SLAClock:
    """Let the clock rest, or rest on for another reason. Its deadline is open, unless it has passed already."""
    at = max(at, clock.running_since)
    missed, counted = _missed(clock, at), counted_at(clock, at, hours)
    return replace(clock, counted=counted, running_since=at, paused_by=by, due_at=missed, breached_at=missed)


def resume(clock: SLAClock, at: datetime, hours: BusinessHours) -> SLAClock:
    """Let the clock go on after a rest, with what it had left. Raises NeverOpen and OutOfReach."""
    at = max(at, clock.running_since)  # what is told late cannot make it go on before it rested
    deadline = clock.due_at or due(at, max(NOTHING, clock.allowance - clock.counted), hours)
    return replace(clock, running_since=at, paused_by=None, due_at=deadline)


def reopen(clock: SLAClock, at: datetime, hours: BusinessHours) -> SLAClock:
    """Let a clock that was met go on: what it awaited turned out not to have happened. Raises as `resume` does."""
    at = max(at, clock.met_at or at)
    return resume(replace(clock, met_at=None, due_at=clock.breached_at), at, hours)


def backdate(clock: SLAClock, since: datetime, hours: BusinessHours) -> SLAClock:
    """Let a clock have begun earlier than was thought, by all the working time in between. Raises as `due` does."""
    if since >= clock.started_at:
        return clock
    counted = clock.counted + elapsed(since, clock.started_at, hours)
    earlier = replace(clock, started_at=since, counted=counted, breached_at=None)
    if clock.paused_by and counted < clock.allowance:
        return replace(earlier, due_at=None)
    if clock.running_since == clock.started_at and not clock.paused_by:
        return replace(earlier, running_since=since, counted=NOTHING, due_at=due(since, clock.allowance, hours))
    return replace(earlier, due_at=due(clock.running_since, max(NOTHING, clock.allowance - counted), hours))


def retarget(clock: SLAClock, at: datetime, hours: BusinessHours, target: Target, policy_id: int) -> SLAClock:
    """Let a clock go on under another agreement; what it has counted by `hours` until now stays.

    Where more has been counted than is allowed from now on, the deadline is now. One whose deadline has passed keeps
    its deadline and its verdict. Raises NeverOpen and OutOfReach.
    """
    if _missed(clock, at):
        return clock
    counted = counted_at(clock, at, hours)
    at = max(at, clock.running_since)
    moved = replace(clock, policy_id=policy_id, allowance=target.allowance, counted=counted, breached_at=None)
    if clock.paused_by:
        return replace(moved, due_at=None) if counted < target.allowance else replace(moved, due_at=at)
    return replace(moved, running_since=at, due_at=due(at, max(NOTHING, target.allowance - counted), target.hours))


def counted_at(clock: SLAClock, at: datetime, hours: BusinessHours) -> timedelta:
    """Return the working time that the clock has counted at a moment; what it had in the end once it has ended."""
    if clock.paused_by or clock.has_ended or at <= clock.running_since:
        return clock.counted
    return clock.counted + elapsed(clock.running_since, at, hours)


def remaining_seconds(clock: SLAClock, now: datetime, hours: BusinessHours) -> int:
    """Return the working time left at `now`, in whole seconds; negative: overdue by so much.

    For a clock that has ended it is what was left then.
    """
    return (clock.allowance - counted_at(clock, now, hours)) // timedelta(seconds=1)


def moment_of(clock: SLAClock, offset: timedelta, target: Target) -> datetime | None:
    """Return when the step at this offset from the deadline is due; None while nobody can say.

    Raises NeverOpen and OutOfReach.
    """
    if clock.due_at is None:
        return None
    if offset > NOTHING:
        return due(clock.due_at, offset, target.hours)
    left = clock.allowance + offset - clock.counted
    if offset == NOTHING or clock.breached_at:
        return clock.due_at
    return due(clock.running_since, left, target.hours) if left > NOTHING else clock.running_since


def _missed(clock: SLAClock, at: datetime) -> datetime | None:
    return clock.due_at if clock.due_at is not None and at >= clock.due_at else None
