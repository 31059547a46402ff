"""Hand out work: the next ticket of a queue to the agent who asks, never the same one to two."""

from datetime import datetime

from sqlalchemy import select

from ticketing import lifecycle
from ticketing.envelope import Channel
from ticketing.events import Actor
from ticketing.models import Agent, Queue, Ticket
from ticketing.models.ticket import CLAIMABLE
from ticketing.store import db


def claim_next(queue: Queue, agent: Agent, *, at: datetime, channel: Channel | None = None) -> Ticket | None:
    """Assign the most pressing unassigned ticket of the queue to the agent; None when there is none.

    People who wait live come first, then the earliest deadline (none last), then who waits longest, then the oldest.
    Rows that somebody else holds are passed over, so callers do not wait for one another, unless nothing else is left.
    """
    ticket = _first(queue, channel, wait=False) or _first(queue, channel, wait=True)
    if ticket is None:
        return None
    lifecycle.assign(ticket, agent, by=Actor.agent(agent.id), at=at)
    return ticket


def _first(queue: Queue, channel: Channel | None, *, wait: bool) -> Ticket | None:
    """Return the first ticket of the queue, locked. What is locked for a moment may be free again: `wait` for it."""
    db.session().flush()
    query = (
        select(Ticket)
        .where(Ticket.queue_id == queue.id, CLAIMABLE)
        .order_by(Ticket.live.desc(), Ticket.due_order, Ticket.waiting_order, Ticket.id)
        .limit(1)
        .with_for_update(of=Ticket, skip_locked=not wait, key_share=True)
    )
    if channel is not None:
        query = query.where(Ticket.channel == channel)
    return db.session().scalar(query.execution_options(populate_existing=True))
