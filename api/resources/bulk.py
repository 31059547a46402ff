"""Many tickets changed in one call, each for itself: what one refuses does not undo the others."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask.views import MethodView

from api.auth import actor, caller
from api.blueprint import Blueprint
from api.errors import PartProblem, problem_of, status_of
from api.pagination import Listed
from api.references import agent_with, queue_named
from api.schemas.moving import BulkAnswerSchema, BulkSchema
from api.versions import must_be_at
from ticketing import journal, lifecycle, snoozing
from ticketing.errors import TicketingError
from ticketing.models import Agent, Ticket
from ticketing.moment import utc_now
from ticketing.queries import lock_seen
from ticketing.status import ACTIVE
from ticketing.store import db
from ticketing.transaction import transaction

blueprint = Blueprint("bulk", description="The same change of many tickets")


@dataclass(frozen=True)
class Item:
    """What became of one ticket."""

    id: int
    status: int
    ticket: Ticket | None = None
    problem: PartProblem | None = None


@blueprint.route("/tickets/bulk")
class Bulk(MethodView):
    @blueprint.needs("tickets:write")
    @blueprint.takes(BulkSchema)
    @blueprint.answers(200, BulkAnswerSchema, description="What became of each")
    def post(self, wanted: dict[str, Any]) -> Listed:
        """Change many tickets at once.

        Of each ticket all of the change is made or nothing; each has a status of its own in the answer, as if it had
        been asked for alone. One that is named with a `version` is changed only if it is still at that one.
        """
        at = utc_now()
        versions = dict.fromkeys(wanted["ids"]) | {one["id"]: one.get("version") for one in wanted["tickets"]}
        with transaction("api"):
            change = _with_references(wanted["change"])
            # In the order of all locks.
            items = {one: _changed(one, versions[one], change, at) for one in sorted(versions)}
        return Listed([items[one] for one in versions])


def _with_references(change: dict[str, Any]) -> dict[str, Any]:
    """Find once what the change names, and put its parts into the order in which they are made."""
    steal = change.pop("steal")
    if "queue" in change:
        change["queue"] = queue_named(change["queue"])
    if "assignee" in change:
        change["assignee"] = (_assignee(change["assignee"]), steal)
    # A solved ticket is opened before it is assigned, and assigned before it is solved.
    order = ["status", *CHANGES] if change.get("status") in ACTIVE else CHANGES
    return {name: change[name] for name in order if name in change}


def _assignee(named: int | str | None) -> Agent | None:
    if named is None:
        return None
    return agent_with(None if named == "me" else int(named))


def _changed(ticket_id: int, version: int | None, change: dict[str, Any], at: datetime) -> Item:
    session = db.session()
    mark = journal.mark(session)
    try:
        with session.begin_nested():
            ticket = lock_seen(caller(), ticket_id)
            if version is not None:
                must_be_at(ticket, version)
            for name, value in change.items():
                CHANGES[name](ticket, value, by=actor(), at=at)
            session.flush()
        return Item(ticket_id, 200, ticket=ticket)
    except TicketingError as error:
        journal.forget(session, since=mark)
        return Item(ticket_id, int(status_of(error)), problem=problem_of(error))


def _assign(ticket: Ticket, wanted: tuple[Agent | None, bool], **told: Any) -> None:
    agent, steal = wanted
    if agent is None:
        lifecycle.release(ticket, **told)
    else:
        lifecycle.assign(ticket, agent, steal=steal, **told)


def _add_tags(ticket: Ticket, tags: list[str], **told: Any) -> None:
    lifecycle.change_tags(ticket, [*ticket.tags, *tags], **told)


def _remove_tags(ticket: Ticket, tags: list[str], **told: Any) -> None:
    gone = lifecycle.clean_tags(tags)
    lifecycle.change_tags(ticket, [tag for tag in ticket.tags if tag not in gone], **told)


def _snooze(ticket: Ticket, until: datetime | None, **told: Any) -> None:
    if until is None:
        snoozing.wake(ticket, why="agent", **told)
    else:
        snoozing.snooze(ticket, until, **told)


CHANGES: dict[str, Callable[..., None]] = {
    "queue": lifecycle.move,
    "priority": lifecycle.change_priority,
    "tags_remove": _remove_tags,
    "tags_add": _add_tags,
    "fields": lifecycle.change_fields,
    "assignee": _assign,
    "status": lifecycle.change_status,
    "snoozed_until": _snooze,
}
