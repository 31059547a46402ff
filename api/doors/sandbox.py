"""The sandbox's doors: the REST API that stands in for Twilio's, and what arrived.

The outbox wants no token: it is there in sandbox mode only, and shows nothing but what the sandbox was given.
"""

from typing import Any

import orjson
from flask import Blueprint, Response, abort, current_app, request

from channels.sandbox import resources
from channels.sandbox.provider import Answer, SandboxProvider
from config.settings import Settings
from ticketing.moment import utc_now

blueprint = Blueprint("sandbox", __name__, url_prefix="/sandbox")

MAX_OUTBOX = 10_000
ACCOUNT = f"/twilio{resources.API}/<account_sid>"


@blueprint.before_request
def only_in_the_sandbox() -> None:
    """There is no such page at a desk with real customers."""
    if not _settings().sandbox:
        abort(404)


@blueprint.get("/outbox")
def outbox() -> Response:
    """Show what arrived: `{items}`, newest last. `?channel=` and `?to=` filter, `?limit=` caps."""
    limit = max(0, min(request.args.get("limit", 1000, type=int), MAX_OUTBOX))
    items = _provider().store.arrived(
        channel=request.args.get("channel", ""), recipient=request.args.get("to", ""), limit=limit
    )
    return _json(200, {"items": items})


@blueprint.post(f"{ACCOUNT}/Messages.json")
def messages(account_sid: str) -> Response:
    """Take a text message, as Twilio does."""
    refusal = _refusal(account_sid)
    return refusal or _answer(_provider().create_message(request.form.to_dict(), at=utc_now()))


@blueprint.post(f"{ACCOUNT}/Calls.json")
def calls(account_sid: str) -> Response:
    """Take a call, as Twilio does."""
    refusal = _refusal(account_sid)
    if refusal is not None:
        return refusal
    events = request.form.getlist("StatusCallbackEvent")
    return _answer(_provider().create_call(request.form.to_dict(), events, at=utc_now()))


@blueprint.get(f"{ACCOUNT}/Recordings/<name>")
def recording(account_sid: str, name: str) -> Response:
    """Give a recording's sound, as Twilio does: a WAV unless something else is asked for."""
    refusal = _refusal(account_sid)
    if refusal is not None:
        return refusal
    content = _provider().store.recording(name.removesuffix(".wav"))
    if content is None:
        return _json(404, resources.error(404, 20404, "The requested resource was not found"))
    return Response(content, mimetype="audio/x-wav")


@blueprint.post("/recordings")
def record() -> Response:
    """Hold a recording of the form's `words`, for whoever plays a caller: 201 `{sid, url, seconds}`."""
    refusal = _refusal(_account_sid())
    return refusal or _json(201, _provider().record(request.form.get("words", "")))


def _refusal(account_sid: str) -> Response | None:
    """Return the answer to whoever does not show the sandbox's account; None lets them pass."""
    given = request.authorization
    username, password = (given.username or "", given.password or "") if given is not None else ("", "")
    if not _provider().knows(username, password):
        return _json(401, resources.error(401, 20003, "Authenticate"))
    if account_sid != _account_sid():
        return _json(404, resources.error(404, 20404, "The requested resource was not found"))
    return None


def _provider() -> SandboxProvider:
    """Return this process's provider; it is made when it is first asked for, after a server has forked."""
    found: SandboxProvider | None = current_app.extensions.get("comptoir.sandbox")
    if found is None:
        found = current_app.extensions.setdefault("comptoir.sandbox", SandboxProvider(_settings()))
    return found


def _settings() -> Settings:
    settings: Settings = current_app.extensions["comptoir.settings"]
    return settings


def _account_sid() -> str:
    account = _settings().twilio
    return account.account_sid if account is not None else ""


def _answer(answer: Answer) -> Response:
    return _json(answer.status, answer.body)


def _json(status: int, body: dict[str, Any]) -> Response:
    return Response(orjson.dumps(body), status, mimetype="application/json")
