"""The journal of a ticket."""

from typing import Any

from flask.views import MethodView

from api.auth import caller
from api.blueprint import Blueprint
from api.pagination import Listed, PageQuery, id_after, page_by_id
from api.schemas.events import EventPageSchema
from ticketing import journal
from ticketing.queries import must_see

blueprint = Blueprint("events", description="What happened to tickets")


@blueprint.route("/tickets/<id:ticket_id>/events")
class Events(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.asks(PageQuery)
    @blueprint.answers(200, EventPageSchema, description="A page of the journal")
    @blueprint.refuses(404)
    def get(self, asked: dict[str, Any], ticket_id: int) -> Listed:
        """Read a ticket's journal, oldest first."""
        must_see(caller(), ticket_id)
        rows = journal.lines(ticket_id, after=id_after(asked["after"]), limit=asked["limit"] + 1)
        return page_by_id(rows, asked["limit"])
