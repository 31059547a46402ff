"""Tickets as a spreadsheet: the whole result of a list, written while it is read."""

from collections.abc import Iterator, Mapping
from typing import Any

from flask import Response
from flask.views import MethodView

from api.auth import caller
from api.blueprint import Blueprint
from api.filters import filter_of
from api.requests import read_at
from api.schemas.tickets import TicketFilter, TicketQuery, TicketSchema
from api.spreadsheet import csv_response, flat
from ticketing.queries import list_tickets
from ticketing.store import db

blueprint = Blueprint("spreadsheets", description="Lists as CSV")

ROWS_AT_ONCE = 500
COLUMNS = (
    *("id", "subject", "status", "priority", "channel", "queue.name", "assignee.name", "customer.id", "customer.name"),
    *("tags", "fields", "created_at", "updated_at", "waiting_since", "due_at", "sla", "snoozed_until", "solved_at"),
    *("closed_at", "merged_into"),
)


class TicketCSVQuery(TicketFilter):
    """Which tickets, all of them, in which order."""

    sort = TicketQuery._declared_fields["sort"]


@blueprint.route("/tickets.csv")
class TicketsAsCSV(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.asks(TicketCSVQuery)
    @blueprint.gives_file("All these tickets as CSV", content_type="text/csv")
    def get(self, asked: dict[str, Any]) -> Response:
        """Download the tickets that you may see, all of them, with the filters of the list."""
        return csv_response("tickets.csv", [name.replace(".", "_") for name in COLUMNS], _rows(asked))


def _rows(asked: Mapping[str, Any]) -> Iterator[list[Any]]:
    """Return all these tickets as rows, some at a time; nothing stays open while a slow client takes them."""
    who, now, wanted, sort, schema = caller(), read_at(), filter_of(asked), asked["sort"], TicketSchema()
    after, more = None, True
    while more:
        page = list_tickets(who, wanted, sort=sort, now=now, limit=ROWS_AT_ONCE, after=after)
        rows = [flat(schema.dump(one), COLUMNS) for one in page.tickets]
        after, more = page.next, page.next is not None
        db.session.remove()
        yield from rows
