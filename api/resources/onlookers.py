"""Who looks at a ticket, and who is typing."""

from typing import Any

from flask.views import MethodView

from api.auth import caller
from api.blueprint import Blueprint
from api.pagination import Listed
from api.schemas.onlookers import LookingSchema, OnlookersSchema
from ticketing import onlookers
from ticketing.moment import utc_now
from ticketing.transaction import transaction

blueprint = Blueprint("onlookers", description="Who looks at a ticket")


@blueprint.route("/tickets/<id:ticket_id>/onlookers")
class Onlookers(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.answers(200, OnlookersSchema, description="Everybody who has the ticket open")
    @blueprint.refuses(404)
    def get(self, ticket_id: int) -> Listed:
        """List who has the ticket open, and who is typing."""
        return Listed(onlookers.onlookers(caller(), ticket_id, now=utc_now()))


@blueprint.route("/tickets/<id:ticket_id>/onlookers/me")
class Me(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.takes(LookingSchema, required=False, example={"typing": True})
    @blueprint.answers(200, OnlookersSchema, description="Everybody who has the ticket open")
    @blueprint.refuses(404)
    def put(self, wanted: dict[str, Any], ticket_id: int) -> Listed:
        """Say that you have the ticket open. It ends by itself after 30 seconds: say it again every 20 or so."""
        with transaction("api"):
            at = utc_now()
            onlookers.look_on(caller(), ticket_id, typing=wanted.get("typing", False), at=at)
            return Listed(onlookers.onlookers(caller(), ticket_id, now=at))

    @blueprint.needs("tickets:read")
    @blueprint.answers(204, description="You are no longer listed")
    @blueprint.refuses(404)
    def delete(self, ticket_id: int) -> None:
        """Say that you have closed the ticket."""
        with transaction("api"):
            onlookers.look_away(caller(), ticket_id)
