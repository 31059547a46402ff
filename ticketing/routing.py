"""Hand out work: the next ticket of a queue to the agent who asks, never the same one to two."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from ticketing import lifecycle, on_call
from ticketing.capacity import full_channels, loads_of, lock_agent
from ticketing.envelope import Channel
from ticketing.events import Actor
from ticketing.models import Agent, Queue, Ticket
from ticketing.models.ticket import CLAIMABLE
from ticketing.passing_over import Choosing
from ticketing.skills import asks_no_more_than
from ticketing.store import db

# People who wait live, then the earliest deadline (none last), then who waits longest, then the oldest: ix_ticket_next.
MOST_PRESSING: tuple[Any, ...] = (Ticket.live.desc(), Ticket.due_order, Ticket.waiting_order, Ticket.id)


def claim_next(queue: Queue, agent: Agent, *, at: datetime, channel: Channel | None = None) -> Ticket | None:
    """Assign the most pressing unassigned ticket of the queue to the agent; None when there is none for them.

    It asks for no skill that the agent lacks, and is of no channel of which they have as much in hand as they take. For
    whoever is on the phone, or in the wrap-up of a call, it is none for which a phone has to ring.
    Rows that somebody else holds are passed over, so callers do not wait for one another, unless nothing else is left.
    """
    full = _full_channels(agent)
    if full.issuperset(Channel if channel is None else {channel}):
        return None
    which: dict[str, Any] = {"channel": channel, "full": full, "calls": not on_call.is_busy(agent, at)}
    ticket = _first(next_for(queue, agent, **which), wait=False) or _first(next_for(queue, agent, **which), wait=True)
    if ticket is None:
        return None
    lifecycle.assign(ticket, agent, by=Actor.agent(agent.id), at=at, how=Choosing(**which))
    return ticket


def _full_channels(agent: Agent) -> frozenset[str]:
    """Return what the agent takes no more of. They stay locked, so that two calls of theirs do not both find room."""
    if agent.capacity or agent.device_kind:
        lock_agent(agent.id)
    if not agent.capacity:
        return frozenset()
    return full_channels(agent.capacity, loads_of([agent.id])[agent.id])


def _first(query: Select[Ticket], *, wait: bool) -> Ticket | None:
    """Return the first ticket that is for the agent, locked. What others hold may be free in a moment: `wait`."""
    db.session().flush()
    query = query.with_for_update(of=Ticket, skip_locked=not wait, key_share=True)
    return db.session().scalar(query.execution_options(populate_existing=True))


def next_for(
    queue: Queue, agent: Agent, channel: Channel | None = None, full: Collection[str] = (), *, calls: bool = True
) -> Select[Ticket]:
    """Return the query for the ticket that the agent would get: a walk along ix_ticket_next that ends at the first.

    Without `calls`, none for which a phone has to ring.
    """
    query = select(Ticket).where(Ticket.queue_id == queue.id, CLAIMABLE, asks_no_more_than(agent.skills))
    if channel is not None:
        query = query.where(Ticket.channel == channel)
    elif full:
        query = query.where(Ticket.channel.not_in(sorted(full)))
    if not calls:
        query = query.where(Ticket.on_phone.is_(False))
    return query.order_by(*MOST_PRESSING).limit(1)
