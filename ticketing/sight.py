"""Who sees a ticket at this moment: the rule of `ticketing.filters.sees` turned round, for many tickets at once."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Select, select, union_all

from ticketing.fetching import fetch
from ticketing.filters import among
from ticketing.models import Agent, Queue, QueueAccess, QueueMember, Role, Ticket
from ticketing.store import dialect


@dataclass
class Sight:
    """A ticket's queue, and the agents who see the ticket, by id."""

    queue_id: int
    agents: set[int] = field(default_factory=set)


FEW = 20


def sights(ticket_ids: Collection[int], agents: Collection[int]) -> dict[int, Sight]:
    """Return which of these agents see these tickets now, by ticket; tickets that none of them sees are left out.

    It is one statement, so that all of it is true at one moment. Where many agents are asked for, others may be
    among those that are found.
    """
    found: dict[int, Sight] = {}
    of_few = len(agents) <= FEW
    for row in fetch(_who_sees(dialect(), of_few), {"tickets": sorted(ticket_ids), "agents": sorted(agents)}):
        sight = found.setdefault(row.ticket, Sight(row.queue))
        sight.agents.add(row.agent)
    return found


def workers_of(queue_ids: Iterable[int], agents: Collection[int]) -> dict[int, set[int]]:
    """Return which of these agents work these queues now, by queue; others may be among them, and admins need not."""
    found: dict[int, set[int]] = {}
    of_few = len(agents) <= FEW
    for row in fetch(_who_works(dialect(), of_few), {"queues": sorted(set(queue_ids)), "agents": sorted(agents)}):
        found.setdefault(row.queue, set()).add(row.agent)
    return found


def sight_of(agent_ids: Collection[int]) -> dict[int, tuple[Any, ...]]:
    """Return something by agent that changes when the queues change that they work; who has left is left out."""
    values = {"agents": sorted(agent_ids)}
    member_of: dict[int, list[int]] = {}
    for row in fetch(_memberships(dialect()), values):
        member_of.setdefault(row.agent, []).append(row.queue)
    everyones = tuple(row.id for row in fetch(_everyones()))
    return {
        row.id: () if row.role is Role.ADMIN else (everyones, tuple(member_of.get(row.id, ())))
        for row in fetch(_roles(dialect()), values)
    }


@cache
def _who_sees(_dialect: str, of_few: bool) -> CompoundSelect[Any]:
    tickets = (
        select(Ticket.id.label("ticket"), Ticket.queue_id.label("queue"), Ticket.assignee_id, Queue.access)
        .join(Queue, Queue.id == Ticket.queue_id)
        .where(among(Ticket.id, "tickets"))
        .cte("tickets")
    )
    t = tickets.c
    row = (t.ticket, t.queue, Agent.id.label("agent"))
    wanted = _wanted(of_few)
    return union_all(
        select(*row).join_from(tickets, Agent, Agent.role == Role.ADMIN).where(*wanted),
        select(*row).join_from(tickets, Agent, t.access == QueueAccess.EVERYONE).where(*wanted),
        select(*row).join_from(tickets, Agent, Agent.id == t.assignee_id).where(*wanted),
        select(*row)
        .join_from(tickets, QueueMember, QueueMember.queue_id == t.queue)
        .join(Agent, Agent.id == QueueMember.agent_id)
        .where(*wanted),
    )


@cache
def _who_works(_dialect: str, of_few: bool) -> CompoundSelect[Any]:
    row = (Queue.id.label("queue"), Agent.id.label("agent"))
    wanted = (among(Queue.id, "queues"), *_wanted(of_few))
    return union_all(
        select(*row).join_from(Queue, Agent, Queue.access == QueueAccess.EVERYONE).where(*wanted),
        select(*row)
        .join_from(Queue, QueueMember, QueueMember.queue_id == Queue.id)
        .join(Agent, Agent.id == QueueMember.agent_id)
        .where(*wanted),
    )


def _wanted(of_few: bool) -> list[ColumnElement[bool]]:
    here: ColumnElement[bool] = Agent.is_active.is_(True)
    return [here, among(Agent.id, "agents")] if of_few else [here]


@cache
def _memberships(_dialect: str) -> Select[int, int]:
    row = (QueueMember.agent_id.label("agent"), QueueMember.queue_id.label("queue"))
    return select(*row).where(among(QueueMember.agent_id, "agents")).order_by(QueueMember.queue_id)


@cache
def _everyones() -> Select[int]:
    return select(Queue.id).where(Queue.access == QueueAccess.EVERYONE).order_by(Queue.id)


@cache
def _roles(_dialect: str) -> Select[int, Role]:
    return select(Agent.id, Agent.role).where(among(Agent.id, "agents"), Agent.is_active)
