"""Choose how a reply reaches a customer: on which channel, from which inbox of ours, to which handle of theirs."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import case, select

from ticketing.envelope import HANDLE_KINDS, Channel, HandleKind
from ticketing.errors import ConsentWithheld, NoReachableChannel
from ticketing.models import Consent, Handle, Inbox, Message, MessageKind, Ticket
from ticketing.store import db

BY_DEFAULT = (Channel.EMAIL, Channel.SMS, Channel.CHAT)  # when nothing tells what the customer likes

UNREACHABLE = "unreachable"  # why a route was chosen: what came before it takes nothing


@dataclass(frozen=True)
class Route:
    """From an inbox of ours to a handle of theirs, and why this one (a stable word)."""

    channel: Channel
    inbox: Inbox
    handle: Handle
    reason: str


def choose_route(ticket: Ticket, wanted: Channel | None) -> Route:
    """Return the route of a reply; `wanted` None leaves the choice to us.

    Addresses from which our messages come back are left out; the reason is `unreachable` where another one, or another
    channel, stands in for such a one. Raises NoReachableChannel, and ConsentWithheld where the customer does not want
    it.
    """
    last = _last_inbound(ticket)
    withheld = withheld_channels(ticket.customer_id)
    if wanted is not None and wanted in withheld:
        raise ConsentWithheld(_withheld(ticket.customer_id, wanted, withheld[wanted]))
    unwanted: Channel | None = None
    dead: Handle | None = None
    for channel, reason in [(wanted, "asked_for")] if wanted is not None else _candidates(ticket, last):
        way = _way(ticket, channel, last)
        if way is None:
            continue
        if channel in withheld:
            unwanted = unwanted or channel
        elif way.handle.unreachable_at is not None:
            dead = dead or way.handle
        else:
            stands_in = way.stands_in or dead is not None
            return Route(channel, way.inbox, way.handle, UNREACHABLE if stands_in else reason)
    if unwanted is not None:
        raise ConsentWithheld(_withheld(ticket.customer_id, unwanted, withheld[unwanted]))
    if dead is not None:
        raise NoReachableChannel(_nothing_arrives(dead, wanted))
    if wanted is not None:
        raise NoReachableChannel(f"customer {ticket.customer_id} cannot be reached by {wanted}")
    raise NoReachableChannel(f"customer {ticket.customer_id} has no address on a channel that this desk answers on")


def _nothing_arrives(handle: Handle, wanted: Channel | None) -> str:
    of = f"customer {handle.customer_id}"
    scope = f"no address of {of} for {wanted} takes our messages" if wanted else f"nothing that we send reaches {of}"
    way_out = f"DELETE /customers/{handle.customer_id}/handles/{handle.id}/unreachability if it does again"
    return f"{scope}; address {handle.id}: {handle.unreachable_reason or 'they come back'} ({way_out})"


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


@dataclass(frozen=True)
class _Way:
    """How to reach a customer on a channel; `stands_in`: for an address that would be nearer, and takes nothing."""

    inbox: Inbox
    handle: Handle
    stands_in: bool = False


def _way(ticket: Ticket, channel: Channel, last: Message | None) -> _Way | None:
    """Return the way on a channel, by an unreachable address only where there is no other; None: there is none."""
    if channel not in HANDLE_KINDS:
        return None
    handles = _handles(ticket.customer_id, HANDLE_KINDS[channel])
    if not handles:
        return None
    inbox = None
    if last is not None and last.channel is channel and any(one.id == last.handle_id for one in handles):
        handles.sort(key=lambda one: one.id != last.handle_id)  # from where they wrote, and to which inbox
        inbox = last.inbox
    inbox = inbox or _inbox(ticket, channel)
    chosen = next((one for one in handles if one.unreachable_at is None), handles[0])
    return _Way(inbox, chosen, stands_in=chosen is not handles[0]) if inbox is not None else None


def _handles(customer_id: int, kind: HandleKind) -> list[Handle]:
    """Return the customer's handles of a kind, the newest first, held fast: nobody takes them before the message is
    there.
    """
    query = select(Handle).where(Handle.customer_id == customer_id, Handle.kind == kind, Handle.detached_at.is_(None))
    query = query.order_by(Handle.id.desc()).with_for_update(read=True, key_share=True)
    return list(db.session().scalars(query.execution_options(populate_existing=True)))


def _inbox(ticket: Ticket, channel: Channel) -> Inbox | None:
    """Return the inbox to answer from: the ticket's own, else one of its queue, else the oldest."""
    rank = case((Inbox.id == ticket.inbox_id, 0), (Inbox.queue_id == ticket.queue_id, 1), else_=2)
    return db.session().scalar(select(Inbox).where(Inbox.channel == channel).order_by(rank, Inbox.id).limit(1))
