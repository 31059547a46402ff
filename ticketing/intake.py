"""Take in a message from the outside: known? → customer → ticket → message. The one way in for every channel."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select

from ticketing import blocking, closing, conversation, lifecycle, participants, reachability
from ticketing.customers import new_customer, recognise
from ticketing.envelope import Channel, InboundMessage
from ticketing.errors import InvalidHandle
from ticketing.events import Actor
from ticketing.handles import fold
from ticketing.matching import Match, find_copy, find_match
from ticketing.models import Agent, Attachment, Customer, Inbox, Message, Ticket
from ticketing.participants import without_tag
from ticketing.status import Status
from ticketing.store import db


@dataclass(frozen=True)
class Taken:
    """Where a message went, and whether a ticket was opened for it. `again`: we had it already, by another inbox."""

    ticket: Ticket
    message: Message
    opened: bool
    again: bool = False


FIRST_WORDS = 80  # of a message without a subject become the ticket's
LATE = timedelta(hours=1)  # what was kept back for so long gets no automatic answer: it would promise what is past


def take_in(message: InboundMessage, inbox: Inbox, *, files: Sequence[Attachment], at: datetime) -> Taken:
    """Put a customer's message on the ticket where it belongs, or on a new one.

    The caller has made sure that it is no duplicate; a copy that came by another inbox of ours is known here. `files`
    are attachments whose bytes are in the file store. Raises InvalidHandle when the sender's address makes no sense,
    and SenderBlocked when the desk takes nothing from there.
    """
    message = _by_its_author(message, inbox)
    if at - message.received_at > LATE:
        message = replace(message, answerable=False)
    if message.sender.address:
        customer, (handle,) = recognise([message.sender], at=at)
        blocking.must_not_be_blocked(handle)
        if not message.automatic:
            reachability.heard_from(handle, message.channel, at=message.received_at)
    else:  # a withheld number: a person all the same
        customer, handle = _without_address(message, at), None
    copy = find_copy(message, customer, inbox)
    if copy is not None:
        return Taken(ticket=copy.ticket, message=copy, opened=False, again=True)
    match = locked_match(message, customer, inbox, at)
    if match.ticket is not None:
        closing.close_if_over(match.ticket, at=message.received_at)
    opened = match.ticket is None or match.ticket.status is Status.CLOSED
    ticket = _open(message, customer, inbox, match, at) if opened or match.ticket is None else match.ticket
    row = conversation.receive(
        ticket, message, customer=customer, handle=handle, inbox=inbox, files=files, at=message.received_at
    )
    _name_participants(ticket, message, inbox)
    return Taken(ticket=ticket, message=row, opened=opened)


def _by_its_author(message: InboundMessage, inbox: Inbox) -> InboundMessage:
    """Return what an agent of ours passes on as the message of the customer who wrote it, where the inbox wants that.

    Who writes in an agent's name could as well write in the customer's: a sender is never proven. The comment stays
    beside the message, as what it is, for a note would say that the agent wrote it. Nobody awaits an automatic answer.
    """
    forwarded = message.forwarded
    if forwarded is None or not inbox.settings.get("agents_forward"):
        return message
    with suppress(InvalidHandle):
        address, author = (fold(one.kind, one.address) for one in (message.sender, forwarded.author))
        is_agents = select(Agent.id).where(Agent.email == address, Agent.is_active)
        if db.session().scalar(is_agents) is not None and not participants.our_addresses([author]):
            return replace(
                message,
                sender=forwarded.author,
                text=forwarded.text,
                quoted="",
                quoted_html="",
                answerable=False,
                forwarded=replace(forwarded, by=message.sender),
            )
    return message


def _name_participants(ticket: Ticket, message: InboundMessage, inbox: Inbox) -> None:
    """Let those take part whom a person names beside us; what a machine names, it names for no reason of its own."""
    if message.automatic:
        return
    author = message.sender.address.strip().casefold()
    people = {one.address.strip().casefold(): one for one in (*message.to, *message.cc)}
    others = [one for address, one in people.items() if address != author and without_tag(address) != inbox.address]
    if others:
        participants.name(ticket, others, at=message.received_at)


def locked_match(message: InboundMessage, customer: Customer, inbox: Inbox, at: datetime) -> Match:
    """Find the ticket and lock it; one that was merged while we waited for it is looked for again."""
    for proven in message.hints.ticket_ids[:1]:  # most answers belong to the one that they name first
        ticket = lifecycle.lock_unless_merged(proven)
        if ticket is not None:
            return Match(ticket=ticket)
    while True:
        match = find_match(message, customer, inbox, at=at)
        if match.ticket is None:
            return match
        ticket = lifecycle.lock_ticket(match.ticket.id)
        if ticket.merged_into_id is None:
            return replace(match, ticket=ticket)


def _without_address(message: InboundMessage, at: datetime) -> Customer:
    """Return the person of the ticket that is proven to be meant (a voicemail's call), else a new one."""
    known = (db.session().get(Ticket, one) for one in message.hints.ticket_ids)
    ticket = next((one for one in known if one is not None), None)
    return ticket.customer if ticket is not None else new_customer(message.sender.name, at=at)


def _open(message: InboundMessage, customer: Customer, inbox: Inbox, match: Match, at: datetime) -> Ticket:
    return lifecycle.open_ticket(
        subject=message.subject or _first_words(message),
        customer=customer,
        queue=inbox.queue,
        channel=message.channel,
        inbox=inbox,
        live=message.live,
        waiting=not message.automatic,
        skills=inbox.settings.get("skills", ()),
        follows=match.ticket,
        suggested=match.suggested,
        by=Actor.customer(customer.id),
        at=min(message.received_at, at),
    )


def _first_words(message: InboundMessage) -> str:
    words = " ".join(message.text.split())
    if not words:
        return NO_WORDS[message.channel]
    return words if len(words) <= FIRST_WORDS else words[: FIRST_WORDS - 1].rsplit(" ", 1)[0] + "…"


NO_WORDS = {
    Channel.PHONE: "Phone call",
    Channel.SMS: "Text message",
    Channel.WHATSAPP: "WhatsApp message",
    Channel.EMAIL: "Mail without a subject",
    Channel.CHAT: "Chat",
    Channel.API: "Request",
}
