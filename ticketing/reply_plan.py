"""Work out how a reply would leave before anything is written, its route, its words, its files; or why it cannot."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ticketing import lifecycle, participants
from ticketing.approved import Approved, Wanted, fill
from ticketing.attachments import must_be_possible, own_uploads
from ticketing.copies import checked_copies
from ticketing.envelope import Channel, HandleKind, Sender
from ticketing.errors import AttachmentsNotPossible, InvalidInput
from ticketing.markdown import to_plain
from ticketing.models import Attachment, Ticket
from ticketing.reach import Route, choose_route

MAX_BODY = 100_000
LONGEST = {Channel.SMS: 1600, Channel.WHATSAPP: 1600}  # characters: Twilio's Body, its error 21617


@dataclass(frozen=True)
class Plan:
    """A reply that could be written. `body` is what leaves; `data` is what the message keeps of whom it is for, and of
    its template.
    """

    route: Route
    body: str
    files: list[Attachment]
    copies: list[Sender]
    data: dict[str, Any] = field(default_factory=dict)


def plan(
    ticket: Ticket,
    body: str,
    *,
    agent_id: int,
    at: datetime,
    channel: Channel | None = None,
    uploads: Sequence[int] = (),
    cc: Sequence[str] = (),
    template: Wanted | None = None,
) -> Plan:
    """Return how a reply would leave. A `template` is approved words of the inbox, and goes by WhatsApp.

    Raises NoReachableChannel, ConsentWithheld, OptedOut, WindowClosed, InvalidInput, InvalidTransition for a closed
    ticket, and AttachmentsNotPossible where the channel cannot carry the files.
    """
    if template is None:
        _must_be_words(body)
    else:
        channel = _must_stand_alone(body, channel, cc)
    lifecycle.must_not_be_over(ticket, at)
    files = own_uploads(agent_id, uploads) if uploads else []
    route = choose_route(ticket, channel, at=at, approved=template is not None)
    approved = fill(route.inbox, template) if template is not None else None
    if approved is not None and files:
        raise AttachmentsNotPossible("an approved template carries no files; send them once the customer has answered")
    must_be_possible(route.channel, files)
    copies = checked_copies(cc, route)
    words = approved.words if approved is not None else _shown(body, route.channel)
    must_fit(words, route.channel)
    return Plan(route, words, files, copies, _data(ticket, route, copies, approved))


def _shown(body: str, channel: Channel) -> str:
    """Return an agent's words as they leave: only mail shows Markdown."""
    return body if channel is Channel.EMAIL else to_plain(body)


def _must_be_words(body: str) -> None:
    if not body.strip():
        raise InvalidInput("a reply needs words")
    if len(body) > MAX_BODY:
        raise InvalidInput(f"a reply has at most {MAX_BODY} characters")


def _must_stand_alone(body: str, channel: Channel | None, cc: Sequence[str]) -> Channel:
    if body.strip() or cc:
        raise InvalidInput("an approved template is the whole reply; leave body and cc out")
    if channel not in {None, Channel.WHATSAPP}:
        raise InvalidInput(f"approved templates go by whatsapp, not by {channel}")
    return Channel.WHATSAPP


def must_fit(words: str, channel: Channel) -> None:
    """Raise InvalidInput for more words than a message on the channel may have."""
    longest = LONGEST.get(channel)
    length = len(words.replace("\r\n", "\n"))
    if longest is not None and length > longest:
        raise InvalidInput(f"a message by {channel} has at most {longest} characters; this one has {length}")


def _data(ticket: Ticket, route: Route, copies: Sequence[Sender], approved: Approved | None) -> dict[str, Any]:
    if approved is not None:
        return {"template": {"content_id": approved.content_id, "variables": approved.variables}}
    if route.channel is not Channel.EMAIL:
        return {}  # only mail has several addresses
    return participants.addressed([Sender(HandleKind.EMAIL, route.handle.shown, ticket.customer.name)], copies)
