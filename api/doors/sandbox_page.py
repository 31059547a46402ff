"""The page `/sandbox`, on which a newcomer is the customer, and what only this page asks for.

The page is plain files: its script and its style come from us, nothing from anywhere else, and it can make no markup of
what people write (see the policy below). `api/web.py` registers it where the sandbox is on, and nowhere else.
"""

from typing import Any

import orjson
from flask import Blueprint, Response, current_app, render_template, request
from sqlalchemy import select

from channels.sandbox.store import SandboxStore
from config.settings import Settings
from ticketing.errors import NotFound
from ticketing.models import Agent, Queue
from ticketing.store import db

blueprint = Blueprint("sandbox_page", __name__, url_prefix="/sandbox")

MAX_SHOWN = 100
MAX_ADDRESS = 320
MAX_NUMBER = 2**63 - 1

PAGE = "; ".join(  # what the page may do, for https://www.w3.org/TR/CSP3/
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "frame-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)
LETTER = "; ".join(  # a mail as it was designed: it runs nothing, fetches nothing, and is shown inside our page only
    ["sandbox", "default-src 'none'", "style-src 'unsafe-inline'", "img-src data:", "frame-ancestors 'self'"]
)


@blueprint.get("", strict_slashes=False)
def page() -> Response:
    """Show the four devices, and the agent's telephone."""
    return _guarded(Response(render_template("sandbox.html"), mimetype="text/html"), PAGE)


@blueprint.get("/desk")
def desk() -> Response:
    """Say who works here and on which telephone, and where tickets wait: `{agents, queues}`."""
    agents = db.session().scalars(select(Agent).where(Agent.is_active).order_by(Agent.id).limit(MAX_SHOWN))
    queues = db.session().scalars(select(Queue).order_by(Queue.id).limit(MAX_SHOWN))
    body = {
        "agents": [{"id": one.id, "name": one.name, "role": one.role, "device": _device(one)} for one in agents],
        "queues": [{"id": one.id, "name": one.name} for one in queues],
    }
    return Response(orjson.dumps(body), mimetype="application/json")


@blueprint.get("/mails")
def mails() -> Response:
    """Show what came to the mailbox `?to=` behind the number `?after=`: `{items, next}`, oldest first."""
    after = min(max(0, request.args.get("after", 0, type=int)), MAX_NUMBER)
    found, newest = _store().mails(request.args.get("to", "")[:MAX_ADDRESS], after=after, limit=MAX_SHOWN)
    items = [{"n": number, "is_designed": bool(mail.pop("html", "")), **mail} for number, mail in found]
    return Response(orjson.dumps({"items": items, "next": newest}), mimetype="application/json")


@blueprint.get("/mails/<int:number>/page")
def letter(number: int) -> Response:
    """Show one mail as it was designed."""
    mail = _store().mail(min(number, MAX_NUMBER))
    if mail is None or not mail.get("html"):
        raise NotFound("there is no such mail, or it has no design")
    return _guarded(Response(mail["html"], mimetype="text/html"), LETTER)


def _store() -> SandboxStore:
    settings: Settings = current_app.extensions["comptoir.settings"]
    return SandboxStore(settings)


def _device(agent: Agent) -> str:
    """Return the address at which the agent's telephone rings, "" for none."""
    return f"client:agent-{agent.id}" if agent.device_kind == "browser" else agent.device_address


def _guarded(answer: Response, policy: str) -> Response:
    headers: dict[str, Any] = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": policy,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Referrer-Policy": "no-referrer",
    }
    answer.headers.update(headers)
    return answer
