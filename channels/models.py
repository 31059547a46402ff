"""The channels' tables: raw items as they came in, and attempts to hand messages over."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ticketing.envelope import Channel
from ticketing.models import Inbox, Message
from ticketing.store import Base


class ItemState(StrEnum):
    """What became of a raw item."""

    RECEIVED = "received"
    PROCESSED = "processed"
    IGNORED = "ignored"
    QUARANTINED = "quarantined"


class InboundItem(Base):
    """A provider's payload as it came, kept before anything is made of it."""

    __tablename__ = "inbound_item"
    __table_args__ = (UniqueConstraint("channel", "kind", "inbox_address", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[Channel]
    kind: Mapped[str]
    inbox_address: Mapped[str]  # "" when the payload did not say
    key: Mapped[str]  # the provider's id; the content's digest where there is none
    body: Mapped[bytes] = mapped_column(LargeBinary)
    content_type: Mapped[str]
    url: Mapped[str]
    headers: Mapped[dict[str, Any]]
    meta: Mapped[dict[str, Any]]
    state: Mapped[ItemState]
    reason: Mapped[str | None]  # why it was ignored or quarantined
    message_id: Mapped[int | None] = mapped_column(ForeignKey("message.id"), index=True)  # what it became
    received_at: Mapped[datetime]
    processed_at: Mapped[datetime | None]

    message: Mapped[Message | None] = relationship()


class AttemptState(StrEnum):
    """How one attempt to hand a message over ended."""

    STARTED = "started"
    ACCEPTED = "accepted"
    POSTPONED = "postponed"  # a transient failure; there will be another attempt
    FAILED = "failed"
    UNKNOWN = "unknown"


class Delivery(Base):
    """One attempt to hand one message to a provider. Written before the attempt."""

    __tablename__ = "delivery"

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("message.id"), index=True)
    state: Mapped[AttemptState]
    started_at: Mapped[datetime]
    lease_until: Mapped[datetime]  # still STARTED after this: whoever tried is gone, and the outcome unknown
    finished_at: Mapped[datetime | None]
    provider_id: Mapped[str | None]
    error: Mapped[str | None]

    message: Mapped[Message] = relationship()


class ChatSession(Base):
    """A visitor's chat: who (a visitor handle), through which widget, on which ticket, and how it went."""

    __tablename__ = "chat_session"

    id: Mapped[int] = mapped_column(primary_key=True)
    visitor: Mapped[str] = mapped_column(unique=True)  # the visitor's public id, also their handle
    inbox_id: Mapped[int] = mapped_column(ForeignKey("inbox.id"), index=True)
    name: Mapped[str]
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("ticket.id"), index=True)  # None: nothing written yet
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"), index=True)  # whom the site vouches for
    identity: Mapped[str] = mapped_column(default="")  # by which name the site knows them, "" when it does not say
    email: Mapped[str] = mapped_column(default="")  # as they typed it: nobody has proved it
    phone: Mapped[str] = mapped_column(default="")  # likewise, E.164
    fields: Mapped[dict[str, Any]] = mapped_column(default=dict)  # what else they were asked before the chat
    page: Mapped[str] = mapped_column(default="")  # the address of the page that they look at
    language: Mapped[str] = mapped_column(default="")  # an IETF tag
    read_until: Mapped[int] = mapped_column(default=0)  # the last message of ours that they were shown
    desk_read_until: Mapped[int] = mapped_column(default=0)  # the last message of theirs that an agent was shown
    rating: Mapped[int | None]  # 1 (bad) to 5
    rating_comment: Mapped[str] = mapped_column(default="")
    rated_at: Mapped[datetime | None]
    transcript_sent_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]  # they said that they were done; the next word of theirs takes it back
    moved_to: Mapped[str] = mapped_column(default="")  # how they go on instead: channels.webchat.standing.Instead
    rerouted: Mapped[list[int]] = mapped_column(default=list)  # replies that went after them by another channel
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]

    inbox: Mapped[Inbox] = relationship()


class Call(Base):
    """A phone call: the customer's end of it. The agents' ends are `channels.phone.models.CallLeg`."""

    __tablename__ = "call"

    id: Mapped[int] = mapped_column(primary_key=True)
    provider_id: Mapped[str | None] = mapped_column(unique=True)  # None: the provider was not asked yet, or did not say
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"), index=True)
    # The arrival, or the reply that it speaks.
    message_id: Mapped[int | None] = mapped_column(ForeignKey("message.id"), index=True)
    inbox_id: Mapped[int] = mapped_column(ForeignKey("inbox.id"))
    outbound: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str]  # of the line, as the provider tells it: channels.phone.states.CallState
    stage: Mapped[str] = mapped_column(default="")  # where the caller is with us: channels.phone.states.Stage
    number: Mapped[str] = mapped_column(default="")  # the customer's, E.164; "" when it is withheld
    language: Mapped[str] = mapped_column(default="")  # an IETF tag, in which they are spoken to
    waiting_since: Mapped[datetime | None]  # their place in the line; kept for when they lose the agent
    place_was_kept: Mapped[bool] = mapped_column(default=False)  # they called while a place was kept for them
    held_at: Mapped[datetime | None]  # when they came to hold the line
    joined_at: Mapped[datetime | None]  # when they were let into the room with the agent; None: they are not in there
    answered_by: Mapped[str] = mapped_column(default="")  # channels.phone.states.Answerer
    answered_at: Mapped[datetime | None]  # when they first spoke with an agent
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("agent.id"))  # whose device rings, or who speaks with them
    conference_id: Mapped[str | None]  # the provider's id of the room in which they speak
    heard: Mapped[str] = mapped_column(default="")  # of that room's news: channels.phone.states.Heard
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    duration_seconds: Mapped[int | None]


class Reconciled(Base):
    """How far we have compared what a provider says it had for us with what has come in."""

    __tablename__ = "reconciled"

    kind: Mapped[str] = mapped_column(primary_key=True)  # messages, calls
    until_at: Mapped[datetime]
    checked_at: Mapped[datetime]
    found: Mapped[int] = mapped_column(default=0)  # taken in this way, ever
    error: Mapped[str] = mapped_column(default="")  # why it went no further, "" when all is well


_started = text("state = 'started'")
_going_on = text("ended_at IS NULL")
_odd = text("state = 'quarantined'")
_vouched_for = text("identity <> ''")

Index("ix_delivery_lease", Delivery.lease_until, postgresql_where=_started, sqlite_where=_started)
Index("ix_inbound_item_quarantine", InboundItem.received_at, postgresql_where=_odd, sqlite_where=_odd)
Index("ix_call_open", Call.ticket_id, postgresql_where=_going_on, sqlite_where=_going_on)
Index(
    "ix_chat_session_identity",
    ChatSession.identity,
    ChatSession.inbox_id,
    postgresql_where=_vouched_for,
    sqlite_where=_vouched_for,
)
