"""Who is there. Whoever leaves hands back what nobody has answered, so that no customer waits for an empty chair."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select

from ticketing import audit, lifecycle
from ticketing.assignment import may_take_more
from ticketing.capacity import lock_agent
from ticketing.errors import NotFound
from ticketing.events import Actor
from ticketing.models import Agent, Presence, Ticket
from ticketing.models.ticket import ACTIVE_ONES, IN_WORK
from ticketing.store import db

MAX_REASON = 200
LEFT = "agent_left"  # the reason in the journal


def set_presence(
    agent_id: int, presence: Presence, *, by: Actor, at: datetime, reason: str = "", keep_work: bool = False
) -> Agent:
    """Say whether an agent takes work that comes by itself. Raises NotFound.

    Going offline hands back what is unanswered, and everybody who waits live; `keep_work` keeps it. Away keeps it.
    Whoever is on the phone keeps the customer to whom they speak.
    """
    agent = lock_agent(agent_id)
    if agent is None:
        raise NotFound(f"there is no agent {agent_id}")
    if (agent.presence, agent.presence_reason) != (presence, reason):
        _change(agent, presence, reason, by=by, at=at)
    if presence is Presence.OFFLINE and not keep_work:
        _release(agent, UNANSWERED, by=by, at=at)
    return agent


def _change(agent: Agent, presence: Presence, reason: str, *, by: Actor, at: datetime) -> None:
    before = agent.presence
    agent.presence, agent.presence_reason = presence, reason
    if before is not presence:
        agent.presence_since = at
    change = {"before": before, "after": presence, "reason": reason}
    audit.record("presence_changed", subject="agent", subject_id=agent.id, by=by, at=at, data=change)
    if presence is Presence.ONLINE:
        may_take_more(agent, at=at)


def hand_everything_back(agent: Agent, *, by: Actor, at: datetime) -> None:
    """Return all active tickets of an agent who leaves for good to their queues. The agent's row is locked."""
    _release(agent, (ACTIVE_ONES,), by=by, at=at)


# In a chat or on hold somebody waits at the other end even when the last word was ours.
_at_the_other_end = and_(Ticket.live, Ticket.on_phone.is_(False))
UNANSWERED = (IN_WORK, Ticket.snoozed_until.is_(None), or_(Ticket.waiting_since.is_not(None), _at_the_other_end))


def _release(agent: Agent, which: Sequence[Any], *, by: Actor, at: datetime) -> None:
    db.session().flush()
    query = select(Ticket).where(Ticket.assignee_id == agent.id, *which).order_by(Ticket.id)
    query = query.with_for_update(of=Ticket, key_share=True).execution_options(populate_existing=True)
    for ticket in db.session().scalars(query).all():
        lifecycle.release(ticket, by=by, at=at, reason=LEFT)
