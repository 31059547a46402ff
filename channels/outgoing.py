"""Gather what a channel needs to send one message: addresses, subject, its thread, and what it answers."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, select

from channels.protocol import Named, Outgoing, OutgoingFile, Said, Template
from ticketing.envelope import Channel, MessageState
from ticketing.models import Customer, Handle, Inbox, Message, MessageKind, Ticket
from ticketing.placeholders import fill
from ticketing.store import db
from ticketing.wording import values_of

MAX_REFERENCES = 50
MAX_HISTORY = 3  # messages
NEVER_LEFT = frozenset({MessageState.FAILED, MessageState.QUEUED, MessageState.SENDING})
TEXTS = frozenset({Channel.SMS, Channel.WHATSAPP})
SEPARATORS = " ·|–—-,:"

Line = Row[int, MessageKind, str, int | None, int | None, bool, MessageState]  # of a message, what tells its place


def outgoing_for(ticket: Ticket, message: Message) -> Outgoing:
    """Return the message as its channel's adapter wants it."""
    inbox, handle = message.inbox, message.handle
    if inbox is None or handle is None:
        raise RuntimeError(f"message {message.id} is outbound and has no route")
    thread = _thread(message, handle)
    values = values_of(ticket, message.author_agent)
    return Outgoing(
        message_id=message.id,
        ticket_id=ticket.id,
        channel=message.channel,
        sender=inbox.address,
        sender_name=_sender_name(message, inbox, values),
        recipient=handle.shown,
        recipient_name=ticket.customer.name,
        subject=ticket.subject,
        text=message.body,
        html=message.html,
        automatic=message.automatic,
        written_at=message.created_at,
        language=ticket.customer.language or str(inbox.settings.get("language", "")),
        in_reply_to=next((one.provider_id for one in reversed(thread) if one.kind is MessageKind.INBOUND), ""),
        references=tuple(one.provider_id for one in thread),
        files=tuple(OutgoingFile(f.filename, f.content_type, f.sha256, f.id) for f in message.attachments),
        inbox_id=inbox.id,
        copies=tuple(Named(**one) for one in message.data.get("cc", ())),
        settled=frozenset(message.data.get("delivered_to", ())) | frozenset(message.data.get("refused", ())),
        sent_as=message.data.get("sent_as", 0),
        signature=str(inbox.settings.get("signature", "")),
        values=values,
        history=_history(message, inbox, thread, ticket.customer),
        **_by_text(message, inbox, handle),
    )


def _by_text(message: Message, inbox: Inbox, handle: Handle) -> dict[str, Any]:
    """Return what only text messages have: a pool of numbers to leave by, and approved words."""
    if message.channel not in TEXTS:
        return {}
    told = message.data.get("template")
    template = Template(told["content_id"], told["variables"]) if told else None
    pool = str(inbox.settings.get("messaging_service", ""))
    return {"pool": pool, "written_to": _written_to(message, inbox, handle) if pool else "", "template": template}


def _written_to(message: Message, inbox: Inbox, handle: Handle) -> str:
    """Return the number of ours to which the customer wrote last; "" if they have not."""
    query = (
        select(Message.data)
        .where(
            Message.handle_id == handle.id,
            Message.kind == MessageKind.INBOUND,
            Message.channel == message.channel,
            Message.inbox_id == inbox.id,
        )
        .order_by(Message.id.desc())
    )
    data = db.session().scalar(query.limit(1))
    return "" if data is None else str(data.get("written_to", inbox.address))


def _thread(message: Message, handle: Handle) -> Sequence[Line]:
    """Return the newest messages from and to this person on the channel before this one, oldest first.

    On a ticket that was merged others may have written too: what they said is not for this person.
    """
    columns = (Message.id, Message.kind, Message.provider_id, Message.handle_id)
    query = (
        select(*columns, Message.author_customer_id, Message.automatic, Message.state)
        .where(
            Message.ticket_id == message.ticket_id,
            Message.channel == message.channel,
            Message.kind != MessageKind.NOTE,
            Message.id < message.id,
            Message.provider_id.is_not(None),
        )
        .order_by(Message.id.desc())
        .limit(MAX_REFERENCES)
    )
    found: list[Any] = [row for row in db.session().execute(query) if _concerns(row, handle)]
    return found[::-1]


def _concerns(row: Any, handle: Handle) -> bool:
    return row.handle_id == handle.id or (
        row.kind is MessageKind.INBOUND and row.author_customer_id == handle.customer_id
    )


def _history(message: Message, inbox: Inbox, thread: Sequence[Line], reader: Customer) -> tuple[Said, ...]:
    """Return what a reply by mail answers: what the person wrote since our reply before, or what they wrote last.

    A machine's answer repeats nothing, lest somebody send their words to others by writing to us in their name.
    """
    if message.channel is not Channel.EMAIL or message.automatic or not inbox.settings.get("quote_history", True):
        return ()
    query = select(Message).where(Message.id.in_(_unanswered(thread))).order_by(Message.id.desc())
    zone = _zone(reader)
    return tuple(
        Said(_name(one), one.created_at.astimezone(zone), one.body) for one in db.session().scalars(query).unique()
    )


def _unanswered(thread: Sequence[Line]) -> list[int]:
    found = list[int]()
    for one in reversed(thread):
        if one.kind is MessageKind.INBOUND and not one.automatic:
            found.append(one.id)
        elif one.kind is MessageKind.OUTBOUND and found and not one.automatic and one.state not in NEVER_LEFT:
            break
    return found[:MAX_HISTORY]


def _name(said: Message) -> str:
    customer, handle = said.author_customer, said.handle
    return (customer.name if customer is not None else "") or (handle.shown if handle is not None else "?")


def _zone(reader: Customer) -> tzinfo:
    with suppress(KeyError, ValueError, OSError):
        if reader.time_zone:
            return ZoneInfo(reader.time_zone)
    return UTC


def _sender_name(message: Message, inbox: Inbox, values: dict[str, str]) -> str:
    """Return the name that the recipient sees: as the inbox wants it, else the agent's, else the inbox's."""
    wanted = fill(str(inbox.settings.get("sender_name", "")), values).strip(SEPARATORS)
    author = message.author_agent
    return wanted or (author.name if author is not None else inbox.name)
