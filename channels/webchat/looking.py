"""An agent has a ticket open: what the chats on it were written so far was shown to somebody at the desk."""

from dataclasses import dataclass

from sqlalchemy import func, select, update

from channels.models import ChatSession
from ticketing.envelope import Channel, HandleKind
from ticketing.models import Handle, Message, MessageKind
from ticketing.store import db


@dataclass(frozen=True)
class Looked:
    """A chat on the ticket; `until` is the last message of its visitor that was seen only now, None: nothing new."""

    visitor: str
    until: int | None


def look_at_chats(ticket_id: int) -> list[Looked]:
    """Note that an agent sees the ticket; return its chats that have not ended."""
    written = (
        select(func.max(Message.id))
        .join(Handle, Handle.id == Message.handle_id)
        .where(Message.ticket_id == ticket_id, Message.kind == MessageKind.INBOUND, Message.channel == Channel.CHAT)
        .where(Handle.kind == HandleKind.VISITOR, Handle.address == ChatSession.visitor)
        .correlate(ChatSession)
        .scalar_subquery()
    )
    query = select(ChatSession.visitor, ChatSession.desk_read_until, written.label("written"))
    chats = db.session().execute(query.where(ChatSession.ticket_id == ticket_id, ChatSession.ended_at.is_(None))).all()
    return [Looked(one.visitor, _note(one.visitor, one.written or 0, one.desk_read_until)) for one in chats]


def _note(visitor: str, written: int, read: int) -> int | None:
    if written <= read:
        return None
    mine = (ChatSession.visitor == visitor, ChatSession.desk_read_until < written)
    seen = update(ChatSession).where(*mine).values(desk_read_until=written)
    db.session().execute(seen.execution_options(synchronize_session=False))
    return written
