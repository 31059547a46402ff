"""What a visitor may read of their conversation, and that they have got it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import joinedload, selectinload
from sqlalchemy.sql import ColumnElement

from channels import receipts
from channels.events import MessageRead
from channels.models import ChatSession
from channels.webchat.presence import be_back, be_present
from channels.webchat.sessions import find_session
from ticketing import journal
from ticketing.envelope import Channel, HandleKind, MessageState
from ticketing.errors import NotFound
from ticketing.events import SYSTEM
from ticketing.lifecycle import lock_ticket_of
from ticketing.models import Attachment, Handle, Message, MessageKind
from ticketing.store import db

MOST_READ = 200  # at once
ARRIVED = (MessageState.SENT, MessageState.DELIVERED)


def conversation(session: ChatSession, *, after: int, limit: int) -> list[Message]:
    """Return what the visitor may read, oldest first, from behind the message `after`."""
    query = select(Message).where(*readable_by(session), Message.id > after).order_by(Message.id).limit(limit)
    found = db.session().scalars(query.options(joinedload(Message.author_agent), selectinload(Message.attachments)))
    return list(found)


def file_of(session: ChatSession, attachment_id: int) -> Attachment:
    """Return a file of what the visitor may read, or has uploaded. Raises NotFound."""
    query = select(Attachment).outerjoin(Message, Message.id == Attachment.message_id)
    theirs = or_(and_(*readable_by(session)), Attachment.visitor == session.visitor)
    file = db.session().scalar(query.where(Attachment.id == attachment_id, theirs))
    if file is None:
        raise NotFound(f"there is no attachment {attachment_id}")
    return file


def readable_by(session: ChatSession) -> Sequence[ColumnElement[bool]]:
    """Return the SQL conditions under which a message is the visitor's to read."""
    handles = select(Handle.id).where(Handle.kind == HandleKind.VISITOR, Handle.address == session.visitor)
    arrived = (Message.kind == MessageKind.OUTBOUND) & Message.state.in_(ARRIVED)
    here = and_(
        Message.channel == Channel.CHAT,
        Message.handle_id.in_(handles),
        (Message.kind == MessageKind.INBOUND) | arrived,
    )
    return (here if not session.rerouted else or_(here, Message.id.in_(session.rerouted)),)


def is_known(session: ChatSession, client_id: str) -> bool:
    """Say whether the visitor has written a message under this id before."""
    mine = (Message.kind == MessageKind.INBOUND, Message.provider_id == client_id)
    return db.session().scalar(select(Message.id).where(*readable_by(session), *mine).limit(1)) is not None


def note_seen(visitor: str, fetched: Sequence[int], *, at: datetime) -> bool:
    """Note that the visitor is there, and has got these messages; return whether they were away."""
    was_away = be_back(visitor)  # first: addresses are locked before tickets
    for message_id in sorted(fetched):
        message = db.session().get_one(Message, message_id)
        ticket = lock_ticket_of(message)  # another tab may have fetched it too, while we waited for the lock
        receipts.advance(ticket, message, MessageState.DELIVERED, reason="", at=at)
    be_present(visitor, at=at)  # last: a merge changes sessions while it holds their tickets
    return was_away


def note_read(visitor: str, until: int, *, at: datetime) -> int:
    """Note that the visitor was shown our messages up to one; return the last that is newly read, 0 for none.

    Raises NotFound.
    """
    session = find_session(visitor)
    ours = (Message.kind == MessageKind.OUTBOUND, Message.channel == Channel.CHAT)
    fresh = (Message.id > session.read_until, Message.id <= until)
    query = select(Message.id).where(*readable_by(session), *ours, *fresh).order_by(Message.id).limit(MOST_READ)
    last = 0
    for message_id in db.session().scalars(query).all():
        message = db.session().get_one(Message, message_id)
        ticket = lock_ticket_of(message)
        receipts.advance(ticket, message, MessageState.DELIVERED, reason="", at=at)
        seen = update(ChatSession).where(ChatSession.visitor == visitor, ChatSession.read_until < message_id)
        if db.session().scalar(seen.values(read_until=message_id).returning(ChatSession.id)) is not None:
            journal.append(ticket, MessageRead(message_id), by=SYSTEM, at=at)
            last = message_id
    return last
