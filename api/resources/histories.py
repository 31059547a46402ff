"""A customer's whole history: read as a timeline, exported, erased."""

import weakref
from typing import IO, Any

from flask import Response, current_app
from flask.views import MethodView

from api import dossiers
from api.auth import actor, caller
from api.blueprint import Blueprint
from api.pagination import Listed, PageQuery, time_after, time_cursor
from api.resources.customers import Shown, shown_again
from api.schemas.customers import CustomerSchema, TimelinePageSchema
from channels.erasure import forget_addresses, hold_unwritten_chats, items_with
from ticketing import audit, erasure
from ticketing.dossier import Dossier
from ticketing.known import must_know, read_customer
from ticketing.models import Role
from ticketing.moment import utc_now
from ticketing.timeline import timeline
from ticketing.transaction import transaction

blueprint = Blueprint("histories", description="All that we know of a customer")

PART = 65_536  # bytes


@blueprint.route("/customers/<id:customer_id>/timeline")
class Timeline(MethodView):
    @blueprint.needs("customers:read")
    @blueprint.asks(PageQuery)
    @blueprint.answers(200, TimelinePageSchema, description="A page of the timeline")
    @blueprint.refuses(404)
    def get(self, asked: dict[str, Any], customer_id: int) -> Listed:
        """Read what was said on all of a customer's tickets that you may see, on every channel, newest first."""
        customer, limit = read_customer(caller(), customer_id), asked["limit"]
        rows = timeline(caller(), customer, limit=limit, after=time_after(asked["after"]))
        shown = rows[:limit]
        return Listed(shown, time_cursor(shown[-1].created_at, shown[-1].id) if len(rows) > limit else None)


@blueprint.route("/customers/<id:customer_id>/export")
class Export(MethodView):
    @blueprint.needs("customers:write", role=Role.SUPERVISOR)
    @blueprint.gives_file("All that we hold of the customer, as a zip", content_type="application/zip")
    @blueprint.refuses(404)
    def get(self, customer_id: int) -> Response:
        """Download all that we hold of a customer. For that you must see all their tickets."""
        file = dossiers.written(Dossier(caller(), read_customer(caller(), customer_id)))
        with transaction("api"):
            audit.record("customer_exported", subject="customer", subject_id=customer_id, by=actor(), at=utc_now())
        return _to_be_saved(file, f"customer-{customer_id}.zip")


def _to_be_saved(file: IO[bytes], name: str) -> Response:
    parts = (part for part in iter(lambda: file.read(PART), b""))
    weakref.finalize(parts, file.close)  # whether somebody takes the answer or not
    answer: Response = current_app.response_class(parts, mimetype="application/zip")
    answer.content_length = file.seek(0, 2)
    file.seek(0)
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer


@blueprint.route("/customers/<id:customer_id>/erasure")
class Erasure(MethodView):
    @blueprint.needs("customers:write", role=Role.ADMIN)
    @blueprint.answers(200, CustomerSchema, description="What is left of the customer")
    @blueprint.refuses(404, 409)
    def post(self, customer_id: int) -> Shown:
        """Forget a customer who asks for it: who they are, and all that was said. It cannot be undone."""
        must_know(caller(), customer_id)
        addresses = erasure.addresses_of(customer_id)
        items = items_with(addresses)
        with transaction("api"):
            hold_unwritten_chats(addresses)
            customer = erasure.erase(customer_id, by=actor(), at=utc_now())
            forget_addresses(addresses, items)
            return shown_again(customer.id)
