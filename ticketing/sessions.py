"""Logins of people in browsers: a cookie of 256 random bits, of which only the SHA-256 is kept."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select, update

from ticketing.agents import Caller
from ticketing.errors import NotFound
from ticketing.models import Agent, LoginSession
from ticketing.store import db

IDLE = timedelta(hours=12)
LIFETIME = timedelta(days=30)
SEEN_EVERY = timedelta(minutes=1)  # being seen is written down at most this often
MAX_USER_AGENT = 200

# Plain columns, made once: this runs before everything else that a person asks.
HOLDER = (
    select(
        Agent.id,
        Agent.name,
        Agent.role,
        LoginSession.id.label("session_id"),
        LoginSession.csrf_digest,
        LoginSession.seen_at,
        LoginSession.expires_at,
    )
    .join_from(LoginSession, Agent)
    .where(LoginSession.digest == bindparam("digest"), LoginSession.ended_at.is_(None), Agent.is_active)
)


@dataclass(frozen=True)
class Opened:
    """A new login with its secrets, which are shown once."""

    row: LoginSession
    cookie: str
    csrf_token: str


@dataclass(frozen=True)
class Holder:
    """Who holds a login's cookie, and what must come with whatever they change."""

    caller: Caller
    csrf_digest: str
    is_stale: bool  # nobody has written down for a while that they are still there


def open_session(agent_id: int, *, method: str, user_agent: str, at: datetime) -> Opened:
    """Begin a login; `method` is how they proved who they are."""
    cookie = secrets.token_urlsafe(32)
    csrf_token = csrf_token_of(cookie)
    row = LoginSession(
        agent_id=agent_id,
        digest=_digest(cookie),
        csrf_digest=_digest(csrf_token),
        method=method,
        user_agent=user_agent[:MAX_USER_AGENT],
        created_at=at,
        seen_at=at,
        expires_at=at + LIFETIME,
    )
    db.session().add(row)
    db.session().flush()
    return Opened(row, cookie, csrf_token)


def csrf_token_of(cookie: str) -> str:
    """Return the token that belongs to a cookie: only who has the cookie can make it, and it does not give it away."""
    return hmac.new(cookie.encode(), b"csrf", hashlib.sha256).hexdigest()


def csrf_token_is_right(given: str, holder: Holder) -> bool:
    """Say whether the token that came with a request is the login's own."""
    return hmac.compare_digest(_digest(given), holder.csrf_digest)


def holder_of(cookie: str, *, now: datetime) -> Holder | None:
    """Return who holds this cookie; None when it is unknown, ended, expired, idle for too long, or its agent left."""
    row = db.session().execute(HOLDER, {"digest": _digest(cookie)}).first()
    if row is None or row.expires_at <= now or row.seen_at + IDLE <= now:
        return None
    caller = Caller(row.id, row.name, row.role, frozenset(), row.expires_at, session_id=row.session_id)
    return Holder(caller, row.csrf_digest, row.seen_at + SEEN_EVERY <= now)


def note_seen(session_id: int, *, at: datetime) -> None:
    """Write down that somebody is still there."""
    _update(LoginSession.id == session_id, LoginSession.seen_at < at, seen_at=at)


def own_sessions(caller: Caller, *, now: datetime, after: int, limit: int) -> Sequence[LoginSession]:
    """Return the caller's logins that are in force, up to `limit` + 1 of them in the order of their ids."""
    in_force = (
        LoginSession.agent_id == caller.agent_id,
        LoginSession.ended_at.is_(None),
        LoginSession.expires_at > now,
        LoginSession.seen_at > now - IDLE,
    )
    query = select(LoginSession).where(*in_force, LoginSession.id > after).order_by(LoginSession.id)
    return db.session().scalars(query.limit(limit + 1)).all()


def end_session(session_id: int, *, agent_id: int, at: datetime) -> None:
    """Log out. Raises NotFound when the agent has no such login."""
    if not _update(LoginSession.id == session_id, LoginSession.agent_id == agent_id, ended_at=at):
        raise NotFound(f"there is no login {session_id}")


def end_sessions(agent_id: int, *, at: datetime, but: int | None = None) -> int:
    """End an agent's logins, all of them or all `but` one: their password or their rights have changed."""
    others = LoginSession.id != but if but is not None else LoginSession.id > 0
    return _update(LoginSession.agent_id == agent_id, others, ended_at=at)


def forget_old(*, before: datetime, limit: int) -> int:
    """Delete logins that ended or expired before a moment; return how many there were."""
    old = select(LoginSession.id).where(LoginSession.expires_at < before).limit(limit)
    ids = db.session().scalars(old).all()
    for one in ids:
        db.session().delete(db.session().get_one(LoginSession, one))
    return len(ids)


def _update(*which: object, **values: datetime) -> int:
    statement = update(LoginSession).where(*which, LoginSession.ended_at.is_(None)).values(**values)  # type: ignore[arg-type]
    result = db.session().execute(statement.execution_options(synchronize_session=False))
    return int(result.rowcount)  # type: ignore[attr-defined]  # of an UPDATE there is one


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
