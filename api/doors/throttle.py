"""Limits of the doors that strangers knock at: the chat, and whoever shows a wrong secret."""

from flask import Flask, Response, g, request

from api.doors.origins import is_preflight
from api.errors import answered
from api.limits import Standing, calling_address, headers_of, limits, over_limit
from channels.errors import InvalidSignature
from channels.webchat.tokens import VisitorTokens
from config.settings import Rate, Settings

CHAT = "/chat/"
SECRET_DOORS = ("/chat/", "/inbound/")
WRONG_SECRETS = Rate(60, 60)  # a minute, from one address
POLICY = "visitor"
NARROWER = {  # what costs more than a look, of one visitor; of sessions, of one address: there is no visitor yet
    ("POST", "/chat/sessions"): Rate(120, 60),
    ("POST", "/chat/messages"): Rate(60, 60),
    ("POST", "/chat/attachments"): Rate(40, 3600),
    ("PATCH", "/chat/session"): Rate(60, 60),
    ("POST", "/chat/callback"): Rate(10, 3600),
    ("POST", "/chat/text"): Rate(10, 3600),
    ("POST", "/chat/transcript"): Rate(10, 3600),
}


def connect_throttle(app: Flask, settings: Settings) -> None:
    """Count what comes through these doors."""
    rate, tokens = settings.chat_rate_limit, VisitorTokens(settings)

    def begin() -> None:
        g.pop("visitor_standing", None)
        if rate is not None and request.path.startswith(CHAT):
            who = _preflight() if is_preflight() else _visitor(tokens)
            g.visitor_standing = limits().hit(who, rate)
            narrower = NARROWER.get((request.method, request.path))
            if narrower is not None and not g.visitor_standing.is_over:
                standing = limits().hit(f"{who}:{request.method} {request.path}", narrower)
                g.visitor_standing = standing if standing.is_over else g.visitor_standing
            if g.visitor_standing.is_over:
                raise over_limit(g.visitor_standing)

    app.before_request(begin)
    if settings.login_rate_limit is not None:
        app.after_request(_count_wrong_secrets)
    app.after_request(_tell)


def _visitor(tokens: VisitorTokens) -> str:
    """Return who knocks: a visitor, however often their token is renewed; whoever shows none of ours, by address."""
    authorization = request.headers.get("Authorization")
    if authorization:
        try:
            return f"chat:{tokens.visitor(authorization)}"
        except InvalidSignature:
            pass
    return f"chat:{calling_address()}"


def _preflight() -> str:
    return f"chat-preflight:{calling_address()}"


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
