"""Visitors who have left while they waited: their live wait ends."""

from datetime import datetime, timedelta

from sqlalchemy import or_, select

from channels.models import Call, ChatSession
from channels.phone.calls import LONGEST_CALL
from channels.phone.models import Callback
from channels.webchat.standing import Instead
from ticketing import lines
from ticketing.events import SYSTEM
from ticketing.lifecycle import lock_ticket
from ticketing.models import Ticket
from ticketing.store import db

GONE_AFTER = timedelta(minutes=10)  # without a poll or a word


def end_abandoned(now: datetime, limit: int = 100) -> list[int]:
    """End the live wait of visitors who have gone without a word; return their tickets.

    Who goes on by text, or is to be called back, keeps their place.
    """
    chats = select(ChatSession.id).where(ChatSession.ticket_id == Ticket.id)
    calls = select(Call.id).where(Call.ticket_id == Ticket.id, Call.outbound.is_(False), Call.ended_at.is_(None))
    calls = calls.where(Call.started_at >= now - LONGEST_CALL)
    owed = select(Callback.id).where(Callback.ticket_id == Ticket.id, Callback.finished_at.is_(None))
    gone = select(Ticket.id).where(
        Ticket.live,
        chats.exists(),
        ~chats.where(or_(ChatSession.seen_at >= now - GONE_AFTER, ChatSession.moved_to == Instead.TEXT)).exists(),
        ~owed.exists(),
        ~calls.exists(),  # after a merge one ticket may have both
    )
    tickets = db.session().scalars(gone.order_by(Ticket.id).limit(limit)).all()
    for ticket_id in tickets:
        lines.end(lock_ticket(ticket_id), by=SYSTEM, at=now)
    return list(tickets)
