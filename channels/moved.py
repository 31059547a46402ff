"""Let calls, callbacks, chats and waits go with their messages when tickets are merged or split. AT_ONCE in
api/reactions.py.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, update

from channels.models import Call, ChatSession
from channels.phone.models import Callback, CallbackState
from channels.phone.states import FINAL
from ticketing import lines
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
    if ticket.live and not _is_live(ticket.id) and _is_live(split.into):
        other = db.session().get_one(Ticket, split.into)
        other.live, other.on_phone = True, ticket.on_phone
        _move(Wait, [Wait.ticket_id == ticket.id, Wait.ended_at.is_(None)], other.id)
        lines.end(ticket, by=entry.actor, at=entry.at)


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
    """Say whether somebody has a place in the line by this ticket: on the phone, to be called back now, in a chat."""
    call = select(Call.id).where(Call.ticket_id == ticket_id, Call.state.not_in(FINAL), Call.outbound.is_(False))
    owed = Callback.state.in_([CallbackState.DUE, CallbackState.CALLING])
    callback = select(Callback.id).where(Callback.ticket_id == ticket_id, owed)
    found = [db.session().scalar(query.limit(1)) for query in (call, callback)]
    return any(found) or bool(_chats(ticket_id))
