"""Bring in order what two tickets had of calls, and one ticket has only once. AT_ONCE after TicketAbsorbed.

The rows are there already (`channels.moved`), the ticket is locked. Whoever was on the line with us stays so: the agent
with whom they speak, or whose device rings for them, has them on the ticket that there is now.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from channels.models import Call
from channels.phone import answering, arrival, callbacks, ending, legs
from channels.phone.models import Callback, CallbackState, LegRole
from channels.phone.states import Stage
from ticketing import journal, lifecycle, lines, on_call
from ticketing.envelope import Channel
from ticketing.errors import OnThePhone
from ticketing.events import SYSTEM, Actor, Entry, LiveBegan, TicketAbsorbed
from ticketing.models import Agent, Ticket, Wait, WaitEnd
from ticketing.moment import rfc3339
from ticketing.store import db

CALLED = (CallbackState.DUE, CallbackState.CALLING)


def settle(ticket: Ticket, entry: Entry) -> None:
    """Let the customer be called once, wait once, and be with one agent."""
    if not isinstance(entry.event, TicketAbsorbed):
        return
    _owe_one_call_to_each(ticket, at=entry.at)
    _wait_in_one_line(ticket, at=entry.at)
    call = answering.on_the_line(ticket)
    ticket.on_phone = has_to_ring(ticket.id)
    if call is not None:
        _STAGES[Stage(call.stage)](ticket, call, entry.at)
    elif ticket.assignee is not None:
        _call_who_is_due(ticket, at=entry.at)


def has_to_ring(ticket_id: int) -> bool:
    """Say whether a phone rings, or would ring, for who takes the ticket: by a call, or by a callback that is due."""
    db.session().flush()
    stages = legs.WAITING | legs.IN_ROOM | {Stage.BOOKING, Stage.DIALLED}
    held = select(Call.id).where(Call.ticket_id == ticket_id, Call.ended_at.is_(None), Call.stage.in_(stages))
    due = select(Callback.id).where(Callback.ticket_id == ticket_id, Callback.state.in_(CALLED))
    return db.session().scalar(select(held.exists() | due.exists())) is True


def _owe_one_call_to_each(ticket: Ticket, *, at: datetime) -> None:
    """Drop what is owed twice to one number: what is being done comes first, then what was arranged, then the older."""
    kept: dict[str, Callback] = {}
    for callback in sorted(_owed(ticket.id), key=_precedence):
        first = kept.setdefault(callback.number, callback)
        if first is not callback:
            first.waiting_since = min(first.waiting_since, callback.waiting_since)
            callbacks.drop(callback, ticket, why="the ticket was merged, and one call is enough", by=SYSTEM, at=at)


def _owed(ticket_id: int) -> Sequence[Callback]:
    query = select(Callback).where(Callback.ticket_id == ticket_id, Callback.finished_at.is_(None))
    return db.session().scalars(query.execution_options(populate_existing=True)).all()


def _precedence(callback: Callback) -> tuple[bool, bool, datetime, int]:
    by_chance = callback.reason == callbacks.ABANDONED
    return callback.state is not CallbackState.CALLING, by_chance, callback.not_before, callback.id


def _wait_in_one_line(ticket: Ticket, *, at: datetime) -> None:
    """Count one wait of the customer's, in the line in which they are now."""
    query = select(Wait).where(Wait.ticket_id == ticket.id, Wait.ended_at.is_(None)).order_by(Wait.began_at, Wait.id)
    waits = db.session().scalars(query.execution_options(populate_existing=True)).all()
    for wait in waits[1:]:
        wait.ended_at, wait.end = at, WaitEnd.LEFT
    if waits and waits[0].queue_id != ticket.queue_id:
        lines.follow_move(ticket, at=at)


def _holding(ticket: Ticket, call: Call, at: datetime) -> None:
    """Ring whoever has the ticket, as for anybody who calls again; else it is the turn of whoever is next."""
    if ticket.assignee is None and ticket.waiting_since is not None:
        began = LiveBegan(Channel.PHONE, rfc3339(ticket.waiting_since))
        journal.append(ticket, began, by=Actor.customer(ticket.customer_id), at=at)
    else:
        arrival.look_for_their_agent(ticket, call, at=at)


def _offered(ticket: Ticket, call: Call, at: datetime) -> None:
    """Let the device go on ringing, and its agent have the ticket. Where that is another's, theirs rings instead."""
    if ticket.assignee_id == call.agent_id or _hand_over(ticket, call, at=at):
        return
    if call.outbound and call.answered_at is None:
        return  # a call of ours is made by who has begun it
    for leg in legs.open_legs(call):
        if leg.role is LegRole.AGENT:
            ending.end_leg(ticket, call, leg, "the ticket was merged into another agent's", at=at)
    call.stage, call.agent_id = Stage.HOLDING, None
    _holding(ticket, call, at)


def _in_room(ticket: Ticket, call: Call, at: datetime) -> None:
    """Leave them with whom they speak; on this ticket too they are answered by that."""
    leg = legs.partner(call)
    if leg is not None and leg.agent_id is not None and call.answered_at is not None:
        lines.answer(ticket, db.session().get_one(Agent, leg.agent_id), Channel.PHONE, at=at)
    _hand_over(ticket, call, at=at)


_STAGES = {
    Stage.HOLDING: _holding,
    Stage.OFFERED: _offered,
    Stage.TALKING: _in_room,
    Stage.ON_HOLD: _in_room,
}


def _hand_over(ticket: Ticket, call: Call, *, at: datetime) -> bool:
    """Give the ticket, if nobody has it, to the agent of the call; false: they do not get it."""
    agent = db.session().get(Agent, call.agent_id) if call.agent_id is not None else None
    if agent is None or ticket.assignee_id is not None or not (agent.is_active and ticket.is_active):
        return False
    try:
        on_call.give_up(agent)  # and is taken at once for the same call
        lifecycle.assign(ticket, agent, by=SYSTEM, at=at, reason="merged")
    except OnThePhone:
        return False
    agent.on_call_since = at
    return True


def _call_who_is_due(ticket: Ticket, *, at: datetime) -> None:
    """Have whoever has the ticket call whom we are to call now; if they cannot, it is whoever is next."""
    callback = callbacks.open_on(ticket.id)
    if callback is not None and callback.state is CallbackState.DUE:
        callbacks.make_due(callback, ticket, by=SYSTEM, at=at)
