"""Saved views: made, listed, changed, and the tickets in them."""

from dataclasses import dataclass
from typing import Any

from flask.views import MethodView
from marshmallow import ValidationError

from api.auth import caller
from api.blueprint import Blueprint
from api.errors import PartProblem, problem_of
from api.filters import filter_of
from api.pagination import Listed, PageQuery, cursor_at, id_after, page_by_id, position_after
from api.references import queue_named
from api.requests import read_at
from api.schemas.tickets import TicketFilter, TicketPageSchema
from api.schemas.views import SORT, NewViewSchema, ViewChangeSchema, ViewCountsSchema, ViewPageSchema, ViewSchema
from ticketing import views
from ticketing.errors import Conflict, TicketingError
from ticketing.filters import Filter
from ticketing.models import Queue, View
from ticketing.moment import utc_now
from ticketing.queries import Sort, list_tickets
from ticketing.transaction import transaction

blueprint = Blueprint("views", description="Tickets that somebody looks at again and again")

MOST_COUNTED = 1000
VIEWS_COUNTED = 50


@dataclass(frozen=True)
class Count:
    """How many tickets are in a view, or why nobody can tell."""

    view: int
    count: int | None
    count_is_capped: bool = False
    problem: PartProblem | None = None


@blueprint.route("/views")
class Views(MethodView):
    @blueprint.needs("settings:read")
    @blueprint.asks(PageQuery)
    @blueprint.answers(200, ViewPageSchema, description="A page of views")
    def get(self, asked: dict[str, Any]) -> Listed:
        """List the views that you may use."""
        rows = views.list_views(caller(), after=id_after(asked["after"]), limit=asked["limit"])
        return page_by_id(rows, asked["limit"])

    @blueprint.needs("settings:write")
    @blueprint.takes(NewViewSchema)
    @blueprint.answers(201, ViewSchema, description="The new view")
    @blueprint.refuses(409)
    def post(self, new: dict[str, Any]) -> View:
        """Save a view."""
        kept = {**new.pop("filter"), SORT: new.pop("sort").value}
        with transaction("api"):
            queue = _queue(new.pop("queue", None))
            view = views.create_view(caller(), **new, filter=kept, queue=queue, at=utc_now())
            return views.find_view(caller(), view.id)


@blueprint.route("/views/counts")
class Counts(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.answers(200, ViewCountsSchema, description="How many tickets are in each")
    def get(self) -> Listed:
        """Count the tickets in your views: in the first 50.

        One whose filter means nothing any more has a problem of its own in place of a number.
        """
        rows = views.list_views(caller(), after=0, limit=VIEWS_COUNTED)[:VIEWS_COUNTED]
        return Listed([_count(view) for view in rows])


@blueprint.route("/views/<id:view_id>")
class OneView(MethodView):
    @blueprint.needs("settings:read")
    @blueprint.answers(200, ViewSchema, description="The view")
    @blueprint.refuses(404)
    def get(self, view_id: int) -> View:
        """Read a view."""
        return views.find_view(caller(), view_id)

    @blueprint.needs("settings:write")
    @blueprint.takes(ViewChangeSchema, example={"sort": "waiting"})
    @blueprint.answers(200, ViewSchema, description="The view as it is now")
    @blueprint.refuses(404, 409)
    def patch(self, wanted: dict[str, Any], view_id: int) -> View:
        """Change a view."""
        with transaction("api"):
            view = views.find_view(caller(), view_id)
            if "queue" in wanted:
                wanted["queue"] = _queue(wanted["queue"])
            if "filter" in wanted or SORT in wanted:
                wanted["filter"] = _kept(view, wanted)
            views.change_view(caller(), view, wanted, at=utc_now())
            return views.find_view(caller(), view_id)

    @blueprint.needs("settings:write")
    @blueprint.answers(204, description="It is gone")
    @blueprint.refuses(404)
    def delete(self, view_id: int) -> None:
        """Delete a view."""
        with transaction("api"):
            views.delete_view(caller(), views.find_view(caller(), view_id), at=utc_now())


@blueprint.route("/views/<id:view_id>/tickets")
class Tickets(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.asks(PageQuery)
    @blueprint.answers(200, TicketPageSchema, description="A page of tickets")
    @blueprint.refuses(404, 409)
    def get(self, asked: dict[str, Any], view_id: int) -> Listed:
        """List the tickets of a view that you may see."""
        view = views.find_view(caller(), view_id)
        sort = Sort(view.filter.get(SORT, Sort.DUE))
        after = position_after(asked["after"], sort)
        page = list_tickets(caller(), _filter(view), sort=sort, now=read_at(), limit=asked["limit"], after=after)
        return Listed(page.tickets, cursor_at(page.next, sort))


def _count(view: View) -> Count:
    try:
        found = views.count_tickets(caller(), _filter(view), now=read_at(), most=MOST_COUNTED + 1)
    except TicketingError as error:  # of this view: the others have their numbers all the same
        return Count(view.id, None, problem=problem_of(error))
    return Count(view.id, min(found, MOST_COUNTED), found > MOST_COUNTED)


def _filter(view: View) -> Filter:
    """Return what the view means to whoever looks. Raises Conflict when its words have no meaning any more."""
    given = {name: value for name, value in view.filter.items() if name != SORT}
    try:
        return filter_of(TicketFilter().load(given))
    except ValidationError:
        raise Conflict(f"the filter of view {view.id} means nothing any more; save it again") from None


def _kept(view: View, wanted: dict[str, Any]) -> dict[str, Any]:
    given = wanted.get("filter", {name: value for name, value in view.filter.items() if name != SORT})
    sort = wanted.pop(SORT, None)
    return {**given, SORT: sort.value if sort else view.filter.get(SORT, Sort.DUE.value)}


def _queue(name_or_id: str | int | None) -> Queue | None:
    return None if name_or_id is None else queue_named(name_or_id)
