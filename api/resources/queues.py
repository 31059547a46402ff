"""Queues: listed, made, changed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask.views import MethodView

from api.auth import caller
from api.blueprint import Blueprint
from api.pagination import Listed, PageQuery, id_after, page_by_id
from api.references import named_in_the_body
from api.schemas.desk import NewQueueSchema, QueueChangeSchema, QueuePageSchema, QueueSchema
from ticketing import queues
from ticketing.directory import queues_worked, worked_queue
from ticketing.models import Queue, QueueAccess, Role
from ticketing.moment import utc_now
from ticketing.transaction import transaction

blueprint = Blueprint("queues", description="Where tickets wait")


@dataclass(frozen=True)
class Shown:
    """A queue as it is shown, with its members' ids."""

    id: int
    name: str
    access: QueueAccess
    members: list[int]
    created_at: datetime


@blueprint.route("/queues")
class Queues(MethodView):
    @blueprint.needs("queues:read")
    @blueprint.asks(PageQuery)
    @blueprint.answers(200, QueuePageSchema, description="A page of queues")
    def get(self, asked: dict[str, Any]) -> Listed:
        """List the queues that you work."""
        page = page_by_id(queues_worked(caller(), after=id_after(asked["after"]), limit=asked["limit"]), asked["limit"])
        return Listed(_shown(*page.items), page.next)

    @blueprint.needs("queues:write", role=Role.ADMIN)
    @blueprint.takes(NewQueueSchema)
    @blueprint.answers(201, QueueSchema, description="The new queue")
    @blueprint.refuses(409)
    def post(self, new: dict[str, Any]) -> Shown:
        """Make a queue."""
        with transaction("api"), named_in_the_body():
            (shown,) = _shown(queues.create_queue(**new, at=utc_now()))
        return shown


@blueprint.route("/queues/<id:queue_id>")
class OneQueue(MethodView):
    @blueprint.needs("queues:write", role=Role.ADMIN)
    @blueprint.takes(QueueChangeSchema, example={"members": [2, 3]})
    @blueprint.answers(200, QueueSchema, description="The queue as it is now")
    @blueprint.refuses(404, 409)
    def patch(self, wanted: dict[str, Any], queue_id: int) -> Shown:
        """Change a queue."""
        with transaction("api"):
            queue = worked_queue(caller(), queue_id)
            with named_in_the_body():
                queues.change_queue(
                    queue, name=wanted.get("name"), members=wanted.get("members"), access=wanted.get("access")
                )
            (shown,) = _shown(queue)
        return shown


def _shown(*rows: Queue) -> list[Shown]:
    members = queues.members_of([row.id for row in rows])
    return [Shown(row.id, row.name, row.access, members[row.id], row.created_at) for row in rows]
