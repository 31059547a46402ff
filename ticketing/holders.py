"""Who still holds what they came with: tokens and logins, many at once. For connections that stay open."""

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, or_, select

from ticketing.agents import Caller
from ticketing.fetching import fetch
from ticketing.filters import among
from ticketing.models import Agent, LoginSession, Token
from ticketing.sessions import IDLE
from ticketing.store import UTCDateTime, dialect


def in_force(callers: Collection[Caller], *, now: datetime) -> set[str]:
    """Return the holders (`Caller.holder`) whose token or login still counts, and whose agent is still here."""
    tokens = [one.token_id for one in callers if one.token_id is not None]
    logins = [one.session_id for one in callers if one.session_id is not None]
    found: set[str] = set()
    if tokens:
        rows = fetch(_tokens(dialect()), {"ids": tokens, "now": now})
        found.update(f"token:{row.id}" for row in rows)
    if logins:
        rows = fetch(_logins(dialect()), {"ids": logins, "now": now, "idle": now - IDLE})
        found.update(f"session:{row.id}" for row in rows)
    return found


@cache
def _tokens(_dialect: str) -> Select[int]:
    lasts = or_(Token.expires_at.is_(None), Token.expires_at > _moment("now"))
    query = select(Token.id).join_from(Token, Agent)
    return query.where(among(Token.id, "ids"), Token.revoked_at.is_(None), lasts, Agent.is_active)


@cache
def _logins(_dialect: str) -> Select[int]:
    lasts = (LoginSession.expires_at > _moment("now"), LoginSession.seen_at > _moment("idle"))
    query = select(LoginSession.id).join_from(LoginSession, Agent)
    return query.where(among(LoginSession.id, "ids"), LoginSession.ended_at.is_(None), *lasts, Agent.is_active)


def _moment(name: str) -> Any:
    return bindparam(name, type_=UTCDateTime())
