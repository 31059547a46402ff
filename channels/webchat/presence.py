"""Whether a visitor is still there: seen by what they ask for, away when they have been silent for a while.

Whose page is open asks, or listens, every minute at least. To know that costs a write a minute, no more.
"""

from datetime import datetime, timedelta

from sqlalchemy import update

from channels.models import ChatSession
from ticketing.envelope import HandleKind
from ticketing.models import Handle
from ticketing.store import db

AWAY_AFTER = timedelta(minutes=3)
# Who says that they leave may merely go to the next page, or have another one open: time enough to be seen again.
LEAVES_AFTER = timedelta(seconds=75)


def be_present(visitor: str, *, at: datetime) -> bool:
    """Note that a visitor is there, and so may read what we write in the chat; return whether they were away."""
    was_away = be_back(visitor)
    seen = update(ChatSession).where(ChatSession.visitor == visitor, ChatSession.seen_at < at).values(seen_at=at)
    db.session().execute(seen)
    return was_away


def be_back(visitor: str) -> bool:
    """Note that a visitor is not away any more, if they were, which is returned. Before any ticket is locked: addresses
    come first.
    """
    theirs = (Handle.kind == HandleKind.VISITOR, Handle.address == visitor, Handle.away_since.is_not(None))
    back = update(Handle).where(*theirs).values(away_since=None).returning(Handle.id)
    return db.session().scalar(back) is not None


def leave(visitor: str, *, at: datetime) -> None:
    """Note that a visitor says they leave: unless they are seen again, they are away in a moment."""
    seen_at = at - AWAY_AFTER + LEAVES_AFTER
    mine = (ChatSession.visitor == visitor, ChatSession.seen_at > seen_at)
    db.session().execute(update(ChatSession).where(*mine).values(seen_at=seen_at))
