"""Plain factories: each makes one thing in a transaction of its own; state only what matters.

from tests import make

ticket = make.ticket(priority=Priority.URGENT)
"""

import itertools
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from api.reactions import carry_out
from tests.conftest import NOON
from ticketing import agents, conversation, customers, lifecycle, queues
from ticketing.envelope import HANDLE_KINDS, Channel, HandleKind, InboundMessage, Sender
from ticketing.events import SYSTEM, Actor
from ticketing.files import file_store
from ticketing.models import Agent, Attachment, Customer, Inbox, JournalEntry, Message, Queue, Role, Ticket
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

ADDRESSES = {Channel.EMAIL: "support@desk.example", Channel.SMS: "+15145550100", Channel.PHONE: "+15145550100"}
_numbers = itertools.count(1)


def queue(name: str = "", *, members: Iterable[Agent] = (), at: datetime = NOON) -> Queue:
    """A queue; with members it is theirs alone."""
    with transaction("test"):
        return queues.create_queue(name or f"Queue {next(_numbers)}", members=[one.id for one in members], at=at)


def inbox(channel: Channel = Channel.EMAIL, *, address: str = "", queue: Queue | None = None, **values: Any) -> Inbox:
    """An address of ours."""
    queue = queue or _some_queue()
    values = {"name": f"Our {channel}", "settings": {}, "secret": None, "created_at": NOON, **values}
    with transaction("test") as session:
        row = Inbox(channel=channel, address=address or ADDRESSES.get(channel, "widget"), queue_id=queue.id, **values)
        session.add(row)
        session.flush()
        return row


def agent(role: Role = Role.AGENT, *, name: str = "Ada", email: str = "", at: datetime = NOON) -> Agent:
    """A person at the desk."""
    with transaction("test"):
        return agents.create_agent(email or f"agent{next(_numbers)}@desk.example", name=name, role=role, at=at)


def token(agent: Agent, *, scopes: Iterable[str] = (), **values: Any) -> str:
    """The bearer secret of a new token."""
    with transaction("test") as session:
        owner = session.get_one(Agent, agent.id)
        return agents.create_token(owner, name="test", scopes=scopes, at=NOON, **values)[1]


def bearer(agent: Agent, **values: Any) -> dict[str, str]:
    """The header of a request by this agent."""
    return {"Authorization": f"Bearer {token(agent, **values)}"}


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


def reply(ticket: Ticket, agent: Agent, body: str = "We are on it.", *, at: datetime = NOON, **values: Any) -> Message:
    """An agent's reply, queued."""
    with transaction("test") as session:
        row = lifecycle.lock_ticket(ticket.id)
        return conversation.reply(row, body, agent=session.get_one(Agent, agent.id), at=at, **values)


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
