"""Promises to customers: made, listed, kept, withdrawn."""

from typing import Any

from flask.views import MethodView

from api.auth import actor, caller
from api.blueprint import Blueprint
from api.pagination import Listed, PageQuery, id_after, page_by_id, time_after, time_cursor
from api.requests import read_at
from api.schemas.promises import NewPromiseSchema, PromisePageSchema, PromiseSchema, PromisesQuery
from sla import promises
from sla.models import Promise
from ticketing.moment import utc_now
from ticketing.queries import lock_seen, must_see
from ticketing.transaction import transaction

blueprint = Blueprint("promises", description="Moments that agents named to customers")


@blueprint.route("/tickets/<id:ticket_id>/promises")
class TicketPromises(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.asks(PageQuery)
    @blueprint.answers(200, PromisePageSchema, description="A page of the ticket's promises, oldest first")
    @blueprint.refuses(404)
    def get(self, asked: dict[str, Any], ticket_id: int) -> Listed:
        """List what was promised on a ticket."""
        must_see(caller(), ticket_id)
        after, limit = id_after(asked["after"]), asked["limit"]
        return page_by_id(promises.promises_of(ticket_id, after=after, limit=limit + 1), limit)

    @blueprint.needs("tickets:write")
    @blueprint.takes(NewPromiseSchema)
    @blueprint.answers(201, PromiseSchema, description="The promise")
    @blueprint.refuses(404, 409)
    def post(self, new: dict[str, Any], ticket_id: int) -> Promise:
        """Note what you promised to the customer, and until when."""
        with transaction("api"):
            ticket = lock_seen(caller(), ticket_id)
            return promises.make_promise(ticket, **new, by=actor(), at=utc_now())


@blueprint.route("/promises")
class Promises(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.asks(PromisesQuery)
    @blueprint.answers(200, PromisePageSchema, description="A page of promises")
    def get(self, asked: dict[str, Any]) -> Listed:
        """List promises on the tickets that you see."""
        limit = asked["limit"]
        rows = promises.page(
            caller(),
            state=asked.get("state"),
            made_by=caller().agent_id if asked["mine"] else None,
            queue_id=asked["queue"],
            now=read_at(),
            after=time_after(asked["after"]),
            limit=limit + 1,
        )
        shown = rows[:limit]
        return Listed(shown, time_cursor(shown[-1].due_at, shown[-1].id) if len(rows) > limit else None)


@blueprint.route("/promises/<id:promise_id>")
class OnePromise(MethodView):
    @blueprint.needs("tickets:write")
    @blueprint.answers(200, PromiseSchema, description="The promise, withdrawn")
    @blueprint.refuses(404, 409)
    def delete(self, promise_id: int) -> Promise:
        """Withdraw a promise before its moment has come."""
        with transaction("api"):
            return promises.withdraw_promise(caller(), promise_id, at=utc_now())


@blueprint.route("/promises/<id:promise_id>/fulfilment")
class Fulfilment(MethodView):
    @blueprint.needs("tickets:write")
    @blueprint.answers(200, PromiseSchema, description="The promise, kept")
    @blueprint.refuses(404, 409)
    def put(self, promise_id: int) -> Promise:
        """Say that a promise is kept; after its moment it stays broken."""
        with transaction("api"):
            return promises.keep_promise(caller(), promise_id, at=utc_now())
