"""Logins of people: begin one, see who you are, end it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import request
from flask.views import MethodView

from api.auth import COOKIE, actor, caller, calling_agent, refuse_other_sites
from api.blueprint import Blueprint
from api.logins import drop_cookie, log_in
from api.pagination import Listed, PageQuery, id_after, page_by_id
from api.schemas.access import LoginSchema, SessionPageSchema, SessionSchema
from ticketing import audit, sessions
from ticketing.agents import find_agent
from ticketing.errors import Conflict
from ticketing.models import Agent
from ticketing.moment import utc_now
from ticketing.transaction import transaction

blueprint = Blueprint("session", description="Logins of people")


@dataclass(frozen=True)
class Shown:
    """With what somebody came."""

    agent: Agent
    csrf_token: str | None
    expires_at: datetime | None


@blueprint.route("/session")
class Session(MethodView):
    @blueprint.takes(LoginSchema)
    @blueprint.answers(201, SessionSchema, description="You are logged in: the answer sets a cookie")
    @blueprint.refuses(429)
    def post(self, asked: dict[str, Any]) -> Shown:
        """Log in."""
        refuse_other_sites()
        opened = log_in(asked["email"], asked["password"], asked["code"])
        return Shown(find_agent(opened.row.agent_id), opened.csrf_token, opened.row.expires_at)

    @blueprint.needs("agents:read")
    @blueprint.answers(200, SessionSchema, description="You, and the token for X-CSRF-Token")
    def get(self) -> Shown:
        """Read who you are."""
        csrf_token = None if caller().session_id is None else sessions.csrf_token_of(request.cookies[COOKIE])
        return Shown(calling_agent(), csrf_token, caller().until)

    @blueprint.needs("account:write")
    @blueprint.answers(204, description="Logged out")
    @blueprint.refuses(409)
    def delete(self) -> None:
        """Log out."""
        if caller().session_id is None:
            raise Conflict("you came with a token, not with a login; end it with DELETE /tokens/{id}")
        _end(caller().session_id)
        drop_cookie()


@blueprint.route("/sessions")
class Sessions(MethodView):
    @blueprint.needs("account:write")
    @blueprint.asks(PageQuery)
    @blueprint.answers(200, SessionPageSchema, description="A page of logins")
    def get(self, asked: dict[str, Any]) -> Listed:
        """List your logins that are in force, on all devices."""
        after, limit = id_after(asked["after"]), asked["limit"]
        return page_by_id(sessions.own_sessions(caller(), now=utc_now(), after=after, limit=limit), limit)


@blueprint.route("/sessions/<id:session_id>")
class OneSession(MethodView):
    @blueprint.needs("account:write")
    @blueprint.answers(204, description="Ended")
    @blueprint.refuses(404)
    def delete(self, session_id: int) -> None:
        """Log out on another device."""
        _end(session_id)


def _end(session_id: int | None) -> None:
    with transaction("api"):
        at = utc_now()
        sessions.end_session(session_id or 0, agent_id=caller().agent_id, at=at)
        audit.record("logged_out", subject="agent", subject_id=caller().agent_id, by=actor(), at=at)
