"""The chats of a ticket: whether the visitor is there, and what they have said of it."""

from flask.views import MethodView

from api.auth import caller
from api.blueprint import Blueprint
from api.pagination import Listed
from api.schemas.chats import ChatsSchema
from channels.webchat import chat_log
from ticketing.queries import must_see

blueprint = Blueprint("chats", description="Web chats")


@blueprint.route("/tickets/<id:ticket_id>/chats")
class TicketChats(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.answers(200, ChatsSchema, description="The ticket's chats, the newest first")
    @blueprint.refuses(404)
    def get(self, ticket_id: int) -> Listed:
        """Say of a ticket's visitors whether they are there, what they were shown, and how they found the chat."""
        must_see(caller(), ticket_id)
        return Listed(chat_log.chats_of(ticket_id))
