"""How tickets have to do with one another."""

from typing import Any

from flask.views import MethodView

from api.auth import actor, caller
from api.blueprint import Blueprint
from api.pagination import Listed, PageQuery, id_after, page_by_id
from api.references import named_in_the_body
from api.schemas.moving import LinkPageSchema, LinkSchema, NewLinkSchema
from ticketing.links import Link, link, links_of, unlink
from ticketing.moment import utc_now
from ticketing.queries import lock_all_seen, read_ticket
from ticketing.transaction import transaction

blueprint = Blueprint("links", description="Tickets that have to do with one another")


@blueprint.route("/tickets/<id:ticket_id>/links")
class Links(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.asks(PageQuery)
    @blueprint.answers(200, LinkPageSchema, description="A page of links")
    @blueprint.refuses(404)
    def get(self, asked: dict[str, Any], ticket_id: int) -> Listed:
        """List a ticket's links to tickets that you may see."""
        ticket, limit = read_ticket(caller(), ticket_id), asked["limit"]
        return page_by_id(links_of(caller(), ticket, after=id_after(asked["after"]), limit=limit + 1), limit)

    @blueprint.needs("tickets:write")
    @blueprint.takes(NewLinkSchema, example={"kind": "parent", "ticket": 17})
    @blueprint.answers(201, LinkSchema, description="The link")
    @blueprint.refuses(404, 409)
    def post(self, wanted: dict[str, Any], ticket_id: int) -> Link:
        """Link a ticket to another; the other one shows the same link the other way round."""
        other_id = wanted["ticket"]
        with transaction("api"):
            read_ticket(caller(), ticket_id)
            with named_in_the_body():
                tickets = lock_all_seen(caller(), [ticket_id, other_id])
            return link(tickets[ticket_id], wanted["kind"], tickets[other_id], by=actor(), at=utc_now())


@blueprint.route("/tickets/<id:ticket_id>/links/<id:link_id>")
class OneLink(MethodView):
    @blueprint.needs("tickets:write")
    @blueprint.answers(204, description="The link is gone")
    @blueprint.refuses(404)
    def delete(self, ticket_id: int, link_id: int) -> None:
        """Remove a link, from both tickets."""
        with transaction("api"):
            read_ticket(caller(), ticket_id)
            unlink(caller(), ticket_id, link_id, by=actor(), at=utc_now())
