"""Whoever picks up, or is sent on, asks what they are to hear: the room, where there is still somebody to speak with.

One request of Twilio's is one short transaction. The answer follows from how the call stands, so that asking twice
changes nothing.
"""

from datetime import datetime

from channels.errors import UnsupportedPayload
from channels.models import Call
from channels.phone import answering, ending, legs, rooms
from channels.phone.models import CallLeg, LegRole
from channels.phone.room_news import claim
from channels.phone.states import CallState, Stage, moves_on
from config.settings import Settings
from ticketing.envelope import Channel
from ticketing.events import SYSTEM
from ticketing.models import Inbox, Ticket
from ticketing.queue_settings import QueueSettings
from ticketing.store import db
from ticketing.transaction import transaction


def agent_comes(leg_id: int, sid: str, *, has_pressed: bool, settings: Settings, at: datetime) -> str:
    """Return what somebody hears who picks up for a leg: the room, or before that the wish that they press a key."""
    with transaction(Channel.PHONE):
        ticket, call, leg = legs.lock_leg(leg_id)
        if not _is_theirs(leg, sid) or leg.ended_at is not None or ending.is_over(call):
            return rooms.goodbye(leg.reason if leg.ended_at is not None else ending.HUNG_UP, _inbox(call))
        if not (has_pressed or legs.is_softphone(leg) or legs.picked_up(leg) or leg.role is LegRole.OUTSIDE):
            if moves_on(CallState(leg.state), CallState.RINGING):
                leg.state = CallState.RINGING
            return rooms.ask_for_key(leg, _inbox(call), settings)
        answering.pick_up(ticket, call, leg, at=at)
        agent = legs.partner(call)
        coached = agent.provider_id or "" if agent is not None else ""
        return rooms.for_leg(call, leg, _queue(ticket), settings, coached=coached)


def customer_comes(call_id: int, sid: str, *, settings: Settings, at: datetime) -> str:
    """Return what a customer hears who was sent into the room, or whose phone we rang; the line where nobody is there
    any more.
    """
    with transaction(Channel.PHONE):
        ticket, call = legs.lock_call(call_id)
        if not _is_theirs(call, sid) or ending.is_over(call):
            return rooms.over()
        if answering.let_in(ticket, call, at=at):
            return rooms.for_caller(call, _queue(ticket), settings)
        if call.outbound and call.answered_at is None:
            ending.end_call(ticket, call, "nobody was there any more", by=SYSTEM, at=at)
            return rooms.nobody_there(call, _inbox(call), settings)
        return _line(ticket, call, "", settings)


def customer_returns(call_id: int, why: str, *, settings: Settings, at: datetime) -> str:
    """Return what a customer hears who was sent out of the room, or fell out of it: the line, unless somebody is there
    for them again.
    """
    with transaction(Channel.PHONE):
        ticket, call = legs.lock_call(call_id)
        if ending.is_over(call):
            return rooms.over()
        if call.stage in legs.IN_ROOM and legs.partner(call) is not None:
            return rooms.for_caller(call, _queue(ticket), settings)
        if call.stage in legs.IN_ROOM and not legs.open_legs(call):
            ending.to_the_line(ticket, call, rooms.Back.LOST, at=at)
        return _line(ticket, call, why, settings)


def customer_holds(call_id: int, *, settings: Settings) -> str:
    """Return the music for a customer who is on hold."""
    with transaction(Channel.PHONE):
        ticket, _ = legs.lock_call(call_id)
        return rooms.on_hold(_queue(ticket), settings)


def _line(ticket: Ticket, call: Call, why: str, settings: Settings) -> str:
    if call.stage not in legs.WAITING:
        call.stage = Stage.HOLDING
    call.joined_at = None
    return rooms.back_in_line(call, ticket.queue_id, _inbox(call), why, settings)


def _is_theirs(row: CallLeg | Call, sid: str) -> bool:
    try:
        claim(row, sid)
    except UnsupportedPayload:
        return False
    return True


def _queue(ticket: Ticket) -> QueueSettings:
    return QueueSettings.of(ticket.queue.settings)


def _inbox(call: Call) -> Inbox:
    return db.session().get_one(Inbox, call.inbox_id)
