"""Who has a ticket."""

from typing import Any

from flask.views import MethodView

from api.auth import actor, caller
from api.blueprint import TICKET_HEADERS, Blueprint
from api.references import agent_with
from api.schemas.tickets import TicketSchema
from api.schemas.work import AssignmentSchema, ReleaseSchema
from api.versions import check_if_match, with_etag
from ticketing import lifecycle
from ticketing.capacity import lock_agent
from ticketing.models import Ticket
from ticketing.moment import utc_now
from ticketing.queries import lock_seen
from ticketing.transaction import transaction

blueprint = Blueprint("assignment", description="Who has a ticket")


@blueprint.route("/tickets/<id:ticket_id>/assignment")
class Assignment(MethodView):
    @blueprint.needs("tickets:write")
    @blueprint.reads_if_match()
    @blueprint.takes(AssignmentSchema)
    @blueprint.answers(200, TicketSchema, description="The ticket, assigned", headers=TICKET_HEADERS)
    @blueprint.refuses(404, 409, 412)
    def put(self, wanted: dict[str, Any], ticket_id: int) -> tuple[Ticket, dict[str, str]]:
        """Give a ticket to an agent."""
        with transaction("api"):
            agent = agent_with(wanted["agent"])
            if agent.device_kind:  # it may have to ring: who locks both, locks the agent first
                lock_agent(agent.id)
            ticket = lock_seen(caller(), ticket_id)
            check_if_match(ticket)
            lifecycle.assign(
                ticket, agent, by=actor(), at=utc_now(), steal=wanted["steal"], reason=wanted["reason"].strip()
            )
        return with_etag(ticket)

    @blueprint.needs("tickets:write")
    @blueprint.reads_if_match()
    @blueprint.takes(ReleaseSchema, required=False)
    @blueprint.answers(200, TicketSchema, description="The ticket, back in its queue", headers=TICKET_HEADERS)
    @blueprint.refuses(404, 412)
    def delete(self, wanted: dict[str, Any], ticket_id: int) -> tuple[Ticket, dict[str, str]]:
        """Give a ticket back to its queue."""
        with transaction("api"):
            ticket = lock_seen(caller(), ticket_id)
            check_if_match(ticket)
            lifecycle.release(ticket, by=actor(), at=utc_now(), reason=wanted.get("reason", "").strip())
        return with_etag(ticket)
