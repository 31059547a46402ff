"""The line of a queue."""

from typing import Any

from flask.views import MethodView

from api.auth import caller
from api.blueprint import Blueprint
from api.pagination import Listed, PageQuery, number_after, write_cursor
from api.requests import read_at
from api.schemas.line import LineSchema
from ticketing.directory import worked_queue
from ticketing.waits import line_of

blueprint = Blueprint("line", description="Who waits in line")


@blueprint.route("/queues/<id:queue_id>/line")
class Line(MethodView):
    @blueprint.needs("queues:read")
    @blueprint.asks(PageQuery)
    @blueprint.answers(200, LineSchema, description="A page of the line")
    @blueprint.refuses(404)
    def get(self, asked: dict[str, Any], queue_id: int) -> Listed:
        """List who waits in the line of a queue, in the order of `next`, and what each would be told of their wait."""
        queue = worked_queue(caller(), queue_id)
        after, limit = number_after(asked["after"]), asked["limit"]
        waiting = line_of(queue.id, at=read_at(), after=after, limit=limit + 1)
        shown = waiting[:limit]
        return Listed(shown, write_cursor(["number", shown[-1].position]) if len(waiting) > limit else None)
