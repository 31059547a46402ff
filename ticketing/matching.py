"""Find the ticket that a customer's message belongs to.

Strongest first: what we signed; what can be guessed, for participants only; on channels without threads, the newest
ticket of the conversation. A stranger who guesses gets a new ticket with a suggested link, never somebody's thread.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, exists, or_, select

from ticketing.envelope import Channel, InboundMessage
from ticketing.models import Customer, Handle, Inbox, Message, Ticket
from ticketing.status import Status
from ticketing.store import db

CONVERSATION_WINDOW = {  # how long a new text or call continues the last ticket
    Channel.SMS: timedelta(days=14),
    Channel.PHONE: timedelta(days=1),
}


@dataclass(frozen=True)
class Match:
    """Where a message belongs: `ticket` None means a new one; `suggested` is a guess for the agent to judge."""

    ticket: Ticket | None = None
    suggested: Ticket | None = None


def find_match(message: InboundMessage, customer: Customer, inbox: Inbox, *, at: datetime) -> Match:
    """Return the ticket to which the message belongs; merged ones lead to where they went."""
    signed = _first(message.hints.ticket_ids)
    if signed is not None:
        return Match(ticket=follow_merges(signed))
    guessed = _by_message_ids(message.hints.message_ids, inbox) or _first(message.hints.subject_ticket_ids)
    if guessed is not None:
        guessed = follow_merges(guessed)
        return Match(ticket=guessed) if takes_part(customer, guessed) else Match(suggested=guessed)
    last = _conversation(message.channel, customer, inbox, at)
    return Match(ticket=follow_merges(last) if last is not None else None)


def takes_part(customer: Customer, ticket: Ticket) -> bool:
    """Say whether the customer is the ticket's own or has written to it."""
    if ticket.customer_id == customer.id:
        return True
    wrote = exists().where(Message.ticket_id == ticket.id, Message.author_customer_id == customer.id)
    return bool(db.session().scalar(select(wrote)))


def _first(ticket_ids: Iterable[int]) -> Ticket | None:
    session = db.session()
    return next((found for one in ticket_ids if (found := session.get(Ticket, one)) is not None), None)


def _by_message_ids(message_ids: tuple[str, ...], inbox: Inbox) -> Ticket | None:
    if not message_ids:
        return None
    query = (
        select(Ticket)
        .join(Message, Message.ticket_id == Ticket.id)
        .where(Message.provider_id.in_(message_ids), or_(Message.inbox_id == inbox.id, Message.inbox_id.is_(None)))
        .order_by(Message.id.desc())
    )
    return db.session().scalar(query.limit(1))


def _conversation(channel: Channel, customer: Customer, inbox: Inbox, at: datetime) -> Ticket | None:
    """Return the ticket of the last words between us on the channel; a closed one only for want of another."""
    window = CONVERSATION_WINDOW.get(channel)
    if window is None:
        return None
    # Their handles rather than the ticket's customer: after a merge the ticket may be somebody else's.
    handles = select(Handle.id).where(Handle.customer_id == customer.id)
    query = (
        select(Ticket)
        .join(Message, Message.ticket_id == Ticket.id)
        .where(
            Message.handle_id.in_(handles),
            Message.channel == channel,
            Message.inbox_id == inbox.id,
            Message.created_at > at - window,
        )
        .order_by(case((Ticket.status == Status.CLOSED, 1), else_=0), Message.id.desc())
    )
    return db.session().scalar(query.limit(1))


def follow_merges(ticket: Ticket) -> Ticket:
    """Return the ticket that this one is part of in the end; itself if it was never merged."""
    while ticket.merged_into_id is not None:  # there are no circles: what is merged stays closed
        ticket = db.session().get_one(Ticket, ticket.merged_into_id)
    return ticket
