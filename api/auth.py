"""Who is calling, and whether they may: every view of the API needs a bearer token, a scope and a role."""

from flask import Flask, current_app, g, request

from api.blueprint import Needs, needs_of
from api.errors import NotAuthenticated
from ticketing import agents
from ticketing.agents import Caller, must_be
from ticketing.errors import NotAllowed
from ticketing.events import Actor
from ticketing.models import Agent
from ticketing.moment import utc_now

PREFIX = "/api/"
PUBLIC = frozenset({"api-docs.openapi_json"})  # endpoints below PREFIX that anybody may ask


def connect_auth(app: Flask) -> None:
    """Guard every address below the API's prefix: what declares no need is nobody's."""
    app.before_request(_guard)


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


def _guard() -> None:
    rule = request.url_rule
    if rule is None or rule.endpoint in PUBLIC or not rule.rule.startswith(PREFIX):
        return
    g.caller = _authenticate()
    if request.method != "OPTIONS":
        _permit(g.caller, declared(rule.endpoint, request.method))


def declared(endpoint: str, method: str) -> Needs | None:
    """Return what the view behind an endpoint has declared for a method; None if nothing."""
    view_class = getattr(current_app.view_functions[endpoint], "view_class", None)
    return needs_of(getattr(view_class, "get" if method == "HEAD" else method.lower(), None))


def _authenticate() -> Caller:
    given = request.authorization
    if given is None or given.type != "bearer" or not given.token:
        raise NotAuthenticated("Say who you are with `Authorization: Bearer` and a token.")
    found = agents.authenticate(given.token, now=utc_now())
    if found is None:
        raise NotAuthenticated("This token is unknown, expired or revoked, or its agent has left.")
    return found


def _permit(who: Caller, needs: Needs | None) -> None:
    if needs is None:
        raise NotAllowed("nobody may do this here: the address declares no scope")
    if not who.may(needs.scope):
        raise NotAllowed(f"this token lacks the scope {needs.scope}")
    must_be(who, needs.role)
