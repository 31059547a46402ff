"""Where one is mentioned."""

from typing import Any

from flask.views import MethodView

from api.auth import caller
from api.blueprint import Blueprint
from api.pagination import Listed, id_after, page_by_id
from api.schemas.mentions import MentionPageSchema, MentionQuery, MentionSchema
from ticketing.mentions import mark_seen, own_mentions
from ticketing.models import Mention
from ticketing.moment import utc_now
from ticketing.transaction import transaction

blueprint = Blueprint("mentions", description="Notes that name you")


@blueprint.route("/agents/me/mentions")
class Mentions(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.asks(MentionQuery)
    @blueprint.answers(200, MentionPageSchema, description="A page of mentions")
    def get(self, asked: dict[str, Any]) -> Listed:
        """List where you are mentioned, newest first, on the tickets that you see."""
        before, limit = id_after(asked["after"]), asked["limit"]
        return page_by_id(own_mentions(caller(), unseen=asked["unseen"], before=before, limit=limit + 1), limit)


@blueprint.route("/agents/me/mentions/<id:mention_id>/seen")
class Seen(MethodView):
    @blueprint.needs("tickets:write")
    @blueprint.answers(200, MentionSchema, description="The mention, seen")
    @blueprint.refuses(404)
    def put(self, mention_id: int) -> Mention:
        """Say that you have seen it."""
        with transaction("api"):
            return mark_seen(caller(), mention_id, at=utc_now())
