"""Tickets put away until a moment."""

from typing import Any

from flask.views import MethodView

from api.auth import actor, caller
from api.blueprint import TICKET_HEADERS, Blueprint
from api.schemas.moving import SnoozeSchema
from api.schemas.tickets import TicketSchema
from api.versions import check_if_match, with_etag
from ticketing import snoozing
from ticketing.models import Ticket
from ticketing.moment import utc_now
from ticketing.queries import lock_seen
from ticketing.transaction import transaction

blueprint = Blueprint("snooze", description="What is put off until a moment")


@blueprint.route("/tickets/<id:ticket_id>/snooze")
class Snooze(MethodView):
    @blueprint.needs("tickets:write")
    @blueprint.reads_if_match()
    @blueprint.takes(SnoozeSchema)
    @blueprint.answers(200, TicketSchema, description="The ticket, put away", headers=TICKET_HEADERS)
    @blueprint.refuses(404, 409, 412)
    def put(self, wanted: dict[str, Any], ticket_id: int) -> tuple[Ticket, dict[str, str]]:
        """Put a ticket away until a moment; it is back then, or as soon as its customer writes."""
        with transaction("api"):
            ticket = lock_seen(caller(), ticket_id)
            check_if_match(ticket)
            snoozing.snooze(ticket, wanted["until"], by=actor(), at=utc_now())
        return with_etag(ticket)

    @blueprint.needs("tickets:write")
    @blueprint.reads_if_match()
    @blueprint.answers(200, TicketSchema, description="The ticket, back", headers=TICKET_HEADERS)
    @blueprint.refuses(404, 412)
    def delete(self, ticket_id: int) -> tuple[Ticket, dict[str, str]]:
        """Bring a ticket back that was put away."""
        with transaction("api"):
            ticket = lock_seen(caller(), ticket_id)
            check_if_match(ticket)
            snoozing.wake(ticket, why="agent", by=actor(), at=utc_now())
        return with_etag(ticket)
