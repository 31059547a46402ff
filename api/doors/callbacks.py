"""The doors for callers who ask to be called back: when shall it be?"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, current_app

from api import calling_back
from api.doors.callers import patiently
from api.doors.retries import answer_retries_alike
from api.doors.twilio_requests import item_of_request, xml
from channels import twilio_webhook
from channels.phone import booking, on_the_line, twiml
from channels.phone.on_the_line import OnTheLine
from channels.phone.slots import Slot
from channels.protocol import RawItem
from channels.registry import adapter
from config.settings import Settings
from ticketing.envelope import Channel
from ticketing.models import Queue
from ticketing.store import db

blueprint = Blueprint("inbound_callbacks", __name__, url_prefix="/inbound/twilio/voice/callback")

STALE = timedelta(minutes=10)  # what was offered longer ago is offered anew
MAX_TRIES = 9


@blueprint.post("")
@patiently
def when() -> Response:
    """Ask a caller when they want to be called back."""
    item, line = _on_the_line()
    if line is None:
        return xml(twiml.trouble_in_every_language())
    slots, zone = _proposed(line, item.received_at)
    return xml(booking.offer(line, slots, zone, **_known(item), asked_at=item.received_at))


@blueprint.post("/choice")
@patiently
def choice() -> Response:
    """Book the callback in the window whose key the caller presses."""
    item, line = _on_the_line()
    if line is None:
        return xml(twiml.trouble_in_every_language())
    asked_at = _asked_at(item)
    slots, zone = _proposed(line, asked_at)
    key = twilio_webhook.read_form(item).get("Digits", "").strip()
    return xml(booking.choose(line, slots, zone, key, **_known(item), asked_at=asked_at, at=item.received_at))


def _proposed(line: OnTheLine, at: datetime) -> tuple[Sequence[Slot], ZoneInfo]:
    return calling_back.proposed(db.session().get_one(Queue, line.ticket.queue_id), at=at)


def _known(item: RawItem) -> dict[str, Any]:
    tries = _number(item, "tries") or 0
    out = twilio_webhook.in_address(item, "out")
    return {"out": out, "tries": min(tries, MAX_TRIES), "public_url": _settings().public_url}


def _asked_at(item: RawItem) -> datetime:
    """Return when the windows were offered; now, if that was long ago or never."""
    asked = _number(item, "asked")
    moment = None if asked is None or asked > item.received_at.timestamp() else datetime.fromtimestamp(asked, UTC)
    return item.received_at if moment is None or item.received_at - moment > STALE else moment


def _on_the_line() -> tuple[RawItem, OnTheLine | None]:
    item = _verified()
    call_id = _number(item, "call")
    return item, on_the_line.find(call_id) if call_id is not None else None


def _verified() -> RawItem:
    item = item_of_request(Channel.PHONE, "step")
    adapter(Channel.PHONE).verify(item)
    return item


def _number(item: RawItem, name: str) -> int | None:
    value = twilio_webhook.in_address(item, name)
    return int(value) if value.isascii() and value.isdecimal() and len(value) <= 18 else None


def _settings() -> Settings:
    settings: Settings = current_app.extensions["comptoir.settings"]
    return settings


answer_retries_alike(blueprint, _verified)
