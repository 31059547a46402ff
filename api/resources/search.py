"""Search: tickets by words."""

from typing import Any

from flask.views import MethodView

from api.auth import caller
from api.blueprint import Blueprint
from api.filters import filter_of
from api.pagination import cursor_behind_hit, hit_after
from api.requests import read_at
from api.schemas.search import HitPageSchema, SearchQuery
from ticketing.search.hits import Found, find

blueprint = Blueprint("search", description="Tickets by words")


@blueprint.route("/search")
class Search(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.asks(SearchQuery)
    @blueprint.answers(200, HitPageSchema, description="A page of hits")
    def get(self, asked: dict[str, Any]) -> "Shown":
        """Search the tickets that you may see."""
        after = hit_after(asked["after"])
        found = find(caller(), asked["q"], filter_of(asked), now=read_at(), limit=asked["limit"], after=after)
        return Shown(found)


class Shown:
    """A page of hits, as its schema answers it."""

    def __init__(self, found: Found) -> None:
        self.items = found.hits
        self.total = found.total
        self.total_is_capped = found.total_is_capped
        self.next = cursor_behind_hit(found.next)
