"""A customer on the phone and the agent who is to speak with them: the device rings, is picked up, both are in a room.

What is written down here, in the caller's transaction, the switchboard carries out afterwards. How it ends is told in
`channels.phone.ending`.
"""

from datetime import datetime, timedelta

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import aliased

from channels.events import CalledAgain, CallOffered, LegEnded, LegPickedUp
from channels.models import Call
from channels.phone import ending, legs
from channels.phone.models import CallLeg, LegRole
from channels.phone.rooms import Back
from channels.phone.states import Answerer, CallState, Stage, moves_on
from ticketing import journal, lifecycle, lines, on_call, wrap_up
from ticketing.capacity import lock_agent
from ticketing.envelope import Channel
from ticketing.errors import OnThePhone
from ticketing.events import SYSTEM, Actor, Entry, TicketAssigned, TicketReleased
from ticketing.models import Agent, Presence, Queue, Ticket
from ticketing.presence import MAX_REASON, set_presence
from ticketing.queue_settings import QueueSettings
from ticketing.store import db

GRACE = timedelta(seconds=20)  # beyond the ringing: Twilio's own delay, and the key that is to be pressed
LET_IN = timedelta(seconds=30)  # between an agent's picking up and the customer's coming
CONFIRMED = timedelta(seconds=10)  # between the customer's being let in and the conference's word that they are in
LISTENED = timedelta(seconds=30)  # between a customer's coming and Twilio's word whether it is a machine
STRANDED = timedelta(minutes=2)  # an agent on a call of which nothing is known
PATIENCE = timedelta(seconds=60)  # for a customer's phone that rings
A_MACHINE = "a mailbox picked up"


def follow(ticket: Ticket, entry: Entry) -> None:
    """Let the device ring of whoever is given a customer on the phone, and no other. AT_ONCE after TicketAssigned,
    TicketReleased, CalledAgain.
    """
    call = on_the_line(ticket) if ticket.live else None
    if call is not None:
        _follow(ticket, call, entry)
    if isinstance(entry.event, TicketAssigned) and entry.event.rings:
        _free_of_nothing(entry.event.after)


def _follow(ticket: Ticket, call: Call, entry: Entry) -> None:
    event = entry.event
    if isinstance(event, TicketReleased) or (isinstance(event, TicketAssigned) and event.before is not None):
        _part(ticket, call, event, entry)
    if isinstance(event, TicketAssigned) and event.rings and call.stage == Stage.HOLDING:
        agent = db.session().get_one(Agent, event.after)
        call.agent_id = agent.id
        offer(ticket, call, agent, by=entry.actor, at=entry.at)
    elif isinstance(event, CalledAgain) and call.id == event.call_id and call.stage == Stage.HOLDING:
        _ring_again(ticket, call, event.agent_id, entry)


def _free_of_nothing(agent_id: int) -> None:
    """Free an agent for whom nothing rings after all: the customer is just saying when they want to be called back."""
    agent = db.session().get_one(Agent, agent_id)
    if agent.on_call_since is not None and not legs.is_rung(agent_id):
        agent.on_call_since = None


def on_the_line(ticket: Ticket) -> Call | None:
    """Return the newest call of the ticket whose customer waits for an agent, or speaks with one."""
    stages = legs.WAITING | legs.IN_ROOM
    query = select(Call).where(Call.ticket_id == ticket.id, Call.ended_at.is_(None), Call.stage.in_(stages))
    db.session().flush()
    return db.session().scalar(query.order_by(Call.id.desc()).limit(1))


def _part(ticket: Ticket, call: Call, event: TicketAssigned | TicketReleased, entry: Entry) -> None:
    """Let the device of who had the ticket ring no more. Who gives it back in the middle of a talk hands the customer
    back too; a ticket that somebody takes over is no talk that they take over.
    """
    if call.stage in legs.IN_ROOM:
        if isinstance(event, TicketReleased) and call.agent_id == event.before:
            ending.to_the_line(ticket, call, Back.RELEASED, at=entry.at)
        return
    if call.outbound and call.answered_at is None:
        return  # a call of ours is made by who has begun it
    for leg in legs.open_legs(call):
        if leg.role is LegRole.AGENT and leg.agent_id == event.before:
            ending.end_leg(ticket, call, leg, "somebody else takes the call", at=entry.at)
    if call.stage == Stage.OFFERED:
        call.stage = Stage.HOLDING
    call.agent_id = None


def _ring_again(ticket: Ticket, call: Call, agent_id: int, entry: Entry) -> None:
    """Ring whoever has the ticket of a customer who calls again; who cannot answer now gives it back."""
    agent = db.session().get_one(Agent, agent_id)
    try:
        on_call.take(agent, at=entry.at)
    except OnThePhone:
        lifecycle.release(ticket, by=SYSTEM, at=entry.at, reason="caller_waits")
    else:
        offer(ticket, call, agent, by=SYSTEM, at=entry.at)


def offer(
    ticket: Ticket, call: Call, agent: Agent, *, by: Actor, at: datetime, role: LegRole = LegRole.AGENT
) -> CallLeg | None:
    """Let an agent's device ring for a call; None: they have none."""
    device = legs.device_of(agent)
    if not device:
        return None
    leg = legs.new_leg(call, role, device, agent_id=agent.id, at=at)
    if role is LegRole.AGENT:
        call.agent_id = agent.id
        call.stage = Stage.OFFERED
    journal.append(ticket, CallOffered(call.id, leg.id, role, agent.id), by=by, at=at)
    return leg


def pick_up(ticket: Ticket, call: Call, leg: CallLeg, *, at: datetime) -> None:
    """Note that a person has picked up, and is in the room; nothing happens if they have."""
    if leg.ended_at is not None or not moves_on(CallState(leg.state), CallState.ANSWERED):
        return
    leg.state, leg.answered_at = CallState.ANSWERED, at
    by = SYSTEM if leg.agent_id is None else Actor.agent(leg.agent_id)
    journal.append(ticket, LegPickedUp(call.id, leg.id, leg.role, leg.agent_id), by=by, at=at)
    if leg.role is LegRole.OUTSIDE:
        meet(ticket, call, at=at)
    elif leg.role in legs.SUPERVISING:
        leg.joined_at = at


def let_in(ticket: Ticket, call: Call, *, at: datetime) -> bool:
    """Note that the customer goes into the room; false: nobody is in there for them."""
    if legs.partner(call) is None or ending.is_over(call):
        return False
    if moves_on(CallState(call.state), CallState.ANSWERED):
        call.state = CallState.ANSWERED
    if call.stage not in legs.IN_ROOM:
        call.stage = Stage.TALKING
    call.joined_at = call.joined_at or at
    return True


def meet(ticket: Ticket, call: Call, *, at: datetime) -> None:
    """Note that the customer and who picked up are both in the room: they speak. Nothing happens if they do already."""
    leg = legs.partner(call)
    if leg is None or leg.joined_at is not None or call.joined_at is None or ending.is_over(call):
        return
    leg.joined_at = at
    if leg.agent_id is None:  # handed on to somebody outside, while they heard music
        ending.resume(ticket, call, by=SYSTEM, at=at)
        return
    call.agent_id = leg.agent_id
    if call.answered_by != Answerer.UNKNOWN:
        _speak(ticket, call, leg.agent_id, at=at)


def tell_apart(ticket: Ticket, call: Call, answerer: Answerer, *, at: datetime) -> None:
    """Note whether a person or a machine picked up where that was asked; nothing happens if it is known.

    A person may have heard the agent for some seconds. A machine is nobody: the call is over.
    """
    if call.answered_by != Answerer.UNKNOWN:
        return
    call.answered_by = answerer
    leg = legs.partner(call)
    if answerer is Answerer.MACHINE:
        ending.end_call(ticket, call, A_MACHINE, by=SYSTEM, at=at)
    elif leg is not None and leg.agent_id is not None and leg.joined_at is not None and not ending.is_over(call):
        _speak(ticket, call, leg.agent_id, at=at)


def _speak(ticket: Ticket, call: Call, agent_id: int, *, at: datetime) -> None:
    call.answered_at = call.answered_at or at
    lines.answer(ticket, db.session().get_one(Agent, agent_id), Channel.PHONE, at=at)


def free(event: LegEnded, *, ended_at: datetime, at: datetime) -> Agent | None:
    """Free the agent of a leg that has ended, for the next call after a wrap-up; None: they are still on a call, or
    none was ours to free. Who did not pick up is away. AFTERWARDS, with the agent's row alone locked; maybe twice.
    """
    agent = lock_agent(event.agent_id) if event.agent_id is not None else None
    if agent is None or agent.on_call_since is None or legs.is_rung(agent.id):
        return None
    # The end may bear an earlier moment than the beginning, where both came at once and had to wait for one another.
    leg = db.session().get_one(CallLeg, event.leg_id)
    if agent.on_call_since > max(ended_at, leg.started_at):
        return None  # by then they were on the next call
    if event.missed and agent.presence is Presence.ONLINE:
        set_presence(agent.id, Presence.AWAY, by=SYSTEM, at=at, reason=event.reason[:MAX_REASON])
    wrap_up.begin(agent, _wrap_up_of(event), since=ended_at, at=at)
    return agent


def _wrap_up_of(event: LegEnded) -> timedelta:
    if not event.spoke:
        return timedelta()
    query = select(Queue.settings).join(Ticket, Ticket.queue_id == Queue.id).join(Call, Call.ticket_id == Ticket.id)
    settings = db.session().scalar(query.where(Call.id == event.call_id)) or {}
    return timedelta(seconds=QueueSettings.of(settings).wrap_up_seconds)


def legs_of(call_id: int, role: LegRole) -> list[int]:
    """Return the open legs of a call in this role."""
    query = select(CallLeg.id).where(CallLeg.call_id == call_id, CallLeg.role == role, CallLeg.ended_at.is_(None))
    return list(db.session().scalars(query))


def overdue(now: datetime, limit: int = 100) -> list[int]:
    """Return the calls in which something should have happened by now of which no word has come. Reads only."""
    unanswered = and_(CallLeg.answered_at.is_(None), CallLeg.started_at < now - GRACE)  # asked again with the lock
    unmet = and_(CallLeg.joined_at.is_(None), CallLeg.answered_at < now - CONFIRMED, CallLeg.role == LegRole.AGENT)
    waiting = select(CallLeg.call_id).where(CallLeg.ended_at.is_(None), or_(unanswered, unmet))
    open_leg = aliased(CallLeg)
    stages = (Stage.OFFERED, Stage.TALKING, Stage.ON_HOLD, Stage.DIALLED)
    alone = select(Call.id).where(
        Call.ended_at.is_(None),
        Call.stage.in_(stages),
        ~select(open_leg.id).where(open_leg.call_id == Call.id, open_leg.ended_at.is_(None)).exists(),
    )
    unsaid = select(Call.id).where(
        Call.ended_at.is_(None), Call.answered_by == Answerer.UNKNOWN, Call.joined_at < now - LISTENED
    )
    queries = (waiting, alone, unsaid, _never_placed(now))
    return sorted({found for query in queries for found in db.session().scalars(query.limit(limit))})


def _never_placed(now: datetime) -> Select[int]:
    """Return the query for calls of ours that are over for the desk, and of whose line no word has come: where nobody
    knows whether Twilio took a call, it may never have.
    """
    lately = or_(CallLeg.ended_at.is_(None), CallLeg.ended_at > now - PATIENCE - GRACE)
    return select(Call.id).where(
        Call.ended_at.is_(None),
        Call.stage == Stage.OVER,
        Call.provider_id.is_(None),
        ~select(CallLeg.id).where(CallLeg.call_id == Call.id, lately).exists(),
    )


def catch_up(call_id: int, *, at: datetime) -> bool:
    """Decide what is overdue in a call as if its worst news had come: nobody hangs on music for ever. Return whether
    anything was.
    """
    ticket, call = legs.lock_call(call_id)
    before = (call.stage, call.state, call.answered_at, [leg.id for leg in legs.open_legs(call)])
    if ending.is_over(call):
        for leg in legs.open_legs(call):
            ending.end_leg(ticket, call, leg, "the call is over", at=at)
        if db.session().scalar(_never_placed(at).where(Call.id == call.id)) is not None:
            ending.close(ticket, call, CallState.UNANSWERED, at=at)
    else:
        if call.joined_at is not None and call.joined_at < at - LISTENED:
            tell_apart(ticket, call, Answerer.PERSON, at=at)
        for leg in legs.open_legs(call):
            _catch_up_leg(ticket, call, leg, at)
        if call.stage in {Stage.OFFERED, *legs.IN_ROOM} and not legs.open_legs(call):
            _bring_home(ticket, call, at)
    return before != (call.stage, call.state, call.answered_at, [leg.id for leg in legs.open_legs(call)])


def _catch_up_leg(ticket: Ticket, call: Call, leg: CallLeg, at: datetime) -> None:
    if leg.ended_at is not None:
        return  # by what followed from another
    ringing = timedelta(seconds=QueueSettings.of(ticket.queue.settings).ring_seconds) + GRACE
    if leg.answered_at is None and leg.started_at <= at - ringing:
        was_asked = leg.state != CallState.QUEUED
        words = "no word came from the phone network" if was_asked else "the phone network could not be reached"
        ending.leg_gone(ticket, call, leg, CallState.UNANSWERED, at=at, reason=words, cut=True, missed=was_asked)
    elif leg.role is LegRole.AGENT and leg.answered_at is not None and leg.joined_at is None:
        _catch_up_customer(ticket, call, leg, at - leg.answered_at, at)


def _catch_up_customer(ticket: Ticket, call: Call, leg: CallLeg, since: timedelta, at: datetime) -> None:
    """Decide what became of a customer for whom an agent waits in the room."""
    if call.joined_at is not None:
        meet(ticket, call, at=at)
    elif call.stage == Stage.DIALLED:
        if since >= PATIENCE + GRACE:
            ending.end_call(ticket, call, "no word came of the customer's phone", by=SYSTEM, at=at)
            ending.close(ticket, call, CallState.UNANSWERED, at=at)
    elif since >= LET_IN:
        words = "the customer could not be connected"
        ending.leg_gone(ticket, call, leg, CallState.FAILED, at=at, reason=words, cut=True, missed=False)


def _bring_home(ticket: Ticket, call: Call, at: datetime) -> None:
    """Bring a customer back to the line whom nobody of the desk has, nor is to have: a step was lost on the way."""
    if call.outbound and call.answered_at is None:
        ending.end_call(ticket, call, "nobody was there any more", by=SYSTEM, at=at)
    elif call.stage == Stage.OFFERED:
        lifecycle.release(ticket, by=SYSTEM, at=at, reason="nobody_rang")
        call.stage, call.agent_id = Stage.HOLDING, None
    else:
        ending.to_the_line(ticket, call, Back.LOST, at=at)
        lifecycle.release(ticket, by=SYSTEM, at=at, reason="nobody_there")


def stranded(now: datetime, limit: int = 100) -> list[int]:
    """Return the agents who are on a call of which nothing is known any more."""
    open_leg = select(CallLeg.id).where(CallLeg.agent_id == Agent.id, CallLeg.ended_at.is_(None)).exists()
    query = select(Agent.id).where(Agent.on_call_since < now - STRANDED, ~open_leg).order_by(Agent.id)
    return list(db.session().scalars(query.limit(limit)))


def free_stranded(agent_id: int, *, at: datetime) -> None:
    """Free an agent whose call nobody has told the end of."""
    agent = lock_agent(agent_id)
    if agent is None or agent.on_call_since is None or agent.on_call_since >= at - STRANDED:
        return
    if not legs.is_rung(agent_id):
        wrap_up.begin(agent, timedelta(), since=at, at=at)
