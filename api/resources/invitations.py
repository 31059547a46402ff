"""What admins do for the logins of others: invite to choose a password, reset a second factor, see their tokens."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import current_app
from flask.views import MethodView

from api import hashing
from api.auth import actor, caller, refuse_other_sites
from api.blueprint import Blueprint
from api.limits import calling_address, limits, over_limit
from api.pagination import Listed, PageQuery, id_after, page_by_id
from api.schemas.access import AcceptanceSchema, InvitationSchema
from api.schemas.desk import TokenPageSchema
from config.settings import Settings
from ticketing import credentials, invitations, passwords, second_factor
from ticketing.agents import find_agent, must_be_unlimited
from ticketing.directory import tokens_of
from ticketing.errors import NotFound
from ticketing.models import Role
from ticketing.moment import utc_now
from ticketing.transaction import transaction

blueprint = Blueprint("invitations", description="Others' passwords, second factors and tokens")


@dataclass(frozen=True)
class Invitation:
    """What somebody may choose a password with."""

    token: str
    expires_at: datetime


@blueprint.route("/agents/<id:agent_id>/invitation")
class AgentInvitation(MethodView):
    @blueprint.needs("agents:write", role=Role.ADMIN)
    @blueprint.answers(201, InvitationSchema, description="The invitation; its token is shown this once")
    @blueprint.refuses(404, 422)
    def post(self, agent_id: int) -> Invitation:
        """Invite somebody to choose a password, which also ends a lock. Not by a token that is limited to scopes."""
        must_be_unlimited(caller())
        with transaction("api"):
            agent = find_agent(agent_id)
            token, until = invitations.invite(agent, by=actor(), secret_key=_settings().secret_key, at=utc_now())
        return Invitation(token, until)


@blueprint.route("/invitations")
class Invitations(MethodView):
    @blueprint.takes(AcceptanceSchema)
    @blueprint.answers(204, description="The password is set; log in with it")
    @blueprint.refuses(404)
    def post(self, asked: dict[str, Any]) -> None:
        """Choose a password by an invitation."""
        refuse_other_sites()
        _limit()
        secret_key = _settings().secret_key
        agent = invitations.invited(asked["token"], secret_key=secret_key, now=utc_now())
        passwords.check_new(asked["password"], known_as=[agent.name, agent.email])
        kept = hashing.hashed(asked["password"])
        with transaction("api"):
            invitations.accept(asked["token"], kept, secret_key=secret_key, at=utc_now())


@blueprint.route("/agents/<id:agent_id>/totp")
class AgentSecondFactor(MethodView):
    @blueprint.needs("agents:write", role=Role.ADMIN)
    @blueprint.answers(204, description="Removed")
    @blueprint.refuses(404)
    def delete(self, agent_id: int) -> None:
        """Remove the second factor of somebody who has lost it. Not by a token that is limited to scopes."""
        must_be_unlimited(caller())
        with transaction("api"):
            credential = credentials.lock_credential(find_agent(agent_id).id)
            if credential is None or credential.totp_secret is None:
                raise NotFound(f"agent {agent_id} has no second factor")
            second_factor.remove(credential, by=actor(), at=utc_now())


@blueprint.route("/agents/<id:agent_id>/tokens")
class AgentTokens(MethodView):
    @blueprint.needs("tokens:write", role=Role.ADMIN)
    @blueprint.asks(PageQuery)
    @blueprint.answers(200, TokenPageSchema, description="A page of tokens")
    @blueprint.refuses(404)
    def get(self, asked: dict[str, Any], agent_id: int) -> Listed:
        """List somebody's tokens that are not revoked."""
        rows = tokens_of(find_agent(agent_id).id, after=id_after(asked["after"]), limit=asked["limit"])
        return page_by_id(rows, asked["limit"])


def _limit() -> None:
    rate = _settings().login_rate_limit
    if rate is not None and (standing := limits().hit(f"login:{calling_address()}", rate, exactly=True)).is_over:
        raise over_limit(standing)


def _settings() -> Settings:
    found: Settings = current_app.extensions["comptoir.settings"]
    return found
