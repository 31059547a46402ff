"""Who looks at a ticket, and who is typing."""

from typing import Any

from flask.views import MethodView

from api.auth import caller
from api.blueprint import Blueprint
from api.pagination import Listed
from api.realtime.looking import tell_onlookers, tell_visitors
from api.schemas.onlookers import LookingSchema, OnlookersSchema
from channels.webchat.looking import look_at_chats
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
        types, at, who = wanted.get("typing", False), utc_now(), caller()
        with transaction("api"):
            typed = onlookers.types(who, ticket_id, now=at)
            onlookers.look_on(who, ticket_id, typing=types, at=at)
            found = onlookers.onlookers(who, ticket_id, now=at)
            chats = look_at_chats(ticket_id)
        tell_onlookers(ticket_id, found)
        tell_visitors(chats, name=who.name, types=types, typed=typed, at=at)
        return Listed(found)

    @blueprint.needs("tickets:read")
    @blueprint.answers(204, description="You are no longer listed")
    @blueprint.refuses(404)
    def delete(self, ticket_id: int) -> None:
        """Say that you have closed the ticket."""
        at, who = utc_now(), caller()
        with transaction("api"):
            typed = onlookers.types(who, ticket_id, now=at)
            onlookers.look_away(who, ticket_id)
            found = onlookers.onlookers(who, ticket_id, now=at)
            chats = look_at_chats(ticket_id) if typed else []
        tell_onlookers(ticket_id, found)
        tell_visitors(chats, name=who.name, types=False, typed=typed, at=at)
