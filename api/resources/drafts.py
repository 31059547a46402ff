"""What one has begun to write on a ticket."""

from typing import Any

from flask import Response
from flask.views import MethodView

from api.auth import caller
from api.blueprint import Blueprint
from api.schemas.drafts import DraftChangeSchema, DraftSchema
from channels.email.html import sanitise
from ticketing.drafts import Kept, drop_draft, keep_draft, read_draft
from ticketing.moment import utc_now
from ticketing.queries import read_ticket
from ticketing.transaction import transaction

blueprint = Blueprint("drafts", description="What you have begun to write; nobody else sees it")


@blueprint.route("/tickets/<id:ticket_id>/draft")
class OneDraft(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.answers(200, DraftSchema, description="Your draft")
    @blueprint.refuses(404)
    def get(self, ticket_id: int) -> Kept:
        """Read your draft on a ticket."""
        return read_draft(read_ticket(caller(), ticket_id), caller().agent_id)

    @blueprint.needs("tickets:write")
    @blueprint.takes(DraftChangeSchema)
    @blueprint.answers(200, DraftSchema, description="Your draft as it is kept")
    @blueprint.also(204, "Without words and files there is no draft any more")
    @blueprint.refuses(404, 409)
    def put(self, new: dict[str, Any], ticket_id: int) -> Kept | Response:
        """Keep what you have begun to write. Its files stay as long as it does."""
        new["html"], new["uploads"] = sanitise(new["html"]), new.pop("attachments")
        with transaction("api"):
            ticket = read_ticket(caller(), ticket_id)
            kept = keep_draft(ticket, caller().agent_id, **new, at=utc_now())
        return kept or Response(status=204)

    @blueprint.needs("tickets:write")
    @blueprint.answers(204, description="There is no draft of yours any more")
    @blueprint.refuses(404)
    def delete(self, ticket_id: int) -> None:
        """Throw your draft away."""
        with transaction("api"):
            drop_draft(read_ticket(caller(), ticket_id).id, caller().agent_id)
