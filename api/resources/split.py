"""One ticket made two."""

from typing import Any

from flask.views import MethodView

from api.auth import actor, caller
from api.blueprint import TICKET_HEADERS, Blueprint
from api.schemas.moving import SplitSchema
from api.schemas.tickets import TicketSchema
from api.versions import check_if_match, with_etag
from ticketing import splitting
from ticketing.models import Ticket
from ticketing.moment import utc_now
from ticketing.transaction import transaction

blueprint = Blueprint("split", description="Two matters on one ticket")


@blueprint.route("/tickets/<id:ticket_id>/split")
class Split(MethodView):
    @blueprint.needs("tickets:write")
    @blueprint.reads_if_match()
    @blueprint.takes(SplitSchema)
    @blueprint.answers(201, TicketSchema, description="The new ticket", headers=TICKET_HEADERS)
    @blueprint.refuses(404, 409, 412)
    def post(self, wanted: dict[str, Any], ticket_id: int) -> tuple[Ticket, dict[str, str]]:
        """Move a customer's message to a new ticket of theirs, which is linked to this one."""
        with transaction("api"):
            ticket = splitting.lock_with_author(caller(), ticket_id, wanted["message"])
            check_if_match(ticket)
            new = splitting.split(
                ticket,
                wanted["message"],
                following=wanted["following"],
                subject=wanted.get("subject"),
                by=actor(),
                at=utc_now(),
            )
        return with_etag(new)
