"""A queue's board."""

from flask.views import MethodView

from api.auth import caller
from api.blueprint import Blueprint
from api.requests import read_at
from api.schemas.board import BoardSchema
from ticketing.board import Board as Numbers
from ticketing.board import read_board
from ticketing.directory import worked_queue

blueprint = Blueprint("board", description="A queue at this moment")


@blueprint.route("/queues/<id:queue_id>/board")
class Board(MethodView):
    @blueprint.needs("queues:read")
    @blueprint.answers(200, BoardSchema, description="How the queue stands")
    @blueprint.refuses(404)
    def get(self, queue_id: int) -> Numbers:
        """Read who waits in a queue, for how long, what is late, and who is there. True at this moment."""
        return read_board(worked_queue(caller(), queue_id), now=read_at())
