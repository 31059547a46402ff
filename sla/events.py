"""The kinds of journal entry that the SLA engine adds."""

from dataclasses import dataclass

from ticketing.events import Event


@dataclass(frozen=True)
class SLABreached(Event):
    """A deadline passed unmet; the entry's `at` is the deadline."""

    metric: str
    clock_id: int
    due_at: str  # RFC 3339
