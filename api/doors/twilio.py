"""The doors for Twilio: text messages, calls, and its later word on both.

What to enter at Twilio for a number: `/inbound/twilio/sms` (a message comes in), `/inbound/twilio/voice` (a call comes
in) and `/inbound/twilio/voice/status` (call status changes). Everything else, Twilio learns from us.
"""

from flask import Blueprint, Response, request

from channels import gateway, twilio_webhook
from channels.errors import InvalidSignature, MalformedPayload
from channels.gateway import Received
from channels.models import ItemState
from channels.phone import twiml
from channels.phone.adapter import PhoneChannel, inbox_settings
from channels.protocol import RawItem
from channels.registry import adapter
from ticketing.envelope import Channel
from ticketing.moment import utc_now

blueprint = Blueprint("inbound_twilio", __name__, url_prefix="/inbound/twilio")

KEPT_HEADERS = ("content-type", "x-twilio-signature", "i-twilio-idempotency-token")
MAX_HEADER = 500
NO_REPLY = '<?xml version="1.0" encoding="UTF-8"?><Response/>'


@blueprint.post("/sms")
def text_message() -> Response:
    """Take a text message in; nothing is answered at once."""
    _readable(_receive(Channel.SMS, "message"))
    return _xml(NO_REPLY)


@blueprint.post("/message-status")
def message_status() -> Response:
    """Hear what became of a text message of ours."""
    return _noted(_receive(Channel.SMS, "receipt"))


@blueprint.post("/voice")
def call() -> Response:
    """Note a call and greet the caller, also when Twilio asks twice."""
    item = _item(Channel.PHONE, "call")
    received = _readable(_keep(item))
    ours = twilio_webhook.read_form(item).get("To", "").strip()
    if received.state is ItemState.PROCESSED:
        return _xml(_phone().greeting(ours))
    return _xml(twiml.trouble(inbox_settings(ours)))


@blueprint.post("/voice/recorded")
def recorded() -> Response:
    """Take the voicemail in as soon as the caller is done, and thank."""
    item = _item(Channel.PHONE, "recording")
    received = _readable(_keep(item))
    settings = inbox_settings(twilio_webhook.in_address(item, "inbox"))
    return _xml(twiml.trouble(settings) if received.state is ItemState.QUARANTINED else twiml.thanks(settings))


@blueprint.post("/voice/recording")
def recording_status() -> Response:
    """Take the voicemail in when its recording is ready, if the other door has not."""
    return _noted(_receive(Channel.PHONE, "recording"))


@blueprint.post("/voice/status")
def call_status() -> Response:
    """Hear how a call goes on."""
    return _noted(_receive(Channel.PHONE, "call-status"))


@blueprint.post("/voice/reply-status")
def reply_status() -> Response:
    """Hear what became of a call of ours that speaks a reply."""
    return _noted(_receive(Channel.PHONE, "receipt"))


def _receive(channel: Channel, kind: str) -> Received:
    return _keep(_item(channel, kind))


def _keep(item: RawItem) -> Received:
    return gateway.receive(item, at=item.received_at)


def _item(channel: Channel, kind: str) -> RawItem:
    """Return the request as it came. The query string stays as it was written: the signature covers it."""
    query = request.query_string.decode("latin-1")
    headers = {name: request.headers.get(name, "") for name in KEPT_HEADERS}
    if any(len(value) > MAX_HEADER for value in headers.values()):
        raise InvalidSignature("no header of Twilio's is that long")
    return RawItem(
        channel=channel,
        kind=kind,
        body=request.get_data(),
        received_at=utc_now(),
        content_type=headers["content-type"],
        url=request.path + (f"?{query}" if query else ""),
        headers={name: value for name, value in headers.items() if value},
        meta={"host": request.host[:MAX_HEADER]},
    )


def _phone() -> PhoneChannel:
    found = adapter(Channel.PHONE)
    if not isinstance(found, PhoneChannel):
        raise TypeError("the phone is not Twilio's")
    return found


def _readable(received: Received) -> Received:
    if received.malformed:
        raise MalformedPayload(f"{received.reason}; it is kept as item {received.item_id}")
    return received


def _noted(received: Received) -> Response:
    _readable(received)
    return Response(status=204)


def _xml(text: str) -> Response:
    return Response(text, mimetype="text/xml")
