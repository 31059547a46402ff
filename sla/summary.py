"""Keep on the ticket what lists and queues need to know of its clocks, so that they need no join."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, Protocol

from ticketing.models import Ticket


class Judged(Protocol):
    """What is asked of a clock; a row of its columns will do."""

    @property
    def due_at(self) -> datetime | None: ...
    @property
    def warn_at(self) -> datetime | None: ...
    @property
    def met_at(self) -> datetime | None: ...
    @property
    def breached_at(self) -> datetime | None: ...
    @property
    def cancelled_at(self) -> datetime | None: ...


class Summary(NamedTuple):
    """What a ticket's clocks come to, in the words of its columns."""

    due_at: datetime | None
    warn_at: datetime | None
    sla_breached: bool
    sla_tracked: bool


def summarise(ticket: Ticket, clocks: Iterable[Judged]) -> None:
    """Write down the earliest deadline, the earliest warning and the verdict of all of the ticket's clocks."""
    ticket.due_at, ticket.warn_at, ticket.sla_breached, ticket.sla_tracked = summary_of(clocks)


def summary_of(clocks: Iterable[Judged]) -> Summary:
    """Return the earliest deadline, the earliest warning and the verdict of all of a ticket's clocks.

    A clock that was breached and is not met keeps its deadline in the order: it waits longest. One that ended without a
    verdict is as if it had never been.
    """
    every = [clock for clock in clocks if clock.cancelled_at is None or clock.breached_at is not None]
    unmet = [clock for clock in every if clock.met_at is None and clock.cancelled_at is None]
    running = [clock for clock in unmet if clock.breached_at is None]
    return Summary(
        due_at=min((clock.due_at for clock in unmet if clock.due_at), default=None),
        warn_at=min((clock.warn_at for clock in running if clock.warn_at), default=None),
        sla_breached=any(clock.breached_at for clock in every),
        sla_tracked=bool(every),
    )
