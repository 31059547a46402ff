"""The doors for Twilio: text messages, calls, and its later word on both.

What to enter at Twilio for a number: `/inbound/twilio/sms` (a message comes in), `/inbound/twilio/voice` (a call comes
in) and `/inbound/twilio/voice/status` (call status changes). Everything else, Twilio learns from us.
"""

from flask import Blueprint, Response, request

from api.doors.retries import answer_retries_alike
from api.doors.twilio_requests import item_of_request, readable, xml
from channels import gateway, twilio_webhook
from channels.errors import MalformedPayload
from channels.gateway import Received
from channels.models import ItemState
from channels.phone import holding, twiml
from channels.phone.adapter import inbox_settings
from channels.protocol import RawItem
from channels.texting.forms import channel_of
from ticketing.envelope import Channel

blueprint = Blueprint("inbound_twilio", __name__, url_prefix="/inbound/twilio")


@blueprint.post("/sms")
def text_message() -> Response:
    """Take a text or WhatsApp message in; nothing is answered at once."""
    readable(_receive(_texted(), "message"))
    return xml(twiml.NOTHING)


@blueprint.post("/message-status")
def message_status() -> Response:
    """Hear what became of a text or WhatsApp message of ours."""
    return _noted(_receive(_texted(), "receipt"))


@blueprint.post("/voice/recorded")
def recorded() -> Response:
    """Take the voicemail in as soon as the caller is done, and thank."""
    item = item_of_request(Channel.PHONE, "recording")
    received = readable(_keep(item))
    if received.state is ItemState.QUARANTINED:
        return xml(twiml.trouble(inbox_settings(twilio_webhook.in_address(item, "inbox"))))
    return xml(holding.thanked(twilio_webhook.read_form(item).get("CallSid", "").strip()))


@blueprint.post("/voice/recording")
def recording_status() -> Response:
    """Take a voicemail in when its recording is ready, if the other door has not, or a recorded talk."""
    return _noted(_receive(Channel.PHONE, "talk" if "call" in request.args else "recording"))


@blueprint.post("/voice/transcript")
def transcript() -> Response:
    """Hear what is said in a recording."""
    return _noted(_receive(Channel.PHONE, "transcript"))


@blueprint.post("/voice/status")
def call_status() -> Response:
    """Hear how a call goes on."""
    return _noted(_receive(Channel.PHONE, "call-status"))


@blueprint.post("/voice/reply-status")
def reply_status() -> Response:
    """Hear what became of a call of ours that speaks a reply."""
    return _noted(_receive(Channel.PHONE, "receipt"))


def _texted() -> Channel:
    """Return whose message it is; nothing of it is believed before its signature is looked at."""
    item = item_of_request(Channel.SMS, "message")
    try:
        return channel_of(twilio_webhook.read_form(item))
    except MalformedPayload:
        return Channel.SMS


def _receive(channel: Channel, kind: str) -> Received:
    return _keep(item_of_request(channel, kind))


def _keep(item: RawItem) -> Received:
    return gateway.receive(item, at=item.received_at)


answer_retries_alike(blueprint, lambda: item_of_request(Channel.PHONE, "retry"))


def _noted(received: Received) -> Response:
    readable(received)
    return Response(status=204)
