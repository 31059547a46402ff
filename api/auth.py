"""Who is calling, and whether they may: every view of the API needs a token or a login, a scope and a role."""

from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, request

from api.blueprint import Needs, needs_of
from api.errors import NotAuthenticated, Refused
from api.limits import headers_of, limits, over_limit
from config.settings import Settings
from ticketing import agents, sessions
from ticketing.agents import Caller, must_be
from ticketing.errors import NotAllowed
from ticketing.events import Actor
from ticketing.models import Agent
from ticketing.moment import utc_now
from ticketing.sessions import Holder
from ticketing.transaction import transaction

PREFIX = "/api/"
# Below PREFIX, what anybody may ask: an endpoint, or `METHOD endpoint`.
PUBLIC = frozenset({"api-docs.openapi_json", "POST session.Session", "POST invitations.Invitations"})
COOKIE = "comptoir_session"
CSRF_HEADER = "X-CSRF-Token"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
POLICY = "caller"  # the name of the limit, in its header fields


def connect_auth(app: Flask) -> None:
    """Guard every address below the API's prefix: what declares no need is nobody's."""
    app.before_request(_guard)
    app.after_request(_tell_limit)


def caller() -> Caller:
    """Return who is calling."""
    found: Caller = g.caller
    return found


def actor() -> Actor:
    """Return the caller as the journal names them."""
    return Actor.agent(caller().agent_id)


def calling_agent() -> Agent:
    """Return the caller's own row, in this transaction."""
    return agents.find_agent(caller().agent_id)


def is_public(endpoint: str, method: str) -> bool:
    """Say whether anybody may ask this."""
    return endpoint in PUBLIC or f"{method} {endpoint}" in PUBLIC


def declared(endpoint: str, method: str) -> Needs | None:
    """Return what the view behind an endpoint has declared for a method; None if nothing."""
    view_class = getattr(current_app.view_functions[endpoint], "view_class", None)
    return needs_of(getattr(view_class, "get" if method == "HEAD" else method.lower(), None))


def _guard() -> None:
    g.pop("caller", None)  # `g` outlives a request where a test has pushed an application context
    g.pop("standing", None)
    rule = request.url_rule
    if rule is None or not rule.rule.startswith(PREFIX) or is_public(rule.endpoint, request.method):
        return
    g.caller = _authenticate()
    _limit(g.caller)
    if request.method != "OPTIONS":
        _permit(g.caller, declared(rule.endpoint, request.method))


def _authenticate() -> Caller:
    given = request.authorization
    if given is not None:  # then a cookie beside it says nothing
        return _by_token(given.token if given.type == "bearer" else None)
    cookie = request.cookies.get(COOKIE)
    return _by_cookie(cookie) if cookie else _by_token(None)


def _by_token(secret: str | None) -> Caller:
    if not secret:
        raise NotAuthenticated("Say who you are with `Authorization: Bearer` and a token, or log in.")
    found = agents.authenticate(secret, now=utc_now())
    if found is None:
        raise NotAuthenticated("This token is unknown, expired or revoked, or its agent has left.")
    return found


def _by_cookie(cookie: str) -> Caller:
    now = utc_now()
    holder = sessions.holder_of(cookie, now=now)
    if holder is None:
        raise NotAuthenticated("This login has ended; log in again.")
    if request.method not in SAFE:
        _refuse_forgery(holder)
    if holder.is_stale and holder.caller.session_id is not None:
        with transaction("api"):
            sessions.note_seen(holder.caller.session_id, at=now)
    return holder.caller


def _refuse_forgery(holder: Holder) -> None:
    """Raise unless our own page sent this: a browser adds the cookie to whatever any page sends."""
    if not sessions.csrf_token_is_right(request.headers.get(CSRF_HEADER, ""), holder):
        raise Refused(403, "csrf_failed", f"send the login's token in {CSRF_HEADER}; GET /api/v1/session tells it")
    refuse_other_sites()


def refuse_other_sites() -> None:
    """Raise when the browser says that a page of somebody else's sent this request."""
    site, origin = request.headers.get("Sec-Fetch-Site", "none"), request.headers.get("Origin")
    if site not in {"same-origin", "none"} or (origin is not None and origin not in _own_origins()):
        raise Refused(403, "csrf_failed", "this request was sent by a page of another site")


def _own_origins() -> set[str]:
    settings: Settings = current_app.extensions["comptoir.settings"]
    ours = {_origin(settings.public_url), _origin(settings.local_url)}
    return ours if settings.public_url_is_given else ours | {f"{request.scheme}://{request.host}"}


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _limit(who: Caller) -> None:
    settings: Settings = current_app.extensions["comptoir.settings"]
    if settings.rate_limit is None:
        return
    g.standing = limits().hit(who.holder, settings.rate_limit)
    if g.standing.is_over:
        raise over_limit(g.standing)


def _tell_limit(response: Response) -> Response:
    standing = g.get("standing")
    if standing is not None:
        response.headers.update(headers_of(POLICY, standing))
    return response


def _permit(who: Caller, needs: Needs | None) -> None:
    if needs is None:
        raise NotAllowed("nobody may do this here: the address declares no scope")
    if not who.may(needs.scope):
        raise NotAllowed(f"this token lacks the scope {needs.scope}")
    must_be(who, needs.role)
