"""The sandbox's doors: the REST API that stands in for Twilio's, the devices of whoever plays, and what arrived.

Only the REST API wants credentials: the rest is there in sandbox mode only, and does nothing but what the sandbox can.
"""

import base64
import binascii
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from flask import Blueprint, Flask, Response, abort, current_app, request
from sqlalchemy import select

from channels.sandbox import letters
from channels.sandbox.calls import Call
from channels.sandbox.desk import Desk, DeskTrouble
from channels.sandbox.devices import Answers, Device
from channels.sandbox.exchange import Exchange, NotNow
from channels.sandbox.faults import FaultPlan
from channels.sandbox.resources import error
from channels.sandbox.rest import api
from config.settings import Settings
from ticketing.models import Inbox
from ticketing.store import db

blueprint = Blueprint("sandbox", __name__, url_prefix="/sandbox")

MAX_OUTBOX = 10_000
MAX_WORDS = 2_000
MAX_BODY = 1_600
MAX_KEYS = 32
MAX_ADDRESS = 128
MAX_MEDIA = 10
MAX_STEP = 86_400.0
LONGEST_POLL = 20.0
ACCOUNT = "/twilio/2010-04-01/Accounts/<account_sid>/<path:path>"
ADDRESS = "/devices/<address>"

_making = threading.Lock()


@blueprint.before_request
def only_in_the_sandbox() -> None:
    """There is no such page at a desk with real customers."""
    if not _settings().sandbox:
        abort(404)


@blueprint.get("/outbox")
def outbox() -> Response:
    """Show what arrived: `{items}`, newest last. `?channel=` and `?to=` filter, `?limit=` caps."""
    limit = max(0, min(request.args.get("limit", 1000, type=int), MAX_OUTBOX))
    items = exchange_of(_app()).store.arrived(
        channel=request.args.get("channel", ""), recipient=request.args.get("to", ""), limit=limit
    )
    return _json(200, {"items": items})


@blueprint.route(ACCOUNT, methods=["GET", "POST", "DELETE"])
def rest(account_sid: str, path: str) -> Response:
    """Answer as Twilio's REST API does."""
    refusal = _refusal(account_sid)
    if refusal is not None:
        return refusal
    values = dict(request.args.lists()) | dict(request.form.lists())
    answer = api.answer(exchange_of(_app()), request.method, path, values)
    if answer.stall:
        time.sleep(answer.stall)
    content = orjson.dumps(answer.body) if answer.body is not None else answer.content
    return Response(content, answer.status, answer.headers, mimetype=answer.content_type)


@blueprint.post("/recordings")
def record() -> Response:
    """Hold a recording of the form's `words`, for whoever forges a caller: 201 `{sid, url, seconds}`."""
    refusal = _refusal(exchange_of(_app()).account_sid)
    return refusal or _json(201, exchange_of(_app()).hold_recording(request.form.get("words", "")))


@blueprint.get("/media/<sid>")
def medium(sid: str) -> Response:
    """Show a picture or a file of a text message."""
    kept = exchange_of(_app()).store.medium(sid)
    if kept is None:
        abort(404)
    answer = Response(kept[0], mimetype=kept[1])
    answer.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


@blueprint.get("/numbers")
def numbers() -> Response:
    """Show the addresses at which the desk can be reached."""
    rows = db.session().execute(select(Inbox.channel, Inbox.name, Inbox.address).order_by(Inbox.id))
    return _json(
        200, {"items": [{"channel": one.channel.value, "name": one.name, "address": one.address} for one in rows]}
    )


@blueprint.get("/devices")
def devices() -> Response:
    """Show every device that somebody has used or called."""
    exchange = exchange_of(_app())
    with exchange.engine.lock:
        items = [_shown(exchange, one, one.newest) for one in exchange.devices.values()]
    return _json(200, {"items": items})


@blueprint.get(ADDRESS)
def device(address: str) -> Response:
    """Show a device with what is new since `?after=`; with `?wait=` (seconds) as soon as there is something."""
    exchange, after = exchange_of(_app()), max(0, request.args.get("after", 0, type=int))
    wait = min(max(0.0, request.args.get("wait", 0.0, type=float)), LONGEST_POLL)
    with exchange.engine.lock:
        one = exchange.device(_address(address))
    if wait:
        exchange.engine.wait_for(lambda: one.has_news(after), seconds=wait)
    with exchange.engine.lock:
        return _json(200, _shown(exchange, one, after))


@blueprint.put(ADDRESS)
def open_device(address: str) -> Response:
    """Choose how a device answers: `{answers}`."""
    body = _body({"answers": str})
    if body.get("answers") not in list(Answers):
        return _trouble(422, "invalid", f"`answers` is one of: {', '.join(Answers)}")
    exchange = exchange_of(_app())
    one = exchange.open(_address(address), Answers(body["answers"]))
    return _json(200, _shown(exchange, one, one.newest))


@blueprint.post(f"{ADDRESS}/calls")
def dial(address: str) -> Response:
    """Call a number: `{to, pace?}`. A pace of 20 has words said twenty times as fast."""
    body = _body({"to": str, "pace": int | float})
    to, pace = body.get("to", ""), body.get("pace", 1)
    if not to or len(to) > MAX_ADDRESS or not 1 <= pace <= 100:
        return _trouble(422, "invalid", "`to` is a number of the desk's, `pace` a number from 1 to 100")
    exchange = exchange_of(_app())
    call = exchange.find_call(exchange.dial(_address(address), to, pace=float(pace)))
    return _json(201, call.shown())


@blueprint.post(f"{ADDRESS}/calls/<sid>/<deed>")
def do(address: str, sid: str, deed: str) -> Response:
    """Do something with a call of a device: keys, words, answer, decline, end, loss."""
    exchange = exchange_of(_app())
    found = _DEEDS.get(deed)
    call = exchange.calls.get(sid)
    if found is None or call is None or call.device.address != _address(address):
        return _trouble(404, "not_found", "there is no such call on this device, or nothing of that name to do with it")
    try:
        found(exchange, call)
    except NotNow as why:
        return _trouble(409, "not_now", str(why))
    except ValueError as why:
        return _trouble(422, "invalid", str(why))
    return _json(200, call.shown())


@blueprint.post(f"{ADDRESS}/messages")
def text(address: str) -> Response:
    """Send a text message: `{to, body, media?: [{content_type, data}]}`, the data in base64."""
    body = _body({"to": str, "body": str, "media": list})
    to, words = body.get("to", ""), body.get("body", "")
    try:
        media = [
            (str(one["content_type"]), base64.b64decode(one["data"], validate=True)) for one in body.get("media", [])
        ]
    except (KeyError, TypeError, binascii.Error):
        return _trouble(422, "invalid", "each of `media` has a `content_type` and `data` in base64")
    if not to or len(to) > MAX_ADDRESS or len(words) > MAX_BODY or len(media) > MAX_MEDIA or not (words or media):
        return _trouble(422, "invalid", "`to` is a number of the desk's, `body` has 1 to 1600 characters")
    exchange = exchange_of(_app())
    sid = exchange.text(_address(address), to, words, media)
    with exchange.engine.lock:
        sent = next(one for one in exchange.device(_address(address)).texts if one.sid == sid)
        return _json(201, sent.shown())


@blueprint.post("/mails")
def mail() -> Response:
    """Write a mail to the desk: `{from, to, subject, body, reply_to?}`."""
    body = _body({"from": str, "to": str, "subject": str, "body": str, "reply_to": str})
    if not body.get("from") or not body.get("to"):
        return _trouble(422, "invalid", "a mail wants `from` and `to`")
    try:
        with Desk(_settings()) as desk:
            message_id = letters.mail(
                desk,
                sender=body["from"],
                recipient=body["to"],
                subject=body.get("subject", ""),
                body=body.get("body", ""),
                reply_to=body.get("reply_to", ""),
            )
    except DeskTrouble as trouble:
        return _trouble(409, "not_taken", str(trouble))
    return _json(201, {"message_id": message_id})


@blueprint.get("/clock")
def clock() -> Response:
    """Show the sandbox's time."""
    return _clock()


@blueprint.put("/clock")
def set_clock() -> Response:
    """Let time go faster or stand still: `{speed}`."""
    body = _body({"speed": int | float})
    try:
        exchange_of(_app()).engine.run_at(float(body.get("speed", 1)))
    except ValueError as why:
        return _trouble(422, "invalid", str(why))
    return _clock()


@blueprint.post("/clock/steps")
def step_clock() -> Response:
    """Let everything happen now that is due within `{seconds}`."""
    seconds = float(_body({"seconds": int | float}).get("seconds", 0))
    if not 0 <= seconds <= MAX_STEP:
        return _trouble(422, "invalid", f"a step is from 0 to {MAX_STEP:.0f} seconds")
    exchange_of(_app()).run_for(seconds)
    return _clock()


@blueprint.route("/faults", methods=["GET", "PUT", "DELETE"])
def faults() -> Response:
    """Show, set or clear what is to go wrong."""
    exchange = exchange_of(_app())
    if request.method == "PUT":
        try:
            exchange.faults = FaultPlan.read(_body({"rest": list, "webhooks": list}))
        except ValueError as why:
            return _trouble(422, "invalid", str(why))
    elif request.method == "DELETE":
        exchange.faults = FaultPlan()
    return _json(200, exchange.faults.shown())


def exchange_of(app: Flask) -> Exchange:
    """Return this process's exchange; it is made when it is first asked for, after a server has forked."""
    with _making:
        found: Exchange | None = app.extensions.get("comptoir.sandbox")
        if found is None:
            found = app.extensions["comptoir.sandbox"] = Exchange(app.extensions["comptoir.settings"])
        return found


def _keys(exchange: Exchange, call: Call) -> None:
    digits = _body({"digits": str}).get("digits", "")
    if not digits or len(digits) > MAX_KEYS or set(digits) - set("0123456789*#w"):
        raise ValueError(f"`digits` are 1 to {MAX_KEYS} of 0123456789*#w")
    exchange.press(call.sid, digits)


def _words(exchange: Exchange, call: Call) -> None:
    words = _body({"text": str}).get("text", "").strip()
    if not words or len(words) > MAX_WORDS:
        raise ValueError(f"`text` has 1 to {MAX_WORDS} characters")
    exchange.speak(call.sid, words)


_DEEDS: Mapping[str, Callable[[Exchange, Call], None]] = {
    "keys": _keys,
    "words": _words,
    "answer": lambda exchange, call: exchange.pick_up(call.sid),
    "decline": lambda exchange, call: exchange.decline(call.sid),
    "end": lambda exchange, call: exchange.hang_up(call.sid),
    "loss": lambda exchange, call: exchange.vanish(call.sid),
}


def _refusal(account_sid: str) -> Response | None:
    """Return the answer to whoever does not show the sandbox's account; None lets them pass."""
    exchange = exchange_of(_app())
    given = request.authorization
    username, password = (given.username or "", given.password or "") if given is not None else ("", "")
    if not api.knows(exchange, username, password):
        return _json(401, error(401, 20003, "Authenticate"))
    if account_sid != exchange.account_sid:
        return _json(404, error(404, 20404, "The requested resource was not found"))
    return None


def _body(kinds: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request's JSON object; 415 for what is no JSON, 422 for fields of another kind or name."""
    if not request.is_json:
        # A page of somebody else's cannot post JSON without asking first.
        abort(_trouble(415, "unsupported_media_type", "send JSON, as application/json"))
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        abort(_trouble(422, "invalid", "send a JSON object"))
    for name, value in body.items():
        if name not in kinds or not isinstance(value, kinds[name]) or isinstance(value, bool):
            abort(_trouble(422, "invalid", f"`{name[:40]}` is not known here, or not of the right kind"))
    return body


def _address(address: str) -> str:
    if len(address) > MAX_ADDRESS:
        abort(_trouble(422, "invalid", f"an address has at most {MAX_ADDRESS} characters"))
    return address


def _shown(exchange: Exchange, one: Device, after: int) -> dict[str, Any]:
    return one.shown(after=after, now=exchange.now(), speed=exchange.engine.clock.speed)


def _clock() -> Response:
    exchange = exchange_of(_app())
    shown = {"now": exchange.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "speed": exchange.engine.clock.speed}
    return _json(200, shown)


def _trouble(status: int, code: str, detail: str) -> Response:
    return _json(status, {"code": code, "detail": detail})


def _app() -> Flask:
    return current_app._get_current_object()  # type: ignore[attr-defined,no-any-return]


def _settings() -> Settings:
    settings: Settings = current_app.extensions["comptoir.settings"]
    return settings


def _json(status: int, body: dict[str, Any]) -> Response:
    return Response(orjson.dumps(body), status, mimetype="application/json")
