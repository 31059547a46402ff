"""Tickets solved, and opened again."""

from typing import Any

from flask.views import MethodView

from api.auth import actor, caller, calling_agent
from api.blueprint import TICKET_HEADERS, Blueprint
from api.schemas.tickets import TicketSchema
from api.schemas.work import ResolutionSchema
from api.versions import check_if_match, with_etag
from ticketing import conversation, lifecycle
from ticketing.models import Ticket
from ticketing.moment import utc_now
from ticketing.queries import lock_seen
from ticketing.transaction import transaction

blueprint = Blueprint("resolution", description="Whether a matter is done")


@blueprint.route("/tickets/<id:ticket_id>/resolution")
class Resolution(MethodView):
    @blueprint.needs("tickets:write")
    @blueprint.reads_if_match()
    @blueprint.takes(ResolutionSchema, required=False)
    @blueprint.answers(200, TicketSchema, description="The ticket, solved", headers=TICKET_HEADERS)
    @blueprint.refuses(404, 409, 412)
    def put(self, wanted: dict[str, Any], ticket_id: int) -> tuple[Ticket, dict[str, str]]:
        """Resolve a ticket."""
        with transaction("api"):
            ticket, at = lock_seen(caller(), ticket_id), utc_now()
            check_if_match(ticket)
            if "note" in wanted:
                conversation.note(ticket, wanted["note"], agent=calling_agent(), at=at)
            lifecycle.resolve(ticket, by=actor(), at=at, answer_needed=wanted["answer_needed"])
        return with_etag(ticket)

    @blueprint.needs("tickets:write")
    @blueprint.reads_if_match()
    @blueprint.answers(200, TicketSchema, description="The ticket, open again", headers=TICKET_HEADERS)
    @blueprint.refuses(404, 409, 412)
    def delete(self, ticket_id: int) -> tuple[Ticket, dict[str, str]]:
        """Reopen a ticket."""
        with transaction("api"):
            ticket = lock_seen(caller(), ticket_id)
            check_if_match(ticket)
            lifecycle.reopen(ticket, by=actor(), at=utc_now())
        return with_etag(ticket)
