"""Limits of the doors that strangers knock at: the chat, and whoever shows a wrong secret."""

import hashlib

from flask import Flask, Response, g, request

from api.errors import answered
from api.limits import Standing, calling_address, headers_of, limits, over_limit
from config.settings import Rate, Settings

CHAT = "/chat/"
SECRET_DOORS = ("/chat/", "/inbound/")
WRONG_SECRETS = Rate(60, 60)  # a minute, from one address
POLICY = "visitor"


def connect_throttle(app: Flask, settings: Settings) -> None:
    """Count what comes through these doors."""

    def begin() -> None:
        g.pop("visitor_standing", None)
        rate = settings.chat_rate_limit
        if rate is not None and request.path.startswith(CHAT):
            g.visitor_standing = limits().hit(_visitor(), rate)
            if g.visitor_standing.is_over:
                raise over_limit(g.visitor_standing)

    app.before_request(begin)
    if settings.login_rate_limit is not None:
        app.after_request(_count_wrong_secrets)
    app.after_request(_tell)


def _visitor() -> str:
    token = request.headers.get("Authorization")
    if not token:
        return f"chat:{calling_address()}"
    return "chat:" + hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()[:32]


def _count_wrong_secrets(response: Response) -> Response:
    # Only who is refused anyway: behind a proxy whose word we do not take, a good one may come from the same address.
    if response.status_code not in {401, 403} or not request.path.startswith(SECRET_DOORS):
        return response
    standing = limits().hit(f"secret:{calling_address()}", WRONG_SECRETS)
    return answered(over_limit(standing)) if standing.is_over else response


def _tell(response: Response) -> Response:
    standing: Standing | None = g.get("visitor_standing")
    if standing is not None:
        response.headers.update(headers_of(POLICY, standing))
    return response
