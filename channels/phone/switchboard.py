"""Do at Twilio what the journal says of calls: ring, bring into the room, hold, cut. By the workers, maybe twice.

No transaction is open while Twilio is asked. What rings a device or a customer's phone is asked once: the leg, or the
call, is written down as asked before, and where nobody knows whether Twilio took it, the callback that carries our id
decides, or the time limit (`channels.phone.answering.overdue`). All else may be asked again without harm, and is.

https://www.twilio.com/docs/voice/api/call-resource, https://www.twilio.com/docs/voice/api/conference-participant-resource
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from flask import current_app
from sqlalchemy import select
from twilio.rest import Client

from channels import twilio_api
from channels.errors import ChannelError, OutcomeUnknown, PermanentFailure, TransientFailure
from channels.models import Call
from channels.phone import ending, legs, rooms
from channels.phone.models import CallLeg, LegRole
from channels.phone.speaking import VOICE_PATH
from channels.phone.states import Answerer, CallState, Stage
from config.settings import Settings
from ticketing.models import Inbox
from ticketing.queue_settings import QueueSettings
from ticketing.store import db
from ticketing.transaction import transaction

log = structlog.get_logger()

Now = Callable[[], datetime]

SOURCE = "worker"
CUSTOMER_RINGS_SECONDS = 30
LISTENS_SECONDS = 10  # for a machine; then Twilio says that it does not know
PROGRESS = ["initiated", "ringing", "answered", "completed"]
AGAIN_AFTER = (0.3, 1.0)  # seconds; for what somebody on the line waits for
TIMEOUT = 8.0  # seconds to connect, and again between bytes of the answer: three attempts fit into a job


@dataclass(frozen=True)
class _Ringing:
    """What is asked of Twilio so that a phone rings."""

    to: str
    ours: str
    path: str
    status_path: str
    seconds: int
    machine_path: str = ""  # where Twilio says whether a machine picked up; "": it does not listen for one


def ring(leg_id: int, *, now: Now) -> None:
    """Ring the device of a leg, once. Raises TransientFailure where it surely did not ring: it is tried again."""
    with transaction(SOURCE) as session:
        ticket, call, leg = legs.lock_leg(leg_id)
        if leg.ended_at is not None or leg.state != CallState.QUEUED:
            return
        leg.state = CallState.DIALLING
        seconds = QueueSettings.of(ticket.queue.settings).ring_seconds
        ours = session.get_one(Inbox, call.inbox_id).address
        ringing = _Ringing(leg.device, ours, f"agent?leg={leg_id}", f"leg-status?leg={leg_id}", seconds)
    try:
        sid = _place(ringing)
    except TransientFailure:
        with transaction(SOURCE):
            _, _, leg = legs.lock_leg(leg_id)
            if leg.ended_at is None and leg.provider_id is None and leg.state == CallState.DIALLING:
                leg.state = CallState.QUEUED
        raise
    except OutcomeUnknown as error:
        log.warning("device rung, perhaps", leg_id=leg_id, reason=str(error))
    except ChannelError as error:
        log.warning("device not rung", leg_id=leg_id, reason=str(error))
        with transaction(SOURCE):
            ticket, call, leg = legs.lock_leg(leg_id)
            ending.leg_gone(ticket, call, leg, CallState.FAILED, at=now(), reason=str(error))
    else:
        with transaction(SOURCE):
            _, _, leg = legs.lock_leg(leg_id)
            leg.provider_id = leg.provider_id or sid
            is_over = leg.ended_at is not None
        if is_over:  # while it was asked for
            _cut(sid)


def bring_together(call_id: int, leg_id: int, *, now: Now) -> None:
    """Bring the customer into the room in which somebody waits for them. Raises TransientFailure.

    A customer who is gone is told to whoever waits.
    """
    with transaction(SOURCE) as session:
        _, call, leg = legs.lock_leg(leg_id)
        if leg.ended_at is not None or leg.role is not LegRole.AGENT or call.joined_at is not None:
            return
        if ending.is_over(call):
            return
        sid, dials = call.provider_id, call.outbound and call.provider_id is None
        if dials and call.stage == Stage.DIALLED:
            return  # asked already
        if dials:
            call.stage = Stage.DIALLED
        ours = session.get_one(Inbox, call.inbox_id).address
        room = f"room?call={call_id}"
        listens = call.answered_by == Answerer.UNKNOWN
        machine = f"room-machine?call={call_id}" if listens else ""
        ringing = _Ringing(call.number, ours, room, f"room-status?call={call_id}", CUSTOMER_RINGS_SECONDS, machine)
    if dials:
        _dial(call_id, ringing, now=now)
    elif sid is not None:
        _redirect(call_id, sid, room, now=now)


def bring_back(call_id: int, why: str, *, now: Now) -> None:
    """Take the customer out of the room and put them into the line again. Raises TransientFailure."""
    with transaction(SOURCE):
        _, call = legs.lock_call(call_id)
        sid = call.provider_id
        if ending.is_over(call) or call.stage not in legs.WAITING or call.joined_at is not None or sid is None:
            return
    _redirect(call_id, sid, f"room/back?call={call_id}&why={why}", now=now)


def set_hold(call_id: int) -> None:
    """Let the customer hear music, or the room, as the call stands. Raises TransientFailure."""
    with transaction(SOURCE):
        _, call = legs.lock_call(call_id)
        sid, room = call.provider_id, call.conference_id
        if ending.is_over(call) or call.stage not in legs.IN_ROOM or sid is None:
            return
        held = call.stage == Stage.ON_HOLD
    music = {"hold_url": _address(f"room/hold?call={call_id}"), "hold_method": "POST"} if held else {}
    _participant(call_id, room, sid, hold=held, **music)


def supervise(leg_id: int) -> None:
    """Let a supervisor listen, whisper or speak, as their leg stands. Raises TransientFailure."""
    with transaction(SOURCE):
        _, call, leg = legs.lock_leg(leg_id)
        if leg.ended_at is not None or leg.provider_id is None or not legs.picked_up(leg):
            return  # whoever picks up is let in as the leg stands then
        sid, room, role, call_id = leg.provider_id, call.conference_id, leg.role, call.id
        agent = legs.partner(call)
        coached = agent.provider_id if agent is not None else None
    if role is LegRole.WHISPER and coached is not None:
        _participant(call_id, room, sid, muted=False, coaching=True, call_sid_to_coach=coached)
    else:
        _participant(call_id, room, sid, muted=role is not LegRole.JOIN, coaching=False)


def cut_leg(leg_id: int) -> None:
    """Cut the line of a leg that was ended here; who has picked up hears why. Raises TransientFailure."""
    query = select(CallLeg, Inbox).join(Call, Call.id == CallLeg.call_id).join(Inbox, Inbox.id == Call.inbox_id)
    found = db.session().execute(query.where(CallLeg.id == leg_id).execution_options(populate_existing=True)).first()
    sid, document = None, ""
    if found is not None:
        leg, inbox = found
        sid, document = leg.provider_id, rooms.goodbye(leg.reason, inbox) if leg.answered_at is not None else ""
    db.session().rollback()  # no transaction is open while Twilio is asked
    if sid is not None:  # else the callback that brings its id does it
        _cut(sid, document)


def cut_call(call_id: int, *, now: Now) -> None:
    """Cut the customer's line after the desk has ended the call. Raises TransientFailure."""
    call = db.session().get(Call, call_id, populate_existing=True)
    sid = call.provider_id if call is not None and call.ended_at is None else None
    db.session().rollback()
    if sid is not None and not _cut(sid):
        _customer_gone(call_id, now=now)


def _dial(call_id: int, ringing: _Ringing, *, now: Now) -> None:
    """Call the customer, once."""
    try:
        sid = _place(ringing)
    except TransientFailure:
        with transaction(SOURCE):
            _, call = legs.lock_call(call_id)
            if call.provider_id is None and call.stage == Stage.DIALLED:
                call.stage = Stage.OFFERED
        raise
    except OutcomeUnknown as error:
        log.warning("customer called, perhaps", call_id=call_id, reason=str(error))
    except ChannelError as error:
        log.warning("customer not called", call_id=call_id, reason=str(error))
        with transaction(SOURCE):
            ticket, call = legs.lock_call(call_id)
            for leg in legs.open_legs(call):
                ending.end_leg(ticket, call, leg, str(error), at=now())
            ending.close(ticket, call, CallState.FAILED, at=now())
    else:
        with transaction(SOURCE):
            _, call = legs.lock_call(call_id)
            call.provider_id = call.provider_id or sid
            is_over = ending.is_over(call)
        if is_over:
            _cut(sid)


def _place(ringing: _Ringing) -> str:
    """Ask Twilio to ring somebody; return the line's id."""
    with twilio_api.handing_over():
        created = _client().calls.create(
            to=ringing.to,
            from_=ringing.ours,
            url=_address(ringing.path),
            method="POST",
            timeout=ringing.seconds,
            status_callback=_address(ringing.status_path),
            status_callback_event=PROGRESS,
            status_callback_method="POST",
            **_listening(ringing.machine_path),
        )
    if not created.sid:
        raise OutcomeUnknown("Twilio's answer names no call")
    return str(created.sid)


def _listening(path: str) -> dict[str, Any]:
    """Return what makes Twilio find out who picked up, while whoever it is hears us already.

    https://www.twilio.com/docs/voice/answering-machine-detection#asyncamd
    """
    if not path:
        return {}
    return {
        "machine_detection": "Enable",
        "machine_detection_timeout": LISTENS_SECONDS,
        "async_amd": "true",
        "async_amd_status_callback": _address(path),
        "async_amd_status_callback_method": "POST",
    }


def _redirect(call_id: int, sid: str, path: str, *, now: Now) -> None:
    """Send the customer on; a refusal (21220: the call is not in progress) says that they are gone."""
    try:
        _surely(lambda client: client.calls(sid).update(url=_address(path), method="POST"))
    except PermanentFailure as error:
        log.info("customer gone", call_id=call_id, reason=str(error))
        _customer_gone(call_id, now=now)


def _customer_gone(call_id: int, *, now: Now) -> None:
    with transaction(SOURCE):
        ticket, call = legs.lock_call(call_id)
        ending.close(ticket, call, CallState.ENDED, at=now())


def _participant(call_id: int, room: str | None, sid: str, **wanted: Any) -> None:
    """Change how somebody takes part; who has left meanwhile is none of ours to change."""

    def change(client: Client) -> None:
        found = room
        if found is None:
            rooms_ = client.conferences.list(friendly_name=rooms.name_of(call_id), status="in-progress", limit=1)
            found = rooms_[0].sid if rooms_ else None
        if found is not None:
            client.conferences(found).participants(sid).update(**wanted)

    try:
        _surely(change)
    except PermanentFailure as error:
        log.warning("participant not changed", call_id=call_id, reason=str(error))


def _cut(sid: str, document: str = "") -> bool:
    """Cut a line, after last words to who is on it; false: it was cut already."""
    wanted = {"twiml": document} if document else {"status": "completed"}
    try:
        _surely(lambda client: client.calls(sid).update(**wanted))
    except PermanentFailure:
        return False
    return True


def _surely(ask: Callable[[Client], object]) -> None:
    """Ask Twilio for what may be asked twice, again after a moment where it failed. Raises TransientFailure,
    PermanentFailure.
    """
    for pause in (*AGAIN_AFTER, None):
        try:
            with twilio_api.handing_over():
                ask(_client())
        except (TransientFailure, OutcomeUnknown) as error:
            if pause is None:
                raise TransientFailure(str(error)) from None
            time.sleep(pause)
        else:
            return


def _client() -> Client:
    account = _settings().twilio
    if account is None:
        raise PermanentFailure("the phone is not set up at this desk any more")
    return twilio_api.connect(account, timeout=TIMEOUT)


def _address(path: str) -> str:
    return f"{_settings().public_url}{VOICE_PATH}/{path}"


def _settings() -> Settings:
    found: Settings = current_app.extensions["comptoir.settings"]
    return found
