"""Replies to customers."""

from typing import Any

from flask.views import MethodView

from api.auth import caller, calling_agent
from api.blueprint import Blueprint
from api.schemas.messages import MessageSchema, ReplySchema
from channels.email.html import sanitise
from ticketing import conversation
from ticketing.drafts import Intent, drop_draft
from ticketing.models import Message
from ticketing.moment import utc_now
from ticketing.queries import lock_seen
from ticketing.transaction import transaction

blueprint = Blueprint("replies", description="What we answer customers")


@blueprint.route("/tickets/<id:ticket_id>/replies")
class Replies(MethodView):
    @blueprint.needs("tickets:write")
    @blueprint.takes(ReplySchema)
    @blueprint.answers(201, MessageSchema, description="The reply, on its way")
    @blueprint.refuses(404, 409)
    def post(self, new: dict[str, Any], ticket_id: int) -> Message:
        """Write to the customer. Your draft of a reply on the ticket, if there is one, is done with."""
        html = sanitise(new["html"])
        with transaction("api"):
            ticket = lock_seen(caller(), ticket_id)
            drop_draft(ticket.id, caller().agent_id, kind=Intent.REPLY)
            return conversation.reply(
                ticket,
                new["body"],
                agent=calling_agent(),
                html=html,
                channel=new["channel"],
                uploads=new["attachments"],
                cc=new["cc"],
                at=utc_now(),
            )
