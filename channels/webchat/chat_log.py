"""The chats of a ticket, as agents see them: whether the visitor is there, which page they look at, how they found it.

Whoever asks may see the ticket.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, exists, select

from channels.models import ChatSession
from channels.phone.models import Callback
from channels.webchat.standing import Instead
from ticketing.envelope import HandleKind
from ticketing.models import Handle
from ticketing.store import db

MOST = 50


@dataclass(frozen=True)
class Rating:
    """How a visitor found the chat."""

    score: int
    comment: str
    at: datetime


@dataclass(frozen=True)
class ShownChat:
    """A visitor's chat. `away_since` None: they are there, or have written nothing yet."""

    id: int
    session: str
    inbox: int
    name: str
    email: str
    phone: str
    identity: str
    page: str
    language: str
    fields_: dict[str, Any]
    away_since: datetime | None
    seen_at: datetime
    instead: str | None
    read_until: int
    desk_read_until: int
    rating: Rating | None
    transcript_sent_at: datetime | None
    ended_at: datetime | None
    created_at: datetime

    @property
    def present(self) -> bool:
        return self.away_since is None


def chats_of(ticket_id: int) -> Sequence[ShownChat]:
    """Return the chats of a ticket, the newest first: one, unless tickets were merged."""
    visitors = and_(Handle.kind == HandleKind.VISITOR, Handle.address == ChatSession.visitor)
    owed = exists().where(Callback.ticket_id == ChatSession.ticket_id, Callback.finished_at.is_(None))
    query = select(ChatSession, Handle.away_since, owed.label("owed")).outerjoin(Handle, visitors)
    query = query.where(ChatSession.ticket_id == ticket_id).order_by(ChatSession.id.desc()).limit(MOST)
    rows: list[Any] = list(db.session().execute(query))
    return [_shown(row) for row in rows]


def _shown(row: Any) -> ShownChat:
    chat: ChatSession = row.ChatSession
    return ShownChat(
        id=chat.id,
        session=chat.visitor,
        inbox=chat.inbox_id,
        name=chat.name,
        email=chat.email,
        phone=chat.phone,
        identity=chat.identity,
        page=chat.page,
        language=chat.language,
        fields_=chat.fields,
        away_since=row.away_since,
        seen_at=chat.seen_at,
        instead=Instead.CALLBACK if row.owed else chat.moved_to or None,
        read_until=chat.read_until,
        desk_read_until=chat.desk_read_until,
        rating=Rating(chat.rating, chat.rating_comment, chat.rated_at) if chat.rating and chat.rated_at else None,
        transcript_sent_at=chat.transcript_sent_at,
        ended_at=chat.ended_at,
        created_at=chat.created_at,
    )
