"""The calls that we know, and what happens to them. Everything here is in the caller's transaction."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from sqlalchemy import select

from channels.erasure import digest_of
from channels.errors import AboutTheForgotten, UnsupportedPayload
from channels.events import CallArrived, CallEnded
from channels.models import Call, ChatSession, InboundItem, ItemState
from channels.phone import leaving, recordings
from channels.phone.states import FINAL, CallState, moves_on
from ticketing import journal, lifecycle, lines
from ticketing.envelope import Channel
from ticketing.errors import NotFound
from ticketing.events import SYSTEM, Actor
from ticketing.inserting import insert_now
from ticketing.intake import Taken
from ticketing.models import Ticket
from ticketing.store import db

LONGEST_CALL = timedelta(hours=4)  # Twilio ends a call by itself: https://www.twilio.com/docs/voice/api/call-resource


def find_call(provider_id: str) -> Call:
    """Return a call by the provider's id.

    Raises NotFound, which keeps the news in quarantine until there is one, UnsupportedPayload for a call that was not
    picked up, and AboutTheForgotten.
    """
    forgotten = digest_of(provider_id)
    call = db.session().scalar(select(Call).where(Call.provider_id.in_([provider_id, forgotten])))
    if call is not None and call.provider_id == forgotten:
        raise AboutTheForgotten("whoever made this call asked to be forgotten")
    if call is None and _was_turned_away(provider_id):
        raise UnsupportedPayload("this call was not picked up: its caller is blocked")
    if call is None:
        raise NotFound(f"no call {provider_id} is known here; replay this when its arrival is taken in")
    return call


def _was_turned_away(provider_id: str) -> bool:
    arrival = select(InboundItem.id).where(
        InboundItem.channel == Channel.PHONE,
        InboundItem.kind == "call",
        InboundItem.key == provider_id,
        InboundItem.state == ItemState.IGNORED,
    )
    return db.session().scalar(arrival.limit(1)) is not None


def arrive(taken: Taken, provider_id: str, *, at: datetime) -> Call:
    """Write a new call down beside its ticket."""
    if taken.message.inbox is None:
        raise RuntimeError("a call comes to an inbox")
    call = Call(
        provider_id=provider_id,
        ticket_id=taken.ticket.id,
        message_id=taken.message.id,
        inbox_id=taken.message.inbox.id,
        outbound=False,
        state=CallState.RINGING,
        started_at=taken.message.created_at,
    )
    insert_now(call)
    journal.append(taken.ticket, CallArrived(call.id), by=_caller(taken), at=at)
    return call


def leave_voicemail(call: Call, taken: Taken, *, recording_id: str, url: str, seconds: int, at: datetime) -> None:
    """Note the caller's voicemail. Who waited in the line keeps the place; nobody's phone has to ring for them."""
    db.session().refresh(call)  # a merge may have put it on another ticket while we waited for this one's lock
    recordings.announce_voicemail(
        taken.ticket,
        call,
        taken.message,
        provider_id=recording_id,
        url=url,
        seconds=seconds,
        by=_caller(taken),
        at=at,
    )
    if taken.ticket.id == call.ticket_id:
        leaving.leave_words(taken.ticket, call)


def move(provider_id: str, state: CallState, *, seconds: int | None, at: datetime) -> None:
    """Move a call on. Raises UnsupportedPayload for old news, NotFound for a call that is not known (yet)."""
    call = find_call(provider_id)
    ticket = lifecycle.lock_ticket_of(call)
    if not moves_on(CallState(call.state), state):
        raise UnsupportedPayload(f"the call is {call.state} already")
    _move(ticket, call, state, seconds=seconds, at=at)


def catch_up(ticket: Ticket, call: Call, keys: Iterable[tuple[str, CallState]], *, at: datetime) -> None:
    """End a call whose end was told before its arrival; such news lies in quarantine under one of these keys."""
    states = dict(keys)
    query = select(InboundItem).where(
        InboundItem.channel == Channel.PHONE,
        InboundItem.kind == "call-status",
        InboundItem.inbox_address == "",
        InboundItem.key.in_(states),
        InboundItem.state == ItemState.QUARANTINED,
    )
    early = db.session().scalar(query.limit(1))
    if early is not None:
        _move(ticket, call, states[early.key], seconds=_told_seconds(early), at=at)
        early.state, early.reason, early.processed_at = ItemState.PROCESSED, None, at


def _told_seconds(item: InboundItem) -> int | None:
    """Return how long a call took, by the news of its end; None where that does not say."""
    told = dict(parse_qsl(item.body.decode("latin-1"))).get("CallDuration", "")
    return int(told) if told.isdecimal() and len(told) <= 6 else None


def _move(ticket: Ticket, call: Call, state: CallState, *, seconds: int | None, at: datetime) -> None:
    call.state = state
    if state in FINAL:
        call.ended_at, call.duration_seconds = at, seconds
        journal.append(ticket, CallEnded(call.id, state, seconds), by=SYSTEM, at=at)
        leaving.hang_up(ticket, call, at=at)


def _caller(taken: Taken) -> Actor:
    who = taken.message.author_customer
    return Actor.customer(who.id) if who is not None else SYSTEM


def end_lost(now: datetime, limit: int = 100) -> list[int]:
    """End the live wait of calls whose end nobody told us; return their tickets."""
    chats = select(ChatSession.id).where(ChatSession.ticket_id == Ticket.id)  # whose end webchat finds
    lost = (
        select(Call)
        .join(Ticket, Ticket.id == Call.ticket_id)
        .where(Ticket.live, Call.started_at < now - LONGEST_CALL, Call.state.not_in(FINAL), ~chats.exists())
    )
    calls = db.session().scalars(lost.order_by(Call.ticket_id).limit(limit)).all()
    for call in calls:
        lines.end(lifecycle.lock_ticket(call.ticket_id), by=SYSTEM, at=now)
    return [call.ticket_id for call in calls]
