"""Plain factories: each makes one thing in a transaction of its own; state only what matters.

from tests import make

ticket = make.ticket(priority=Priority.URGENT)
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import select

from api.reactions import carry_out
from channels.email.mailboxes.connecting import Server, Wanted, connect_mailbox
from channels.email.mailboxes.credentials import Password
from channels.email.models import Mailbox
from channels.models import Call
from channels.phone import callbacks, legs, recordings
from channels.phone.models import Callback, LegRole, Recording
from channels.phone.states import CallState, Stage
from sla import calendar_versions, feeds, policies, promises, replays
from sla import rearming as rearmings
from sla.defaults import load_defaults
from sla.models import Alert, Calendar, CalendarFeed, Policy, Promise, Rearming, Replay
from tests.conftest import NOON, SECRET_KEY
from ticketing import (
    agents,
    canned_replies,
    conversation,
    credentials,
    customer_merge,
    customers,
    drafts,
    fields,
    lifecycle,
    links,
    macros,
    merging,
    passwords,
    queues,
    sessions,
)
from ticketing.agents import Caller
from ticketing.drafts import Intent
from ticketing.envelope import HANDLE_KINDS, Channel, HandleKind, InboundMessage, Sender
from ticketing.events import SYSTEM, Actor
from ticketing.files import file_store
from ticketing.links import Link, LinkWord
from ticketing.models import (
    Agent,
    Attachment,
    CannedReply,
    Customer,
    FieldDefinition,
    FieldKind,
    FieldSubject,
    Handle,
    Inbox,
    JournalEntry,
    Macro,
    Mention,
    Message,
    OptOut,
    Queue,
    Role,
    Template,
    Ticket,
    View,
    ViewScope,
)
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.templates import own
from ticketing.transaction import transaction

ADDRESSES = {
    Channel.EMAIL: "support@desk.example",
    **dict.fromkeys((Channel.SMS, Channel.WHATSAPP, Channel.PHONE), "+15145550100"),
}
PASSWORD = "eleven kettles drip"  # of whoever has one
_numbers = itertools.count(1)


def queue(name: str = "", *, members: Iterable[Agent] = (), at: datetime = NOON, **values: Any) -> Queue:
    """A queue; with members it is theirs alone."""
    name = name or f"Queue {next(_numbers)}"
    with transaction("test"):
        return queues.create_queue(name, members=[one.id for one in members], at=at, **values)


def inbox(channel: Channel = Channel.EMAIL, *, address: str = "", queue: Queue | None = None, **values: Any) -> Inbox:
    """An address of ours."""
    queue = queue or _some_queue()
    values = {"name": f"Our {channel}", "settings": {}, "secret": None, "created_at": NOON, **values}
    with transaction("test") as session:
        row = Inbox(channel=channel, address=address or ADDRESSES.get(channel, "widget"), queue_id=queue.id, **values)
        session.add(row)
        session.flush()
        return row


def mailbox(inbox: Inbox, *, at: datetime = NOON, **values: Any) -> Mailbox:
    """The mailbox of an inbox, on a server where nobody is."""
    wanted = {"imap": Server("imap.example.com"), "username": "support", "credentials": Password("drip"), **values}
    with transaction("test") as session:
        ours = session.get_one(Inbox, inbox.id)
        return connect_mailbox(ours, Wanted(**wanted), secret_key=SECRET_KEY, by=SYSTEM, at=at)


def agent(role: Role = Role.AGENT, *, name: str = "Ada", email: str = "", at: datetime = NOON, **values: Any) -> Agent:
    """A person at the desk; `values` are their skills (folded), capacity, presence."""
    with transaction("test"):
        row = agents.create_agent(email or f"agent{next(_numbers)}@desk.example", name=name, role=role, at=at)
        for field, value in values.items():
            setattr(row, field, value)
        return row


def token(agent: Agent, *, scopes: Iterable[str] = (), **values: Any) -> str:
    """The bearer secret of a new token."""
    with transaction("test") as session:
        owner = session.get_one(Agent, agent.id)
        return agents.create_token(owner, name="test", scopes=scopes, at=NOON, **values)[1]


def bearer(agent: Agent, **values: Any) -> dict[str, str]:
    """The header of a request by this agent."""
    return {"Authorization": f"Bearer {token(agent, **values)}"}


def password(agent: Agent, secret: str = PASSWORD, *, at: datetime = NOON) -> None:
    """A password, hashed once for all tests."""
    with transaction("test") as session:
        credentials.set_password(session.get_one(Agent, agent.id), _hashed(secret), by=SYSTEM, at=at)


@cache
def _hashed(secret: str) -> str:
    return passwords.hashed(secret)


def login(agent: Agent, *, at: datetime | None = None) -> sessions.Opened:
    """A login of an agent who has a password, begun by it."""
    password(agent)
    with transaction("test"):
        return sessions.open_session(agent.id, method="password", user_agent="a browser", at=at or utc_now())


def customer(name: str = "Karim", *, email: str = "", phone: str = "", at: datetime = NOON) -> Customer:
    """A person with the handles given, an address of their own if none."""
    kinds = ((HandleKind.EMAIL, email), (HandleKind.PHONE, phone))
    senders = [Sender(kind, address, name) for kind, address in kinds if address]
    senders = senders or [Sender(HandleKind.EMAIL, f"customer{next(_numbers)}@home.example", name)]
    with transaction("test"):
        return customers.recognise(senders, at=at)[0]


def ticket(
    *,
    channel: Channel = Channel.EMAIL,
    queue: Queue | None = None,
    customer: Customer | None = None,
    assignee: Agent | None = None,
    subject: str = "The kettle leaks",
    body: str = "It drips on the floor.",
    at: datetime = NOON,
    **values: Any,
) -> Ticket:
    """A ticket with its customer's first message, opened as the intake does it."""
    who = customer or globals()["customer"](at=at)
    where = queue or _some_queue()
    with transaction("test") as session:
        who, where = session.get_one(Customer, who.id), session.get_one(Queue, where.id)
        row = lifecycle.open_ticket(
            subject=subject, customer=who, queue=where, channel=channel, by=Actor.customer(who.id), at=at, **values
        )
        _first_message(row, who, body, at)
        if assignee is not None:
            lifecycle.assign(row, session.get_one(Agent, assignee.id), by=SYSTEM, at=at)
        return row


def _first_message(row: Ticket, who: Customer, body: str, at: datetime) -> None:
    kind = HANDLE_KINDS.get(row.channel, HandleKind.EMAIL)
    handle = next((one for one in who.handles if one.kind is kind), None)
    address = handle.shown if handle else ""
    message = InboundMessage(row.channel, f"first-{row.id}", Sender(kind, address), text=body, received_at=at)
    ours = db.session().scalar(select(Inbox).where(Inbox.channel == row.channel).limit(1))
    conversation.receive(row, message, customer=who, handle=handle, inbox=ours, files=(), at=at)


def message(ticket: Ticket, body: str = "Any news?", *, at: datetime = NOON) -> Message:
    """Another message of the ticket's customer."""
    with transaction("test"):
        row = lifecycle.lock_ticket(ticket.id)
        first = InboundMessage(
            row.channel, f"m{next(_numbers)}", Sender(HandleKind.EMAIL, ""), text=body, received_at=at
        )
        return conversation.receive(row, first, customer=row.customer, handle=None, inbox=None, files=(), at=at)


def opt_out(handle: Handle, inbox: Inbox, *, at: datetime = NOON) -> None:
    """An address that has told an inbox to write no more."""
    with transaction("test") as session:
        session.add(OptOut(handle_id=handle.id, inbox_id=inbox.id, reason="wrote STOP", at=at))


def attachment(ticket: Ticket, content: bytes = b"RIFF", *, filename: str = "voicemail.wav") -> Attachment:
    """A file of the ticket's first message."""
    digest = file_store().keep(content)
    with transaction("test") as session:
        first = session.scalars(select(Message).where(Message.ticket_id == ticket.id).order_by(Message.id)).first()
        row = Attachment(
            message_id=first.id if first else 0,
            filename=filename,
            content_type="audio/x-wav",
            size=len(content),
            sha256=digest,
            created_at=NOON,
        )
        session.add(row)
        session.flush()
        return row


def recording(ticket: Ticket, content: bytes = b"RIFF", *, at: datetime = NOON, **values: Any) -> Recording:
    """A voicemail that is with us, of a call on the ticket; `values` are `call` and the recording's own."""
    call: Call | None = values.pop("call", None)
    digest = file_store().keep(content)
    with transaction("test") as session:
        if call is None:
            number = Inbox(channel=Channel.PHONE, address=f"+1514555{next(_numbers):04}", name="P", created_at=at)
            number.queue_id, number.settings = ticket.queue_id, {}
            session.add(number)
            session.flush()
            call = Call(provider_id=f"CA{next(_numbers):032}", ticket_id=ticket.id, inbox_id=number.id, started_at=at)
            call.state = "ended"
            session.add(call)
            session.flush()
        ticket = lifecycle.lock_ticket(call.ticket_id)
        note = Message(ticket_id=ticket.id, kind="inbound", channel=Channel.PHONE, state="received", created_at=at)
        note.body = recordings.voicemail_told(7)
        session.add(note)
        session.flush()
        url = f"https://api.twilio.com/2010-04-01/Accounts/AC1/Recordings/RE{note.id:032}"
        told = {"provider_id": f"RE{note.id:032}", "url": url, "seconds": 7, "by": SYSTEM, "at": at}
        recordings.announce_voicemail(ticket, call, note, **told)
        made = recordings.find(told["provider_id"])
        assert made is not None
        recordings.keep(ticket, made, sha256=digest, size=len(content), at=at)
        for name, value in values.items():
            setattr(made, name, value)
        return made


def mention(ticket: Ticket, who: Agent, body: str = "Look at this kettle.", *, at: datetime = NOON) -> Mention:
    """A note of a colleague's that names an agent."""
    author = agent(Role.ADMIN, name="Grace")
    with transaction("test") as session:
        row, by = lifecycle.lock_ticket(ticket.id), session.get_one(Agent, author.id)
        note = conversation.note(row, body, agent=by, mentions=[who.id], at=at)
        return session.scalars(select(Mention).where(Mention.message_id == note.id)).one()


def alert(ticket: Ticket, agent: Agent, kind: str = "sla_breached", *, at: datetime = NOON, **values: Any) -> Alert:
    """Something that an agent is told of a ticket."""
    with transaction("test") as session:
        row = Alert(ticket_id=ticket.id, agent_id=agent.id, kind=kind, data={}, at=at, **values)
        session.add(row)
        session.flush()
        return row


def draft(ticket: Ticket, agent: Agent, body: str = "We send", *, kind: Intent = Intent.REPLY) -> None:
    """What an agent has begun to write."""
    with transaction("test"):
        drafts.keep_draft(ticket, agent.id, kind=kind, channel=None, body=body, html="", uploads=[], at=NOON)


def canned_reply(agent: Agent, *, name: str = "Hello", **values: Any) -> CannedReply:
    """Words to use again, the agent's own unless said otherwise."""
    values = {"bodies": {"en": "Hello {{customer.name}}"}, **values}
    with transaction("test"):
        return canned_replies.make_canned_reply(calling(agent), name=name, at=NOON, **values)


def macro(agent: Agent, *actions: dict[str, Any], name: str = "Urgent", **values: Any) -> Macro:
    """Several actions at once, the agent's own unless said otherwise."""
    with transaction("test"):
        wanted = actions or ({"priority": "urgent"},)
        return macros.make_macro(calling(agent), name=name, actions=wanted, at=NOON, **values)


def wording(name: str, language: str, body: str = "Our own words.", *, subject: str = "") -> Template:
    """The desk's own words for a template."""
    with transaction("test") as session:
        own.put_wording(name, language, subject=subject, body=body, by=SYSTEM, at=NOON)
        return session.get_one(Template, (name, language))


def calling(agent: Agent) -> Caller:
    """An agent as the API sees them, with all that their role permits."""
    return Caller(agent.id, agent.name, agent.role, frozenset())


def upload(agent: Agent, content: bytes = b"RIFF", *, filename: str = "kettle.wav", at: datetime = NOON) -> Attachment:
    """A file that an agent has uploaded and not sent."""
    digest = file_store().keep(content)
    values = {"filename": filename, "content_type": "audio/x-wav", "size": len(content), "sha256": digest}
    with transaction("test") as session:
        row = Attachment(uploaded_by_id=agent.id, created_at=at, **values)
        session.add(row)
        session.flush()
        return row


def link(ticket: Ticket, other: Ticket, word: LinkWord = LinkWord.RELATES, *, at: datetime = NOON) -> Link:
    """A link between two tickets; `word` is what the other one is."""
    with transaction("test"):
        one, two = lifecycle.lock_ticket(ticket.id), lifecycle.lock_ticket(other.id)
        return links.link(one, word, two, by=SYSTEM, at=at)


def merge(source: Ticket, into: Ticket, *, at: datetime = NOON) -> Ticket:
    """The ticket that survives when one is merged into another."""
    with transaction("test"):
        locked = {one: lifecycle.lock_ticket(one) for one in sorted({source.id, into.id})}
        return merging.merge(locked[source.id], locked[into.id], by=SYSTEM, at=at)


def reply(ticket: Ticket, agent: Agent, body: str = "We are on it.", *, at: datetime = NOON, **values: Any) -> Message:
    """An agent's reply, queued."""
    with transaction("test") as session:
        row = lifecycle.lock_ticket(ticket.id)
        return conversation.reply(row, body, agent=session.get_one(Agent, agent.id), at=at, **values)


def view(owner: Agent, *, name: str = "Mine", scope: ViewScope = ViewScope.OWN, **values: Any) -> View:
    """A saved view."""
    values = {"queue_id": None, "filter": {}, "position": 0, "created_at": NOON, "updated_at": NOON, **values}
    with transaction("test") as session:
        row = View(name=name, scope=scope, owner_id=owner.id, **values)
        session.add(row)
        session.flush()
        return row


def _some_queue() -> Queue:
    return db.session().scalar(select(Queue).order_by(Queue.id).limit(1)) or queue()


def work_off() -> None:
    """Do what the workers would: carry out what follows from every journal entry."""
    waiting = select(JournalEntry.id).where(JournalEntry.dispatched_at.is_(None)).order_by(JournalEntry.id)
    for entry_id in db.session().scalars(waiting).all():
        carry_out(entry_id)
    assert db.session().scalar(waiting.limit(1)) is None, f"something is left undone at {utc_now()}"


def seconds(count: float) -> timedelta:
    """A span of time."""
    return timedelta(seconds=count)


def field(name: str, subject: FieldSubject = FieldSubject.TICKET, **values: Any) -> FieldDefinition:
    """A custom field: any text, unless said otherwise."""
    wanted = {"label": name.title(), "kind": FieldKind.TEXT, "choices": [], "required": False, "position": 0, **values}
    with transaction("test"):
        return fields.define({"subject": subject, "name": name, **wanted}, by=SYSTEM, at=NOON)


def merged(*, into: Customer, name: str = "Karim", **handles: str) -> Customer:
    """A person who was merged into another."""
    who, admin = customer(name, **handles), agent(Role.ADMIN)
    with transaction("test"):
        caller = Caller(admin.id, admin.name, admin.role, frozenset())
        customer_merge.merge(caller, who.id, into.id, at=NOON)
    return who


def policy(name: str = "Gold", *, at: datetime = NOON, **words: Any) -> Policy:
    """A policy of a desk that is always open: an answer within four hours, unless said otherwise."""
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    always = {"name": "Always", "time_zone": "UTC", "weekly": {day: [["00:00", "24:00"]] for day in days}}
    targets = {"first_response": {"allowance_seconds": 14_400}}
    with transaction("test") as session:
        load_defaults({"calendars": [always]}, NOON)
        calendar = session.scalars(select(Calendar.id).where(Calendar.name == "Always").order_by(Calendar.id)).first()
        said = {"name": name, "position": 1, "calendar": calendar, "targets": targets, **words}
        return policies.make_policy(said, by=SYSTEM, at=at)


def calendar(name: str = "Desk", **words: Any) -> Calendar:
    """A calendar that no policy uses, open from nine to five on weekdays in Toronto unless said otherwise."""
    weekly = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
    said = {"name": name, "time_zone": "America/Toronto", "weekly": weekly, **words}
    with transaction("test"):
        return calendar_versions.make_calendar(said, by=SYSTEM, at=NOON)


def feed(calendar: Calendar, url: str = "https://calendar.example/closed.ics") -> CalendarFeed:
    """A feed that a calendar follows, not yet read."""
    with transaction("test"):
        return feeds.add(calendar.origin, url, by=SYSTEM, at=NOON)


def rearming(*edited: Policy) -> Rearming:
    """An edit that is to be carried over to open tickets, not yet begun."""
    with transaction("test"):
        return rearmings.ask([one.origin for one in edited], by=SYSTEM, at=NOON)


def replay(*wanted: Mapping[str, Any], calendars: Sequence[Mapping[str, Any]] | None = None) -> Replay:
    """A question what these policies would have done in the week before and after noon, not yet worked off."""
    span = replays.Span(NOON - timedelta(days=7), NOON + timedelta(days=7))
    with transaction("test"):
        return replays.ask(wanted=wanted, calendars=calendars, span=span, by=SYSTEM, at=NOON + timedelta(days=7))


def promise(ticket: Ticket, who: Agent, words: str = "A call", *, due_at: datetime | None = None) -> Promise:
    """What an agent promised on a ticket, a minute ago and for the next hour unless said otherwise."""
    now = utc_now()
    with transaction("test"):
        row = lifecycle.lock_ticket(ticket.id)
        due_at = due_at or now + timedelta(hours=1)
        at = min(now, due_at) - timedelta(minutes=1)
        return promises.make_promise(row, words=words, due_at=due_at, by=Actor.agent(who.id), at=at)


def callback(ticket: Ticket, number: str = "+15145550177", *, inbox: Inbox | None = None, **window: Any) -> Callback:
    """A call that an agent has arranged with the customer, for tomorrow unless said otherwise."""
    now = utc_now()
    ours = inbox or globals()["inbox"](Channel.PHONE, address=f"+1514555{next(_numbers) + 1000}", queue=ticket.queue)
    when = callbacks.Window(**window) if window else callbacks.Window(now + timedelta(days=1))
    with transaction("test"):
        row = lifecycle.lock_ticket(ticket.id)
        return callbacks.arrange(row, number=number, inbox_id=ours.id, window=when, by=SYSTEM, at=now)


def talk(ticket: Ticket, agent: Agent, *, at: datetime = NOON) -> Call:
    """A call in which the ticket's customer and an agent speak."""
    ours = inbox(Channel.PHONE, address=f"+1514555{next(_numbers) + 2000}", queue=ticket.queue)
    with transaction("test") as session:
        call = Call(provider_id=f"CA{next(_numbers):032}", ticket_id=ticket.id, inbox_id=ours.id, started_at=at)
        call.state, call.stage, call.agent_id, call.joined_at = CallState.ANSWERED, Stage.TALKING, agent.id, at
        session.add(call)
        session.flush()
        leg = legs.new_leg(call, LegRole.AGENT, f"client:agent-{agent.id}", agent_id=agent.id, at=at)
        leg.state, leg.answered_at, leg.joined_at = CallState.ANSWERED, at, at
        return call
