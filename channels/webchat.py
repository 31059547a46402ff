"""The web-chat channel: visitors' sessions and messages by REST. Real time comes from the journal, not from here."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload
from sqlalchemy.sql import ColumnElement

from channels import receipts
from channels.errors import InvalidSignature, MalformedPayload, UnsupportedPayload
from channels.models import Call, ChatSession
from channels.phone.calls import LONGEST_CALL
from channels.protocol import Accepted, ChannelAdapter, Outgoing, Parsed, RawItem
from config.settings import Settings, derived_key
from ticketing import lines
from ticketing.envelope import Channel, HandleKind, InboundMessage, MessageState, Sender, ThreadHints
from ticketing.errors import NotFound
from ticketing.events import SYSTEM
from ticketing.intake import Taken
from ticketing.lifecycle import lock_ticket, lock_ticket_of
from ticketing.models import Attachment, Handle, Inbox, Message, MessageKind, Ticket
from ticketing.storable import storable
from ticketing.store import db

MAX_BODY = 10_000  # characters
MAX_CLIENT_ID = 100
MAX_NAME = 100
TOKEN_LIFETIME = timedelta(days=30)
SEEN_EVERY = timedelta(minutes=1)
GONE_AFTER = timedelta(minutes=10)  # without a poll or a word
ARRIVED = (MessageState.SENT, MessageState.DELIVERED)


class WebChatChannel(ChannelAdapter):
    """A raw item's body is JSON `{body, client_id}`; `headers["authorization"]` carries the visitor's token."""

    channel = Channel.CHAT

    def __init__(self, settings: Settings) -> None:
        self._tokens = URLSafeTimedSerializer(derived_key(settings.secret_key, "chat visitors"))

    def token(self, session: ChatSession) -> str:
        """Return the visitor's token for their session."""
        return str(self._tokens.dumps(session.visitor))

    def visitor(self, authorization: str) -> str:
        """Return whose token the header `Authorization: Bearer …` carries. Raises InvalidSignature."""
        scheme, _, token = authorization.partition(" ")
        try:
            visitor = self._tokens.loads(token.strip(), max_age=int(TOKEN_LIFETIME.total_seconds()))
        except BadSignature:
            raise InvalidSignature("the visitor token is missing, wrong or too old; start a new session") from None
        if scheme.casefold() != "bearer" or not isinstance(visitor, str):
            raise InvalidSignature("send the visitor token as Authorization: Bearer …")
        return visitor

    def verify(self, item: RawItem) -> None:
        """Only who holds the session's token speaks for it."""
        if self.visitor(item.headers.get("authorization", "")) != item.meta.get("visitor"):
            raise InvalidSignature("that token belongs to another session")

    def parse(self, item: RawItem) -> Parsed:
        """Read `{body, client_id}`."""
        body, client_id = _words(item.body)
        visitor = item.meta["visitor"]
        message = InboundMessage(
            channel=Channel.CHAT,
            provider_id=client_id,
            sender=Sender(HandleKind.VISITOR, visitor),
            text=body,
            received_at=item.received_at,
            live=True,
        )
        return Parsed(key=f"{visitor} {client_id}", inbox_address=item.meta["widget"], content=message)

    def enrich(self, item: RawItem, message: InboundMessage) -> InboundMessage:
        """Put the message on the session's ticket; the lock makes two first messages open one ticket.

        One that has a ticket is not locked, or no longer: who holds its customer or its ticket may write to it.
        """
        session = find_session(item.meta["visitor"])
        if session.ticket_id is None:
            attempt = db.session().begin_nested()
            session = find_session(item.meta["visitor"], lock=True)
            if session.ticket_id is None:
                attempt.commit()  # keeps the lock until the end of the transaction
            else:
                attempt.rollback()  # lets go of it
                session = find_session(item.meta["visitor"])
        hints = ThreadHints(ticket_ids=(session.ticket_id,) if session.ticket_id else ())
        return replace(message, hints=hints, sender=replace(message.sender, name=session.name))

    def taken_in(self, item: RawItem, taken: Taken, *, at: datetime) -> None:
        """Remember the session's ticket."""
        session = find_session(item.meta["visitor"])
        session.ticket_id, session.seen_at = taken.ticket.id, at

    def send(self, outgoing: Outgoing) -> Accepted:
        """Nothing has to travel: the visitor's widget finds the message here. It is delivered when they fetch it."""
        return Accepted(provider_id=f"chat-{outgoing.message_id}")


def open_session(widget: str, *, name: str, at: datetime) -> ChatSession:
    """Start a chat through a widget, "" for the only or oldest one. Raises NotFound."""
    query = select(Inbox).where(Inbox.channel == Channel.CHAT).order_by(Inbox.id).limit(1)
    inbox = db.session().scalar(query.where(Inbox.address == storable(widget)) if widget else query)
    if inbox is None:
        raise NotFound(f"there is no chat widget {widget[:80]!r}")
    session = ChatSession(
        visitor=secrets.token_urlsafe(18),
        inbox=inbox,
        name=storable(name).strip()[:MAX_NAME],
        created_at=at,
        seen_at=at,
    )
    db.session().add(session)
    db.session().flush()
    return session


def find_session(visitor: str, *, lock: bool = False) -> ChatSession:
    """Return a visitor's session. Raises NotFound."""
    query = select(ChatSession).where(ChatSession.visitor == visitor)
    if lock:
        query = query.with_for_update(of=ChatSession).execution_options(populate_existing=True)
    session = db.session().scalar(query)
    if session is None:
        raise NotFound("there is no such chat session")
    return session


def conversation(session: ChatSession, *, after: int, limit: int) -> list[Message]:
    """Return what the visitor may read, oldest first, from behind the message `after`."""
    query = select(Message).where(*_readable_by(session), Message.id > after).order_by(Message.id).limit(limit)
    found = db.session().scalars(query.options(joinedload(Message.author_agent), selectinload(Message.attachments)))
    return list(found)


def file_of(session: ChatSession, attachment_id: int) -> Attachment:
    """Return a file of what the visitor may read. Raises NotFound."""
    query = select(Attachment).join(Message, Message.id == Attachment.message_id)
    file = db.session().scalar(query.where(Attachment.id == attachment_id, *_readable_by(session)))
    if file is None:
        raise NotFound(f"there is no attachment {attachment_id}")
    return file


def _readable_by(session: ChatSession) -> Sequence[ColumnElement[bool]]:
    handles = select(Handle.id).where(Handle.kind == HandleKind.VISITOR, Handle.address == session.visitor)
    arrived = (Message.kind == MessageKind.OUTBOUND) & Message.state.in_(ARRIVED)
    return (
        Message.channel == Channel.CHAT,
        Message.handle_id.in_(handles),
        (Message.kind == MessageKind.INBOUND) | arrived,
    )


def is_stale(session: ChatSession, at: datetime) -> bool:
    """Say whether it is time to note again that the visitor is still there."""
    return session.seen_at < at - SEEN_EVERY


def note_seen(visitor: str, fetched: Sequence[int], *, at: datetime) -> None:
    """Note that the visitor is there, and has got these messages."""
    for message_id in sorted(fetched):
        message = db.session().get_one(Message, message_id)
        ticket = lock_ticket_of(message)  # another tab may have fetched it too, while we waited for the lock
        receipts.advance(ticket, message, MessageState.DELIVERED, reason="", at=at)
    find_session(visitor).seen_at = at  # last: a merge changes sessions while it holds their tickets


def end_abandoned(now: datetime, limit: int = 100) -> list[int]:
    """End the live wait of visitors who have gone without a word; return their tickets."""
    chats = select(ChatSession.id).where(ChatSession.ticket_id == Ticket.id)
    calls = select(Call.id).where(Call.ticket_id == Ticket.id, Call.outbound.is_(False), Call.ended_at.is_(None))
    calls = calls.where(Call.started_at >= now - LONGEST_CALL)
    gone = select(Ticket.id).where(
        Ticket.live,
        chats.exists(),
        ~chats.where(ChatSession.seen_at >= now - GONE_AFTER).exists(),
        ~calls.exists(),  # after a merge one ticket may have both
    )
    tickets = db.session().scalars(gone.order_by(Ticket.id).limit(limit)).all()
    for ticket_id in tickets:
        lines.end(lock_ticket(ticket_id), by=SYSTEM, at=now)
    return list(tickets)


def _words(raw: bytes) -> tuple[str, str]:
    try:
        data: Any = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise MalformedPayload("a chat message is JSON: {body, client_id}") from None
    body, client_id = (data.get("body"), data.get("client_id")) if isinstance(data, dict) else (None, None)
    if not isinstance(body, str) or not isinstance(client_id, str) or not 0 < len(client_id) <= MAX_CLIENT_ID:
        raise MalformedPayload(f"a chat message needs a body and a client_id of at most {MAX_CLIENT_ID} characters")
    body, client_id = storable(body), storable(client_id)
    if not body.strip():
        raise UnsupportedPayload("a chat message without words says nothing")
    if len(body) > MAX_BODY:
        raise MalformedPayload(f"a chat message has at most {MAX_BODY} characters")
    return body, client_id
