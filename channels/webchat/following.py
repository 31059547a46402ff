"""Replies follow a visitor who has left the chat, by another channel of theirs, and are still in the chat when they
come back.

New ones are routed so from the beginning (see `ticketing.reach`). Here are those that went into the chat and were not
fetched any more. Their answer comes back to the same ticket by the ordinary rules: the mail is ours, and signed; of
texts the last one between the two numbers decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select

from channels.events import ReplyRerouted
from channels.models import ChatSession
from channels.webchat.leaving import lock_ticket_of
from channels.webchat.presence import AWAY_AFTER
from channels.webchat.sessions import find_session
from ticketing import journal
from ticketing.attachments import must_be_possible
from ticketing.customers import lock_customer
from ticketing.envelope import Channel, HandleKind, MessageState, Sender
from ticketing.errors import AttachmentsNotPossible, Conflict, InvalidInput
from ticketing.events import SYSTEM
from ticketing.models import Handle, Message, MessageKind, Ticket
from ticketing.models.customer import PRESENT
from ticketing.participants import addressed
from ticketing.reach import VISITOR_AWAY, Route, choose_route
from ticketing.reachability import hold
from ticketing.reply_plan import must_fit
from ticketing.store import db

UNFETCHED = (MessageState.QUEUED, MessageState.SENT)


@dataclass(frozen=True)
class Away:
    """A visitor who is away from now on; `ticket_id` None: they have written nothing."""

    visitor: str
    ticket_id: int | None
    rerouted: Sequence[int] = ()  # messages


def gone(now: datetime, limit: int = 100) -> Sequence[int]:
    """Return the visitors, by handle, who count as present and have been silent for too long. Reads only."""
    silent = exists().where(ChatSession.visitor == Handle.address, ChatSession.seen_at < now - AWAY_AFTER)
    return db.session().scalars(select(Handle.id).where(PRESENT, silent).order_by(Handle.id).limit(limit)).all()


def note_away(handle_id: int, *, at: datetime) -> Away | None:
    """Note that a visitor is away, and let what they have not fetched follow them; None: they are back, or what is on
    its way to them must arrive first.
    """
    found = db.session().get(Handle, handle_id)
    if found is None:
        return None
    lock_customer(found.customer)  # persons, addresses, tickets, sessions
    handle = hold(handle_id)
    if handle is None or handle.kind is not HandleKind.VISITOR or handle.away_since is not None:
        return None
    session = find_session(handle.address)
    db.session().refresh(session)
    if session.seen_at >= at - AWAY_AFTER:
        return None
    if session.ticket_id is None:
        handle.away_since = at
        return Away(session.visitor, None)
    ticket = lock_ticket_of(session)
    if _is_on_its_way(ticket, handle):
        return None
    handle.away_since = at
    db.session().flush()  # the choice of a route reads addresses anew
    rerouted = [one.id for one in _unfetched(ticket, handle) if _reroute(ticket, one, at=at)]
    if rerouted:
        session = find_session(handle.address, lock=True)  # last, as everybody does who holds tickets
        session.rerouted = [*session.rerouted, *rerouted]
    return Away(handle.address, ticket.id, rerouted)


def _is_on_its_way(ticket: Ticket, handle: Handle) -> bool:
    leaving = (Message.ticket_id == ticket.id, Message.handle_id == handle.id, Message.state == MessageState.SENDING)
    return bool(db.session().scalar(select(exists().where(*leaving))))


def _unfetched(ticket: Ticket, handle: Handle) -> Sequence[Message]:
    """Return what people at the desk wrote into the chat, and nobody has fetched."""
    query = select(Message).where(
        Message.ticket_id == ticket.id,
        Message.handle_id == handle.id,
        Message.channel == Channel.CHAT,
        Message.kind == MessageKind.OUTBOUND,
        Message.state.in_(UNFETCHED),
        Message.author_agent_id.is_not(None),
    )
    return db.session().scalars(query.order_by(Message.id).execution_options(populate_existing=True)).all()


def _reroute(ticket: Ticket, message: Message, *, at: datetime) -> bool:
    """Send a message by the customer's other channel instead; false: there is none that can carry it."""
    route = _other_way(ticket, message, at)
    if route is None:
        return False
    message.channel, message.inbox, message.handle = route.channel, route.inbox, route.handle
    message.channel_reason = VISITOR_AWAY
    message.state, message.state_reason = MessageState.QUEUED, None
    message.provider_id, message.next_attempt_at, message.woken_at, message.attempts = None, None, None, 0
    if route.channel is Channel.EMAIL:
        reader = Sender(HandleKind.EMAIL, route.handle.shown, ticket.customer.name)
        message.data = {**message.data, **addressed([reader], ())}
    journal.append(ticket, ReplyRerouted(message.id, Channel.CHAT, route.channel, VISITOR_AWAY), by=SYSTEM, at=at)
    return True


def _other_way(ticket: Ticket, message: Message, at: datetime) -> Route | None:
    try:
        route = choose_route(ticket, None, at=at)
        must_be_possible(route.channel, message.attachments)
        must_fit(message.body, route.channel)
    except (Conflict, AttachmentsNotPossible, InvalidInput):
        return None
    return None if route.channel is Channel.CHAT else route
