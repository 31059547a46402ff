"""The people at the desk: who joins, what they are able to do, which role they have, and who leaves."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import and_, exists, or_, select, update
from sqlalchemy.orm import aliased

from ticketing import audit
from ticketing.agents import Caller, create_agent, must_be
from ticketing.assignment import may_take_more
from ticketing.capacity import clean_capacity
from ticketing.errors import Conflict, InvalidInput, NotAllowed, NotFound
from ticketing.events import Actor
from ticketing.models import Agent, LoginSession, Presence, Queue, QueueAccess, QueueMember, Role, Token
from ticketing.presence import LEFT, hand_everything_back
from ticketing.queues import works
from ticketing.sessions import end_sessions
from ticketing.skills import clean_skills
from ticketing.store import db

MAX_NAME = 100
RIGHTS = frozenset({"name", "role", "is_active"})  # an admin's to change; the rest is a supervisor's as well


def add_agent(
    email: str,
    *,
    name: str,
    role: Role,
    by: Actor,
    at: datetime,
    skills: Iterable[str] = (),
    capacity: Mapping[str, int] | None = None,
) -> Agent:
    """Add a person to the desk. Raises InvalidHandle, InvalidInput, Conflict when the address is taken."""
    agent = create_agent(email, name=name, role=role, at=at)
    agent.skills, agent.capacity = clean_skills(skills), clean_capacity(capacity or {})
    audit.record("agent_created", subject="agent", subject_id=agent.id, by=by, at=at, data={"role": role})
    return agent


def change_agent(caller: Caller, agent_id: int, wanted: Mapping[str, Any], *, at: datetime) -> Agent:
    """Change a person's name, role, skills, capacity, or whether they work here. All or nothing.

    Admins change everything, supervisors the skills and the capacity of who works a queue with them. Raises NotFound,
    NotAllowed, InvalidInput, Conflict when nobody would be left who may change people.
    """
    if RIGHTS & wanted.keys():
        must_be(caller, Role.ADMIN)
    agent = _lock(agent_id, with_admins=bool(RIGHTS & wanted.keys()))
    if caller.role is not Role.ADMIN and not _work_together(caller, agent_id):
        raise NotAllowed(f"agent {agent_id} works none of your queues; ask an admin")
    by = Actor.agent(caller.agent_id)
    for name, change in CHANGES.items():
        if name in wanted:
            change(agent, wanted[name], by=by, at=at)
    if RIGHTS & wanted.keys():
        _must_leave_an_admin()
    return agent


def _rename(agent: Agent, name: str, *, by: Actor, at: datetime) -> None:
    cleaned = " ".join(name.split())
    if not 0 < len(cleaned) <= MAX_NAME:
        raise InvalidInput(f"an agent's name, which customers read, has 1 to {MAX_NAME} characters")
    _set(agent, "name", cleaned, "agent_renamed", by=by, at=at)


def _change_role(agent: Agent, role: Role, *, by: Actor, at: datetime) -> None:
    if _set(agent, "role", role, "role_changed", by=by, at=at):
        end_sessions(agent.id, at=at)


def _change_skills(agent: Agent, skills: Iterable[str], *, by: Actor, at: datetime) -> None:
    if _set(agent, "skills", clean_skills(skills), "skills_changed", by=by, at=at):
        may_take_more(agent, at=at)


def _change_capacity(agent: Agent, capacity: Mapping[str, int], *, by: Actor, at: datetime) -> None:
    if _set(agent, "capacity", clean_capacity(capacity), "capacity_changed", by=by, at=at):
        may_take_more(agent, at=at)


def _come_or_leave(agent: Agent, is_active: bool, *, by: Actor, at: datetime) -> None:
    """Somebody who leaves has no ticket, no token and no login any more; they stay in the journal by name.

    Said twice it is done twice: a colleague may have given them a ticket at the very moment.
    """
    _set(agent, "is_active", is_active, "agent_returned" if is_active else LEFT, by=by, at=at)
    if is_active:
        return
    agent.presence, agent.presence_reason, agent.presence_since = Presence.OFFLINE, "", at
    agent.drain_due_at = None
    hand_everything_back(agent, by=by, at=at)
    session = db.session()
    session.execute(update(Token).where(Token.agent_id == agent.id, Token.revoked_at.is_(None)).values(revoked_at=at))
    logins = update(LoginSession).where(LoginSession.agent_id == agent.id, LoginSession.ended_at.is_(None))
    session.execute(logins.values(ended_at=at))


CHANGES: dict[str, Any] = {
    "name": _rename,
    "skills": _change_skills,
    "capacity": _change_capacity,
    "role": _change_role,
    "is_active": _come_or_leave,
}


def _set(agent: Agent, field: str, after: Any, kind: str, *, by: Actor, at: datetime) -> bool:
    before = getattr(agent, field)
    if before == after:
        return False
    setattr(agent, field, after)
    change = {"before": before, "after": after}
    audit.record(kind, subject="agent", subject_id=agent.id, by=by, at=at, data=change)
    return True


def _lock(agent_id: int, *, with_admins: bool) -> Agent:
    """Return an agent, locked; together with all admins, so that of two who dismiss each other one remains."""
    session = db.session()
    session.flush()
    admins = and_(Agent.role == Role.ADMIN, Agent.is_active)
    query = select(Agent).where(or_(Agent.id == agent_id, admins) if with_admins else Agent.id == agent_id)
    query = query.order_by(Agent.id).with_for_update(key_share=True)
    rows = {row.id: row for row in session.scalars(query.execution_options(populate_existing=True))}
    if agent_id not in rows:
        raise NotFound(f"there is no agent {agent_id}")
    return rows[agent_id]


def _must_leave_an_admin() -> None:
    db.session().flush()
    if not db.session().scalar(select(exists().where(Agent.role == Role.ADMIN, Agent.is_active))):
        raise Conflict("this is the last admin; make somebody else one first")


def _work_together(caller: Caller, agent_id: int) -> bool:
    theirs = aliased(QueueMember)
    member = exists().where(theirs.queue_id == Queue.id, theirs.agent_id == agent_id)
    both = select(Queue.id).where(works(caller), or_(Queue.access == QueueAccess.EVERYONE, member))
    return db.session().scalar(both.limit(1)) is not None
