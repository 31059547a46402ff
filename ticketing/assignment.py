"""Queues that hand out their work by themselves, in the order of `next`, whenever there is more work or more room.

Two things set it going, and nobody polls. A ticket that comes to wait leaves AssignmentDue in the journal, one that no
longer counts for a busy agent AgentFreed: both happen in the same transaction, and what follows is carried out after
it. An agent who comes, or may take more, has `drain_due_at`. `api/assigning.py` does the handing out: read a plan, then
carry out each of its lines in a short transaction of its own, which looks again at what the plan has assumed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import and_, exists, func, or_, select, update
from sqlalchemy.sql import ColumnElement

from ticketing import journal, lifecycle, on_call
from ticketing.capacity import Load, full_channels, loads_of, lock_agent
from ticketing.events import (
    SYSTEM,
    AgentFreed,
    AssignmentDue,
    Entry,
    Event,
    TicketAssigned,
    TicketReleased,
)
from ticketing.models import Agent, Assignment, Presence, Queue, QueueAccess, QueueMember, Ticket, TicketSkill
from ticketing.models.ticket import CLAIMABLE
from ticketing.passing_over import Choosing
from ticketing.routing import MOST_PRESSING
from ticketing.skills import asks_no_more_than
from ticketing.status import WAITING_FOR_US
from ticketing.store import db

PLANNED = 20  # tickets at a time: what comes meanwhile and is more pressing waits no longer than for these
SWEEP_AFTER = timedelta(seconds=5)  # the workers get this long before the sweep wakes them again
NEVER = datetime.min.replace(tzinfo=UTC)

Line = tuple[int, int]  # a ticket's id, and that of the agent who is to have it


def ask_for_agent(ticket: Ticket, entry: Entry) -> None:
    """Note that the ticket waits, if its queue hands out work by itself. A reaction to what makes tickets wait."""
    if not _counts(ticket) or ticket.assignee_id is not None:
        return
    due = AssignmentDue(ticket.queue_id)
    if ticket.queue.assignment is not Assignment.OFF and not journal.has_written(due):
        journal.append(ticket, due, by=SYSTEM, at=entry.at)


def free_agent(ticket: Ticket, entry: Entry) -> None:
    """Note that an agent who takes only so many has one less. A reaction to what takes tickets out of hands."""
    agent_id = _freed(ticket, entry.event)
    agent = db.session().get(Agent, agent_id) if agent_id is not None else None
    if agent is None or ticket.channel not in agent.capacity:
        return  # who takes any number was not full before
    freed = AgentFreed(agent.id)
    if not journal.has_written(freed) and db.session().scalar(select(queues_of(agent.id).exists())):
        journal.append(ticket, freed, by=SYSTEM, at=entry.at)


def part_from_who_has_left(ticket: Ticket, entry: Entry) -> None:
    """Return a ticket that is open again to its queue, when the agent who solved it has left the desk since."""
    if ticket.assignee is not None and not ticket.assignee.is_active:
        lifecycle.release(ticket, by=SYSTEM, at=entry.at, reason="agent_left")


def may_take_more(agent: Agent, *, at: datetime) -> None:
    """Note that an agent could take more than before, if one of their queues hands out work by itself."""
    takes = agent.is_active and agent.presence is Presence.ONLINE
    if takes and db.session().scalar(select(queues_of(agent.id).exists())):
        agent.drain_due_at = at


def may_flow(queue_id: int, *, at: datetime) -> None:
    """Note that a queue may hand out more than before: in the name of one agent who works it, if anybody is there."""
    db.session().flush()
    queue = db.session().get_one(Queue, queue_id)
    if queue.assignment is Assignment.OFF:
        return
    first = select(func.min(Agent.id)).where(*_takers(queue)).correlate(None).scalar_subquery()
    db.session().execute(
        update(Agent).where(Agent.id == first).values(drain_due_at=at).execution_options(synchronize_session=False)
    )


def queues_of(agent_id: int) -> Any:
    """Return the query for the ids of the queues that may hand something to the agent by themselves."""
    member = exists().where(QueueMember.queue_id == Queue.id, QueueMember.agent_id == agent_id)
    works = or_(Queue.access == QueueAccess.EVERYONE, member)
    return select(Queue.id).where(Queue.assignment != Assignment.OFF, works).order_by(Queue.id)


def drain_due(agent_id: int) -> datetime | None:
    """Return since when somebody should have looked for work for the agent; None: nobody need."""
    return db.session().scalar(select(Agent.drain_due_at).where(Agent.id == agent_id))


def drained(agent_id: int, *, since: datetime, at: datetime) -> None:
    """Note that somebody has looked, unless there is reason to look again. After a call's wrap-up there is."""
    session = db.session()
    until = session.scalar(select(Agent.wrap_up_until).where(Agent.id == agent_id))
    again = until - SWEEP_AFTER if until is not None and until > at else None  # so that nobody waits for the sweep
    session.execute(
        update(Agent)
        .where(Agent.id == agent_id, Agent.drain_due_at == since)
        .values(drain_due_at=again)
        .execution_options(synchronize_session=False)
    )


def left_undrained(now: datetime) -> list[int]:
    """Claim the agents for whom nobody has looked in good time; return their ids to wake workers for."""
    session = db.session()
    overdue = Agent.drain_due_at <= now - SWEEP_AFTER
    ids = session.scalars(select(Agent.id).where(overdue).order_by(Agent.id).with_for_update(skip_locked=True)).all()
    if ids:
        claim = update(Agent).where(Agent.id.in_(ids)).values(drain_due_at=now)
        session.execute(claim.execution_options(synchronize_session=False))
    return list(ids)


@dataclass
class Taker:
    """An agent as a plan sees them; what the plan gives them counts at once."""

    id: int
    skills: frozenset[str]
    capacity: Mapping[str, int]
    load: Load
    turn: datetime  # who has gone without for longest is next
    rings: bool = False  # has a device that can ring now

    @property
    def full(self) -> frozenset[str]:
        return full_channels(self.capacity, self.load)

    @property
    def in_hand(self) -> int:
        return sum(self.load.values())

    def may_take(self, waiting: "Waiting", asked: set[str]) -> bool:
        has_room = waiting.channel not in self.full and (self.rings or not waiting.on_phone)
        return has_room and self.skills.issuperset(asked)

    def take(self, waiting: "Waiting", turn: datetime) -> None:
        self.load[waiting.channel] = self.load.get(waiting.channel, 0) + 1
        self.turn = turn
        self.rings = self.rings and not waiting.on_phone


@dataclass(frozen=True)
class Waiting:
    """A ticket as a plan sees it."""

    id: int
    channel: str
    on_phone: bool


ORDERS: dict[Assignment, Any] = {  # who is first
    Assignment.ROUND_ROBIN: lambda taker: (taker.turn, taker.id),
    Assignment.LEAST_LOADED: lambda taker: (taker.in_hand, taker.turn, taker.id),
}


def plan(queue_id: int, *, at: datetime) -> list[Line]:
    """Return who should have which ticket, the most pressing first; nothing when nobody waits for anybody who is there.

    A ticket for which nobody is free is passed over, so that it never blocks those behind it. Reads only.
    """
    queue = db.session().get(Queue, queue_id, populate_existing=True)
    if queue is None or queue.assignment is Assignment.OFF:
        return []
    takers = _takers_of(queue, at)
    tickets = _tickets_for(takers, queue_id)
    asked = _skills_of([ticket.id for ticket in tickets])
    lines: list[Line] = []
    for number, ticket in enumerate(tickets):
        free = [one for one in takers if one.may_take(ticket, asked[ticket.id])]
        if free:
            taker = min(free, key=ORDERS[queue.assignment])
            taker.take(ticket, at + timedelta(microseconds=number))
            lines.append((ticket.id, taker.id))
    return lines


def hand_over(ticket_id: int, agent_id: int, *, at: datetime) -> bool:
    """Carry out one line of a plan; false when something has come between.

    First the agent is locked, then the ticket, as in `claim_next`: nobody gets more than they take, and no ticket goes
    to two.
    """
    agent = lock_agent(agent_id)
    if agent is None or not agent.is_active or agent.presence is not Presence.ONLINE:
        return False
    full = full_channels(agent.capacity, loads_of([agent_id])[agent_id]) if agent.capacity else frozenset()
    calls = bool(agent.device_kind) and not on_call.is_busy(agent, at)
    ticket = _lock_waiting(ticket_id, agent, full, calls=calls)
    if ticket is None:
        return False
    how = Choosing(full=full, calls=calls, planned=True)
    lifecycle.assign(ticket, agent, by=SYSTEM, at=at, automatic=True, how=how)
    agent.assigned_at = at
    return True


def _lock_waiting(ticket_id: int, agent: Agent, full: frozenset[str], *, calls: bool) -> Ticket | None:
    theirs = (
        *(() if calls else (Ticket.on_phone.is_(False),)),
        Ticket.queue_id.in_(queues_of(agent.id).order_by(None)),
        Ticket.channel.not_in(sorted(full)),
        asks_no_more_than(agent.skills),
    )
    query = select(Ticket).where(Ticket.id == ticket_id, CLAIMABLE, *theirs)
    query = query.with_for_update(of=Ticket, key_share=True)
    return db.session().scalar(query.execution_options(populate_existing=True))


def _takers(queue: Queue) -> list[Any]:
    conditions: list[Any] = [Agent.is_active, Agent.presence == Presence.ONLINE]
    if queue.access is not QueueAccess.EVERYONE:
        conditions.append(exists().where(QueueMember.queue_id == queue.id, QueueMember.agent_id == Agent.id))
    return conditions


def _takers_of(queue: Queue, at: datetime) -> list[Taker]:
    rows = db.session().execute(select(*_SEEN).where(*_takers(queue))).all()
    loads = loads_of([row.id for row in rows])
    return [
        Taker(
            row.id,
            frozenset(row.skills),
            row.capacity,
            loads[row.id],
            row.assigned_at or NEVER,
            rings=bool(row.device_kind) and not on_call.is_busy(row, at),
        )
        for row in rows
    ]


_SEEN = (
    *(Agent.id, Agent.skills, Agent.capacity, Agent.assigned_at),
    *(Agent.device_kind, Agent.on_call_since, Agent.wrap_up_until),
)


def _tickets_for(takers: Sequence[Taker], queue_id: int) -> Sequence[Waiting]:
    """Return the most pressing tickets that at least one of the agents may take."""
    profiles = _widest({(one.skills, one.full, not one.rings) for one in takers})
    if not profiles:
        return []
    anybodys = or_(*(_takes(*one) for one in profiles))
    query = select(Ticket.id, Ticket.channel, Ticket.on_phone).where(Ticket.queue_id == queue_id, CLAIMABLE, anybodys)
    return [Waiting(*row) for row in db.session().execute(query.order_by(*MOST_PRESSING).limit(PLANNED))]


def _takes(skills: frozenset[str], full: frozenset[str], deaf: bool) -> ColumnElement[bool]:
    conditions = [Ticket.channel.not_in(sorted(full)), asks_no_more_than(skills)]
    return and_(*conditions, Ticket.on_phone.is_(False)) if deaf else and_(*conditions)


# What somebody is able to do, on which channels they are full, and whether no device of theirs can ring now.
Profile = tuple[frozenset[str], frozenset[str], bool]


def _widest(profiles: set[Profile]) -> list[Profile]:
    """Return the profiles that no other one covers: together they may take all that all may."""
    return [one for one in profiles if not any(one != other and _covers(other, one) for other in profiles)]


def _covers(wide: Profile, narrow: Profile) -> bool:
    return wide[0] >= narrow[0] and wide[1] <= narrow[1] and wide[2] <= narrow[2]


def _skills_of(ticket_ids: Sequence[int]) -> dict[int, set[str]]:
    asked: dict[int, set[str]] = {one: set() for one in ticket_ids}
    if ticket_ids:
        rows = select(TicketSkill.ticket_id, TicketSkill.name).where(TicketSkill.ticket_id.in_(ticket_ids))
        for ticket_id, name in db.session().execute(rows):
            asked[ticket_id].add(name)
    return asked


def _counts(ticket: Ticket) -> bool:
    """Say whether somebody has to do something for the ticket."""
    return ticket.status in WAITING_FOR_US and ticket.snoozed_until is None


def _freed(ticket: Ticket, event: Event) -> int | None:
    """Return whose hands the ticket has left; None if nobody's."""
    if isinstance(event, TicketReleased | TicketAssigned):
        return event.before
    return None if _counts(ticket) else ticket.assignee_id
