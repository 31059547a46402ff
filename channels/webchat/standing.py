"""How a chat stands for its visitor: who has it, their place in line, an honest wait, what they may have instead of it.

Reads only. Place and wait have the same source as the phone's (`ticketing.waits`). Whether the line is open the caller
says: channels know no calendars.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import exists, func, select

from channels.models import ChatSession
from channels.phone.models import Callback
from channels.phone.opening import Opening
from channels.phone.phrases import in_language, wait_told
from channels.webchat.conversation import readable_by
from ticketing import waits
from ticketing.customers import current_id
from ticketing.envelope import Channel, HandleKind
from ticketing.models import (
    Agent,
    Handle,
    Inbox,
    Message,
    MessageKind,
    Presence,
    Queue,
    QueueAccess,
    QueueMember,
    Ticket,
)
from ticketing.moment import rfc3339
from ticketing.queue_settings import QueueSettings
from ticketing.store import db

INSTEAD = (Channel.PHONE, Channel.SMS, Channel.EMAIL)  # by which somebody may be reached who does not wait


class ChatState(StrEnum):
    """Where a chat is, as its visitor sees it."""

    NEW = "new"  # nothing was written yet
    WAITING = "waiting"  # for an agent
    TALKING = "talking"  # an agent has it
    ENDED = "ended"  # the visitor said so, or the matter is solved


class Instead(StrEnum):
    """How a visitor wants to go on instead; TEXT and HERE also in `ChatSession.moved_to`."""

    HERE = ""  # in the chat
    CALLBACK = "callback"
    TEXT = "text"


@dataclass(frozen=True)
class WaitTold:
    """How long it still takes, in numbers and in words; `low_seconds` None: nothing is known."""

    position: int
    low_seconds: int | None
    high_seconds: int | None  # None: nobody knows how much more than `low_seconds`
    words: str

    def shown(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class Offers:
    """What a visitor may have instead of waiting. `message`: to leave one, and how to reach them."""

    callback: bool
    text: bool
    message: bool

    def shown(self) -> dict[str, bool]:
        return dict(vars(self))


@dataclass(frozen=True)
class LineStanding:
    """How the line of a widget's queue stands for somebody who might come; `wait` None: it is closed."""

    opening: Opening
    anybody_here: bool  # an agent of the queue takes work at this moment
    offers: Offers
    wait: WaitTold | None

    def shown(self) -> dict[str, Any]:
        """Return this as the widget reads it."""
        return {
            **shown_opening(self.opening),
            "anybody_here": self.anybody_here,
            "offers": self.offers.shown(),
            "wait": self.wait and self.wait.shown(),
        }


@dataclass(frozen=True)
class Standing:
    """How one visitor's chat stands. `position` and `wait` None: they have no place in the line, or need none."""

    session: str
    state: ChatState
    agent: str | None  # by name
    wait: WaitTold | None
    opening: Opening
    anybody_here: bool
    offers: Offers
    instead: Instead
    can_rate: bool
    rating: int | None
    last_id: int  # of the messages that they may read, 0 for none
    unread: int
    seen_by_desk: int  # the last message of theirs that an agent was shown, 0 for none
    email_known: str | None  # where the answer would go, masked

    @property
    def position(self) -> int | None:
        return None if self.wait is None else self.wait.position

    def shown(self) -> dict[str, Any]:
        """Return this as the widget reads it."""
        return {
            "session": self.session,
            "state": self.state,
            "agent": None if self.agent is None else {"name": self.agent},
            "position": self.position,
            "wait": self.wait and self.wait.shown(),
            **shown_opening(self.opening),
            "anybody_here": self.anybody_here,
            "offers": self.offers.shown(),
            "instead": self.instead or None,
            "can_rate": self.can_rate,
            "rating": self.rating,
            "last_id": self.last_id,
            "unread": self.unread,
            "seen_by_desk": self.seen_by_desk,
            "email_known": self.email_known,
        }


def shown_opening(opening: Opening) -> dict[str, Any]:
    """Return open or closed as the widget reads it."""
    return {"open": opening.is_open, "opens_at": rfc3339(opening.opens_at) if opening.opens_at else None}


def standing_of(session: ChatSession, ticket: Ticket | None, opening: Opening, *, at: datetime) -> Standing:
    """Return how a visitor's chat stands; `ticket` is theirs, None before their first word, `opening` its queue's."""
    read = _messages(session)
    state = _state(session, ticket)
    place = waits.position(ticket) if ticket is not None and state is ChatState.WAITING else 0
    queue = queue_of(session, ticket)
    desk = _desk(queue, session.ticket_id)
    instead = Instead.CALLBACK if desk.owes_a_call else Instead(session.moved_to)
    return Standing(
        session=session.visitor,
        state=state,
        agent=ticket.assignee.name if ticket is not None and ticket.assignee and state is ChatState.TALKING else None,
        wait=wait_from(queue.id, place, language_of(session), at=at) if place else None,
        opening=opening,
        anybody_here=desk.anybody_here,
        offers=_offers(desk, queue, instead),
        instead=instead,
        can_rate=state is ChatState.ENDED and read.answers > 0,
        rating=session.rating,
        last_id=read.last_id,
        unread=read.unread,
        seen_by_desk=session.desk_read_until,
        email_known=masked(known_address(session)),
    )


def line_standing(inbox: Inbox, opening: Opening, *, language: str, at: datetime) -> LineStanding:
    """Return how the line of a widget stands for somebody who has not written yet."""
    place = waits.length(inbox.queue_id) + 1
    told = wait_from(inbox.queue_id, place, language or _own(inbox.settings), at=at) if opening.is_open else None
    desk = _desk(inbox.queue, None)
    return LineStanding(opening, desk.anybody_here, _offers(desk, inbox.queue, Instead.HERE), told)


def queue_of(session: ChatSession, ticket: Ticket | None) -> Queue:
    """Return the queue in whose line the visitor is, or would be."""
    return ticket.queue if ticket is not None else session.inbox.queue


def language_of(session: ChatSession) -> str:
    """Return the language in which a visitor is told things: the page's, else the widget's own, as an IETF tag."""
    return session.language or _own(session.inbox.settings)


def is_answered(session: ChatSession) -> bool:
    """Say whether a person at the desk has written to the visitor."""
    return _messages(session).answers > 0


def state_of(session: ChatSession) -> ChatState:
    """Return where a chat is."""
    return _state(session, ticket_of(session))


def wait_from(queue_id: int, place: int, language: str, *, at: datetime) -> WaitTold:
    """Return what is told to somebody at a place in a queue's line, 1 for the front."""
    estimate = waits.estimate(queue_id, place, at=at)
    low = None if estimate.high_seconds is None and not estimate.low_seconds else estimate.low_seconds
    return WaitTold(place, low, estimate.high_seconds, wait_told(estimate, in_language(language)))


def known_address(session: ChatSession) -> str:
    """Return the mail address to which this visitor may have things sent: that of the customer for whom their site
    vouches, else the one that they typed in this session; "" for none.
    """
    if session.customer_id is not None:
        theirs = (Handle.customer_id == current_id(session.customer_id), Handle.kind == HandleKind.EMAIL)
        query = select(Handle.shown).where(*theirs, Handle.detached_at.is_(None)).order_by(Handle.id.desc())
        if found := db.session().scalar(query.limit(1)):
            return found
    return session.email


def masked(address: str) -> str | None:
    """Return enough of a mail address for its owner to know it, None for none: `k•••@home.example`."""
    name, at, domain = address.rpartition("@")
    return f"{name[:1]}•••{at}{domain}" if name else None


@dataclass(frozen=True)
class _Desk:
    """What the desk has for a visitor: an agent of the queue who takes work, a call that it owes them, channels."""

    anybody_here: bool
    owes_a_call: bool
    ours: set[Channel]


def _desk(queue: Queue, ticket_id: int | None) -> _Desk:
    takes_work: list[Any] = [Agent.is_active, Agent.presence == Presence.ONLINE]
    if queue.access is not QueueAccess.EVERYONE:
        takes_work.append(exists().where(QueueMember.queue_id == queue.id, QueueMember.agent_id == Agent.id))
    owed = exists().where(Callback.ticket_id == ticket_id, Callback.finished_at.is_(None))
    ours = [exists().where(Inbox.channel == one) for one in INSTEAD]
    here, owes, *have = db.session().execute(select(exists().where(*takes_work), owed, *ours)).one()
    return _Desk(bool(here), bool(owes), {one for one, has in zip(INSTEAD, have, strict=True) if has})


@dataclass(frozen=True)
class _Read:
    last_id: int
    unread: int
    answers: int


def _messages(session: ChatSession) -> _Read:
    ours = Message.kind == MessageKind.OUTBOUND
    unread = func.count().filter(ours & (Message.id > session.read_until))
    answers = func.count().filter(ours & Message.author_agent_id.is_not(None))
    query = select(func.max(Message.id), unread, answers).where(*readable_by(session))
    last, unread_ones, answered = db.session().execute(query).one()
    return _Read(last or 0, unread_ones, answered)


def ticket_of(session: ChatSession) -> Ticket | None:
    """Return a visitor's ticket, None before their first word."""
    return db.session().get(Ticket, session.ticket_id) if session.ticket_id is not None else None


def _state(session: ChatSession, ticket: Ticket | None) -> ChatState:
    if session.ended_at is not None or (ticket is not None and not ticket.is_active):
        return ChatState.ENDED
    if ticket is None:
        return ChatState.NEW
    return ChatState.WAITING if ticket.assignee_id is None else ChatState.TALKING


def _offers(desk: _Desk, queue: Queue, instead: Instead) -> Offers:
    """Return what is offered in a queue, but for what somebody has already."""
    settings = QueueSettings.of(queue.settings)
    return Offers(
        callback=settings.callback.enabled and Channel.PHONE in desk.ours and instead is not Instead.CALLBACK,
        text=settings.text_instead and Channel.SMS in desk.ours and instead is not Instead.TEXT,
        message=not desk.ours.isdisjoint({Channel.EMAIL, Channel.SMS}),
    )


def _own(settings: Mapping[str, Any]) -> str:
    return str(settings.get("language") or "")
