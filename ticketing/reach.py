"""Choose how a reply reaches a customer: on which channel, from which inbox of ours, to which handle of theirs."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import case, select

from ticketing.envelope import HANDLE_KINDS, Channel, HandleKind
from ticketing.errors import Conflict, ConsentWithheld, NoReachableChannel, OptedOut, WindowClosed
from ticketing.models import Consent, Handle, Inbox, Message, MessageKind, OptOut, Ticket
from ticketing.moment import rfc3339
from ticketing.reachability import takes_nothing
from ticketing.store import db

# When nothing tells what the customer likes. A text arrives at once, and needs no window to be open.
BY_DEFAULT = (Channel.EMAIL, Channel.SMS, Channel.WHATSAPP, Channel.CHAT)
OPTED_OUT_OF = frozenset({Channel.SMS, Channel.WHATSAPP})  # by a word, see ticketing.opt_outs
# How long after they wrote the customer may be answered freely: https://www.twilio.com/docs/whatsapp/key-concepts.
WINDOWS = {Channel.WHATSAPP: timedelta(hours=24)}

UNREACHABLE = "unreachable"  # why a route was chosen: what came before it takes nothing
VISITOR_AWAY = "visitor_away"  # likewise: the chat came before it, and nobody is there to read it


@dataclass(frozen=True)
class Route:
    """From an inbox of ours to a handle of theirs, and why this one (a stable word)."""

    channel: Channel
    inbox: Inbox
    handle: Handle
    reason: str


def choose_route(ticket: Ticket, wanted: Channel | None, *, at: datetime, approved: bool = False) -> Route:
    """Return the route of a reply; `wanted` None leaves the choice to us.

    Addresses from which our messages come back are left out; the reason is `unreachable` where another one, or another
    channel, stands in for such a one, and `visitor_away` where one stands in for a chat that its visitor has left. Who
    has nothing but that chat finds the reply there when they return. `approved` words may leave where a window is
    closed. Raises NoReachableChannel; ConsentWithheld and OptedOut where the customer does not want it; WindowClosed.
    """
    last = _last_inbound(ticket)
    withheld = withheld_channels(ticket.customer_id)
    if wanted is not None and wanted in withheld:
        raise ConsentWithheld(_withheld(ticket.customer_id, wanted, withheld[wanted]))
    unwanted: Channel | None = None
    dead: Handle | None = None
    shut: Conflict | None = None
    left: Route | None = None
    for channel, reason in [(wanted, "asked_for")] if wanted is not None else _candidates(ticket, last):
        way = _way(ticket, channel, last)
        if way is None:
            continue
        if channel in withheld:
            unwanted = unwanted or channel
        elif takes_nothing(way.handle, channel):
            dead = dead or way.handle
        elif (closed := _shut(ticket, way, channel, asked=wanted is not None, approved=approved, at=at)) is not None:
            shut = shut or closed
        else:
            stands_in = way.stands_in or dead is not None
            route = Route(channel, way.inbox, way.handle, UNREACHABLE if stands_in else reason)
            if wanted is not None or way.handle.away_since is None:
                return route if left is None else replace(route, reason=VISITOR_AWAY)
            left = left or route
    if left is not None:
        return left
    if unwanted is not None:
        raise ConsentWithheld(_withheld(ticket.customer_id, unwanted, withheld[unwanted]))
    raise shut or NoReachableChannel(_no_way(ticket, wanted, dead))


def _no_way(ticket: Ticket, wanted: Channel | None, dead: Handle | None) -> str:
    if dead is not None:
        return _nothing_arrives(dead, wanted)
    if wanted is not None:
        return f"customer {ticket.customer_id} cannot be reached by {wanted}"
    return f"customer {ticket.customer_id} has no address on a channel that this desk answers on"


def _nothing_arrives(handle: Handle, wanted: Channel | None) -> str:
    of = f"customer {handle.customer_id}"
    scope = f"no address of {of} for {wanted} takes our messages" if wanted else f"nothing that we send reaches {of}"
    way_out = f"DELETE /customers/{handle.customer_id}/handles/{handle.id}/unreachability if it does again"
    return f"{scope}; address {handle.id}: {handle.unreachable_reason or 'they come back'} ({way_out})"


def _shut(
    ticket: Ticket, way: "_Way", channel: Channel, *, asked: bool, approved: bool, at: datetime
) -> Conflict | None:
    """Return why nothing may go that way now: they want none from us, or are not to be answered any more."""
    out = _out_of(way.handle, channel) if channel in OPTED_OUT_OF else {}
    # Who has opted out of one of our numbers is not written to from another one unless somebody asks for it.
    if (word := out.get(way.inbox.id) or (None if asked else next(iter(out.values()), None))) is not None:
        return OptedOut(_opted_out(ticket, channel, word))
    if approved or channel not in WINDOWS:
        return None
    last_at = _last_at(way, channel)
    if last_at is not None and at - last_at < WINDOWS[channel]:
        return None
    return WindowClosed(_window(ticket, channel, way.inbox, last_at))


def _out_of(handle: Handle, channel: Channel) -> dict[int, OptOut]:
    query = select(OptOut).join(Inbox, Inbox.id == OptOut.inbox_id)
    query = query.where(OptOut.handle_id == handle.id, Inbox.channel == channel).order_by(OptOut.inbox_id)
    return {row.inbox_id: row for row in db.session().scalars(query.execution_options(populate_existing=True))}


def _last_at(way: "_Way", channel: Channel) -> datetime | None:
    """Return when the customer last wrote from there to our number, on whichever ticket."""
    query = (
        select(Message.created_at)
        .where(
            Message.handle_id == way.handle.id,
            Message.kind == MessageKind.INBOUND,
            Message.channel == channel,
            Message.inbox_id == way.inbox.id,
        )
        .order_by(Message.id.desc())
    )
    return db.session().scalar(query.limit(1))


def _opted_out(ticket: Ticket, channel: Channel, word: OptOut) -> str:
    return (
        f"customer {ticket.customer_id} has opted out of messages by {channel} ({word.reason}, {rfc3339(word.at)}); "
        "until they write START, choose another channel"
    )


def _window(ticket: Ticket, channel: Channel, inbox: Inbox, last_at: datetime | None) -> str:
    hours = WINDOWS[channel] // timedelta(hours=1)
    when = f"wrote by {channel} more than {hours} hours ago" if last_at else f"has not written by {channel} yet"
    names = ", ".join(sorted(inbox.settings.get("templates", ())))
    there = f"inbox {inbox.id} has {names}" if names else f"inbox {inbox.id} has none"
    return (
        f"customer {ticket.customer_id} {when}, so nothing but an approved template may go ({there}); send one, or "
        "choose another channel"
    )


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
    chosen = next((one for one in handles if not takes_nothing(one, channel)), handles[0])
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
