"""How changes of the rules reach the tickets that were open."""

from typing import Any

from flask.views import MethodView

from api.blueprint import Blueprint
from api.pagination import Listed, PageQuery, id_after, page_by_id
from api.schemas.policies import RearmingPageSchema, RearmingSchema
from sla import rearming
from sla.models import Rearming
from ticketing.models import Role

blueprint = Blueprint("rearmings", description="How changes of the rules reach open tickets")


@blueprint.route("/sla/rearmings")
class Rearmings(MethodView):
    @blueprint.needs("settings:read", role=Role.SUPERVISOR)
    @blueprint.asks(PageQuery)
    @blueprint.answers(200, RearmingPageSchema, description="A page of them, newest first")
    def get(self, asked: dict[str, Any]) -> Listed:
        """List the changes that were to count for open tickets too."""
        limit = asked["limit"]
        return page_by_id(rearming.page(before=id_after(asked["after"]), limit=limit + 1), limit)


@blueprint.route("/sla/rearmings/<id:rearming_id>")
class OneRearming(MethodView):
    @blueprint.needs("settings:read", role=Role.SUPERVISOR)
    @blueprint.answers(200, RearmingSchema, description="How far it has come")
    @blueprint.refuses(404)
    def get(self, rearming_id: int) -> Rearming:
        """See how far a change has come."""
        return rearming.find_rearming(rearming_id)
