"""Read calls, one by one and as pages, newest first; only those of tickets that the caller of this may see."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, or_, select, true
from sqlalchemy.orm import aliased
from sqlalchemy.sql import ColumnElement

from channels.models import Call
from channels.phone.models import CallLeg, LegRole, Recording
from ticketing.agents import Caller
from ticketing.errors import NotFound
from ticketing.filters import sees
from ticketing.models import Agent, Inbox, Message, Queue, Ticket, Wait
from ticketing.store import db


@dataclass(frozen=True)
class Named:
    """A thing by id and name."""

    id: int
    name: str


@dataclass(frozen=True)
class ShownLeg:
    """One of the desk's ends of a call."""

    id: int
    role: LegRole
    agent: Named | None
    device: str
    state: str
    reason: str
    started_at: datetime
    answered_at: datetime | None
    joined_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True)
class ShownCall:
    """A call as it is shown, with its recordings; `legs` and `waits` are read for a single one only."""

    call: Call
    queue: Named
    inbox: Named
    agent: Named | None
    recordings: Sequence[Recording] = ()
    legs: Sequence[ShownLeg] = ()
    waits: Sequence[Wait] = ()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.call, name)

    @property
    def direction(self) -> str:
        return "outbound" if self.call.outbound else "inbound"


def page(
    caller: Caller,
    *,
    before: int,
    limit: int,
    ticket_id: int | None = None,
    agent_id: int | None = None,
    going_on: bool | None = None,
) -> Sequence[ShownCall]:
    """Return calls from before the one with this id; 0: the newest ones."""
    query = _shown().where(sees(caller))
    if before:
        query = query.where(Call.id < before)
    if ticket_id is not None:
        query = query.where(Call.ticket_id == ticket_id)
    if agent_id is not None:
        query = query.where(Call.id.in_(select(CallLeg.call_id).where(CallLeg.agent_id == agent_id)))
    if going_on is not None:
        query = query.where(Call.ended_at.is_(None) if going_on else Call.ended_at.is_not(None))
    rows = db.session().execute(query.order_by(Call.id.desc()).limit(limit)).all()
    recorded = _recordings([row[0].id for row in rows])
    return [replace(_call(row), recordings=recorded[row[0].id]) for row in rows]


def show(caller: Caller, call_id: int) -> ShownCall:
    """Return a call with its legs, and the waits in line that fell into it. Raises NotFound."""
    return _show(call_id, sees(caller))


def show_unasked(call_id: int) -> ShownCall:
    """Return a call to whoever was let into it. Raises NotFound."""
    return _show(call_id, true())


def _show(call_id: int, condition: ColumnElement[bool]) -> ShownCall:
    row = db.session().execute(_shown().where(Call.id == call_id, condition)).one_or_none()
    if row is None:
        raise NotFound(f"there is no call {call_id}")
    call: Call = row[0]
    return replace(_call(row), recordings=_recordings([call.id])[call.id], legs=_legs(call), waits=_waits(call))


def ticket_of(caller: Caller, call_id: int) -> int:
    """Return the ticket of a call that the caller may see. Raises NotFound."""
    query = select(Call.ticket_id).join(Ticket, Ticket.id == Call.ticket_id).join(Queue, Queue.id == Ticket.queue_id)
    found = db.session().scalar(query.where(Call.id == call_id, sees(caller)))
    if found is None:
        raise NotFound(f"there is no call {call_id}")
    return found


_agent = aliased(Agent)


def _shown() -> Select[Any]:
    columns: tuple[Any, ...] = (Call, Queue.id, Queue.name, Inbox.id, Inbox.name, _agent.id, _agent.name)
    query = select(*columns).join(Ticket, Ticket.id == Call.ticket_id).join(Queue, Queue.id == Ticket.queue_id)
    query = query.join(Inbox, Inbox.id == Call.inbox_id).outerjoin(_agent, _agent.id == Call.agent_id)
    return query.execution_options(populate_existing=True)


def _call(row: Row[Any]) -> ShownCall:
    call, queue_id, queue, inbox_id, inbox, agent_id, agent = tuple(row)
    return ShownCall(call, Named(queue_id, queue), Named(inbox_id, inbox), _named(agent_id, agent))


def _named(thing_id: int | None, name: str | None) -> Named | None:
    return None if thing_id is None or name is None else Named(thing_id, name)


def _recordings(call_ids: Sequence[int]) -> dict[int, list[Recording]]:
    """Return what was recorded of each call, oldest first; nothing whose message was split off to another ticket."""
    found: dict[int, list[Recording]] = {one: [] for one in call_ids}
    query = select(Recording).join(Call, Call.id == Recording.call_id).join(Message, Message.id == Recording.message_id)
    query = query.where(Recording.call_id.in_(call_ids), Message.ticket_id == Call.ticket_id).order_by(Recording.id)
    for row in db.session().scalars(query.execution_options(populate_existing=True)) if call_ids else ():
        found[row.call_id].append(row)
    return found


def _legs(call: Call) -> list[ShownLeg]:
    query = select(CallLeg, _agent.id, _agent.name).outerjoin(_agent, _agent.id == CallLeg.agent_id)
    query = query.where(CallLeg.call_id == call.id).order_by(CallLeg.id).execution_options(populate_existing=True)
    return [_leg(leg, _named(agent_id, name)) for leg, agent_id, name in db.session().execute(query)]


def _leg(leg: CallLeg, agent: Named | None) -> ShownLeg:
    times = (leg.started_at, leg.answered_at, leg.joined_at, leg.ended_at)
    return ShownLeg(leg.id, leg.role, agent, leg.device, leg.state, leg.reason, *times)


def _waits(call: Call) -> Sequence[Wait]:
    lasted = or_(Wait.ended_at.is_(None), Wait.ended_at >= call.started_at)
    query = select(Wait).where(Wait.ticket_id == call.ticket_id, lasted)
    if call.ended_at is not None:
        query = query.where(Wait.began_at <= call.ended_at)
    return db.session().scalars(query.order_by(Wait.id).execution_options(populate_existing=True)).all()
