"""Who is there."""

from typing import Any

from flask.views import MethodView

from api import assigning
from api.auth import actor, caller
from api.blueprint import Blueprint
from api.schemas.people import PresenceChangeSchema, PresenceSchema
from ticketing.agents import find_agent
from ticketing.models import Agent
from ticketing.moment import utc_now
from ticketing.presence import set_presence
from ticketing.transaction import transaction

blueprint = Blueprint("presence", description="Who is there")


@blueprint.route("/agents/me/presence")
class MyPresence(MethodView):
    @blueprint.needs("agents:write")
    @blueprint.takes(PresenceChangeSchema, example={"status": "away", "reason": "lunch"})
    @blueprint.answers(200, PresenceSchema, description="How you are seen now")
    def put(self, wanted: dict[str, Any]) -> Agent:
        """Say whether you take work that comes by itself.

        Going offline hands back what nobody has answered, and everybody who waits live, unless you `keep_work`.
        """
        presence, reason = wanted["status"], wanted["reason"].strip()
        with transaction("api"):
            agent = set_presence(
                caller().agent_id, presence, reason=reason, keep_work=wanted["keep_work"], by=actor(), at=utc_now()
            )
        assigning.wake_for(agent)
        return agent


@blueprint.route("/agents/<id:agent_id>/presence")
class Presence(MethodView):
    @blueprint.needs("agents:read")
    @blueprint.answers(200, PresenceSchema, description="Whether they are there")
    @blueprint.refuses(404)
    def get(self, agent_id: int) -> Agent:
        """Read whether somebody is there."""
        return find_agent(agent_id)
