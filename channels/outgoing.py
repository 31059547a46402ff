"""Gather what a channel needs to send one message: addresses, subject, and the thread that it belongs to."""

from sqlalchemy import select

from channels.protocol import Outgoing, OutgoingFile
from ticketing.models import Inbox, Message, MessageKind, Ticket
from ticketing.store import db

MAX_REFERENCES = 50


def outgoing_for(ticket: Ticket, message: Message) -> Outgoing:
    """Return the message as its channel's adapter wants it."""
    thread = _thread(message)
    inbox, handle = message.inbox, message.handle
    if inbox is None or handle is None:
        raise RuntimeError(f"message {message.id} is outbound and has no route")
    return Outgoing(
        message_id=message.id,
        ticket_id=ticket.id,
        channel=message.channel,
        sender=inbox.address,
        sender_name=_sender_name(message, inbox),
        recipient=handle.shown,
        recipient_name=ticket.customer.name,
        subject=ticket.subject,
        text=message.body,
        html=message.html,
        automatic=message.automatic,
        written_at=message.created_at,
        language=ticket.customer.language or str(inbox.settings.get("language", "")),
        in_reply_to=next((one.provider_id or "" for one in reversed(thread) if one.kind is MessageKind.INBOUND), ""),
        references=tuple(one.provider_id for one in thread if one.provider_id),
        files=tuple(OutgoingFile(f.filename, f.content_type, f.sha256) for f in message.attachments),
    )


def _thread(message: Message) -> list[Message]:
    """Return the newest messages of the ticket on the same channel before this one, oldest first."""
    query = (
        select(Message)
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
    return list(reversed(db.session().scalars(query).all()))


def _sender_name(message: Message, inbox: Inbox) -> str:
    author = message.author_agent
    return author.name if author is not None else inbox.name
