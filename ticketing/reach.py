"""Choose how a reply reaches a customer: on which channel, from which inbox of ours, to which handle of theirs."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import case, select
from sqlalchemy.sql import ColumnElement

from ticketing.envelope import HANDLE_KINDS, Channel
from ticketing.errors import ConsentWithheld, NoReachableChannel
from ticketing.models import Consent, Handle, Inbox, Message, MessageKind, Ticket
from ticketing.store import db

BY_DEFAULT = (Channel.EMAIL, Channel.SMS, Channel.CHAT)  # when nothing tells what the customer likes


@dataclass(frozen=True)
class Route:
    """From an inbox of ours to a handle of theirs, and why this one (a stable word)."""

    channel: Channel
    inbox: Inbox
    handle: Handle
    reason: str


def choose_route(ticket: Ticket, wanted: Channel | None) -> Route:
    """Return the route of a reply; `wanted` None leaves the choice to us.

    Raises NoReachableChannel, and ConsentWithheld where the customer does not want it.
    """
    last = _last_inbound(ticket)
    withheld = withheld_channels(ticket.customer_id)
    if wanted is not None:
        if wanted in withheld:
            raise ConsentWithheld(_withheld(ticket.customer_id, wanted, withheld[wanted]))
        route = _route(ticket, wanted, "asked_for", last)
        if route is None:
            raise NoReachableChannel(f"customer {ticket.customer_id} cannot be reached by {wanted}")
        return route
    unwanted: Channel | None = None
    for channel, reason in _candidates(ticket, last):
        route = _route(ticket, channel, reason, last)
        if route is not None and channel not in withheld:
            return route
        unwanted = unwanted or (channel if route is not None else None)
    if unwanted is not None:
        raise ConsentWithheld(_withheld(ticket.customer_id, unwanted, withheld[unwanted]))
    raise NoReachableChannel(f"customer {ticket.customer_id} has no address on a channel that this desk answers on")


def withheld_channels(customer_id: int) -> dict[Channel, str]:
    """Return the channels on which the customer does not want to be written to, each with the reason that is kept."""
    query = select(Consent.channel, Consent.reason).where(Consent.customer_id == customer_id, Consent.given.is_(False))
    return {row.channel: row.reason for row in db.session().execute(query)}


def _withheld(customer_id: int, channel: Channel, reason: str) -> str:
    told = f" ({reason})" if reason else ""
    return f"customer {customer_id} does not want to be written to by {channel}{told}; choose another channel"


def _candidates(ticket: Ticket, last: Message | None) -> Iterable[tuple[Channel, str]]:
    for name in ticket.customer.preferred_channels:
        yield Channel(name), "preferred"
    if last is not None:
        yield last.channel, "last_used"
    for channel in BY_DEFAULT:
        yield channel, "reachable"


def _last_inbound(ticket: Ticket) -> Message | None:
    """Return the last message of the ticket's own customer, by any channel that can be answered."""
    query = (
        select(Message)
        .where(
            Message.ticket_id == ticket.id,
            Message.kind == MessageKind.INBOUND,
            Message.handle_id.is_not(None),
            Message.author_customer_id == ticket.customer_id,
        )
        .order_by(Message.id.desc())
        .limit(1)
    )
    return db.session().scalar(query)


def _route(ticket: Ticket, channel: Channel, reason: str, last: Message | None) -> Route | None:
    if channel not in HANDLE_KINDS:
        return None
    if last is not None and last.channel is channel and last.inbox is not None:
        written_from = _handle(ticket.customer_id, Handle.id == last.handle_id)
        if written_from is not None:
            return Route(channel, last.inbox, written_from, reason)
    handle = _handle(ticket.customer_id, Handle.kind == HANDLE_KINDS[channel])
    inbox = _inbox(ticket, channel) if handle is not None else None
    return Route(channel, inbox, handle, reason) if inbox is not None and handle is not None else None


def _handle(customer_id: int, which: ColumnElement[bool]) -> Handle | None:
    """Return the customer's newest such handle, held fast: nobody takes it from them before the message is there."""
    query = select(Handle).where(Handle.customer_id == customer_id, which, Handle.detached_at.is_(None))
    query = query.order_by(Handle.id.desc()).limit(1).with_for_update(read=True, key_share=True)
    return db.session().scalar(query.execution_options(populate_existing=True))


def _inbox(ticket: Ticket, channel: Channel) -> Inbox | None:
    """Return the inbox to answer from: the ticket's own, else one of its queue, else the oldest."""
    rank = case((Inbox.id == ticket.inbox_id, 0), (Inbox.queue_id == ticket.queue_id, 1), else_=2)
    return db.session().scalar(select(Inbox).where(Inbox.channel == channel).order_by(rank, Inbox.id).limit(1))
