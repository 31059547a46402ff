"""A ticket's version as its ETag, so that nobody overwrites what they have not seen."""

from flask import request

from ticketing.errors import StaleVersion
from ticketing.models import Ticket
from ticketing.rows import TicketRow


def with_etag(ticket: Ticket | TicketRow) -> tuple[Ticket | TicketRow, dict[str, str]]:
    """Return the answer of a view that answers a ticket."""
    return ticket, {"ETag": f'"{ticket.version}"'}


def check_if_match(ticket: Ticket) -> None:
    """Raise StaleVersion when the caller's `If-Match` is not the version that is about to change."""
    if "If-Match" in request.headers and not request.if_match.contains(str(ticket.version)):
        raise _stale(ticket)


def must_be_at(ticket: Ticket, version: int) -> None:
    """Raise StaleVersion when the ticket is at another version."""
    if ticket.version != version:
        raise _stale(ticket)


def _stale(ticket: Ticket) -> StaleVersion:
    return StaleVersion(f"ticket {ticket.id} has changed since you read it; it is at version {ticket.version} now")
