"""On whose pages a chat widget may stand: Cross-Origin Resource Sharing for the chat's doors, and the refusals.

A browser's preflight passes where any widget lists the origin, for it carries no token; the call itself is judged by
its own widget. An inbox lists origins in its setting `origins`; our own pages always count. Who sends no Origin is no
browser's page, and is judged by their token alone. There are no cookies here.
"""

from urllib.parse import urlsplit

from flask import Flask, Response, current_app, request

from api.errors import Refused
from channels import webchat
from config.settings import Settings
from ticketing.models import Inbox

CHAT = "/chat/"
METHODS = "GET, POST, PATCH"
HEADERS = "Authorization, Content-Type, Last-Event-ID"
SHOWN = "Retry-After, RateLimit, RateLimit-Policy"
REMEMBERED = 7200  # seconds, for which a browser need not ask again


def connect_origins(app: Flask) -> None:
    """Let pages read what the chat's doors answer, refusals too. Before whatever may refuse."""
    app.after_request(_let_read)


def connect_preflights(app: Flask) -> None:
    """Answer preflights. Behind whatever limits how often."""
    app.before_request(lambda: _preflight() if is_preflight() else None)


def is_preflight() -> bool:
    """Say whether a browser asks beforehand whether a page may call."""
    return request.method == "OPTIONS" and request.path.startswith(CHAT) and bool(request.headers.get("Origin"))


def must_be_welcome(inbox: Inbox) -> None:
    """Raise Refused where the page that calls is none on which the inbox's widget may stand."""
    origin = request.headers.get("Origin")
    if origin and not _is_ours(origin) and origin not in inbox.settings.get("origins", ()):
        raise _refused(origin)


def _preflight() -> Response:
    origin = request.headers["Origin"]
    if not _is_ours(origin) and not webchat.is_listed(origin):
        raise _refused(origin)
    allowed = {"Access-Control-Allow-Methods": METHODS, "Access-Control-Allow-Headers": HEADERS}
    return Response(status=204, headers={**allowed, "Access-Control-Max-Age": str(REMEMBERED)})


def _refused(origin: str) -> Refused:
    return Refused(403, "origin_not_allowed", f"this chat may not stand on {origin[:200]}; an admin lists its origins")


def _is_ours(origin: str) -> bool:
    settings: Settings = current_app.extensions["comptoir.settings"]
    ours = (settings.public_url, settings.local_url, request.host_url)
    return origin in {"{0.scheme}://{0.netloc}".format(urlsplit(one)) for one in ours}


def _let_read(response: Response) -> Response:
    if request.path.startswith(CHAT):
        response.vary.add("Origin")
        origin = request.headers.get("Origin")
        if origin:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = SHOWN
    return response
