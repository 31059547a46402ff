"""What Twilio tells of legs, rooms and our calls to customers: read, then taken in. Late and double news is none.

Fields: https://www.twilio.com/docs/voice/api/call-resource#statuscallback and
https://www.twilio.com/docs/voice/twiml/conference#attributes-status-callback. Every address carries our own id.
"""

from datetime import datetime

from sqlalchemy import select

from channels import twilio_webhook
from channels.errors import MalformedPayload, UnsupportedPayload
from channels.events import LegEnded
from channels.models import Call
from channels.phone import answering, ending, legs
from channels.phone.models import CallLeg
from channels.phone.states import ANSWERERS, FINAL, STATES, Answerer, CallState, Heard, moves_on
from channels.protocol import Parsed, RawItem
from ticketing import journal
from ticketing.events import SYSTEM
from ticketing.store import db

JOINED, LEFT = "participant-join", "participant-leave"
MAX_DIGITS = 18


def id_in_address(item: RawItem, name: str) -> int:
    """Return our id from the address of a callback. Raises MalformedPayload."""
    number = twilio_webhook.in_address(item, name)
    if not (number.isascii() and number.isdecimal() and len(number) <= MAX_DIGITS):
        raise MalformedPayload(f"the address names no {name}")
    return int(number)


def read_status(item: RawItem, form: dict[str, str]) -> Parsed:
    """Read how a line goes on. Raises MalformedPayload, UnsupportedPayload."""
    sid, status = twilio_webhook.required(form, "CallSid", "CallStatus")
    id_in_address(item, "leg" if item.kind == "leg-status" else "call")
    _state(form)
    return Parsed(key=f"{sid}:{status}", inbox_address="", content=None)


def read_machine(item: RawItem, form: dict[str, str]) -> Parsed:
    """Read whether a machine picked up. Raises MalformedPayload, UnsupportedPayload."""
    sid, by = twilio_webhook.required(form, "CallSid", "AnsweredBy")
    id_in_address(item, "call")
    if by not in ANSWERERS:
        raise UnsupportedPayload(f"nobody here knows what {by[:30]} is that picked up")
    return Parsed(key=f"{sid}:answered-by", inbox_address="", content=None)


def read_conference(item: RawItem, form: dict[str, str]) -> Parsed:
    """Read who came into a room, and who left it. Raises MalformedPayload, UnsupportedPayload."""
    room, event = twilio_webhook.required(form, "ConferenceSid", "StatusCallbackEvent")
    id_in_address(item, "call")
    if event not in {JOINED, LEFT}:
        raise UnsupportedPayload(f"the event {event[:30]} tells nothing new")
    (sid,) = twilio_webhook.required(form, "CallSid")
    return Parsed(key=f"{room}:{sid}:{event}:{_number(form)}", inbox_address="", content=None)


def observe_leg(item: RawItem, *, at: datetime) -> None:
    """Move a leg on. Raises UnsupportedPayload for old news, NotFound."""
    form = twilio_webhook.read_form(item)
    ticket, call, leg = legs.lock_leg(id_in_address(item, "leg"))
    state, is_first = _state(form), claim(leg, form["CallSid"].strip())
    if leg.ended_at is not None:
        if is_first and state not in FINAL:  # ended here before we knew its line
            cut = LegEnded(call.id, leg.id, leg.role, leg.reason, agent_id=leg.agent_id, cut=True)
            journal.append(ticket, cut, by=SYSTEM, at=at)
            return
        if not is_first:
            raise UnsupportedPayload(f"the leg is over: {leg.reason}")
        return
    if state in FINAL:
        ending.leg_gone(ticket, call, leg, state, at=at)
    elif state is CallState.ANSWERED:
        # Twilio says that of a mailbox too: that a person has picked up is told by their coming for the room.
        if not is_first:
            raise UnsupportedPayload("who picked up is known when they come into the room")
    elif moves_on(CallState(leg.state), state):
        leg.state = state
    elif not is_first:
        raise UnsupportedPayload(f"the leg is {leg.state} already")


def observe_call(item: RawItem, *, at: datetime) -> None:
    """Move a call of ours to a customer on. Raises UnsupportedPayload for old news, NotFound."""
    form = twilio_webhook.read_form(item)
    ticket, call = legs.lock_call(id_in_address(item, "call"))
    state, is_first = _state(form), claim(call, form["CallSid"].strip())
    if not moves_on(CallState(call.state), state):
        if is_first:
            return
        raise UnsupportedPayload(f"the call is {call.state} already")
    if state in FINAL:
        ending.close(ticket, call, state, at=at, seconds=_seconds(form))
    else:
        call.state = state


def observe_machine(item: RawItem, *, at: datetime) -> None:
    """Take in whether a machine picked up. Raises UnsupportedPayload where that is known, or nobody asked, NotFound."""
    form = twilio_webhook.read_form(item)
    ticket, call = legs.lock_call(id_in_address(item, "call"))
    if call.answered_by != Answerer.UNKNOWN:
        raise UnsupportedPayload("who picked up is known, or was not asked")
    claim(call, form["CallSid"].strip())
    answering.tell_apart(ticket, call, ANSWERERS[form["AnsweredBy"].strip()], at=at)


def observe_conference(item: RawItem, *, at: datetime) -> None:
    """Take in who came into a room, and who left it. Raises UnsupportedPayload for old news, NotFound."""
    form = twilio_webhook.read_form(item)
    ticket, call = legs.lock_call(id_in_address(item, "call"))
    sid, event = form["CallSid"].strip(), form["StatusCallbackEvent"].strip()
    told = Heard(form["ConferenceSid"].strip(), _number(form))
    leg = _leg_on(call, sid)
    teller = leg if leg is not None else call if sid == call.provider_id else None
    if teller is None:
        raise UnsupportedPayload("nobody of this call has that line")
    if not Heard.read(teller.heard).misses(told):
        raise UnsupportedPayload("newer news of the room was heard already")
    teller.heard = str(told)
    if ending.is_over(call):
        return
    call.conference_id = told.room
    if leg is None:
        if event == JOINED:
            answering.meet(ticket, call, at=at)
    elif event == LEFT:
        ending.leg_gone(ticket, call, leg, CallState.ENDED, at=at, reason=_why(form), cut=True)


def claim(row: CallLeg | Call, sid: str) -> bool:
    """Write down whose line this is, if nobody knew; return whether that is new. Raises UnsupportedPayload for a line
    that is another's.
    """
    if row.provider_id is None:
        row.provider_id = sid
        db.session().flush()
        return True
    if row.provider_id != sid:
        raise UnsupportedPayload("that is not the line that we know")
    return False


def _leg_on(call: Call, sid: str) -> CallLeg | None:
    return db.session().scalar(select(CallLeg).where(CallLeg.call_id == call.id, CallLeg.provider_id == sid))


def _why(form: dict[str, str]) -> str:
    """Return why somebody left a room, in words, as far as Twilio tells."""
    reason = form.get("ReasonParticipantLeft", "").strip()
    return WHY.get(reason, "") or "hung up"


WHY = {  # https://www.twilio.com/docs/voice/twiml/conference#attributes-status-callback
    "participant_hung_up": "hung up",
    "participant_updated_via_api": "was taken out of the room",
    "removed_via_api": "was taken out of the room",
    "error_in_call": "the line broke",
}


def _state(form: dict[str, str]) -> CallState:
    status = form.get("CallStatus", "").strip()
    if status not in STATES:
        raise UnsupportedPayload(f"nobody here knows a line that is {status[:20]}")
    return STATES[status]


def _number(form: dict[str, str]) -> int:
    value = form.get("SequenceNumber", "").strip()
    return int(value) if value.isascii() and value.isdecimal() and len(value) <= 9 else 0


def _seconds(form: dict[str, str]) -> int | None:
    value = form.get("CallDuration", "").strip()
    return int(value) if value.isascii() and value.isdecimal() and len(value) <= 6 else None
