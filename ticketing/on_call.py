"""Whether an agent is free for a call: nobody's device rings for two customers, nor in the wrap-up after one.

`on_call_since` begins when the agent is given a caller and has a device that can ring. It ends after the call, with a
wrap-up (see ticketing.wrap_up). An agent without a device may take callers all the same: nothing rings then.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from ticketing.errors import OnThePhone
from ticketing.models import Agent, Ticket
from ticketing.store import db


def is_busy(agent: Agent | Row[Any], at: datetime) -> bool:
    """Say whether the agent can be given no call now."""
    return agent.on_call_since is not None or is_wrapping_up(agent, at)


def is_wrapping_up(agent: Agent | Row[Any], at: datetime) -> bool:
    """Say whether the agent still writes down what was said in the call before."""
    return agent.wrap_up_until is not None and agent.wrap_up_until > at


def has_to_ring(ticket: Ticket) -> bool:
    """Say whether a phone has to ring for whoever takes the ticket: its customer waits on the phone, unanswered."""
    return ticket.on_phone and ticket.waiting_since is not None


def take(agent: Agent, *, at: datetime) -> None:
    """Note that the agent has a call from now on. Raises OnThePhone when they cannot take one.

    The agent's row is locked on the way. Who holds the ticket already does not wait for it: whoever has it is giving
    the agent something else at this very moment, or waits for the ticket.
    """
    _lock_at_once(agent)
    must_be_free(agent, at=at)
    if agent.device_kind:
        agent.on_call_since = at


def give_up(agent: Agent) -> None:
    """Free the agent of a call that they are given anew, with another ticket. Raises OnThePhone where their row is in
    use.
    """
    _lock_at_once(agent)
    agent.on_call_since = None


def must_be_free(agent: Agent, *, at: datetime) -> None:
    """Raise OnThePhone when the agent can be given no call now."""
    if is_busy(agent, at):
        why = "is on the phone" if agent.on_call_since is not None else "is in the wrap-up of a call"
        raise OnThePhone(f"agent {agent.id} {why}; one call at a time")


def _lock_at_once(agent: Agent) -> None:
    db.session().flush()
    query = select(Agent).where(Agent.id == agent.id).with_for_update(key_share=True, skip_locked=True)
    if db.session().scalar(query.execution_options(populate_existing=True)) is None:
        raise OnThePhone(f"agent {agent.id} is just being given something else; try again")
