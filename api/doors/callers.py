"""The doors through which Twilio leads a caller: in, through the menu, the line of a queue, and out of it.

Every address but the first carries our id of the call. Nothing but the arrival is kept as a raw item: these requests
come every few seconds for everybody who waits, and what follows from them stands in the journal.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Blueprint, Response, current_app
from sqlalchemy import select

from api.doors.retries import answer_retries_alike
from api.doors.twilio_requests import item_of_request, readable, xml
from api.opening import opening_of
from channels import gateway, twilio_webhook
from channels.errors import MalformedPayload
from channels.gateway import STORE_TROUBLE
from channels.models import Call, ItemState
from channels.phone import arrival, holding, music, on_the_line, twiml
from channels.phone.adapter import inbox_settings
from channels.phone.offers import Out
from channels.phone.on_the_line import OnTheLine
from channels.phone.opening import Opening
from channels.phone.states import Stage
from channels.protocol import RawItem
from channels.registry import adapter
from config.settings import Settings
from ticketing import lifecycle
from ticketing.envelope import Channel
from ticketing.models import Inbox, Queue
from ticketing.store import db
from ticketing.transaction import transaction

blueprint = Blueprint("inbound_callers", __name__, url_prefix="/inbound/twilio/voice")

MAX_DIGITS = 32
MOST_PATIENCE = 24  # times that a caller is asked to wait while our store is away: two minutes
MAX_TRIES = 9
MUSIC_CACHED_SECONDS = 86_400
KEYS = "Keys"  # in our own addresses: Twilio does not repeat Digits when it is sent round again


def patiently(view: Callable[[], Response]) -> Callable[[], Response]:
    """Keep the caller on the line while our store is away, rather than let them hear that an application failed."""

    @wraps(view)
    def patient() -> Response:
        try:
            return view()
        except STORE_TROUBLE:
            db.session().rollback()
            item = _verified()
            waited = _number(item, "again") or 0
            if waited >= MOST_PATIENCE:
                return xml(twiml.trouble_in_every_language())
            return xml(twiml.patience(_same_address(item, waited + 1)))

    return patient


@blueprint.post("")
def call() -> Response:
    """Note a call and greet the caller, alike when Twilio asks twice."""
    return _arrived()


@blueprint.post("/fallback")
def fallback() -> Response:
    """Try once more where the first door failed, and say so in plain words if that fails too.

    To be entered at Twilio as "Primary handler fails".
    """
    item = _verified()
    try:
        return _arrived()
    except STORE_TROUBLE:
        current_app.logger.warning("a call could not be taken in: %s", twilio_webhook.read_form(item).get("CallSid"))
        return xml(twiml.trouble_in_every_language())


@blueprint.post("/menu")
@patiently
def menu() -> Response:
    """Lead a caller to the queue whose key they press; who presses none that counts comes to the number's own."""
    item, line = _on_the_line()
    if line is None:
        return _lost()
    key, tries = _keys(item), _tries(item)
    chosen = arrival.chosen_queue(line.inbox.settings, key)
    if line.call.stage == Stage.MENU and chosen is None and tries + 1 < arrival.MENU_TRIES:
        return xml(arrival.menu_again(line, tries + 1, public_url=_settings().public_url))
    opening = _opening(chosen or line.inbox.queue_id, item)
    if line.call.stage == Stage.MENU:
        _choose(line.call.id, chosen or line.inbox.queue_id, opening, item)
        line = on_the_line.find(line.call.id)
        if line is None:
            return _lost()
    to = line.speaker(_settings().public_url)
    return xml(arrival.led_on(line, opening, to, twiml.nothing_yet(), at=item.received_at))


@blueprint.post("/wait")
@patiently
def wait() -> Response:
    """Tell a caller in the line how it stands."""
    item, line = _on_the_line()
    if line is None:
        return _lost()
    return xml(holding.wait(line, public_url=_settings().public_url, at=item.received_at))


@blueprint.post("/keys")
@patiently
def keys() -> Response:
    """Do what a caller asks for by a key."""
    item, line = _on_the_line()
    if line is None:
        return _lost()
    out, url, at = twilio_webhook.in_address(item, "out"), _settings().public_url, item.received_at
    if out not in list(Out):
        return xml(holding.press(line, _keys(item), public_url=url, at=at))
    return xml(holding.press_outside(line, _keys(item), Out(out), _tries(item), public_url=url, at=at))


@blueprint.post("/left")
@patiently
def left() -> Response:
    """Say what comes for a caller who is out of the line."""
    item, line = _on_the_line()
    if line is None:
        return _lost()
    result = twilio_webhook.read_form(item).get("QueueResult", "")
    return xml(holding.left(line, result, public_url=_settings().public_url))


@blueprint.post("/number")
@patiently
def number() -> Response:
    """Take the number at which a caller wants to be called whose own is withheld."""
    item, line = _on_the_line()
    if line is None:
        return _lost()
    out, typed = twilio_webhook.in_address(item, "out"), _keys(item)
    tries = _tries(item)
    return xml(holding.name_number(line, typed, out, tries, public_url=_settings().public_url))


@blueprint.get("/music.wav")
def hold_music() -> Response:
    """Play the music on hold. Anybody may hear it."""
    answer = Response(music.hold_music(), mimetype="audio/wav")
    answer.cache_control.public, answer.cache_control.max_age = True, MUSIC_CACHED_SECONDS
    return answer


def _arrived() -> Response:
    item = item_of_request(Channel.PHONE, "call")
    adapter(Channel.PHONE).verify(item)
    ours = _called(item)
    opening = _opening_of_number(ours, item)
    received = readable(gateway.receive(replace(item, meta={**item.meta, **opening.meta()}), at=item.received_at))
    if received.state is ItemState.IGNORED:
        return xml(twiml.rejected())
    sid = twilio_webhook.read_form(item).get("CallSid", "").strip() if received.state is ItemState.PROCESSED else ""
    line = on_the_line.find_by(sid) if sid else None
    if line is None:
        return xml(twiml.trouble(inbox_settings(ours)))
    return xml(arrival.first_words(line, opening, public_url=_settings().public_url, at=item.received_at))


def _called(item: RawItem) -> str:
    """Return which number of ours is called; "" where nobody can read that, which the gateway then says."""
    try:
        return twilio_webhook.read_form(item).get("To", "").strip()
    except MalformedPayload:
        return ""


def _choose(call_id: int, queue_id: int, opening: Opening, item: RawItem) -> None:
    """Line the caller up in the queue, unless Twilio asks for the second time."""
    with transaction(Channel.PHONE):
        row = db.session().get_one(Call, call_id)
        ticket = lifecycle.lock_ticket_of(row)
        if row.stage == Stage.MENU and row.ended_at is None:
            arrival.choose(ticket, row, queue_id, opening, at=item.received_at)


def _opening_of_number(address: str, item: RawItem) -> Opening:
    query = select(Queue).join(Inbox, Inbox.queue_id == Queue.id)
    queue = db.session().scalar(query.where(Inbox.channel == Channel.PHONE, Inbox.address == address))
    return Opening(is_open=False) if queue is None else opening_of(queue, at=item.received_at)


def _opening(queue_id: int, item: RawItem) -> Opening:
    queue = db.session().get(Queue, queue_id)
    return Opening(is_open=False) if queue is None else opening_of(queue, at=item.received_at)


def _on_the_line() -> tuple[RawItem, OnTheLine | None]:
    """Return the request, which Twilio has signed, and the call that it is about; None: there is none any more."""
    item = _verified()
    call_id = _number(item, "call")
    line = on_the_line.find(call_id) if call_id is not None else None
    return item, line


def _verified() -> RawItem:
    item = item_of_request(Channel.PHONE, "step")
    adapter(Channel.PHONE).verify(item)
    return item


def _keys(item: RawItem) -> str:
    form = twilio_webhook.read_form(item)
    return (form.get("Digits", "") or twilio_webhook.in_address(item, KEYS)).strip()[:MAX_DIGITS]


def _tries(item: RawItem) -> int:
    return min(_number(item, "tries") or 0, MAX_TRIES)


def _number(item: RawItem, name: str) -> int | None:
    value = twilio_webhook.in_address(item, name)
    return int(value) if value.isascii() and value.isdecimal() and len(value) <= 18 else None


def _same_address(item: RawItem, again: int) -> str:
    """Return the address of this request, with the keys that came with it, for another try."""
    parts = urlsplit(item.url)
    query = {name: value for name, value in parse_qsl(parts.query) if name not in {"again", KEYS}}
    typed = {KEYS: _keys(item)} if _keys(item) else {}
    return f"{_settings().public_url}{parts.path}?{urlencode({**query, **typed, 'again': again})}"


def _lost() -> Response:
    """Answer about a call that we do not know: it was taken in by nobody, or forgotten since."""
    return xml(twiml.trouble_in_every_language())


def _settings() -> Settings:
    settings: Settings = current_app.extensions["comptoir.settings"]
    return settings


answer_retries_alike(blueprint, _verified)
