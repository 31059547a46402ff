"""Callbacks: arranged, listed, changed, made now, cancelled."""

from datetime import datetime
from typing import Any

from flask.views import MethodView

from api.auth import actor, caller, calling_agent
from api.blueprint import Blueprint
from api.pagination import Listed, PageQuery, id_after, page_by_id
from api.schemas.callbacks import (
    CallbackPageSchema,
    CallbackSchema,
    CallbacksQuery,
    ChangedCallbackSchema,
    NewCallbackSchema,
)
from channels.phone import callback_attempts, callbacks
from channels.phone.callbacks import Window
from channels.phone.models import Callback, CallbackState
from ticketing.moment import utc_now
from ticketing.queries import lock_seen, must_see
from ticketing.transaction import transaction

blueprint = Blueprint("callbacks", description="Calls that we owe customers")


@blueprint.route("/tickets/<id:ticket_id>/callbacks")
class TicketCallbacks(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.asks(PageQuery)
    @blueprint.answers(200, CallbackPageSchema, description="A page of the ticket's callbacks, oldest first")
    @blueprint.refuses(404)
    def get(self, asked: dict[str, Any], ticket_id: int) -> Listed:
        """List the callbacks of a ticket, those that are over too."""
        must_see(caller(), ticket_id)
        after, limit = id_after(asked["after"]), asked["limit"]
        rows = callbacks.page(
            caller(), states=list(CallbackState), ticket_id=ticket_id, queue_id=None, after=after, limit=limit + 1
        )
        return page_by_id(rows, limit)

    @blueprint.needs("tickets:write")
    @blueprint.takes(NewCallbackSchema)
    @blueprint.answers(201, CallbackSchema, description="The callback")
    @blueprint.refuses(404, 409)
    def post(self, new: dict[str, Any], ticket_id: int) -> Callback:
        """Arrange to call the customer back: at once, or within a window."""
        now = utc_now()
        with transaction("api"):
            ticket = lock_seen(caller(), ticket_id)
            window = _window(new, now)
            where = {"number": new.get("number", ""), "inbox_id": new.get("inbox")}
            return callbacks.arrange(ticket, **where, window=window, by=actor(), at=now)


@blueprint.route("/callbacks")
class Callbacks(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.asks(CallbacksQuery)
    @blueprint.answers(200, CallbackPageSchema, description="A page of callbacks, oldest first")
    def get(self, asked: dict[str, Any]) -> Listed:
        """List callbacks on the tickets that you see."""
        which = {"states": asked["state"], "ticket_id": asked["ticket"], "queue_id": asked["queue"]}
        after, limit = id_after(asked["after"]), asked["limit"]
        return page_by_id(callbacks.page(caller(), **which, after=after, limit=limit + 1), limit)


@blueprint.route("/callbacks/<id:callback_id>")
class OneCallback(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.answers(200, CallbackSchema, description="The callback")
    @blueprint.refuses(404)
    def get(self, callback_id: int) -> Callback:
        """Read a callback."""
        return callbacks.read(caller(), callback_id)

    @blueprint.needs("tickets:write")
    @blueprint.takes(ChangedCallbackSchema)
    @blueprint.answers(200, CallbackSchema, description="The callback, changed")
    @blueprint.refuses(404, 409)
    def patch(self, wanted: dict[str, Any], callback_id: int) -> Callback:
        """Call at another time, or at another number."""
        now = utc_now()
        with transaction("api"):
            callback, ticket = callbacks.lock_for(caller(), callback_id)
            window = _window(wanted, now) if {"not_before", "not_after"} & set(wanted) else None
            number = wanted.get("number", "")
            callbacks.change(callback, ticket, number=number, window=window, by=actor(), at=now)
            return callback

    @blueprint.needs("tickets:write")
    @blueprint.answers(200, CallbackSchema, description="The callback, cancelled")
    @blueprint.refuses(404, 409)
    def delete(self, callback_id: int) -> Callback:
        """Owe the call no more."""
        with transaction("api"):
            callback, ticket = callbacks.lock_for(caller(), callback_id)
            callbacks.cancel(callback, ticket, why="an agent cancelled it", by=actor(), at=utc_now())
            return callback


@blueprint.route("/callbacks/<id:callback_id>/attempts")
class Attempts(MethodView):
    @blueprint.needs("tickets:write")
    @blueprint.answers(201, CallbackSchema, description="The callback, being made")
    @blueprint.refuses(404, 409)
    def post(self, callback_id: int) -> Callback:
        """Call the customer now: your own device rings first."""
        with transaction("api"):
            callback, ticket = callbacks.lock_for(caller(), callback_id)
            callback_attempts.call_now(callback, ticket, calling_agent(), at=utc_now())
            return callback


def _window(asked: dict[str, Any], now: datetime) -> Window:
    return Window(max(now, asked.get("not_before", now)), asked.get("not_after"))
