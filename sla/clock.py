"""The life of one SLA clock as a pure reducer over the journal: the live timekeeper and replay use the same.

Time is half-open: an answer in time comes before the deadline; at the deadline itself the clock is breached. A clock
whose ticket is merged into another ends there, without a verdict unless its deadline had passed. Only `first_response`
is kept so far.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sla.hours import BusinessHours, due, elapsed
from ticketing.events import Entry, Event, ReplyWritten, TicketMerged, TicketOpened, TicketResolved


class Metric(StrEnum):
    """What is measured."""

    FIRST_RESPONSE = "first_response"  # from the customer's first message until a person at the desk answers


class State(StrEnum):
    """How a clock stands."""

    RUNNING = "running"
    MET = "met"
    BREACHED = "breached"  # for good, also when the answer came in the end
    CANCELLED = "cancelled"  # ended without a verdict; never shown


@dataclass(frozen=True)
class Target:
    """What a policy asks for: working time in `hours`; `warn_before` is None when nobody is to be warned."""

    allowance: timedelta
    warn_before: timedelta | None
    hours: BusinessHours


@dataclass(frozen=True)
class SLAClock:
    """One target running for one ticket. All moments are UTC.

    `met_at` is when what was awaited happened, in time or late; `breached_at` is the deadline itself, never the moment
    when somebody noticed. `cancelled_at` is when it ended unmet: nobody is owed anything any more on its ticket.
    """

    metric: Metric
    allowance: timedelta
    started_at: datetime
    due_at: datetime
    warn_at: datetime | None
    met_at: datetime | None = None
    breached_at: datetime | None = None
    cancelled_at: datetime | None = None

    @property
    def state(self) -> State:
        """The state as far as it has been noticed; `state_at` tells the true one."""
        if self.breached_at:
            return State.BREACHED
        if self.met_at:
            return State.MET
        return State.CANCELLED if self.cancelled_at else State.RUNNING

    @property
    def has_ended(self) -> bool:
        """Whether nothing is awaited any more; one that is breached goes on until it is answered."""
        return self.met_at is not None or self.cancelled_at is not None


def start(metric: Metric, target: Target, entry: Entry) -> SLAClock | None:
    """Return the clock that the entry starts, or None.

    A first response is owed from the moment at which a ticket is opened, or since when its customer has waited if that
    is earlier; none is owed when the customer does not wait (an agent wrote first, or a machine did).
    Raises NeverOpen and OutOfReach, as `due` does.
    """
    event = entry.event
    if not isinstance(event, TicketOpened) or event.waiting_since is None:
        return None
    since = min(entry.at, datetime.fromisoformat(event.waiting_since))
    return SLAClock(
        metric=metric,
        allowance=target.allowance,
        started_at=since,
        due_at=due(since, target.allowance, target.hours),
        warn_at=_warn_at(since, target),
    )


def advance(clock: SLAClock, entry: Entry) -> SLAClock:
    """Return the clock after the entry. Entries come in the order in which they happened.

    A first response is met by the first reply that no machine wrote. Resolving the ticket without one also stops the
    clock as met, whoever resolves it: the customer no longer waits.
    """
    step = STEPS.get(type(entry.event))
    return clock if step is None or clock.has_ended else step(clock, entry)


def as_of(clock: SLAClock, now: datetime) -> SLAClock:
    """Return the clock with its breach noticed, if its deadline passed unmet before or at `now`."""
    if clock.has_ended or clock.breached_at or now < clock.due_at:
        return clock
    return replace(clock, breached_at=clock.due_at)


def state_at(clock: SLAClock, now: datetime) -> State:
    """Return the true state at `now`, whether or not anybody noticed a breach."""
    return as_of(clock, now).state


def remaining_seconds(clock: SLAClock, now: datetime, hours: BusinessHours) -> int:
    """Return the working time left at `now`, in whole seconds; negative: overdue by so much.

    For a clock that has ended it is what was left then.
    """
    left = elapsed(clock.met_at or clock.cancelled_at or now, clock.due_at, hours)
    return left // timedelta(seconds=1)


def _warn_at(since: datetime, target: Target) -> datetime | None:
    if target.warn_before is None:
        return None
    return due(since, target.allowance - target.warn_before, target.hours)


def _answer(clock: SLAClock, entry: Entry) -> SLAClock:
    written_by_machine = isinstance(entry.event, ReplyWritten) and entry.event.automatic
    return clock if written_by_machine else _meet(clock, entry)


def _meet(clock: SLAClock, entry: Entry) -> SLAClock:
    """Stop the clock. Only the moments decide: an answer in time whose transaction had to wait undoes the breach that
    a sweep noticed meanwhile, so that replay from the journal comes to the same verdict.
    """
    return replace(clock, met_at=entry.at, breached_at=clock.due_at if entry.at >= clock.due_at else None)


def _cancel(clock: SLAClock, entry: Entry) -> SLAClock:
    """End the clock unmet. A deadline that passed before stays missed, noticed or not."""
    return replace(as_of(clock, entry.at), cancelled_at=entry.at)


STEPS: dict[type[Event], Callable[[SLAClock, Entry], SLAClock]] = {
    ReplyWritten: _answer,
    TicketResolved: _meet,
    TicketMerged: _cancel,
}

OBSERVED: frozenset[type[Event]] = frozenset({TicketOpened, *STEPS})  # no other kind moves a clock
