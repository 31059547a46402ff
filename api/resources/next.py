"""The next piece of work of a queue."""

from typing import Any

from flask import Response
from flask.views import MethodView

from api.auth import caller, calling_agent
from api.blueprint import TICKET_HEADERS, Blueprint
from api.schemas.tickets import TicketSchema
from api.schemas.work import NextQuery
from api.versions import with_etag
from ticketing.directory import worked_queue
from ticketing.models import Ticket
from ticketing.moment import utc_now
from ticketing.queries import read_ticket
from ticketing.routing import claim_next
from ticketing.transaction import transaction

blueprint = Blueprint("next", description="Who is next")


@blueprint.route("/queues/<id:queue_id>/next")
class Next(MethodView):
    @blueprint.needs("tickets:write")
    @blueprint.asks(NextQuery)
    @blueprint.answers(200, TicketSchema, description="The most pressing ticket, now yours", headers=TICKET_HEADERS)
    @blueprint.also(204, "Nobody waits")
    @blueprint.refuses(404)
    def post(self, asked: dict[str, Any], queue_id: int) -> tuple[Ticket, dict[str, str]] | Response:
        """Take the most pressing ticket of a queue.

        People who wait live come first, then the earliest deadline, then who waits longest. No ticket goes to two.
        """
        with transaction("api") as session:
            queue = worked_queue(caller(), queue_id)
            ticket = claim_next(queue, calling_agent(), at=utc_now(), channel=asked.get("channel"))
            if ticket is None:
                return Response(status=204)
            session.flush()
            ticket = read_ticket(caller(), ticket.id)
        return with_etag(ticket)
