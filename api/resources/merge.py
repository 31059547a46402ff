"""Two tickets made one."""

from typing import Any

from flask.views import MethodView

from api.auth import actor, caller
from api.blueprint import TICKET_HEADERS, Blueprint
from api.schemas.moving import MergeSchema
from api.schemas.tickets import TicketSchema
from api.versions import check_if_match, with_etag
from ticketing import merging
from ticketing.models import Ticket
from ticketing.moment import utc_now
from ticketing.transaction import transaction

blueprint = Blueprint("merge", description="Two tickets that are one matter")


@blueprint.route("/tickets/<id:ticket_id>/merge")
class Merge(MethodView):
    @blueprint.needs("tickets:write")
    @blueprint.reads_if_match()
    @blueprint.takes(MergeSchema)
    @blueprint.answers(200, TicketSchema, description="The ticket that survives", headers=TICKET_HEADERS)
    @blueprint.refuses(404, 409, 412)
    def post(self, wanted: dict[str, Any], ticket_id: int) -> tuple[Ticket, dict[str, str]]:
        """Merge a ticket into another, for good.

        Messages, tags and links go to the other one, which keeps its customer, its queue and whoever has it. This one
        is closed and says where it went.
        """
        with transaction("api"):
            source, target = merging.lock_pair(caller(), ticket_id, wanted["into"])
            check_if_match(source)
            merging.merge(source, target, by=actor(), at=utc_now())
        return with_etag(target)
