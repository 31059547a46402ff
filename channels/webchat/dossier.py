"""What chats hold of a person besides their messages, for the person (GDPR, article 15): as plain values."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import or_, select

from channels.models import ChatSession
from ticketing.envelope import HandleKind
from ticketing.models import Handle
from ticketing.store import db

PIECE = 200  # rows in memory at once
COLUMNS = (
    *("id", "ticket_id", "identity", "name", "email", "phone", "fields", "page", "language", "rating"),
    *("rating_comment", "rated_at", "transcript_sent_at", "ended_at", "created_at", "seen_at"),
)


def chats_of(persons: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Return their chats, oldest first, with what they said of themselves there."""
    theirs = select(Handle.address).where(Handle.kind == HandleKind.VISITOR, Handle.customer_id.in_(persons))
    mine = or_(ChatSession.visitor.in_(theirs), ChatSession.customer_id.in_(persons))
    query, after = select(*(ChatSession.__table__.c[name] for name in COLUMNS)).where(mine), 0
    while True:
        page = query.where(ChatSession.id > after).order_by(ChatSession.id).limit(PIECE)
        rows = [dict(row) for row in db.session().execute(page).mappings()]
        if not rows:
            return
        after = rows[-1]["id"]
        db.session().rollback()  # ends the read: writing the piece down takes as long as it takes
        yield from rows
