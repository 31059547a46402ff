"""Flag what falls due. The verdict stands without it (whoever reads a clock sees its true state); this tells people."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from sla import clock
from sla.events import SLABreached
from sla.models import Clock
from sla.summary import summarise
from ticketing import journal
from ticketing.events import SYSTEM
from ticketing.models import Ticket
from ticketing.moment import rfc3339
from ticketing.store import db


def flag_due(now: datetime, limit: int = 500) -> int:
    """Mark clocks whose deadline has passed as breached at their deadline; return how many were flagged.

    Looks at no more than `limit` clocks, the earliest deadline first: call it again while it returns something. Runs
    inside a transaction. Several at once flag each clock once; tickets that others hold locked wait for the next time.
    """
    flagged = 0
    tickets = _lock_tickets(_tickets_with_due_clocks(now, limit))
    clocks = _clocks_by_ticket([ticket.id for ticket in tickets])
    for ticket in tickets:
        flagged += _flag(ticket, clocks[ticket.id], now)
    return flagged


def _tickets_with_due_clocks(now: datetime, limit: int) -> Sequence[int]:
    due = select(Clock.ticket_id).where(Clock.next_at <= now)
    return db.session().scalars(due.order_by(Clock.next_at).limit(limit)).all()


def _lock_tickets(ids: Sequence[int]) -> Sequence[Ticket]:
    """Lock the tickets before their clocks, in the order of their ids, as everybody does who moves clocks."""
    if not ids:
        return []
    query = (
        select(Ticket)
        .where(Ticket.id.in_(ids))
        .order_by(Ticket.id)
        .with_for_update(of=Ticket, skip_locked=True, key_share=True)
    )
    db.session().flush()
    return db.session().scalars(query.execution_options(populate_existing=True)).all()


def _clocks_by_ticket(ids: Sequence[int]) -> dict[int, list[Clock]]:
    """Return all clocks of tickets that are locked by now; what was true before the lock may no longer be."""
    by_ticket: dict[int, list[Clock]] = {one: [] for one in ids}
    if ids:
        query = select(Clock).where(Clock.ticket_id.in_(ids)).order_by(Clock.due_at, Clock.id)
        for row in db.session().scalars(query.execution_options(populate_existing=True)):
            by_ticket[row.ticket_id].append(row)
    return by_ticket


def _flag(ticket: Ticket, clocks: Sequence[Clock], now: datetime) -> int:
    breached = [row for row in clocks if row.breached_at is None and clock.as_of(row.value(), now).breached_at]
    for row in breached:
        row.breached_at = row.due_at
    summarise(ticket, clocks)
    for row in breached:
        row.next_at, row.steps_done = None, row.steps_done + 1
        if row.due_at is not None:
            event = SLABreached(metric=row.metric, clock_id=row.id, due_at=rfc3339(row.due_at))
            journal.append(ticket, event, by=SYSTEM, at=row.due_at)
    return len(breached)
