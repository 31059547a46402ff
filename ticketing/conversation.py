"""What is said on a ticket: messages taken in, replies written, internal notes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import object_session

from ticketing import journal, lifecycle, lines, on_call, participants, snoozing
from ticketing.approved import Wanted
from ticketing.attachments import own_uploads, take
from ticketing.envelope import Channel, InboundMessage, MessageState
from ticketing.errors import InvalidInput
from ticketing.events import Actor, MessageReceived, NoteWritten, ReplyWritten
from ticketing.inserting import fresh, insert_now, update_now
from ticketing.mentions import add_mentions, mentioned
from ticketing.models import Agent, Attachment, Customer, Handle, Inbox, Message, MessageKind, Ticket
from ticketing.moment import rfc3339
from ticketing.reply_plan import MAX_BODY, plan
from ticketing.status import Status
from ticketing.store import db


def receive(
    ticket: Ticket,
    message: InboundMessage,
    *,
    customer: Customer,
    handle: Handle | None,
    inbox: Inbox | None,
    files: Sequence[Attachment],
    at: datetime,
) -> Message:
    """Add what a customer wrote to a ticket; a reply to a solved one reopens it. A machine's message only lies there.

    `files` are attachments whose bytes are in the file store already.
    """
    row = fresh(
        Message,
        ticket_id=ticket.id,
        kind=MessageKind.INBOUND,
        channel=message.channel,
        inbox=inbox,
        handle=handle,
        author_customer=customer,
        body=message.text,
        html=message.html,
        quoted=message.quoted,
        quoted_html=message.quoted_html,
        automatic=message.automatic,
        state=MessageState.RECEIVED,
        provider_id=message.provider_id or None,  # taken down by a program or an agent: no provider has one
        data=_data(message),
        attachments=list(files),
        created_at=at,
    )
    insert_now(row)
    for file in files:
        file.message_id = row.id
        if object_session(file) is None:  # else it was uploaded before
            insert_now(file)
    by = Actor.customer(customer.id)
    journal.append(ticket, MessageReceived(row.id, message.channel, message.automatic), by=by, at=at)
    if not message.automatic:
        _customer_waits(ticket, row, by=by, at=at)
    if message.live and not ticket.live:
        lines.begin(ticket, message.channel, on_phone=False, since=at, by=by, at=at)
    update_now(ticket)
    return row


def _data(message: InboundMessage) -> dict[str, Any]:
    """Return what is kept of a message besides its words: to whom it was, when it was sent, what may answer it."""
    data = participants.addressed(message.to, message.cc)
    if message.sent_at is not None:
        data["sent_at"] = rfc3339(message.sent_at)
    if message.language:
        data["language"] = message.language
    if not message.answerable:
        data["no_automatic_answer"] = True
    if message.forwarded is not None and message.forwarded.by is not None:
        by = message.forwarded.by
        data["forwarded_by"] = {"name": by.name, "address": by.address, "comment": message.forwarded.comment}
    return data


def _customer_waits(ticket: Ticket, row: Message, *, by: Actor, at: datetime) -> None:
    if ticket.status is Status.SOLVED:
        lifecycle.reopen(ticket, by=by, at=at, by_message_id=row.id)
    elif ticket.status in {Status.PENDING, Status.ON_HOLD}:
        lifecycle.change_status(ticket, Status.OPEN, by=by, at=at)
    snoozing.wake(ticket, why="reply", by=by, at=at)
    # One that was kept back and is taken in late may be older than what came in meanwhile.
    if ticket.waiting_since is None or ticket.waiting_since > at:
        ticket.waiting_since = at


def reply(
    ticket: Ticket,
    body: str,
    *,
    agent: Agent,
    at: datetime,
    html: str = "",
    channel: Channel | None = None,
    uploads: Sequence[int] = (),
    cc: Sequence[str] = (),
    template: Wanted | None = None,
) -> Message:
    """Write to the customer; it is queued, and leaves after the commit. `uploads` are ids of the agent's own.

    `cc` are addresses that get a copy of a mail; from now on they take part in the ticket.

    Without `channel`: the customer's preferred reachable one, else the one they last wrote on. Whoever answers a ticket
    that nobody has, has it. Raises what `ticketing.reply_plan` raises.
    """
    planned = plan(ticket, body, agent_id=agent.id, channel=channel, uploads=uploads, cc=cc, template=template, at=at)
    route = planned.route
    by = Actor.agent(agent.id)
    row = Message(
        ticket_id=ticket.id,
        kind=MessageKind.OUTBOUND,
        channel=route.channel,
        inbox=route.inbox,
        handle=route.handle,
        author_agent=agent,
        body=planned.body,
        html=html,
        state=MessageState.QUEUED,
        channel_reason=route.reason,
        data=planned.data,
        attachments=[],
        created_at=at,
    )
    db.session().add(row)
    db.session().flush()
    take(row, planned.files)
    if planned.copies:
        participants.name(ticket, planned.copies, at=at)
    if ticket.status is Status.SOLVED:
        lifecycle.reopen(ticket, by=by, at=at)
    holds_the_line = on_call.has_to_ring(ticket)  # written words do not answer a call, nor does their writer take it
    if ticket.assignee_id is None and not holds_the_line:
        lifecycle.assign(ticket, agent, by=by, at=at)
    if not holds_the_line:
        lines.answer_in_writing(ticket, at=at)
    journal.append(ticket, ReplyWritten(row.id, row.channel), by=by, at=at)
    if not holds_the_line:
        ticket.waiting_since = None
    if ticket.status is Status.NEW:
        lifecycle.change_status(ticket, Status.OPEN, by=by, at=at)
    return row


def note(
    ticket: Ticket, body: str, *, agent: Agent, at: datetime, uploads: Sequence[int] = (), mentions: Sequence[int] = ()
) -> Message:
    """Write an internal note, which never leaves the house; `mentions` are agents' ids (see ticketing.mentions)."""
    if not body.strip():
        raise InvalidInput("a note needs words")
    if len(body) > MAX_BODY:
        raise InvalidInput(f"a note has at most {MAX_BODY} characters")
    lifecycle.must_not_be_merged(ticket)
    files = own_uploads(agent.id, uploads) if uploads else []
    named = mentioned(ticket, body, mentions, by=agent)
    row = Message(
        ticket_id=ticket.id,
        kind=MessageKind.NOTE,
        channel=Channel.API,
        author_agent=agent,
        body=body,
        state=MessageState.RECEIVED,
        attachments=[],
        created_at=at,
    )
    db.session().add(row)
    db.session().flush()
    take(row, files)
    add_mentions(row, named, at=at)
    journal.append(ticket, NoteWritten(row.id, [one.id for one in named]), by=Actor.agent(agent.id), at=at)
    return row
