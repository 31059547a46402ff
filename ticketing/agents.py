"""Agents, the tokens that programs use in their name, and who is calling."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError

from ticketing import audit
from ticketing.envelope import HandleKind
from ticketing.errors import Conflict, InvalidInput, NotAllowed, NotFound
from ticketing.events import Actor
from ticketing.fetching import fetch_one
from ticketing.handles import fold
from ticketing.models import Agent, Role, Token
from ticketing.store import db

PREFIX = "cpt_"  # so that a leaked token is recognised by scanners
RANK = {Role.AGENT: 0, Role.SUPERVISOR: 1, Role.ADMIN: 2}

SCOPES = {  # what a token may be limited to
    "tickets:read": "read tickets, messages, journals and SLA clocks",
    "tickets:write": "open and change tickets, reply, note, assign, claim",
    "customers:read": "read customers, their handles, consents and timelines",
    "customers:write": "make, change, merge, part, export and erase customers",
    "queues:read": "read queues, their boards and inboxes",
    "queues:write": "make and change queues and inboxes (admin)",
    "agents:read": "read agents",
    "agents:write": "say whether one is present; make and change agents (admin)",
    "settings:read": "read custom fields, macros, canned replies, templates, views, SLA policies and calendars",
    "settings:write": "change custom fields, macros, canned replies, templates, views, SLA policies and calendars",
    "reports:read": "read reports (supervisor)",
    "audit:read": "read the audit (admin)",
    "tokens:write": "make, list and revoke tokens",
    "account:write": "change one's own password, second factor and sessions",
}


@dataclass(frozen=True)
class Caller:
    """Who asks, with what rights; `scopes` empty means all that the role permits."""

    agent_id: int
    name: str
    role: Role
    scopes: frozenset[str]
    until: datetime | None = None  # when the token or the login ends, if it does
    token_id: int | None = None
    session_id: int | None = None  # of a login; then `token_id` is None

    @property
    def holder(self) -> str:
        """Return the name of what they came with: whoever has two tokens is two."""
        return f"session:{self.session_id}" if self.session_id is not None else f"token:{self.token_id}"

    def may(self, scope: str) -> bool:
        return not self.scopes or scope in self.scopes

    def is_at_least(self, role: Role) -> bool:
        return RANK[self.role] >= RANK[role]


def create_agent(email: str, *, name: str, role: Role, at: datetime) -> Agent:
    """Add a person to the desk. Raises InvalidHandle, InvalidInput, Conflict when the address is taken."""
    if not name.strip():
        raise InvalidInput("an agent needs a name, which customers read")
    agent = Agent(email=fold(HandleKind.EMAIL, email), name=name.strip(), role=role, created_at=at)
    session = db.session()
    try:
        with session.begin_nested():
            session.add(agent)
            session.flush()
    except IntegrityError:
        raise Conflict(f"there is an agent with the address {email} already") from None
    return agent


def find_agent(agent_id: int) -> Agent:
    """Return an agent by id. Raises NotFound."""
    agent = db.session().get(Agent, agent_id)
    if agent is None:
        raise NotFound(f"there is no agent {agent_id}")
    return agent


def agent_by_email(email: str) -> Agent:
    """Return an agent by address. Raises NotFound, InvalidHandle."""
    agent = db.session().scalar(select(Agent).where(Agent.email == fold(HandleKind.EMAIL, email)))
    if agent is None:
        raise NotFound(f"there is no agent with the address {email}")
    return agent


def create_token(
    agent: Agent,
    *,
    name: str,
    at: datetime,
    scopes: Iterable[str] = (),
    lifetime: timedelta | None = None,
    secret: str | None = None,
) -> tuple[Token, str]:
    """Return a new token and the secret itself, which is shown once and kept nowhere.

    `lifetime` None: until revoked. Raises InvalidInput for a scope that does not exist.
    """
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown:
        raise InvalidInput(f"there is no scope {unknown[0]}; there are {', '.join(SCOPES)}")
    if not name.strip():
        raise InvalidInput("a token needs a name, so that you know which one to revoke")
    secret = secret or PREFIX + secrets.token_urlsafe(32)
    token = Token(
        agent=agent,
        name=name.strip(),
        digest=_digest(secret),
        scopes=wanted,
        created_at=at,
        expires_at=at + lifetime if lifetime else None,
    )
    db.session().add(token)
    db.session().flush()
    return token, secret


def authenticate(secret: str, *, now: datetime) -> Caller | None:
    """Return who holds this token; None when it is unknown, expired, revoked or its agent has left."""
    row = fetch_one(HOLDER, {"digest": _digest(secret)})
    if row is None or (row.expires_at is not None and row.expires_at <= now):
        return None
    return Caller(row.id, row.name, row.role, frozenset(row.scopes), row.expires_at, row.token_id)


# Plain columns, made once: this runs before everything else that anybody asks.
HOLDER = (
    select(Agent.id, Agent.name, Agent.role, Token.scopes, Token.expires_at, Token.id.label("token_id"))
    .join_from(Token, Agent)
    .where(Token.digest == bindparam("digest"), Token.revoked_at.is_(None), Agent.is_active)
)


def revoke_token(token_id: int, *, caller: Caller, at: datetime) -> None:
    """End a token: one's own, or anybody's for an admin. Raises NotFound."""
    token = db.session().get(Token, token_id)
    mine = token is not None and (token.agent_id == caller.agent_id or caller.role is Role.ADMIN)
    if token is None or not mine:
        raise NotFound(f"there is no token {token_id}")
    if token.revoked_at is None:
        token.revoked_at = at
        by, data = Actor.agent(caller.agent_id), {"agent": token.agent_id, "name": token.name}
        audit.record("token_revoked", subject="token", subject_id=token.id, by=by, at=at, data=data)


def must_be(caller: Caller, role: Role) -> None:
    """Raise NotAllowed unless the caller has at least this role."""
    if not caller.is_at_least(role):
        raise NotAllowed(f"this needs the role {role}; {caller.name} is {caller.role}")


def must_be_unlimited(caller: Caller) -> None:
    """Raise NotAllowed for a token that is limited to scopes: it must not open a login, which is limited to none."""
    if caller.scopes:
        raise NotAllowed("this token is limited to some scopes, and a login is not; use a token without limits")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
