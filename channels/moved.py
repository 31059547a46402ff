"""Let calls, callbacks, chats and waits go with their messages when tickets are merged or split. AT_ONCE in
api/reactions.py.

A place in the line goes with what it is held by. What becomes of two tickets' calls on one: `channels.phone.merged`.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, update

from channels.models import Call, ChatSession
from channels.phone import callbacks, merged
from channels.phone.models import Callback, CallbackState
from channels.phone.states import FINAL
from ticketing import lines, snoozing
from ticketing.envelope import Channel, HandleKind
from ticketing.events import Entry, TicketMerged, TicketSplit
from ticketing.models import Handle, Message, Ticket, Wait
from ticketing.store import db


def follow(ticket: Ticket, entry: Entry) -> None:
    """Point to the ticket that has the messages now; later words and news of a call come in there."""
    if isinstance(entry.event, TicketMerged):
        for table in (Call, Callback, ChatSession):
            _move(table, [table.ticket_id == ticket.id], entry.event.into)
        _move(Wait, [Wait.ticket_id == ticket.id, Wait.ended_at.is_(None)], entry.event.into)
    elif isinstance(entry.event, TicketSplit):
        _part(ticket, entry, entry.event)


def _part(ticket: Ticket, entry: Entry, split: TicketSplit) -> None:
    leaving_calls = select(Call.id).where(Call.message_id.in_(split.messages))
    _move(Callback, [Callback.asked_by_call_id.in_(leaving_calls)], split.into)
    _move(Call, [Call.message_id.in_(split.messages)], split.into)
    leaving = [session.id for session in _chats(ticket.id) if _last_word(session) in split.messages]
    _move(ChatSession, [ChatSession.id.in_(leaving)], split.into)
    other = db.session().get_one(Ticket, split.into)
    if ticket.live and not _is_live(ticket.id) and (_is_live(other.id) or _left_by_phone(ticket, other)):
        other.live = True
        _move(Wait, [Wait.ticket_id == ticket.id, Wait.ended_at.is_(None)], other.id)
        lines.end(ticket, by=entry.actor, at=entry.at)
    for one in (ticket, other):
        one.on_phone = merged.has_to_ring(one.id)
    _sleep_there(ticket, other, entry)


def _sleep_there(ticket: Ticket, other: Ticket, entry: Entry) -> None:
    """Let a ticket that slept until a callback wake where that is gone, and the one sleep that has it now."""
    callback = callbacks.open_on(other.id)
    if callback is None or callback.next_at is None:
        return
    if ticket.snoozed_until == callback.next_at + callbacks.SPARE:
        snoozing.wake(ticket, why="callback", by=entry.actor, at=entry.at)
    callbacks.put_away(callback, other, at=entry.at)


def _move(table: type[Call | Callback | ChatSession | Wait], which: list[Any], into: int) -> None:
    db.session().execute(update(table).where(*which).values(ticket_id=into))


def _chats(ticket_id: int) -> Sequence[ChatSession]:
    return db.session().scalars(select(ChatSession).where(ChatSession.ticket_id == ticket_id)).all()


def _last_word(session: ChatSession) -> int | None:
    """Return the last message of a chat: where it is, the chat goes on."""
    handles = select(Handle.id).where(Handle.kind == HandleKind.VISITOR, Handle.address == session.visitor)
    query = select(Message.id).where(Message.channel == Channel.CHAT, Message.handle_id.in_(handles))
    return db.session().scalar(query.order_by(Message.id.desc()).limit(1))


def _is_live(ticket_id: int) -> bool:
    """Say whether somebody has a place in the line by this ticket: on the phone, to be called back, in a chat."""
    call = select(Call.id).where(Call.ticket_id == ticket_id, Call.state.not_in(FINAL), Call.outbound.is_(False))
    owed = Callback.state.in_([CallbackState.BOOKED, CallbackState.DUE, CallbackState.CALLING])
    with_a_place = (Callback.ticket_id == ticket_id, owed, Callback.reason != callbacks.ABANDONED)
    found = [db.session().scalar(query.limit(1)) for query in (call, select(Callback.id).where(*with_a_place))]
    return any(found) or bool(_chats(ticket_id))


def _left_by_phone(ticket: Ticket, other: Ticket) -> bool:
    """Say whether it is the other one by whose call the customer has left the line with their place kept: the last."""
    calls = select(Call.ticket_id).where(Call.ticket_id.in_([ticket.id, other.id]), Call.outbound.is_(False))
    return db.session().scalar(calls.order_by(Call.id.desc()).limit(1)) == other.id
