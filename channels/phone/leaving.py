"""A caller leaves the line: for a callback, a voicemail or text messages with their place kept, or without a word.

Everything here is in the caller's transaction, with the ticket locked.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, case, select

from channels.events import CallAbandoned, CallerChose
from channels.models import Call, ChatSession
from channels.phone.arrival import take_place
from channels.phone.models import Callback
from channels.phone.offers import Choice, Out
from channels.phone.phrases import in_language
from channels.phone.states import Stage
from ticketing import automatic_answers, conversation, journal, lifecycle, lines
from ticketing.envelope import Channel, HandleKind, InboundMessage, Sender
from ticketing.events import SYSTEM, Actor, Entry, ReplyWritten
from ticketing.models import Handle, Inbox, Message, OptOut, Ticket
from ticketing.reach import withheld_channels
from ticketing.reachability import takes_nothing
from ticketing.store import db

STAGES = {Choice.CALLBACK: Stage.BOOKING, Choice.VOICEMAIL: Stage.VOICEMAIL, Choice.TEXT: Stage.LEAVING}
WANT_TO_SPEAK = frozenset({Stage.MENU, Stage.HOLDING, Stage.OFFERED, Stage.BOOKING})
KEEP_THEIR_PLACE = frozenset({Stage.VOICEMAIL, Stage.LEAVING})
ON_THE_LINE = (Stage.MENU, Stage.HOLDING, Stage.OFFERED, Stage.TALKING, Stage.ON_HOLD, Stage.BOOKING)


def choose(ticket: Ticket, call: Call, choice: Choice, out: Out | None, *, at: datetime) -> bool:
    """Let the caller leave the line as they chose; false: that is not possible, and they stay where they are.

    They keep their place, or get one where the line is open and merely full. Nobody's phone has to ring for them now,
    unless they are to be called back: whoever takes them while they say when has not answered them.
    """
    keeps = ticket.live or out is Out.FULL
    if choice is Choice.TEXT and not _text(ticket, call, keeps=keeps, at=at):
        return False
    by = Actor.customer(ticket.customer_id)
    journal.append(ticket, CallerChose(call.id, choice), by=by, at=at)
    call.stage = STAGES[choice]
    if keeps:
        speaks_later = choice is Choice.CALLBACK or another_holds(ticket, call)
        take_place(ticket, call, on_phone=speaks_later, at=at)
    return True


def leave_words(ticket: Ticket, call: Call) -> None:
    """Note that the caller has left a voicemail: nobody's phone has to ring for them, and a place they had is kept."""
    if call.stage != Stage.OVER:  # else the end of the call has said what follows
        call.stage = Stage.VOICEMAIL
        if not another_holds(ticket, call):
            ticket.on_phone = False


def hang_up(ticket: Ticket, call: Call, *, at: datetime) -> None:
    """Note that the caller is gone. Who waited has no place any more, unless they left us with their place kept, then
    or by a call before, or the same customer is on the line by another call.
    """
    stage = Stage(call.stage) if call.stage else Stage.OVER
    call.stage = Stage.OVER
    if another_holds(ticket, call):
        _turn_to_who_holds(ticket, call, at=at)
        return
    if stage not in KEEP_THEIR_PLACE and not _is_owed_a_call(ticket):
        if call.answered_at is None and (call.place_was_kept or call.outbound):
            ticket.on_phone = False
        else:
            lines.end(ticket, by=SYSTEM, at=at)
    turned_away = stage is Stage.GREETING and call.waiting_since is not None
    if (stage in WANT_TO_SPEAK or turned_away) and not call.outbound:
        waited = max(0, int((at - call.started_at).total_seconds()))
        by = Actor.customer(ticket.customer_id)
        journal.append(ticket, CallAbandoned(call.id, stage, waited), by=by, at=at)


def end_kept_place(ticket: Ticket, entry: Entry) -> None:
    """End a place that a caller, or a visitor who went on by text, has kept, now that somebody has written to them. A
    reaction to replies.

    Not that of a visitor in a chat, of somebody on the line, or of somebody whom we are to call back.
    """
    event = entry.event
    if not isinstance(event, ReplyWritten) or event.automatic or not ticket.live or ticket.on_phone:
        return
    called = select(Call.id).where(Call.ticket_id == ticket.id, Call.outbound.is_(False)).exists()
    holds = select(Call.id).where(Call.ticket_id == ticket.id, Call.ended_at.is_(None), Call.stage.in_(ON_THE_LINE))
    of_ticket = select(ChatSession.id).where(ChatSession.ticket_id == ticket.id)
    chats, left = of_ticket.where(ChatSession.moved_to == ""), of_ticket.where(ChatSession.moved_to != "").exists()
    owed = select(Callback.id).where(Callback.ticket_id == ticket.id, Callback.finished_at.is_(None))
    if db.session().scalar(select((called | left) & ~holds.exists() & ~chats.exists() & ~owed.exists())):
        lines.end(ticket, by=entry.actor, at=entry.at)


def _is_owed_a_call(ticket: Ticket) -> bool:
    """Say whether we are to call the customer back, so that they keep their place."""
    owed = select(Callback.id).where(Callback.ticket_id == ticket.id, Callback.finished_at.is_(None))
    db.session().flush()
    return db.session().scalar(owed.limit(1)) is not None


def another_holds(ticket: Ticket, call: Call) -> bool:
    """Say whether the customer is on the line by another call on the same ticket."""
    others = select(Call.id).where(*_on_the_line_by_another(ticket, call))
    return db.session().scalar(others.limit(1)) is not None


def _on_the_line_by_another(ticket: Ticket, call: Call) -> tuple[ColumnElement[bool], ...]:
    return (
        Call.ticket_id == ticket.id,
        Call.id != call.id,
        Call.ended_at.is_(None),
        Call.outbound.is_(False),
        Call.stage.in_(ON_THE_LINE),
    )


def _turn_to_who_holds(ticket: Ticket, call: Call, *, at: datetime) -> None:
    """Let whoever holds the line by another call on the ticket have their turn, now that this one was answered and is
    over: two people may call from one number.
    """
    query = select(Call).where(*_on_the_line_by_another(ticket, call)).order_by(Call.id)
    others = db.session().scalars(query).all()
    if ticket.waiting_since is not None or any(one.stage != Stage.HOLDING for one in others):
        return  # they wait for their turn already, or somebody is with one of them
    since = others[0].waiting_since or others[0].started_at
    lines.lose(ticket, Channel.PHONE, since=since, by=SYSTEM, at=at)
    lifecycle.release(ticket, by=SYSTEM, at=at, reason="caller_waits")


def _text(ticket: Ticket, call: Call, *, keeps: bool, at: datetime) -> bool:
    """Go on by text message with the caller, on the same ticket; false: they cannot be reached so."""
    arrival = db.session().get(Message, call.message_id) if call.message_id is not None else None
    handle = arrival.handle if arrival is not None else None
    inbox = _texting_inbox(ticket, call)
    if handle is None or inbox is None or not takes_texts(handle):
        return False
    phrases = in_language(call.language)
    go_on_by_text(ticket, handle, inbox, phrases.text_in_line if keeps else phrases.text, at=at)
    return True


def go_on_by_text(ticket: Ticket, handle: Handle, inbox: Inbox, words: str, *, at: datetime) -> None:
    """Write to the customer's number first, in `words` with a gap for our name; that they asked for it stands among
    their messages, so that replies go that way from now on.
    """
    asked = InboundMessage(
        channel=Channel.SMS,
        provider_id="",
        sender=Sender(HandleKind.PHONE, handle.shown),
        text="Asked to go on by text message.",
        received_at=at,
    )
    row = conversation.receive(ticket, asked, customer=ticket.customer, handle=handle, inbox=inbox, files=(), at=at)
    automatic_answers.answer(ticket, row, words.format(desk=inbox.name), at=at)


def _texting_inbox(ticket: Ticket, call: Call) -> Inbox | None:
    """Return our number to text from: the one that they called, else one of the queue, else the oldest."""
    ours = select(Inbox.address).where(Inbox.id == call.inbox_id).scalar_subquery()
    rank = case((Inbox.address == ours, 0), (Inbox.queue_id == ticket.queue_id, 1), else_=2)
    return db.session().scalar(select(Inbox).where(Inbox.channel == Channel.SMS).order_by(rank, Inbox.id).limit(1))


def takes_texts(handle: Handle) -> bool:
    """Say whether a number may be texted at all, whoever has it."""
    if handle.detached_at is not None or takes_nothing(handle, Channel.SMS):
        return False
    if Channel.SMS in withheld_channels(handle.customer_id):
        return False
    stopped = select(OptOut.inbox_id).join(Inbox, Inbox.id == OptOut.inbox_id)
    stopped = stopped.where(OptOut.handle_id == handle.id, Inbox.channel == Channel.SMS)
    return db.session().scalar(stopped.limit(1)) is None
