"""Everything that this application answers over HTTP: the API, its documentation, health, and the doors."""

from typing import NoReturn

from flask import Flask, Response, abort, request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.middleware.proxy_fix import ProxyFix

from api.auth import connect_auth
from api.docs import connect_docs
from api.doors import (
    callbacks,
    callers,
    chat,
    chat_events,
    chat_files,
    chat_line,
    chat_presence,
    email,
    health,
    media,
    rooms,
    sandbox,
    sandbox_page,
    twilio,
    widget_pages,
)
from api.doors.origins import connect_origins, connect_preflights
from api.doors.throttle import connect_throttle
from api.errors import connect_errors
from api.idempotency import connect_idempotency
from api.limits import connect_limits
from api.logins import connect_logins
from api.openapi import PREFIX, connect_api
from api.parsing import connect_parsing
from api.requests import connect_requests
from api.uploads import largest_upload
from config.settings import Settings

UPLOADS = {f"{PREFIX}/attachments", "/chat/attachments"}
LIMITS = {  # path -> bytes of one request; elsewhere COMPTOIR_REQUEST_MAX_BYTES
    PREFIX: 2_000_000,
    "/chat": 65_536,
    "/healthz": 1_000,
    "/inbound/twilio": 65_536,  # Twilio's forms have some two thousand
    "/readyz": 1_000,
    "/sandbox": 8_000_000,  # pictures of text messages, in base64
}


def connect_web(app: Flask, settings: Settings) -> None:
    """Register everything that answers HTTP requests."""
    if settings.trusted_proxies:
        # Only the last entries of X-Forwarded-For were written by proxies of ours; before them anybody can write.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.trusted_proxies, x_proto=0, x_host=0)  # type: ignore[method-assign]
    connect_parsing(app)
    connect_requests(app)
    connect_errors(app)
    app.before_request(_limit_size)
    connect_limits(app, settings)
    connect_logins(app)
    connect_origins(app)
    connect_throttle(app, settings)
    connect_preflights(app)
    connect_auth(app)
    connect_idempotency(app)
    app.after_request(_protect)
    connect_api(app)
    connect_docs(app)
    for door in (health, email, twilio, callers, callbacks, rooms, media):
        app.register_blueprint(door.blueprint)
    for door in (chat, chat_events, chat_files, chat_line, chat_presence, widget_pages):
        app.register_blueprint(door.blueprint)
    if settings.openid is not None:
        from api.doors.oidc import connect_oidc  # what it needs comes with the extra `oauth`

        connect_oidc(app, settings.openid)
    if settings.sandbox:
        app.register_blueprint(sandbox.blueprint)
        app.register_blueprint(sandbox_page.blueprint)
        app.register_blueprint(widget_pages.demo)
    else:
        app.add_url_rule("/static/sandbox/<path:filename>", "no_sandbox", _not_there)


def _not_there(**_: str) -> NoReturn:
    """Keep the files of a page back that this desk does not have."""
    abort(404)


def _limit_size() -> None:
    """Refuse what is too large, also where its length was not announced: werkzeug would cut it off without a word."""
    if request.path in UPLOADS:
        request.max_content_length = largest_upload()
        return  # its body is read after the guard only, piece by piece
    limit = next((LIMITS[path] for path in LIMITS if request.path.startswith(path)), None)
    if limit is None:
        return  # what may be larger is read only after the door knows who brings it
    request.max_content_length = limit
    if request.content_length is None and len(request.get_data()) >= limit:
        raise RequestEntityTooLarge


def _protect(response: Response) -> Response:
    """Keep answers of the API out of caches, and from being taken for pages."""
    if request.path.startswith(PREFIX):
        response.headers["Cache-Control"] = "no-store"
    return response
