"""The time after a call in which an agent writes down what was said, and is given no other one.

Every function locks the agent alone, in the caller's transaction: whoever needs a ticket too locks it afterwards.
"""

from datetime import datetime, timedelta

from ticketing.assignment import may_take_more
from ticketing.capacity import lock_agent
from ticketing.errors import InvalidTransition, NotFound
from ticketing.models import Agent

USUAL = timedelta(seconds=30)
LONGEST = timedelta(hours=1)


def begin(agent: Agent, wrap_up: timedelta, *, since: datetime, at: datetime) -> None:
    """Free an agent, locked, of the call that they were on; `wrap_up` after `since` they can take another one."""
    agent.on_call_since = None
    agent.wrap_up_until = since + wrap_up if since + wrap_up > at else None
    may_take_more(agent, at=at)


def extend(agent_id: int, wrap_up: timedelta, *, at: datetime) -> Agent:
    """Let an agent's wrap-up last until `wrap_up` from now. Raises InvalidTransition on the phone: there it has not
    begun.
    """
    agent = _locked(agent_id)
    if agent.on_call_since is not None:
        raise InvalidTransition("you are on the phone: the wrap-up begins when the call is over")
    agent.wrap_up_until = at + wrap_up
    may_take_more(agent, at=at)
    return agent


def end(agent_id: int, *, at: datetime) -> Agent:
    """Let an agent take calls again; nothing happens outside a wrap-up."""
    agent = _locked(agent_id)
    if agent.wrap_up_until is not None:
        agent.wrap_up_until = None
        may_take_more(agent, at=at)
    return agent


def _locked(agent_id: int) -> Agent:
    agent = lock_agent(agent_id)
    if agent is None:
        raise NotFound(f"there is no agent {agent_id}")
    return agent
