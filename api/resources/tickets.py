"""Tickets: opened, listed, read, changed."""

from collections.abc import Callable
from typing import Any

from flask.views import MethodView

from api.auth import actor, caller
from api.blueprint import TICKET_HEADERS, Blueprint
from api.filters import filter_of
from api.pagination import Listed, cursor_at, position_after
from api.references import customer_described, queue_named
from api.requests import read_at
from api.schemas.tickets import NewTicketSchema, TicketChangeSchema, TicketPageSchema, TicketQuery, TicketSchema
from api.versions import check_if_match, with_etag
from ticketing import lifecycle
from ticketing.models import Ticket
from ticketing.moment import utc_now
from ticketing.queries import list_tickets, lock_seen, show_ticket
from ticketing.requests import open_request
from ticketing.rows import TicketRow
from ticketing.skills import change_skills
from ticketing.transaction import transaction

blueprint = Blueprint("tickets", description="What customers want of us")


@blueprint.route("/tickets")
class Tickets(MethodView):
    @blueprint.needs("tickets:write")
    @blueprint.takes(NewTicketSchema)
    @blueprint.answers(201, TicketSchema, description="The new ticket", headers=TICKET_HEADERS)
    def post(self, new: dict[str, Any]) -> tuple[Ticket, dict[str, str]]:
        """Open a ticket for a customer."""
        at = utc_now()
        with transaction("api"):
            queue = queue_named(new.pop("queue", None))
            customer, handles = customer_described(new.pop("customer"), at=at)
            ticket = open_request(**new, customer=customer, handles=handles, queue=queue, by=actor(), at=at)
        return with_etag(ticket)

    @blueprint.needs("tickets:read")
    @blueprint.asks(TicketQuery)
    @blueprint.answers(200, TicketPageSchema, description="A page of tickets")
    def get(self, asked: dict[str, Any]) -> Listed:
        """List the tickets that you may see."""
        sort, limit, after = asked["sort"], asked["limit"], position_after(asked["after"], asked["sort"])
        page = list_tickets(caller(), filter_of(asked), sort=sort, now=read_at(), limit=limit, after=after)
        return Listed(page.tickets, cursor_at(page.next, sort))


@blueprint.route("/tickets/<id:ticket_id>")
class OneTicket(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.answers(200, TicketSchema, description="The ticket", headers=TICKET_HEADERS)
    @blueprint.refuses(404)
    def get(self, ticket_id: int) -> tuple[TicketRow, dict[str, str]]:
        """Read a ticket."""
        return with_etag(show_ticket(caller(), ticket_id))

    @blueprint.needs("tickets:write")
    @blueprint.reads_if_match()
    @blueprint.takes(TicketChangeSchema, example={"priority": "high", "tags": ["kettle"]})
    @blueprint.answers(200, TicketSchema, description="The ticket as it is now", headers=TICKET_HEADERS)
    @blueprint.refuses(404, 409, 412)
    def patch(self, wanted: dict[str, Any], ticket_id: int) -> tuple[Ticket, dict[str, str]]:
        """Change a ticket."""
        with transaction("api"):
            ticket = lock_seen(caller(), ticket_id)
            check_if_match(ticket)
            _change(ticket, wanted)
        return with_etag(ticket)


def _change(ticket: Ticket, wanted: dict[str, Any]) -> None:
    told: dict[str, Any] = {"by": actor(), "at": utc_now()}
    lifecycle.must_not_be_merged(ticket)
    if "queue" in wanted:
        lifecycle.move(ticket, queue_named(wanted["queue"]), **told)
    for name, change in CHANGES.items():
        if name in wanted:
            change(ticket, wanted[name], **told)


CHANGES: dict[str, Callable[..., None]] = {
    "subject": lifecycle.change_subject,
    "priority": lifecycle.change_priority,
    "tags": lifecycle.change_tags,
    "skills": change_skills,
    "fields": lifecycle.change_fields,
    "status": lifecycle.change_status,
}
