"""A chat to keep: what was said in it, mailed to the visitor in the desk's own words around it.

It goes to the address of whom the site vouches for, or to the one that they typed in this session. Nobody has proved
that one, so there must have been a person at the desk to speak with: a robot could have us write to strangers else.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from sqlalchemy import case, select
from sqlalchemy.orm import joinedload, selectinload

from channels.models import ChatSession
from channels.webchat.conversation import readable_by
from channels.webchat.leaving import hold_person, lock_ticket_of
from channels.webchat.phrases import Phrases, in_language
from channels.webchat.sessions import find_session
from channels.webchat.standing import is_answered, known_address, language_of
from ticketing import automatic_answers, claims
from ticketing.customers import find_handles
from ticketing.envelope import Channel, HandleKind, Sender
from ticketing.errors import Conflict, InvalidInput, NotFound
from ticketing.models import Customer, Handle, Inbox, Message, MessageKind, Ticket
from ticketing.participants import addressed, our_addresses
from ticketing.reach import withheld_channels
from ticketing.reachability import takes_automatic_mail
from ticketing.store import db
from ticketing.templates import render
from ticketing.wording import values_of

EVERY = timedelta(hours=1)  # at most one in this time
MOST = 500  # messages; of a longer conversation the last ones
LONGEST = 60_000  # characters
TEMPLATE = "transcript"
TEXT = "transcript.text"
PLACE = "\N{NULL}transcript\N{NULL}"  # nobody can write that: NULs are taken out of what comes in
CUT = "…"


def send(visitor: str, typed: str, *, at: datetime) -> None:
    """Mail a visitor what was said; `typed` is an address of theirs, "" for the one that we know.

    Raises InvalidInput, NotFound where this desk sends no mail, Conflict where nobody has answered yet, it was sent
    just now, or the address takes no mail of ours.
    """
    session = find_session(visitor)
    if session.ticket_id is None or not is_answered(session):
        raise Conflict("nobody has answered in this chat yet")
    if session.transcript_sent_at is not None and session.transcript_sent_at > at - EVERY:
        raise Conflict("it was sent within the last hour; look among your mail")
    customer = hold_person(session, at=at)
    to = _reader(session, typed, customer, at)
    ticket = lock_ticket_of(session)
    session = find_session(visitor, lock=True)
    if session.transcript_sent_at is not None and session.transcript_sent_at > at - EVERY:
        return  # another tab was faster
    session.transcript_sent_at = at
    if typed:
        session.email = typed
    _write(ticket, session, to, at)


def text_of(session: ChatSession, *, zone: tzinfo) -> str:
    """Return what was said in a chat, oldest first; of much the last of it."""
    phrases = in_language(language_of(session))
    said = [_told(one, phrases, zone) for one in _last(session)]
    whole = "\n\n".join(said)
    return whole if len(whole) <= LONGEST else CUT + whole[-LONGEST:].partition("\n\n")[2]


def _reader(session: ChatSession, typed: str, customer: Customer | None, at: datetime) -> Sender:
    """Return whom to write to; their address is somebody's from now on."""
    known = known_address(session)
    is_vouched_for = session.customer_id is not None and known not in {"", session.email}
    address = known if is_vouched_for or not typed else typed
    if not address:
        raise InvalidInput("say to which mail address")
    reader = Sender(HandleKind.EMAIL, address, session.name)
    if our_addresses([address.strip().casefold()]):
        raise InvalidInput("that is an address of this desk")
    if customer is not None:
        claims.own_or_claim(customer, [reader], at=at)
    return reader


def _write(ticket: Ticket, session: ChatSession, to: Sender, at: datetime) -> None:
    (handle,) = find_handles([to])
    if handle is None or not _takes_mail(handle):
        if handle is None or handle.customer_id == ticket.customer_id:
            raise Conflict("that address takes no mail of ours")
        return  # nobody learns that we know somebody else's, or what they want
    values = values_of(ticket, None) | {TEXT: PLACE}
    words = render(TEMPLATE, language_of(session), values).body
    words = words.replace(PLACE, text_of(session, zone=_zone(ticket.customer)))
    row = automatic_answers.tell(ticket, _inbox(ticket), handle, words, at=at)
    row.data = addressed([to], ())


def _takes_mail(handle: Handle) -> bool:
    withheld = Channel.EMAIL in withheld_channels(handle.customer_id)
    return takes_automatic_mail(handle) and handle.blocked_at is None and not withheld


def _inbox(ticket: Ticket) -> Inbox:
    """Return the inbox to write from: one of the queue, else the oldest."""
    rank = case((Inbox.queue_id == ticket.queue_id, 0), else_=1)
    query = select(Inbox).where(Inbox.channel == Channel.EMAIL).order_by(rank, Inbox.id)
    found = db.session().scalar(query.limit(1))
    if found is None:
        raise NotFound("this desk sends no mail")
    return found


def _last(session: ChatSession) -> Sequence[Message]:
    query = select(Message).where(*readable_by(session)).order_by(Message.id.desc()).limit(MOST)
    query = query.options(joinedload(Message.author_agent), selectinload(Message.attachments))
    return db.session().scalars(query).all()[::-1]


def _told(message: Message, phrases: Phrases, zone: tzinfo) -> str:
    ours = message.kind is MessageKind.OUTBOUND
    name = (message.author_agent.name if message.author_agent else phrases.desk) if ours else phrases.visitor
    files = [phrases.file.format(name=one.filename) for one in message.attachments]
    when = message.created_at.astimezone(zone)
    return "\n".join([f"{when:%Y-%m-%d %H:%M} {name}", *filter(None, [message.body.strip(), *files])])


def _zone(reader: Customer) -> tzinfo:
    with suppress(KeyError, ValueError, OSError):
        if reader.time_zone:
            return ZoneInfo(reader.time_zone)
    return UTC
