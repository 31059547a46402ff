"""Replies to customers."""

from dataclasses import dataclass
from typing import Any

from flask.views import MethodView

from api.auth import caller, calling_agent
from api.blueprint import Blueprint
from api.schemas.messages import MessageSchema, ReplyPreviewSchema, ReplySchema
from channels.email.html import sanitise
from channels.texting.segments import Segments, count
from ticketing import conversation, reply_plan
from ticketing.approved import Wanted
from ticketing.drafts import Intent, drop_draft
from ticketing.envelope import Channel
from ticketing.models import Inbox, Message
from ticketing.moment import utc_now
from ticketing.queries import lock_seen, read_ticket
from ticketing.transaction import transaction

blueprint = Blueprint("replies", description="What we answer customers")


@dataclass(frozen=True)
class Preview:
    """How a reply would leave."""

    channel: Channel
    channel_reason: str
    inbox: Inbox
    to: str
    body: str
    segments: Segments | None


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
                new.get("body", ""),
                agent=calling_agent(),
                html=html,
                channel=new["channel"],
                uploads=new["attachments"],
                cc=new["cc"],
                template=_template(new),
                at=utc_now(),
            )


@blueprint.route("/tickets/<id:ticket_id>/replies/preview")
class ReplyPreview(MethodView):
    @blueprint.needs("tickets:write")
    @blueprint.takes(ReplySchema)
    @blueprint.answers(200, ReplyPreviewSchema, description="How it would leave; nothing is written")
    @blueprint.refuses(404, 409)
    def post(self, new: dict[str, Any], ticket_id: int) -> Preview:
        """See how a reply would leave: by which channel, and a text message in how many parts.

        Refused like the reply itself, with the same reasons.
        """
        planned = reply_plan.plan(
            read_ticket(caller(), ticket_id),
            new.get("body", ""),
            agent_id=caller().agent_id,
            channel=new["channel"],
            uploads=new["attachments"],
            cc=new["cc"],
            template=_template(new),
            at=utc_now(),
        )
        route = planned.route
        parts = count(planned.body) if route.channel is Channel.SMS and not planned.files else None
        return Preview(route.channel, route.reason, route.inbox, route.handle.shown, planned.body, parts)


def _template(new: dict[str, Any]) -> Wanted | None:
    wanted = new["template"]
    return None if wanted is None else Wanted(wanted["name"], wanted["variables"])
