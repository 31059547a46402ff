"""A visitor leaves the line of the chat: to be called back or to go on by text, with their place kept, or for good.

Everything here is in the caller's transaction. Persons are locked before their addresses, these before tickets.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import case, exists, select

from channels.events import ChatEnded
from channels.models import Call, ChatSession
from channels.phone import callbacks
from channels.phone.callbacks import Window
from channels.phone.holding import callable_number
from channels.phone.leaving import ON_THE_LINE, go_on_by_text, takes_texts
from channels.phone.models import Callback
from channels.phone.phrases import in_language as spoken_in
from channels.phone.phrases import spoken_language
from channels.phone.slots import Slot, SlotKind, told
from channels.webchat.phrases import in_language
from channels.webchat.sessions import find_session, hold_unwritten
from channels.webchat.standing import Instead, language_of
from ticketing import automatic_answers, claims, journal, lifecycle, lines
from ticketing.customers import find_handles, recognise
from ticketing.envelope import Channel, HandleKind, Sender
from ticketing.errors import Conflict, InvalidInput, NotFound
from ticketing.events import Actor
from ticketing.models import Customer, Handle, Inbox, Ticket
from ticketing.store import db
from ticketing.templates import render
from ticketing.wording import values_of

NO_NUMBER = "that is no phone number that we reach from here; write it with its country code"
CALLBACK = "callback_promised"  # the text


def call_back(visitor: str, typed: str, window: Window, *, reason: str, zone: ZoneInfo, at: datetime) -> Callback:
    """Book a callback for a visitor, with their place kept, and say so in the chat.

    Raises InvalidInput for a number that we do not call, or a window that is none; NotFound without a number of ours;
    Conflict before the first message, and where a call is being made just now.
    """
    session, ticket = lock(visitor, at=at)
    inbox = db.session().get_one(Inbox, callbacks.our_number(ticket, None))
    number = _number(typed, inbox)
    owed = callbacks.open_on(ticket.id)
    if owed is not None:
        callbacks.must_wait(owed)
    language = spoken_language(language_of(session))
    callback = callbacks.book_for_visitor(
        ticket, number=number, inbox_id=inbox.id, language=language, window=window, reason=reason, at=at
    )
    session = find_session(visitor, lock=True)
    session.phone, session.moved_to, session.ended_at = number, Instead.HERE, None
    slot = Slot(SlotKind.NOW if window.not_after is None else SlotKind.TODAY, window.not_before, window.not_after)
    when = told(slot, spoken_in(language), zone, now=at)
    words = render(CALLBACK, language_of(session), values_of(ticket, None) | {"promise.when": when}).body
    say(ticket, session, words, at=at)
    return callback


def go_by_text(visitor: str, typed: str, *, at: datetime) -> None:
    """Go on by text message with a visitor, on the same ticket, with their place kept; nothing happens if they do.

    Whose number that is already, as far as we know, is written to without a word of that: an agent judges whether it
    is the same person. Who wants no texts gets none, without a word of that either. Raises InvalidInput, NotFound, and
    Conflict where the visitor's own number takes no texts.
    """
    found = find_session(visitor)
    inbox = _texting_inbox(found)
    phone = Sender(HandleKind.PHONE, _number(typed, inbox), found.name)
    if (customer := hold_person(found, at=at)) is not None:
        claims.own_or_claim(customer, [phone], at=at)
    session, ticket = lock(visitor, at=at)
    if session.moved_to == Instead.TEXT:
        return
    (handle,) = find_handles([phone])
    is_theirs = handle is None or handle.customer_id == ticket.customer_id
    takes = handle is not None and handle.blocked_at is None and takes_texts(handle)
    if is_theirs and not takes:
        raise Conflict("we cannot send text messages to that number")
    phrases = in_language(language_of(session))
    words = phrases.text_in_line if ticket.live else phrases.text
    if handle is not None and is_theirs:
        go_on_by_text(ticket, handle, inbox, words, at=at)
    elif handle is not None and takes:
        automatic_answers.tell(ticket, inbox, handle, words.format(desk=inbox.name), at=at)
    session = find_session(visitor, lock=True)
    session.phone, session.moved_to, session.ended_at = phone.address, Instead.TEXT, None


def end(visitor: str, *, at: datetime) -> None:
    """Note that a visitor is done with the chat; who waited in its line does so no more. Their next word goes on."""
    session = hold_unwritten(visitor)
    if session.ticket_id is None:
        session.ended_at = session.ended_at or at
        return
    hold_person(session, at=at)
    ticket = lock_ticket_of(session)
    session = find_session(visitor, lock=True)
    if session.ended_at is not None:
        return
    session.ended_at = at
    by = Actor.customer(ticket.customer_id)
    journal.append(ticket, ChatEnded(session.id), by=by, at=at)
    if not _waits_elsewhere(ticket, session):
        lines.end(ticket, by=by, at=at)


def lock(visitor: str, *, at: datetime) -> tuple[ChatSession, Ticket]:
    """Return a visitor's session and its ticket, locked, on which something may still be done.

    Raises Conflict before their first message, InvalidTransition for a ticket that is closed.
    """
    session = find_session(visitor)
    if hold_person(session, at=at) is None:
        raise Conflict("say first what it is about: this chat has no message yet")
    ticket = lock_ticket_of(session)
    lifecycle.must_not_be_over(ticket, at)
    if not ticket.is_active:
        lifecycle.reopen(ticket, by=Actor.customer(ticket.customer_id), at=at)
    return session, ticket


def say(ticket: Ticket, session: ChatSession, words: str, *, at: datetime) -> None:
    """Write to a visitor in the chat by a program. The ticket is locked."""
    theirs = select(Handle).where(Handle.kind == HandleKind.VISITOR, Handle.address == session.visitor)
    handle = db.session().scalar(theirs)
    if handle is not None:
        automatic_answers.tell(ticket, session.inbox, handle, words, at=at)


def hold_person(session: ChatSession, *, at: datetime) -> Customer | None:
    """Lock whoever writes in a session, before anything else of theirs; None: nothing was written yet."""
    if session.ticket_id is None:
        return None
    return recognise([Sender(HandleKind.VISITOR, session.visitor)], at=at)[0]


def lock_ticket_of(session: ChatSession) -> Ticket:
    """Return the session's ticket, locked; a merge may have moved the session while we waited."""
    while True:
        ticket = lifecycle.lock_ticket(session.ticket_id or 0)
        db.session().refresh(session)
        if session.ticket_id == ticket.id:
            return ticket


def _number(typed: str, ours: Inbox) -> str:
    """Return the number that somebody typed, in E.164: as for callers who type one, no premium line, none abroad."""
    number = callable_number(typed, ours.address)
    if number is None:
        raise InvalidInput(NO_NUMBER)
    return number


def _texting_inbox(session: ChatSession) -> Inbox:
    """Return our number to text from: one of the queue, else the oldest."""
    rank = case((Inbox.queue_id == session.inbox.queue_id, 0), else_=1)
    query = select(Inbox).where(Inbox.channel == Channel.SMS).order_by(rank, Inbox.id)
    found = db.session().scalar(query.limit(1))
    if found is None:
        raise NotFound("this desk sends no text messages")
    return found


def _waits_elsewhere(ticket: Ticket, session: ChatSession) -> bool:
    """Say whether the customer's place is held, or kept, by something else than this chat."""
    others = exists().where(
        ChatSession.ticket_id == ticket.id, ChatSession.id != session.id, ChatSession.ended_at.is_(None)
    )
    calls = exists().where(Call.ticket_id == ticket.id, Call.ended_at.is_(None), Call.stage.in_(ON_THE_LINE))
    owed = exists().where(Callback.ticket_id == ticket.id, Callback.finished_at.is_(None))
    by_text = session.moved_to == Instead.TEXT
    return by_text or bool(db.session().scalar(select(others | calls | owed)))
