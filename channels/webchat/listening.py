"""Visitors whose widget holds a stream open: they are there, many at once. A write a minute for each, no more."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select, update

from channels.models import ChatSession
from channels.webchat.sessions import SEEN_EVERY
from ticketing.envelope import HandleKind
from ticketing.models import Handle
from ticketing.store import db
from ticketing.transaction import transaction

AT_ONCE = 500


@dataclass(frozen=True)
class Back:
    """A visitor who was away."""

    visitor: str
    ticket_id: int | None


def are_present(visitors: Collection[str], *, at: datetime) -> list[Back]:
    """Note that these visitors are there, each that nobody has noted lately; return those who were away.

    In transactions of its own. What somebody else holds is left alone: they come by again.
    """
    every, back = sorted(visitors), list[Back]()
    for start in range(0, len(every), AT_ONCE):
        some = every[start : start + AT_ONCE]
        if _is_any_stale(some, at):
            with transaction("chat"):
                back += _note(some, at)
    return back


def _is_any_stale(visitors: Collection[str], at: datetime) -> bool:
    stale = (ChatSession.visitor.in_(visitors), ChatSession.seen_at < at - SEEN_EVERY)
    return bool(db.session().scalar(select(exists().where(*stale))))


def _note(visitors: Collection[str], at: datetime) -> list[Back]:
    """Write addresses first, then sessions, as everybody does."""
    away = (Handle.kind == HandleKind.VISITOR, Handle.address.in_(visitors), Handle.away_since.is_not(None))
    held = select(Handle.id).where(*away).order_by(Handle.id).with_for_update(skip_locked=True)
    back = update(Handle).where(Handle.id.in_(held)).values(away_since=None).returning(Handle.address)
    came = db.session().scalars(back.execution_options(synchronize_session=False)).all()
    stale = (ChatSession.visitor.in_(visitors), ChatSession.seen_at < at - SEEN_EVERY)
    held = select(ChatSession.id).where(*stale).order_by(ChatSession.id).with_for_update(skip_locked=True)
    seen = update(ChatSession).where(ChatSession.id.in_(held)).values(seen_at=at)
    db.session().execute(seen.execution_options(synchronize_session=False))
    theirs = select(ChatSession.visitor, ChatSession.ticket_id).where(ChatSession.visitor.in_(came))
    return [Back(*row) for row in db.session().execute(theirs)] if came else []
