"""The SLA clocks of a ticket."""

from collections.abc import Sequence

from flask.views import MethodView

from api.auth import caller
from api.blueprint import Blueprint
from api.requests import read_at
from api.schemas.clocks import ClockSchema
from sla.readings import Reading, clocks_of
from ticketing.queries import must_see

blueprint = Blueprint("sla", description="What was promised, and how it stands")


@blueprint.route("/tickets/<id:ticket_id>/sla")
class Clocks(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.answers(200, ClockSchema(many=True), description="The ticket's clocks, oldest first")
    @blueprint.refuses(404)
    def get(self, ticket_id: int) -> Sequence[Reading]:
        """Read a ticket's clocks as they stand now."""
        must_see(caller(), ticket_id)
        return clocks_of(ticket_id, read_at())
