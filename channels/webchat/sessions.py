"""Visitors' sessions: started by the widget, found by the visitor's token."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from channels.models import ChatSession
from channels.webchat.widgets import find_widget
from ticketing.envelope import HandleKind
from ticketing.errors import NotFound
from ticketing.models import Handle, Inbox
from ticketing.storable import storable
from ticketing.store import db

MAX_NAME = 100
SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class SaysOfThemselves:
    """What visitors, or the page that they look at, say of them; nothing of it is proven."""

    name: str = ""
    email: str = ""  # as they write it
    phone: str = ""  # E.164
    fields: dict[str, Any] = field(default_factory=dict)
    page: str = ""
    language: str = ""  # an IETF tag


def open_session(widget: str, *, name: str = "", says: SaysOfThemselves | None = None, at: datetime) -> ChatSession:
    """Start a chat through a widget, "" for the only or oldest one. `name` alone, or all that they say. NotFound."""
    says = says or SaysOfThemselves(name=name)
    session = ChatSession(
        visitor=secrets.token_urlsafe(18),
        inbox=find_widget(widget),
        name=storable(says.name).strip()[:MAX_NAME],
        email=says.email,
        phone=says.phone,
        fields=says.fields,
        page=says.page,
        language=says.language,
        created_at=at,
        seen_at=at,
    )
    db.session().add(session)
    db.session().flush()
    return session


def find_session(visitor: str, *, lock: bool = False) -> ChatSession:
    """Return a visitor's session, with its inbox and queue. Raises NotFound."""
    query = select(ChatSession).where(ChatSession.visitor == visitor)
    query = query.options(joinedload(ChatSession.inbox, innerjoin=True).joinedload(Inbox.queue, innerjoin=True))
    if lock:
        query = query.with_for_update(of=ChatSession).execution_options(populate_existing=True)
    session = db.session().scalar(query)
    if session is None:
        raise NotFound("there is no such chat session; start a new one")
    return session


def hold_unwritten(visitor: str) -> ChatSession:
    """Return a session, locked if it has no ticket, so that two first messages open one. Raises NotFound.

    One that has a ticket is not locked, or no longer: who holds its customer or its ticket may write to it.
    """
    session = find_session(visitor)
    if session.ticket_id is None:
        attempt = db.session().begin_nested()
        session = find_session(visitor, lock=True)
        if session.ticket_id is None:
            attempt.commit()  # keeps the lock until the end of the transaction
        else:
            attempt.rollback()  # lets go of it
            session = find_session(visitor)
    return session


def is_stale(session: ChatSession, at: datetime) -> bool:
    """Say whether it is time to note again that the visitor is still there."""
    return session.seen_at < at - SEEN_EVERY


def is_blocked(session: ChatSession) -> bool:
    """Say whether the desk takes nothing from this visitor: the session's, or any of whom the site vouches for."""
    mine = (Handle.kind == HandleKind.VISITOR, Handle.address == session.visitor)
    blocked = select(Handle.id).where(*mine, Handle.blocked_at.is_not(None))
    if session.identity:
        same = select(Handle.customer_id).where(*mine).scalar_subquery()
        blocked = select(Handle.id).where(
            Handle.customer_id == same, Handle.kind == HandleKind.VISITOR, Handle.blocked_at.is_not(None)
        )
    return db.session().scalar(blocked.limit(1)) is not None
