"""How a person proves who they are: set a password, count what fails, lock out with a wait that doubles."""

from datetime import datetime, timedelta

from sqlalchemy import select

from ticketing import audit
from ticketing.events import Actor
from ticketing.models import Agent, Credential
from ticketing.sessions import end_sessions
from ticketing.store import db

LONGEST_LOCK = timedelta(minutes=15)


def find_credential(agent_id: int) -> Credential | None:
    """Return how an agent logs in; None: not by a password."""
    return db.session().get(Credential, agent_id, populate_existing=True)


def lock_credential(agent_id: int) -> Credential | None:
    """Return it for a change: whoever else tries meanwhile waits."""
    query = select(Credential).where(Credential.agent_id == agent_id).with_for_update()
    return db.session().scalar(query.execution_options(populate_existing=True))


def set_password(agent: Agent, kept: str, *, by: Actor, at: datetime, but: int | None = None) -> None:
    """Give an agent a password, hashed as `kept`; ends the lock, and all their logins `but` one."""
    session = db.session()
    # The agent's row, since there may be no credential yet that two could wait for.
    session.execute(select(Agent.id).where(Agent.id == agent.id).with_for_update())
    credential = lock_credential(agent.id)
    if credential is None:
        credential = Credential(agent_id=agent.id, changed_at=at)
        session.add(credential)
    credential.password_hash = kept
    credential.changed_at = at
    forgive(credential)
    session.flush()
    end_sessions(agent.id, at=at, but=but)
    audit.record("password_changed", subject="agent", subject_id=agent.id, by=by, at=at)


def count_failure(credential: Credential, *, at: datetime) -> None:
    """Count a wrong password or code, and refuse everything for 1, 2, 4, … seconds, 15 minutes at most."""
    credential.failures += 1
    credential.locked_until = at + wait_after(credential.failures)


def forgive(credential: Credential) -> None:
    """Forget what has failed."""
    credential.failures = 0
    credential.locked_until = None


def wait_after(failures: int) -> timedelta:
    """Return how long nothing is tried after so many failures in a row."""
    return min(timedelta(seconds=2 ** min(failures - 1, 20)), LONGEST_LOCK)


def is_locked(credential: Credential, *, now: datetime) -> bool:
    """Say whether nothing is tried at the moment."""
    return credential.locked_until is not None and now < credential.locked_until
