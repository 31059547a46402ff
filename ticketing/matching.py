"""Find the ticket that a customer's message belongs to.

Strongest first: what we signed; what can be guessed, for participants only; on channels without threads, the newest
ticket of the conversation. A stranger who guesses gets a new ticket with a suggested link, never somebody's thread.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, case, or_, select

from ticketing.envelope import Channel, InboundMessage
from ticketing.fetching import fetch
from ticketing.models import Customer, Handle, Inbox, Message, MessageKind, Ticket
from ticketing.moment import rfc3339
from ticketing.participants import takes_part
from ticketing.status import Status
from ticketing.store import db

CONVERSATION_WINDOW = {  # how long a new text or call continues the last ticket
    Channel.SMS: timedelta(days=14),
    Channel.PHONE: timedelta(days=1),
}


ANSWERED_WITHIN = timedelta(days=14)  # how long a machine's message is taken for the answer to our last mail
MOST_GUESSES = 10


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
    guesses = _guesses(message, inbox)
    own = next((one for one in guesses if takes_part(customer, one)), None)
    last = own or _conversation(message.channel, customer, inbox, at)
    if last is None and message.automatic:
        last = _answered(customer, inbox, at)
    if last is not None:
        return Match(ticket=follow_merges(last))
    return Match(suggested=guesses[0] if guesses else None)


def find_copy(message: InboundMessage, customer: Customer, inbox: Inbox) -> Message | None:
    """Return the message that we have already, by another inbox: who writes to two of our addresses wrote one mail.

    The author's program names it by its id, and by when it was sent, since some give every mail the same id. The
    customer is locked, so that of two copies that come at once the second finds the first.
    """
    if message.sent_at is None or not message.provider_id:
        return None
    values = {"provider_id": message.provider_id, "inbox": inbox.id, "author": customer.id}
    sent_at = rfc3339(message.sent_at)
    found = next((row.id for row in fetch(_COPIES, values) if row.data.get("sent_at") == sent_at), None)
    return None if found is None else db.session().get(Message, found)


_COPIES = (
    select(Message.id, Message.data)
    .where(
        Message.provider_id == bindparam("provider_id"),
        Message.inbox_id != bindparam("inbox", type_=Inbox.id.type),
        Message.author_customer_id == bindparam("author", type_=Customer.id.type),
        Message.kind == MessageKind.INBOUND,
    )
    .order_by(Message.id)
    .limit(MOST_GUESSES)
)


def _first(ticket_ids: Sequence[int]) -> Ticket | None:
    session = db.session()
    return next((found for one in ticket_ids if (found := session.get(Ticket, one)) is not None), None)


def _guesses(message: InboundMessage, inbox: Inbox) -> list[Ticket]:
    """Return the tickets that the message may belong to, the likeliest first, each where it went by merges."""
    named = message.hints.subject_ticket_ids[:MOST_GUESSES]
    found = _by_message_ids(message.hints.message_ids, inbox)
    if named:
        tickets = {one.id: one for one in db.session().scalars(select(Ticket).where(Ticket.id.in_(named)))}
        found += [tickets[one] for one in named if one in tickets]
    return list({one.id: one for one in map(follow_merges, found)}.values())


def _by_message_ids(message_ids: tuple[str, ...], inbox: Inbox) -> list[Ticket]:
    """Return the tickets on which these messages are, the one with the newest first."""
    if not message_ids:
        return []
    query = (
        select(Ticket)
        .join(Message, Message.ticket_id == Ticket.id)
        .where(Message.provider_id.in_(message_ids), or_(Message.inbox_id == inbox.id, Message.inbox_id.is_(None)))
        .order_by(Message.id.desc())
    )
    return list(dict.fromkeys(db.session().scalars(query.limit(MOST_GUESSES))))


def _answered(customer: Customer, inbox: Inbox, at: datetime) -> Ticket | None:
    """Return the ticket of our last mail to the customer: what a vacation program answers that names no mail.

    Nothing follows from a machine's message, so a wrong guess costs nobody anything.
    """
    handles = select(Handle.id).where(Handle.customer_id == customer.id)
    query = (
        select(Ticket)
        .join(Message, Message.ticket_id == Ticket.id)
        .where(
            Message.handle_id.in_(handles),
            Message.kind == MessageKind.OUTBOUND,
            Message.channel == inbox.channel,
            Message.inbox_id == inbox.id,
            Message.created_at > at - ANSWERED_WITHIN,
        )
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
