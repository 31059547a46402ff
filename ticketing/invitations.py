"""Invite a person to choose a password: a signed token that serves once, within 72 hours, and is kept nowhere."""

from datetime import datetime, timedelta

from itsdangerous import BadData, URLSafeSerializer

from config.settings import derived_key
from ticketing import audit
from ticketing.credentials import find_credential, set_password
from ticketing.errors import InvalidInput, NotFound
from ticketing.events import Actor
from ticketing.models import Agent
from ticketing.store import db

LIFETIME = timedelta(hours=72)


def invite(agent: Agent, *, by: Actor, secret_key: str, at: datetime) -> tuple[str, datetime]:
    """Return a token by which the agent may choose a password, and until when.

    It ends as soon as a password is set, by it or otherwise. Raises InvalidInput for somebody who has left.
    """
    if not agent.is_active:
        raise InvalidInput(f"{agent.name} has left the desk")
    expires_at = at + LIFETIME
    audit.record("agent_invited", subject="agent", subject_id=agent.id, by=by, at=at)
    return _box(secret_key).dumps([agent.id, _stamp(agent.id), int(expires_at.timestamp())]), expires_at


def invited(token: str, *, secret_key: str, now: datetime) -> Agent:
    """Return whom an invitation is for. Raises NotFound when it is none of ours, was used, or has expired."""
    try:
        agent_id, stamp, expires = _box(secret_key).loads(token)
    except (BadData, ValueError, TypeError):
        raise _gone() from None
    agent = db.session().get(Agent, agent_id)
    if agent is None or not agent.is_active or now.timestamp() >= expires or stamp != _stamp(agent_id):
        raise _gone()
    return agent


def accept(token: str, kept: str, *, secret_key: str, at: datetime) -> None:
    """Set the password, hashed as `kept`, of whom it is for. Raises NotFound, also for one of two at once."""
    agent = invited(token, secret_key=secret_key, now=at)
    db.session().get(Agent, agent.id, with_for_update=True)
    agent = invited(token, secret_key=secret_key, now=at)
    set_password(agent, kept, by=Actor.agent(agent.id), at=at)


def _stamp(agent_id: int) -> str:
    credential = find_credential(agent_id)
    return credential.changed_at.isoformat() if credential else ""


def _box(secret_key: str) -> URLSafeSerializer:
    return URLSafeSerializer(derived_key(secret_key, "invitations"))


def _gone() -> NotFound:
    return NotFound("this invitation is unknown, used or expired; ask an admin for another")
