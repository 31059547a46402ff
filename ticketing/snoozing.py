"""Put tickets away until a moment, and bring them back: then, when the customer writes, or when somebody says so.

A ticket is back at the moment itself; the ticker, which comes by a little later, writes that down with that moment.
"""

from datetime import datetime, timedelta

from sqlalchemy import select

from ticketing import journal
from ticketing.errors import InvalidInput, InvalidTransition
from ticketing.events import SYSTEM, Actor, TicketSnoozed, TicketWoke
from ticketing.models import Ticket
from ticketing.moment import rfc3339
from ticketing.store import db

LONGEST = timedelta(days=366)


def snooze(ticket: Ticket, until: datetime, *, by: Actor, at: datetime) -> None:
    """Put an active ticket away until a moment within a year. Raises InvalidInput, InvalidTransition."""
    if until <= at:
        raise InvalidInput(f"a ticket is snoozed until a moment to come; it is {rfc3339(at)} now")
    if until - at > LONGEST:
        raise InvalidInput("a ticket is snoozed for a year at most")
    if not ticket.is_active:
        raise InvalidTransition(f"ticket {ticket.id} is {ticket.status}; only what is to be done can be put off")
    if ticket.snoozed_until != until:
        ticket.snoozed_until = until
        journal.append(ticket, TicketSnoozed(rfc3339(until)), by=by, at=at)


def wake(ticket: Ticket, *, why: str, by: Actor, at: datetime) -> None:
    """Bring a snoozed ticket back; nothing happens if it is not away. One whose moment has come woke at that moment."""
    until = ticket.snoozed_until
    if until is None:
        return
    ticket.snoozed_until = None
    if until <= at:
        journal.append(ticket, TicketWoke("due"), by=SYSTEM, at=until)
    else:
        journal.append(ticket, TicketWoke(why), by=by, at=at)


def wake_due(now: datetime, limit: int = 100) -> int:
    """Bring back the tickets whose moment has come, the first ones first; return how many. Call it again until 0.

    Tickets that others hold locked wait for the next time.
    """
    session = db.session()
    session.flush()
    due = (
        select(Ticket)
        .where(Ticket.snoozed_until <= now)
        .order_by(Ticket.snoozed_until)
        .limit(limit)
        .with_for_update(of=Ticket, skip_locked=True, key_share=True)
    )
    tickets = session.scalars(due.execution_options(populate_existing=True)).all()
    for ticket in tickets:
        wake(ticket, why="due", by=SYSTEM, at=now)
    return len(tickets)


def is_away(ticket: Ticket, now: datetime) -> bool:
    """Say whether the ticket is snoozed at this moment, whether or not the ticker came by."""
    return ticket.snoozed_until is not None and ticket.snoozed_until > now
