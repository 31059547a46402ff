"""Our addresses on channels."""

from typing import Any

from flask.views import MethodView

from api.auth import caller
from api.blueprint import Blueprint
from api.pagination import Listed, PageQuery, id_after, page_by_id
from api.schemas.desk import InboxPageSchema
from ticketing.directory import inboxes_worked

blueprint = Blueprint("inboxes", description="Our addresses on channels")


@blueprint.route("/inboxes")
class Inboxes(MethodView):
    @blueprint.needs("queues:read")
    @blueprint.asks(PageQuery)
    @blueprint.answers(200, InboxPageSchema, description="A page of inboxes")
    def get(self, asked: dict[str, Any]) -> Listed:
        """List the inboxes that fill your queues. Their secrets are never shown."""
        rows = inboxes_worked(caller(), after=id_after(asked["after"]), limit=asked["limit"])
        return page_by_id(rows, asked["limit"])
