"""Who takes part in a ticket."""

from flask.views import MethodView

from api.auth import caller
from api.blueprint import Blueprint
from api.pagination import Listed
from api.schemas.participants import ParticipantPageSchema
from ticketing.participants import participants_of
from ticketing.queries import read_ticket

blueprint = Blueprint("participants", description="Who takes part in a ticket")


@blueprint.route("/tickets/<id:ticket_id>/participants")
class Participants(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.answers(200, ParticipantPageSchema, description="All who take part, at most a few hundred")
    @blueprint.refuses(404)
    def get(self, ticket_id: int) -> Listed:
        """List who takes part in a ticket: its customer, who wrote to it, whom these or an agent named there."""
        return Listed(participants_of(read_ticket(caller(), ticket_id)))
