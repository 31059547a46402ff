"""Customers who turned out to be one person: merged, and parted again."""

from typing import Any

from flask.views import MethodView

from api.auth import caller
from api.blueprint import Blueprint
from api.pagination import Listed, PageQuery, id_after, page_by_id
from api.references import named_in_the_body
from api.resources.customers import Shown, shown_again
from api.schemas.customers import CustomerMergePageSchema, CustomerSchema, MergeCustomerSchema
from ticketing import customer_merge
from ticketing.known import must_know
from ticketing.moment import utc_now
from ticketing.transaction import transaction

blueprint = Blueprint("customer merges", description="Customers who are one person")


@blueprint.route("/customers/<id:customer_id>/merge")
class Merge(MethodView):
    @blueprint.needs("customers:write")
    @blueprint.takes(MergeCustomerSchema)
    @blueprint.answers(200, CustomerSchema, description="The customer who was kept")
    @blueprint.refuses(404, 409)
    def post(self, new: dict[str, Any], customer_id: int) -> Shown:
        """Merge a customer into another, who then has everything. It can be undone."""
        with transaction("api"):
            must_know(caller(), customer_id)
            with named_in_the_body():
                must_know(caller(), new["into"])
            done = customer_merge.merge(caller(), customer_id, new["into"], at=utc_now())
            return shown_again(done.kept_id)


@blueprint.route("/customers/<id:customer_id>/unmerge")
class Unmerge(MethodView):
    @blueprint.needs("customers:write")
    @blueprint.answers(200, CustomerSchema, description="The customer who was parted from the other")
    @blueprint.refuses(404, 409)
    def post(self, customer_id: int) -> Shown:
        """Undo the newest merge of this customer, or into them."""
        with transaction("api"):
            must_know(caller(), customer_id)
            done = customer_merge.unmerge(caller(), customer_id, at=utc_now())
            return shown_again(done.merged_id)


@blueprint.route("/customers/<id:customer_id>/merges")
class Merges(MethodView):
    @blueprint.needs("customers:read")
    @blueprint.asks(PageQuery)
    @blueprint.answers(200, CustomerMergePageSchema, description="A page of merges")
    @blueprint.refuses(404)
    def get(self, asked: dict[str, Any], customer_id: int) -> Listed:
        """List the merges of this customer and into them, undone ones too, oldest first."""
        must_know(caller(), customer_id)
        rows = customer_merge.merges_of(customer_id, after=id_after(asked["after"]), limit=asked["limit"])
        return page_by_id(rows, asked["limit"])
