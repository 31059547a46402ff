"""The messages of a ticket."""

from typing import Any

from flask.views import MethodView

from api.auth import caller
from api.blueprint import Blueprint
from api.pagination import Listed, id_after, page_by_id
from api.schemas.messages import MessagePageQuery, MessagePageSchema, Pictures
from channels.email.html import with_remote_pictures
from ticketing.queries import list_messages, must_see
from ticketing.rows import MessageRow

blueprint = Blueprint("messages", description="What customers and agents said")


@blueprint.route("/tickets/<id:ticket_id>/messages")
class Messages(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.asks(MessagePageQuery)
    @blueprint.answers(200, MessagePageSchema, description="A page of messages")
    @blueprint.refuses(404)
    def get(self, asked: dict[str, Any], ticket_id: int) -> Listed:
        """List a ticket's messages and notes, oldest first."""
        must_see(caller(), ticket_id)
        rows = list_messages(ticket_id, after=id_after(asked["after"]), limit=asked["limit"] + 1)
        if asked["pictures"] is Pictures.REMOTE:
            rows = [_with_pictures(row) for row in rows]
        return page_by_id(rows, asked["limit"])


def _with_pictures(row: MessageRow) -> MessageRow:
    return row._replace(html=with_remote_pictures(row.html), quoted_html=with_remote_pictures(row.quoted_html))
