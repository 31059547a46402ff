"""The people at the desk."""

from typing import Any

from flask.views import MethodView

from api.auth import calling_agent
from api.blueprint import Blueprint
from api.pagination import Listed, PageQuery, id_after, page_by_id
from api.schemas.desk import AgentPageSchema, AgentSchema
from ticketing.directory import colleagues
from ticketing.models import Agent

blueprint = Blueprint("agents", description="The people at the desk")


@blueprint.route("/agents")
class Agents(MethodView):
    @blueprint.needs("agents:read")
    @blueprint.asks(PageQuery)
    @blueprint.answers(200, AgentPageSchema, description="A page of agents")
    def get(self, asked: dict[str, Any]) -> Listed:
        """List the agents."""
        return page_by_id(colleagues(after=id_after(asked["after"]), limit=asked["limit"]), asked["limit"])


@blueprint.route("/agents/me")
class Me(MethodView):
    @blueprint.needs("agents:read")
    @blueprint.answers(200, AgentSchema, description="You")
    def get(self) -> Agent:
        """Read who you are."""
        return calling_agent()
