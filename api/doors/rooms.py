"""The doors through which Twilio leads agents and customers into the room of a call, and tells who is in there.

Every address carries our id of the leg or of the call. What is asked for again and again is answered from how the call
stands; what is told, is kept as a raw item, so that the same word changes nothing twice.
"""

from flask import Blueprint, Response, current_app

from api.doors.twilio_requests import item_of_request, readable, xml
from channels import gateway, twilio_webhook
from channels.phone import entering, rooms, twiml
from channels.phone.room_news import id_in_address
from channels.protocol import RawItem
from channels.registry import adapter
from config.settings import Settings
from ticketing.envelope import Channel
from ticketing.errors import NotFound

blueprint = Blueprint("inbound_rooms", __name__, url_prefix="/inbound/twilio/voice")


@blueprint.post("/agent")
def agent() -> Response:
    """Let whoever picks up into the room; at a telephone they press a key first."""
    return _agent_comes(has_pressed=False)


@blueprint.post("/agent/accept")
def accept() -> Response:
    """Let who has pressed a key into the room."""
    return _agent_comes(has_pressed=True)


@blueprint.post("/agent/left")
def agent_left() -> Response:
    """Hang up on somebody of the desk who is out of the room."""
    _verified("agent-left")
    return xml(rooms.over())


@blueprint.post("/room")
def room() -> Response:
    """Let the customer into the room."""
    item = _verified("room")
    sid, call_id = _sid(item), id_in_address(item, "call")
    try:
        return xml(entering.customer_comes(call_id, sid, settings=_settings(), at=item.received_at))
    except NotFound:
        return xml(rooms.over())


@blueprint.post("/room/back")
@blueprint.post("/room/left")
def back() -> Response:
    """Put a customer who is out of the room into the line again."""
    item = _verified("room-left")
    _sid(item)
    why = twilio_webhook.in_address(item, "why")
    try:
        call_id = id_in_address(item, "call")
        return xml(entering.customer_returns(call_id, why, settings=_settings(), at=item.received_at))
    except NotFound:
        return xml(rooms.over())


@blueprint.post("/room/hold")
def hold() -> Response:
    """Play music to a customer whom the agent has put on hold."""
    item = _verified("room-hold")
    try:
        return xml(entering.customer_holds(id_in_address(item, "call"), settings=_settings()))
    except NotFound:
        return xml(twiml.NOTHING)  # on hold nobody can be hung up on: Twilio takes no <Hangup> there


@blueprint.post("/leg-status")
def leg_status() -> Response:
    """Hear how the line of somebody of the desk goes on."""
    return _noted("leg-status")


@blueprint.post("/room-status")
def call_status() -> Response:
    """Hear how a call of ours to a customer goes on."""
    return _noted("room-status")


@blueprint.post("/room-machine")
def machine() -> Response:
    """Hear whether a machine picked up where we called a customer."""
    return _noted("room-machine")


@blueprint.post("/conference")
def conference() -> Response:
    """Hear who came into a room, and who left it."""
    return _noted("conference")


def _agent_comes(*, has_pressed: bool) -> Response:
    item = _verified("agent")
    sid, leg_id = _sid(item), id_in_address(item, "leg")
    pressed = has_pressed and bool(twilio_webhook.read_form(item).get("Digits"))
    try:
        document = entering.agent_comes(leg_id, sid, has_pressed=pressed, settings=_settings(), at=item.received_at)
    except NotFound:
        return xml(rooms.over())
    return xml(document)


def _noted(kind: str) -> Response:
    item = item_of_request(Channel.PHONE, kind)
    readable(gateway.receive(item, at=item.received_at))
    return Response(status=204)


def _verified(kind: str) -> RawItem:
    """Return the request, if it is Twilio's. Raises InvalidSignature."""
    item = item_of_request(Channel.PHONE, kind)
    adapter(Channel.PHONE).verify(item)
    return item


def _sid(item: RawItem) -> str:
    """Return whose line asks. Raises MalformedPayload."""
    (sid,) = twilio_webhook.required(twilio_webhook.read_form(item), "CallSid")
    return sid


def _settings() -> Settings:
    found: Settings = current_app.extensions["comptoir.settings"]
    return found
