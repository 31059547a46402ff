"""Keep on the ticket what lists and queues need to know of its clocks, so that they need no join."""

from collections.abc import Sequence

from sla.models import Clock
from ticketing.models import Ticket


def summarise(ticket: Ticket, clocks: Sequence[Clock]) -> None:
    """Write down the earliest deadline, the earliest warning and the verdict of all of the ticket's clocks.

    A clock that was breached and is not met keeps its deadline in the order: it waits longest. One that ended without a
    verdict is as if it had never been.
    """
    every = [clock for clock in clocks if clock.cancelled_at is None or clock.breached_at is not None]
    unmet = [clock for clock in every if clock.met_at is None and clock.cancelled_at is None]
    running = [clock for clock in unmet if clock.breached_at is None]
    ticket.due_at = min((clock.due_at for clock in unmet if clock.due_at), default=None)
    ticket.warn_at = min((clock.warn_at for clock in running if clock.warn_at), default=None)
    ticket.sla_breached = any(clock.breached_at for clock in every)
    ticket.sla_tracked = bool(every)
