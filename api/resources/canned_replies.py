"""Words to use again."""

from typing import Any

from flask.views import MethodView

from api.auth import caller, calling_agent
from api.blueprint import Blueprint
from api.pagination import Listed, PageQuery, id_after, page_by_id
from api.references import named_in_the_body
from api.schemas.writing import (
    CannedReplyChangeSchema,
    CannedReplyPageSchema,
    CannedReplySchema,
    NewCannedReplySchema,
    RenderQuery,
    WordedSchema,
)
from ticketing import belonging
from ticketing.canned_replies import (
    change_canned_reply,
    find_canned_reply,
    make_canned_reply,
    remove_canned_reply,
    worded,
)
from ticketing.models import CannedReply
from ticketing.moment import utc_now
from ticketing.queries import read_ticket
from ticketing.transaction import transaction
from ticketing.wording import Worded

blueprint = Blueprint("canned replies", description="Words to use again")


@blueprint.route("/canned-replies")
class CannedReplies(MethodView):
    @blueprint.needs("settings:read")
    @blueprint.asks(PageQuery)
    @blueprint.answers(200, CannedReplyPageSchema, description="A page of canned replies")
    def get(self, asked: dict[str, Any]) -> Listed:
        """List the canned replies that you may use: your own, your queues' and the desk's."""
        after, limit = id_after(asked["after"]), asked["limit"]
        return page_by_id(belonging.page(CannedReply, caller(), after=after, limit=limit + 1), limit)

    @blueprint.needs("settings:write")
    @blueprint.takes(NewCannedReplySchema)
    @blueprint.answers(201, CannedReplySchema, description="The new canned reply")
    def post(self, new: dict[str, Any]) -> CannedReply:
        """Make a canned reply."""
        new["queue_id"] = new.pop("queue")
        with transaction("api"), named_in_the_body():
            return make_canned_reply(caller(), **new, at=utc_now())


@blueprint.route("/canned-replies/<id:canned_reply_id>")
class OneCannedReply(MethodView):
    @blueprint.needs("settings:read")
    @blueprint.answers(200, CannedReplySchema, description="The canned reply")
    @blueprint.refuses(404)
    def get(self, canned_reply_id: int) -> CannedReply:
        """Read a canned reply."""
        return find_canned_reply(caller(), canned_reply_id)

    @blueprint.needs("settings:write")
    @blueprint.takes(CannedReplyChangeSchema)
    @blueprint.answers(200, CannedReplySchema, description="The canned reply as it is now")
    @blueprint.refuses(404)
    def patch(self, wanted: dict[str, Any], canned_reply_id: int) -> CannedReply:
        """Change a canned reply."""
        with transaction("api"):
            row = find_canned_reply(caller(), canned_reply_id)
            change_canned_reply(row, caller(), wanted, at=utc_now())
        return row

    @blueprint.needs("settings:write")
    @blueprint.answers(204, description="The canned reply is out of use")
    @blueprint.refuses(404)
    def delete(self, canned_reply_id: int) -> None:
        """Take a canned reply out of use."""
        with transaction("api"):
            remove_canned_reply(find_canned_reply(caller(), canned_reply_id), caller(), at=utc_now())


@blueprint.route("/canned-replies/<id:canned_reply_id>/rendered")
class RenderedCannedReply(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.asks(RenderQuery)
    @blueprint.answers(200, WordedSchema, description="The words for this ticket, to be looked over and sent")
    @blueprint.refuses(404)
    def get(self, asked: dict[str, Any], canned_reply_id: int) -> Worded:
        """Read a canned reply in the customer's language, filled in."""
        row = find_canned_reply(caller(), canned_reply_id)
        return worded(row, read_ticket(caller(), asked["ticket"]), calling_agent())
