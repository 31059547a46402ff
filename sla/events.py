"""The kinds of journal entry that the SLA engine adds."""

from dataclasses import dataclass

from ticketing.events import Event


@dataclass(frozen=True)
class SLAWarned(Event):
    """A deadline comes near; the entry's `at` is the moment at which the policy wants people to be warned."""

    metric: str
    clock_id: int
    due_at: str  # RFC 3339
    offset_seconds: int  # of the step, from the deadline: negative


@dataclass(frozen=True)
class SLABreached(Event):
    """A deadline passed unmet; the entry's `at` is the deadline."""

    metric: str
    clock_id: int
    due_at: str  # RFC 3339


@dataclass(frozen=True)
class SLAEscalated(Event):
    """A deadline passed some time ago and nothing has happened yet; the entry's `at` is the moment of the step."""

    metric: str
    clock_id: int
    due_at: str  # RFC 3339
    offset_seconds: int  # of the step, from the deadline: positive


@dataclass(frozen=True)
class SLARearmed(Event):
    """Policies were edited for open tickets too: the ticket goes on under the version that is in force now."""

    change_id: int


@dataclass(frozen=True)
class PromiseMade(Event):
    """An agent named a moment to the customer."""

    promise_id: int
    due_at: str  # RFC 3339


@dataclass(frozen=True)
class PromiseKept(Event):
    promise_id: int


@dataclass(frozen=True)
class PromiseWithdrawn(Event):
    promise_id: int
