"""Whether a visitor is still there: seen by what they ask for, away when they have been silent for a while.

Whose page is open asks, or listens, every minute at least. To know that costs a write a minute, no more.
"""

from datetime import datetime, timedelta

from sqlalchemy import select, update

from channels.models import ChatSession
from ticketing.envelope import HandleKind
from ticketing.models import Handle
from ticketing.store import db

AWAY_AFTER = timedelta(minutes=3)
# Who says that they leave may merely go to the next page, or have another one open: time enough to be seen again.
LEAVES_AFTER = timedelta(seconds=75)


def be_present(visitor: str, *, at: datetime) -> bool:
    """Note that a visitor is there, and so may read what we write in the chat; return whether they were away.

    What somebody else holds is left alone, for whoever waits here may be waited for: the visitor comes by again.
    """
    was_away = be_back(visitor)
    mine = (ChatSession.visitor == visitor, ChatSession.seen_at < at)
    free = select(ChatSession.id).where(*mine).with_for_update(skip_locked=True, key_share=True)
    seen = update(ChatSession).where(ChatSession.id.in_(free)).values(seen_at=at)
    db.session().execute(seen.execution_options(synchronize_session=False))
    return was_away


def be_back(visitor: str) -> bool:
    """Note that a visitor is not away any more, if they were, which is returned; unless somebody holds the address."""
    theirs = (Handle.kind == HandleKind.VISITOR, Handle.address == visitor, Handle.away_since.is_not(None))
    free = select(Handle.id).where(*theirs).with_for_update(skip_locked=True, key_share=True)
    back = update(Handle).where(Handle.id.in_(free)).values(away_since=None).returning(Handle.id)
    return db.session().scalar(back.execution_options(synchronize_session=False)) is not None


def leave(visitor: str, *, at: datetime) -> None:
    """Note that a visitor says they leave: unless they are seen again, they are away in a moment."""
    seen_at = at - AWAY_AFTER + LEAVES_AFTER
    mine = (ChatSession.visitor == visitor, ChatSession.seen_at > seen_at)
    db.session().execute(update(ChatSession).where(*mine).values(seen_at=seen_at))
