"""A queue at this moment: who waits and for how long, what is late, and who is there to help."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, exists, func, select

from ticketing.capacity import loads_of
from ticketing.filters import SLAState, in_sla_state
from ticketing.models import Agent, Presence, Queue, QueueAccess, QueueMember, Ticket
from ticketing.models.ticket import ACTIVE_ONES, CLAIMABLE
from ticketing.status import WAITING_FOR_US
from ticketing.store import db

MOST_NAMED = 500


@dataclass(frozen=True)
class Present:
    """An agent who is there, and how many tickets they have in hand, over all queues."""

    id: int
    name: str
    reason: str
    since: datetime | None
    in_hand: int


@dataclass(frozen=True)
class Crew:
    """Who works a queue, by presence; at most 500 are named."""

    online: Sequence[Present]
    away: Sequence[Present]
    offline: int


@dataclass(frozen=True)
class Board:
    """A queue's numbers. Somebody waits whom nobody has answered, whoever has the ticket."""

    queue: Queue
    waiting: dict[str, int]  # channel -> customers
    live: int
    oldest_waiting_since: datetime | None
    longest_wait_seconds: int
    unassigned: int
    at_risk: int
    breached: int
    agents: Crew


def read_board(queue: Queue, *, now: datetime) -> Board:
    """Return how the queue stands, in four statements, whatever its size."""
    rows = db.session().execute(_numbers(queue, now)).all()
    since = min((row.since for row in rows if row.since is not None), default=None)
    return Board(
        queue=queue,
        waiting={row.channel.value: row.waiting for row in rows if row.waiting},
        live=sum(row.live for row in rows),
        oldest_waiting_since=since,
        longest_wait_seconds=max(0, int((now - since).total_seconds())) if since else 0,
        unassigned=sum(row.unassigned for row in rows),
        at_risk=sum(row.at_risk for row in rows),
        breached=sum(row.breached for row in rows),
        agents=_crew(queue),
    )


def _numbers(queue: Queue, now: datetime) -> Any:
    """One pass over the queue's active tickets, along their index."""
    waits = and_(Ticket.status.in_(WAITING_FOR_US), Ticket.snoozed_until.is_(None), Ticket.waiting_since.is_not(None))
    return (
        select(
            Ticket.channel,
            _count(waits).label("waiting"),
            func.min(Ticket.waiting_since).filter(waits).label("since"),
            _count(Ticket.live).label("live"),
            _count(CLAIMABLE).label("unassigned"),
            _count(in_sla_state(SLAState.AT_RISK, now)).label("at_risk"),
            _count(in_sla_state(SLAState.BREACHED, now)).label("breached"),
        )
        .where(Ticket.queue_id == queue.id, ACTIVE_ONES)
        .group_by(Ticket.channel)
        .order_by(Ticket.channel)
    )


def _count(condition: Any) -> Any:
    return func.count().filter(condition)


def _crew(queue: Queue) -> Crew:
    conditions: list[Any] = [Agent.is_active]
    if queue.access is not QueueAccess.EVERYONE:
        conditions.append(exists().where(QueueMember.queue_id == queue.id, QueueMember.agent_id == Agent.id))
    session, is_there = db.session(), Agent.presence != Presence.OFFLINE
    columns = (Agent.id, Agent.name, Agent.presence, Agent.presence_reason, Agent.presence_since)
    there = session.execute(select(*columns).where(*conditions, is_there).order_by(Agent.id).limit(MOST_NAMED)).all()
    offline = session.scalar(select(func.count()).select_from(Agent).where(*conditions, ~is_there)) or 0
    loads = loads_of([row.id for row in there])
    named = {
        presence: [
            Present(row.id, row.name, row.presence_reason, row.presence_since, sum(loads[row.id].values()))
            for row in there
            if row.presence is presence
        ]
        for presence in Presence
    }
    return Crew(named[Presence.ONLINE], named[Presence.AWAY], offline)
