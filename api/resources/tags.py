"""The tags in use."""

from typing import Any

from flask.views import MethodView

from api.auth import caller
from api.blueprint import Blueprint
from api.pagination import Listed, name_after, page_by_name
from api.schemas.tags import TagPageSchema, TagQuery
from ticketing.tags import tags_in_use

blueprint = Blueprint("tags", description="Words by which tickets are told apart")


@blueprint.route("/tags")
class Tags(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.asks(TagQuery)
    @blueprint.answers(200, TagPageSchema, description="A page of tags")
    def get(self, asked: dict[str, Any]) -> Listed:
        """List the tags of the tickets that you may see, by name."""
        limit, after = asked["limit"], name_after(asked["after"])
        return page_by_name(tags_in_use(caller(), asked["prefix"], after=after, limit=limit + 1), limit)
