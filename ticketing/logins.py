"""Let people in: by password and code, or by what an identity provider says of them. Every attempt is in the audit.

The password itself is compared outside (see `ticketing.passwords`); here stands what follows from the result.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from ticketing import audit, second_factor
from ticketing.credentials import count_failure, forgive, is_locked, lock_credential
from ticketing.envelope import HandleKind
from ticketing.errors import InvalidHandle
from ticketing.events import SYSTEM, Actor
from ticketing.handles import fold
from ticketing.models import Agent, Credential, Identity
from ticketing.sessions import Opened, open_session
from ticketing.store import db


@dataclass(frozen=True)
class Candidate:
    """Who somebody says they are; `password_hash` None: has no password, or has left."""

    agent_id: int
    password_hash: str | None


@dataclass(frozen=True)
class Attempt:
    """What somebody showed, already compared."""

    is_right: bool  # the password
    code: str | None  # of the second factor
    is_known_device: bool  # they logged in from this browser before: strangers' failures do not count against it
    rehashed: str | None = None  # the password by today's parameters, if those it was hashed with are dated


@dataclass(frozen=True)
class Refusal:
    """Why nobody was let in: for the caller only whether a code is missing, and how long to wait."""

    code_needed: bool = False
    wait: timedelta | None = None


def candidate_for(email: str) -> Candidate | None:
    """Return who has this address; None: nobody, or that is no address."""
    try:
        folded = fold(HandleKind.EMAIL, email)
    except InvalidHandle:
        return None
    row = (
        db.session()
        .execute(
            select(Agent.id, Agent.is_active, Credential.password_hash)
            .outerjoin_from(Agent, Credential, Credential.agent_id == Agent.id)
            .where(Agent.email == folded)
        )
        .first()
    )
    return Candidate(row.id, row.password_hash if row.is_active else None) if row else None


def log_in(candidate: Candidate, shown: Attempt, *, user_agent: str, secret_key: str, at: datetime) -> Opened | Refusal:
    """Begin a login, or say why not; both are written down, so the caller must not raise inside the transaction."""
    credential = lock_credential(candidate.agent_id)
    if credential is None or credential.password_hash is None or credential.password_hash != candidate.password_hash:
        return _refuse(candidate.agent_id, "no_password", at=at)
    if is_locked(credential, now=at) and not shown.is_known_device:
        return _refuse(candidate.agent_id, "locked", credential, at=at)
    if not shown.is_right:
        return _fail(credential, "wrong_password", shown, at=at)
    method = "password"
    if credential.totp_confirmed_at is not None:
        if not shown.code:
            return _refuse(candidate.agent_id, "code_needed", at=at, code_needed=True)
        kind = second_factor.takes(credential, shown.code, secret_key=secret_key, at=at)
        if kind is None:
            return _fail(credential, "wrong_code", shown, at=at)
        method = f"password+{kind}"
    forgive(credential)
    credential.password_hash = shown.rehashed or credential.password_hash
    return let_in(candidate.agent_id, method=method, user_agent=user_agent, at=at)


def let_in(agent_id: int, *, method: str, user_agent: str, at: datetime) -> Opened:
    """Begin the login of somebody who has proved who they are."""
    opened = open_session(agent_id, method=method, user_agent=user_agent, at=at)
    by = Actor.agent(agent_id)
    audit.record("login_succeeded", subject="agent", subject_id=agent_id, by=by, at=at, data={"method": method})
    return opened


def note_unknown(reason: str, *, at: datetime) -> None:
    """Write down that somebody whom we do not know tried; never the address that they typed."""
    audit.record("login_failed", subject="agent", subject_id=None, by=SYSTEM, at=at, data={"reason": reason})


def agent_behind(issuer: str, subject: str, *, verified_email: str | None, at: datetime) -> int | None:
    """Return whom an identity provider means: known by `subject`, or by a verified address at their first time.

    None: nobody who is active here. Nobody is made an agent by a provider.
    """
    session = db.session()
    known = session.execute(
        select(Agent.id, Agent.is_active)
        .join_from(Identity, Agent)
        .where(Identity.issuer == issuer, Identity.subject == subject)
    ).first()
    if known is not None:
        return known.id if known.is_active else None
    found = candidate_for(verified_email) if verified_email else None
    agent = session.get(Agent, found.agent_id) if found else None
    if agent is None or not agent.is_active or _has_identity(agent.id, issuer):
        return None
    session.add(Identity(agent_id=agent.id, issuer=issuer, subject=subject, created_at=at))
    session.flush()
    by = Actor.agent(agent.id)
    audit.record("identity_linked", subject="agent", subject_id=agent.id, by=by, at=at, data={"issuer": issuer})
    return agent.id


def _has_identity(agent_id: int, issuer: str) -> bool:
    # Otherwise whoever is given a former colleague's address at the provider would become that colleague here.
    query = select(Identity.id).where(Identity.agent_id == agent_id, Identity.issuer == issuer)
    return db.session().scalar(query.limit(1)) is not None


def _fail(credential: Credential, reason: str, shown: Attempt, *, at: datetime) -> Refusal:
    if not shown.is_known_device:  # whose failures the edge counts by themselves
        count_failure(credential, at=at)
    return _refuse(credential.agent_id, reason, credential, at=at)


def _refuse(
    agent_id: int, reason: str, credential: Credential | None = None, *, at: datetime, code_needed: bool = False
) -> Refusal:
    data = {"reason": reason}
    audit.record("login_failed", subject="agent", subject_id=agent_id, by=SYSTEM, at=at, data=data)
    until = credential.locked_until if credential else None
    return Refusal(code_needed, until - at if until and until > at else None)
