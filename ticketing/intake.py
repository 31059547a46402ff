"""Take in a message from the outside: known? → customer → ticket → message. The one way in for every channel."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ticketing import closing, conversation, lifecycle
from ticketing.customers import new_customer, recognise
from ticketing.envelope import Channel, InboundMessage
from ticketing.events import Actor
from ticketing.matching import Match, find_match
from ticketing.models import Attachment, Customer, Inbox, Message, Ticket
from ticketing.status import Status
from ticketing.store import db


@dataclass(frozen=True)
class Taken:
    """Where a message went, and whether a ticket was opened for it."""

    ticket: Ticket
    message: Message
    opened: bool


FIRST_WORDS = 80  # of a message without a subject become the ticket's


def take_in(message: InboundMessage, inbox: Inbox, *, files: Sequence[Attachment], at: datetime) -> Taken:
    """Put a customer's message on the ticket where it belongs, or on a new one.

    The caller has made sure that it is no duplicate. `files` are attachments whose bytes are in the file store.
    Raises InvalidHandle when the sender's address makes no sense.
    """
    if message.sender.address:
        customer, (handle,) = recognise([message.sender], at=at)
    else:  # a withheld number: a person all the same
        customer, handle = _without_address(message, at), None
    match = _locked_match(message, customer, inbox, at)
    if match.ticket is not None:
        closing.close_if_over(match.ticket, at=message.received_at)
    opened = match.ticket is None or match.ticket.status is Status.CLOSED
    ticket = _open(message, customer, inbox, match, at) if opened or match.ticket is None else match.ticket
    row = conversation.receive(
        ticket, message, customer=customer, handle=handle, inbox=inbox, files=files, at=message.received_at
    )
    return Taken(ticket=ticket, message=row, opened=opened)


def _locked_match(message: InboundMessage, customer: Customer, inbox: Inbox, at: datetime) -> Match:
    """Find the ticket and lock it; one that was merged while we waited for it is looked for again."""
    match = find_match(message, customer, inbox, at=at)
    while match.ticket is not None and lifecycle.lock_ticket(match.ticket.id).merged_into_id is not None:
        match = find_match(message, customer, inbox, at=at)
    return match


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
    Channel.EMAIL: "Mail without a subject",
    Channel.CHAT: "Chat",
    Channel.API: "Request",
}
