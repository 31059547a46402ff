"""Queues: listed, made, changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask.views import MethodView

from api import assigning
from api.auth import actor, caller
from api.blueprint import Blueprint
from api.pagination import Listed, PageQuery, id_after, page_by_id
from api.parsing import MAX_ID
from api.references import named_in_the_body
from api.schemas.desk import NewQueueSchema, QueueChangeSchema, QueuePageSchema, QueueSchema
from sla import calendar_versions
from ticketing import assignment, audit, queues
from ticketing.directory import queues_worked, worked_queue
from ticketing.models import Assignment, Queue, QueueAccess, Role
from ticketing.moment import utc_now
from ticketing.transaction import transaction

blueprint = Blueprint("queues", description="Where tickets wait")


@dataclass(frozen=True)
class Shown:
    """A queue as it is shown, with its members' ids."""

    id: int
    name: str
    access: QueueAccess
    assignment: Assignment
    members: list[int]
    settings: dict[str, Any]
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
            _known_calendar(new)
            (shown,) = _shown(queues.create_queue(**new, at=utc_now()))
            _record("queue_created", shown, None)
        return shown


@blueprint.route("/queues/<id:queue_id>")
class OneQueue(MethodView):
    @blueprint.needs("queues:read")
    @blueprint.answers(200, QueueSchema, description="The queue")
    @blueprint.refuses(404)
    def get(self, queue_id: int) -> Shown:
        """Read a queue that you work."""
        (shown,) = _shown(worked_queue(caller(), queue_id))
        return shown

    @blueprint.needs("queues:write", role=Role.ADMIN)
    @blueprint.takes(QueueChangeSchema, example={"members": [2, 3]})
    @blueprint.answers(200, QueueSchema, description="The queue as it is now")
    @blueprint.refuses(404, 409)
    def patch(self, wanted: dict[str, Any], queue_id: int) -> Shown:
        """Change a queue."""
        with transaction("api"):
            queue = worked_queue(caller(), queue_id)
            (before,) = _shown(queue)
            _known_calendar(wanted)
            with named_in_the_body():
                queues.change_queue(queue, **wanted)
            (shown,) = _shown(queue)
            _record("queue_changed", shown, before)
            assignment.may_flow(queue_id, at=utc_now())
        if shown.assignment is not Assignment.OFF:
            assigning.wake_for_queue(queue_id)
        return shown


def _shown(*rows: Queue) -> list[Shown]:
    members = queues.members_of([row.id for row in rows])
    return [
        Shown(row.id, row.name, row.access, row.assignment, members[row.id], row.settings, row.created_at)
        for row in rows
    ]


def _record(kind: str, after: Shown, before: Shown | None) -> None:
    if before != after:
        change = {"before": before and _told(before), "after": _told(after)}
        audit.record(kind, subject="queue", subject_id=after.id, by=actor(), at=utc_now(), data=change)


def _told(shown: Shown) -> dict[str, Any]:
    return {
        "name": shown.name,
        "access": shown.access,
        "assignment": shown.assignment,
        "members": shown.members,
        "settings": shown.settings,
    }


def _known_calendar(wanted: Mapping[str, Any]) -> None:
    """Raise InvalidInput for a calendar that is not there; a value that is no id is refused elsewhere."""
    calendar = (wanted.get("settings") or {}).get("calendar")
    if isinstance(calendar, int) and 0 < calendar <= MAX_ID:
        with named_in_the_body():
            calendar_versions.find_calendar(calendar)
