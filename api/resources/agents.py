"""The people at the desk."""

from typing import Any

from flask.views import MethodView

from api import assigning
from api.auth import actor, caller, calling_agent
from api.blueprint import Blueprint
from api.pagination import Listed, PageQuery, id_after, page_by_id
from api.schemas.desk import AgentPageSchema, AgentSchema
from api.schemas.people import AgentChangeSchema, NewAgentSchema
from ticketing import people
from ticketing.agents import find_agent
from ticketing.directory import colleagues
from ticketing.models import Agent, Role
from ticketing.moment import utc_now
from ticketing.transaction import transaction

blueprint = Blueprint("agents", description="The people at the desk")


@blueprint.route("/agents")
class Agents(MethodView):
    @blueprint.needs("agents:read")
    @blueprint.asks(PageQuery)
    @blueprint.answers(200, AgentPageSchema, description="A page of agents")
    def get(self, asked: dict[str, Any]) -> Listed:
        """List the agents, those who have left too."""
        return page_by_id(colleagues(after=id_after(asked["after"]), limit=asked["limit"]), asked["limit"])

    @blueprint.needs("agents:write", role=Role.ADMIN)
    @blueprint.takes(NewAgentSchema)
    @blueprint.answers(201, AgentSchema, description="The new agent")
    @blueprint.refuses(409)
    def post(self, new: dict[str, Any]) -> Agent:
        """Add a person to the desk."""
        with transaction("api"):
            return people.add_agent(**new, by=actor(), at=utc_now())


@blueprint.route("/agents/me")
class Me(MethodView):
    @blueprint.needs("agents:read")
    @blueprint.answers(200, AgentSchema, description="You")
    def get(self) -> Agent:
        """Read who you are."""
        return calling_agent()


@blueprint.route("/agents/<id:agent_id>")
class OneAgent(MethodView):
    @blueprint.needs("agents:read")
    @blueprint.answers(200, AgentSchema, description="The agent")
    @blueprint.refuses(404)
    def get(self, agent_id: int) -> Agent:
        """Read who somebody is."""
        return find_agent(agent_id)

    @blueprint.needs("agents:write", role=Role.SUPERVISOR)
    @blueprint.takes(AgentChangeSchema, example={"skills": ["french"], "capacity": {"chat": 3, "phone": 1}})
    @blueprint.answers(200, AgentSchema, description="The agent as they are now")
    @blueprint.refuses(404, 409)
    def patch(self, wanted: dict[str, Any], agent_id: int) -> Agent:
        """Change a person.

        Admins change everything, supervisors the skills and the capacity of those who work a queue with them.
        """
        with transaction("api"):
            agent = people.change_agent(caller(), agent_id, wanted, at=utc_now())
        assigning.wake_for(agent)
        return agent
