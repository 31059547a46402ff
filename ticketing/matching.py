"""Find the ticket that a customer's message belongs to.

Strongest first: what we signed; what can be guessed, for participants only; on channels without threads, the newest
ticket of the conversation. A stranger who guesses gets a new ticket with a suggested link, never somebody's thread.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, case, or_, select

from ticketing.envelope import Channel, InboundMessage
from ticketing.fetching import fetch
from ticketing.handles import fold
from ticketing.models import Customer, Handle, Inbox, Message, MessageKind, Ticket
from ticketing.moment import rfc3339
from ticketing.participants import takes_part
from ticketing.status import Status
from ticketing.store import db

CONVERSATION_DAYS = {  # how long a new text or call continues the last ticket, where the inbox says nothing else
    Channel.SMS: 14,
    Channel.WHATSAPP: 14,
    Channel.PHONE: 1,
}
BY_ADDRESS = frozenset({Channel.SMS, Channel.WHATSAPP})  # a conversation is between two numbers, not two persons

ANSWERED_WITHIN = timedelta(days=14)  # how long a machine's message is taken for the answer to our last mail
MOST_GUESSES = 10


@dataclass(frozen=True)
class Match:
    """Where a message belongs: `ticket` None means a new one; `suggested` is a guess for the agent to judge.

    No more of them is read than their ids, their customers and where they were merged to, until somebody locks them.
    """

    ticket: Ticket | None = None
    suggested: Ticket | None = None


def find_match(message: InboundMessage, customer: Customer, inbox: Inbox, *, at: datetime) -> Match:
    """Return the ticket to which the message belongs; merged ones lead to where they went."""
    signed = _tickets(message.hints.ticket_ids)
    if signed:
        return Match(ticket=follow_merges(signed[0]))
    guesses = _guesses(message, inbox)
    own = next((one for one in guesses if takes_part(customer, one)), None)
    last = own or _conversation(message, customer, inbox, at)
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


_CANDIDATE: Sequence[Any] = (Ticket.id, Ticket.customer_id, Ticket.merged_into_id)


def _guesses(message: InboundMessage, inbox: Inbox) -> list[Any]:
    """Return the tickets that the message may belong to, the likeliest first, each where it went by merges."""
    found = _by_message_ids(message.hints.message_ids, inbox)
    found += _tickets(message.hints.subject_ticket_ids[:MOST_GUESSES])
    return list({one.id: one for one in map(follow_merges, found)}.values())


def _tickets(ticket_ids: Sequence[int]) -> list[Any]:
    """Return those of these tickets that there are, in this order."""
    if not ticket_ids:
        return []
    values = {_bound(number): one for number, one in enumerate(ticket_ids)}
    found = {one.id: one for one in fetch(_with_ids(len(values)), values)}
    return [found[one] for one in ticket_ids if one in found]


@cache
def _with_ids(count: int) -> Select[Any]:
    """Return the statement that finds so many tickets."""
    ids = [bindparam(_bound(number), type_=Ticket.id.type) for number in range(count)]
    return select(*_CANDIDATE).where(Ticket.id.in_(ids))


def _by_message_ids(message_ids: Sequence[str], inbox: Inbox) -> list[Any]:
    """Return the tickets on which these messages are, the one with the newest first."""
    if not message_ids:
        return []
    values = {_bound(number): one for number, one in enumerate(message_ids)}
    return fetch(_with_messages(len(values)), {"inbox": inbox.id, **values})


@cache
def _with_messages(count: int) -> Select[Any]:
    """Return the statement that finds the tickets of so many messages."""
    of_inbox = Message.inbox_id == bindparam("inbox", type_=Inbox.id.type)
    return (
        select(*_CANDIDATE)
        .join(Message, Message.ticket_id == Ticket.id)
        .where(Message.provider_id.in_([bindparam(_bound(number)) for number in range(count)]))
        .where(or_(of_inbox, Message.inbox_id.is_(None)))
        .order_by(Message.id.desc())
        .limit(MOST_GUESSES)
    )


def _bound(number: int) -> str:
    return f"wanted_{number}"


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


def _conversation(message: InboundMessage, customer: Customer, inbox: Inbox, at: datetime) -> Ticket | None:
    """Return the ticket of the last words between us on the channel; a closed one only for want of another.

    By text, one that is open goes before one that is solved.
    """
    if message.channel not in CONVERSATION_DAYS:
        return None
    days = inbox.settings.get("conversation_days") or CONVERSATION_DAYS[message.channel]
    rest = {Status.CLOSED: 2} | ({Status.SOLVED: 1} if message.channel in BY_ADDRESS else {})
    query = (
        select(Ticket)
        .join(Message, Message.ticket_id == Ticket.id)
        .where(
            Message.handle_id.in_(_talking(message, customer)),
            Message.channel == message.channel,
            Message.inbox_id == inbox.id,
            Message.created_at > at - timedelta(days=days),
        )
        .order_by(case(rest, value=Ticket.status, else_=0), Message.id.desc())
    )
    return db.session().scalar(query.limit(1))


def _talking(message: InboundMessage, customer: Customer) -> Select[int]:
    """Return whose words make the conversation: those of this address, or of all that the person has.

    Handles rather than the ticket's customer: after a merge the ticket may be somebody else's.
    """
    if message.channel not in BY_ADDRESS or not message.sender.address:
        return select(Handle.id).where(Handle.customer_id == customer.id)
    sender = message.sender
    return select(Handle.id).where(Handle.kind == sender.kind, Handle.address == fold(sender.kind, sender.address))


def follow_merges(ticket: Ticket) -> Ticket:
    """Return the ticket that this one is part of in the end; itself if it was never merged."""
    while ticket.merged_into_id is not None:  # there are no circles: what is merged stays closed
        ticket = db.session().get_one(Ticket, ticket.merged_into_id)
    return ticket
