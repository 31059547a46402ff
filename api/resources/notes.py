"""Internal notes."""

from typing import Any

from flask.views import MethodView

from api.auth import caller, calling_agent
from api.blueprint import Blueprint
from api.schemas.messages import MessageSchema, NoteSchema
from ticketing import conversation
from ticketing.drafts import Intent, drop_draft
from ticketing.models import Message
from ticketing.moment import utc_now
from ticketing.queries import lock_seen
from ticketing.transaction import transaction

blueprint = Blueprint("notes", description="What colleagues tell each other")


@blueprint.route("/tickets/<id:ticket_id>/notes")
class Notes(MethodView):
    @blueprint.needs("tickets:write")
    @blueprint.takes(NoteSchema)
    @blueprint.answers(201, MessageSchema, description="The note")
    @blueprint.refuses(404, 409)
    def post(self, new: dict[str, Any], ticket_id: int) -> Message:
        """Write an internal note, which never leaves the house. Your draft of a note, if there is one, is done with."""
        with transaction("api"):
            ticket = lock_seen(caller(), ticket_id)
            drop_draft(ticket.id, caller().agent_id, kind=Intent.NOTE)
            return conversation.note(
                ticket,
                new["body"],
                agent=calling_agent(),
                uploads=new["attachments"],
                mentions=new["mentions"],
                at=utc_now(),
            )
