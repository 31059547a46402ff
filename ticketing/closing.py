"""Close what has been solved for long enough: until then a customer's reply reopens it, then it opens a new one.

The moment decides, not the ticker, which only writes down what is true already.
"""

from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import select

from ticketing import journal
from ticketing.events import SYSTEM, TicketClosed
from ticketing.models import Ticket
from ticketing.models.ticket import SOLVED
from ticketing.moment import rfc3339
from ticketing.status import Status
from ticketing.store import db


def is_over(ticket: Ticket, at: datetime) -> bool:
    """Say whether nothing reopens the ticket any more at this moment, whether or not the ticker came by."""
    if ticket.status is Status.CLOSED:
        return True
    return ticket.status is Status.SOLVED and ticket.solved_at is not None and ticket.solved_at + grace() <= at


def close_if_over(ticket: Ticket, *, at: datetime) -> None:
    """Close a solved ticket whose grace period ended before or at this moment. The ticket is locked."""
    if ticket.status is not Status.CLOSED and ticket.solved_at is not None and is_over(ticket, at):
        ticket.status = Status.CLOSED
        ticket.closed_at = ticket.solved_at + grace()
        journal.append(ticket, TicketClosed(rfc3339(ticket.solved_at)), by=SYSTEM, at=ticket.closed_at)


def close_due(now: datetime, limit: int = 100) -> int:
    """Close solved tickets whose grace period is over, the first ones first; return how many. Call it again until 0.

    Tickets that others hold locked wait for the next time.
    """
    session = db.session()
    session.flush()
    over = (
        select(Ticket)
        .where(SOLVED, Ticket.solved_at <= now - grace())
        .order_by(Ticket.solved_at)
        .limit(limit)
        .with_for_update(of=Ticket, skip_locked=True, key_share=True)
    )
    tickets = session.scalars(over.execution_options(populate_existing=True)).all()
    for ticket in tickets:
        close_if_over(ticket, at=now)
    return len(tickets)


def grace() -> timedelta:
    """Return how long a reply reopens a solved ticket, as this desk has chosen."""
    return timedelta(seconds=current_app.extensions["comptoir.settings"].solved_grace_seconds)
