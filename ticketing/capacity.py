"""How many tickets an agent takes at a time, by the channel on which they were opened.

A ticket counts while its assignee has to do something for it: new or open, and not snoozed. Limits hold for what is
handed out, by `next` and by a queue itself; whoever takes or gives a certain ticket by hand knows what they do.
"""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import func, select

from ticketing.envelope import Channel
from ticketing.errors import InvalidInput
from ticketing.models import Agent, Ticket
from ticketing.models.ticket import IN_WORK
from ticketing.store import db

MOST = 1000  # tickets at a time

Load = dict[str, int]  # channel -> tickets in hand


def clean_capacity(capacity: Mapping[str, Any]) -> dict[str, int]:
    """Return limits by channel as they are kept. Raises InvalidInput."""
    unknown = [name for name in capacity if name not in set(Channel)]
    if unknown:
        raise InvalidInput(f"there is no channel {unknown[0][:20]!r}; there are {', '.join(Channel)}")
    if any(isinstance(most, bool) or not isinstance(most, int) or not 0 <= most <= MOST for most in capacity.values()):
        raise InvalidInput(f"the limit of a channel is a number from 0 to {MOST}; leave the channel out for no limit")
    return {channel.value: capacity[channel] for channel in Channel if channel in capacity}


def lock_agent(agent_id: int) -> Agent | None:
    """Return an agent in the newest state, locked: before any ticket, as everybody does who locks both."""
    db.session().flush()
    query = select(Agent).where(Agent.id == agent_id).with_for_update(key_share=True)
    return db.session().scalar(query.execution_options(populate_existing=True))


def loads_of(agent_ids: Collection[int]) -> dict[int, Load]:
    """Return what each of the agents has in hand, by channel."""
    db.session().flush()
    loads: dict[int, Load] = {one: {} for one in agent_ids}
    query = (
        select(Ticket.assignee_id, Ticket.channel, func.count())
        .where(Ticket.assignee_id.in_(agent_ids), IN_WORK, Ticket.snoozed_until.is_(None))
        .group_by(Ticket.assignee_id, Ticket.channel)
    )
    for agent_id, channel, count in db.session().execute(query) if agent_ids else ():
        loads[agent_id or 0][channel] = count
    return loads


def full_channels(capacity: Mapping[str, int], load: Load) -> frozenset[str]:
    """Return the channels on which somebody with this load takes nothing more."""
    return frozenset(channel for channel, most in capacity.items() if load.get(channel, 0) >= most)
