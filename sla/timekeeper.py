"""Start and stop a ticket's clocks as the journal is written, in the same transaction (AT_ONCE in api/reactions.py).

The verdicts are the pure reducer's in sla.clock; here they are only kept.
"""

from collections.abc import Sequence

import structlog
from sqlalchemy import select

from sla import clock
from sla.clock import OBSERVED, Metric, SLAClock
from sla.errors import NeverOpen, OutOfReach
from sla.models import Clock, Policy
from sla.policy import policy_for, target_of
from sla.summary import summarise
from ticketing.events import Entry, TicketOpened
from ticketing.inserting import insert_now
from ticketing.models import Ticket
from ticketing.store import db

log = structlog.get_logger(__name__)


def observe(ticket: Ticket, entry: Entry) -> None:
    """Move the ticket's clocks by one entry of its journal; the caller holds the ticket's lock, or has just made it."""
    if isinstance(entry.event, TicketOpened):
        _start_clocks(ticket, entry, entry.event)
    elif type(entry.event) in OBSERVED:
        _advance_clocks(ticket, entry)


def _start_clocks(ticket: Ticket, entry: Entry, opened: TicketOpened) -> None:
    if opened.waiting_since is None:
        return
    policy = policy_for(opened)
    if policy is None:
        return
    rows = [row for metric in Metric if (row := _start(metric, policy, entry))]
    for row in rows:
        insert_now(row)
    summarise(ticket, rows)


def _start(metric: Metric, policy: Policy, entry: Entry) -> Clock | None:
    target = target_of(policy, metric)
    if target is None:
        return None
    try:
        started = clock.start(metric, target, entry)
    except (NeverOpen, OutOfReach) as error:
        # A calendar that has run out must not keep a customer's message from being taken in.
        log.error("clock not started", ticket=entry.ticket_id, policy=policy.id, reason=str(error))  # noqa: TRY400
        return None
    return _row(started, policy, entry) if started else None


def _row(started: SLAClock, policy: Policy, entry: Entry) -> Clock:
    return Clock(
        ticket_id=entry.ticket_id,
        metric=started.metric,
        sequence=1,
        policy_id=policy.id,
        calendar_id=policy.calendar_id,
        allowance_seconds=int(started.allowance.total_seconds()),
        started_at=started.started_at,
        due_at=started.due_at,
        warn_at=started.warn_at,
        met_at=started.met_at,
        breached_at=started.breached_at,
        cancelled_at=started.cancelled_at,
    )


def _advance_clocks(ticket: Ticket, entry: Entry) -> None:
    rows = _clocks_of(ticket)
    before = [row.value() for row in rows]
    after = [clock.advance(value, entry) for value in before]
    if before == after:
        return
    for row, value in zip(rows, after, strict=True):
        row.take(value)
    summarise(ticket, rows)


def _clocks_of(ticket: Ticket) -> Sequence[Clock]:
    if not ticket.sla_tracked:
        return []
    if any(isinstance(row, Clock) for row in db.session().new):
        db.session().flush()  # a ticket that is opened and answered in one transaction
    return db.session().scalars(select(Clock).where(Clock.ticket_id == ticket.id).order_by(Clock.id)).all()
