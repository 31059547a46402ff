"""What happens at the desk, as it happens."""

from typing import Any

from flask import Response, request
from flask.views import MethodView

from api.auth import caller
from api.blueprint import Blueprint
from api.realtime.feed import connection, feed, resumed
from api.realtime.listeners import AgentListener
from api.schemas.stream import StreamQuery
from ticketing.directory import worked_queue
from ticketing.queries import must_see
from ticketing.queues import find_queue
from ticketing.store import db

blueprint = Blueprint("stream", description="What happens, as it happens")


@blueprint.route("/events")
class Stream(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.asks(StreamQuery)
    @blueprint.gives_file("Server-Sent Events, until you close the connection", content_type="text/event-stream")
    @blueprint.reads_last_event_id()
    @blueprint.refuses(404)
    def get(self, asked: dict[str, Any]) -> Response:
        """Listen to what happens to the tickets that you see. See docs/realtime.md."""
        news = feed()
        ticket_id, queue_id = asked.get("ticket"), None
        if ticket_id is not None:
            must_see(caller(), ticket_id)
        if "queue" in asked:
            queue_id = worked_queue(caller(), find_queue(asked["queue"]).id).id
        if request.method == "HEAD":
            return Response(mimetype="text/event-stream")
        db.session.remove()  # nothing of the database is held while the stream waits
        values = {"ticket_id": ticket_id, "queue_id": queue_id, "connection": connection()}
        return news.stream(AgentListener(caller(), resumed(), **values))
