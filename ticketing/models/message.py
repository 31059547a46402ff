"""Messages to and from customers, internal notes, and the files that go with them."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ticketing.envelope import Channel, HandleKind, MessageState
from ticketing.models.agent import Agent
from ticketing.models.customer import Customer, Handle
from ticketing.models.queue import Inbox
from ticketing.models.ticket import Ticket
from ticketing.store import Base


class MessageKind(StrEnum):
    """Which way a message goes."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    NOTE = "note"  # internal: never leaves the house


class Message(Base):
    """One message of a ticket's conversation, or an internal note."""

    __tablename__ = "message"

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"))
    kind: Mapped[MessageKind]
    channel: Mapped[Channel]
    inbox_id: Mapped[int | None] = mapped_column(ForeignKey("inbox.id"))  # our address that it came to or goes from
    handle_id: Mapped[int | None] = mapped_column(ForeignKey("handle.id"))  # the customer's address, from or to
    author_customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"))
    author_agent_id: Mapped[int | None] = mapped_column(ForeignKey("agent.id"))  # neither: the system wrote it
    body: Mapped[str]
    html: Mapped[str] = mapped_column(default="")
    quoted: Mapped[str] = mapped_column(default="")
    quoted_html: Mapped[str] = mapped_column(default="")
    automatic: Mapped[bool] = mapped_column(default=False)
    state: Mapped[MessageState]
    state_reason: Mapped[str | None]  # the provider's words, or ours
    channel_reason: Mapped[str | None]  # why this channel was chosen
    provider_id: Mapped[str | None]  # a Message-ID, a SID, a client_id
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)  # what its channel wants to know later
    next_attempt_at: Mapped[datetime | None]  # outbound and queued: not to be tried before
    woken_at: Mapped[datetime | None]  # when the sweep last woke a worker for it
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]

    ticket: Mapped[Ticket] = relationship(viewonly=True)
    author_customer: Mapped[Customer | None] = relationship()
    author_agent: Mapped[Agent | None] = relationship()
    inbox: Mapped[Inbox | None] = relationship()
    handle: Mapped[Handle | None] = relationship()
    attachments: Mapped[list["Attachment"]] = relationship(order_by="Attachment.id", cascade="all, delete-orphan")


class Attachment(Base):
    """A file that came with a message or goes with one. Its bytes are in the file store, by their SHA-256."""

    __tablename__ = "attachment"

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[int | None] = mapped_column(ForeignKey("message.id"), index=True)  # None: uploaded, not sent yet
    uploaded_by_id: Mapped[int | None] = mapped_column(ForeignKey("agent.id"))  # None: it came with a message
    visitor: Mapped[str] = mapped_column(default="")  # in a chat, who has uploaded it and not sent it yet
    draft_ticket_id: Mapped[int | None] = mapped_column(ForeignKey("ticket.id"))  # the uploader's draft there has it
    filename: Mapped[str]
    content_type: Mapped[str]
    size: Mapped[int]  # bytes
    sha256: Mapped[str]
    content_id: Mapped[str] = mapped_column(default="")  # an inline picture's cid
    created_at: Mapped[datetime]


class Mention(Base):
    """An agent named in a note."""

    __tablename__ = "mention"
    __table_args__ = (UniqueConstraint("message_id", "agent_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"), index=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("message.id"))
    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime | None]

    message: Mapped[Message] = relationship()


class Participant(Base):
    """Whom somebody who takes part in a ticket has named there, such as in a mail's Cc: they take part in it too."""

    __tablename__ = "participant"
    __table_args__ = (UniqueConstraint("ticket_id", "kind", "address"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"))
    kind: Mapped[HandleKind]
    address: Mapped[str]  # folded, like a handle's
    shown: Mapped[str]  # as it was written
    name: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]


class Draft(Base):
    """What an agent has begun to write on a ticket."""

    __tablename__ = "draft"

    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"), primary_key=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"), primary_key=True)
    kind: Mapped[MessageKind]  # outbound or note
    channel: Mapped[Channel | None]
    body: Mapped[str]
    html: Mapped[str] = mapped_column(default="")
    updated_at: Mapped[datetime]


class Onlooker(Base):
    """An agent who has a ticket open, until they say so no more."""

    __tablename__ = "onlooker"

    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"), primary_key=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"), primary_key=True)
    typing: Mapped[bool]
    until: Mapped[datetime] = mapped_column(index=True)

    agent: Mapped[Agent] = relationship()


_unused = text("message_id IS NULL")
_visitors = text("visitor <> ''")
_queued = text("state = 'queued'")
_unsent = text("state IN ('queued', 'sending')")
FROM_CUSTOMERS = text("kind = 'inbound' AND NOT automatic")  # written just like it in queries, so that it serves them

Index("ix_message_ticket", Message.ticket_id, Message.id)
Index("ix_message_provider", Message.provider_id, Message.inbox_id)
Index("ix_message_handle", Message.handle_id, Message.id)
Index("ix_message_author", Message.author_customer_id, Message.id)
Index("ix_message_received", Message.created_at, postgresql_where=FROM_CUSTOMERS, sqlite_where=FROM_CUSTOMERS)
Index("ix_message_retry", Message.next_attempt_at, postgresql_where=_queued, sqlite_where=_queued)
Index("ix_message_unsent", Message.ticket_id, Message.id, postgresql_where=_unsent, sqlite_where=_unsent)
Index("ix_attachment_unused", Attachment.created_at, postgresql_where=_unused, sqlite_where=_unused)
Index("ix_participant_address", Participant.kind, Participant.address)
Index("ix_attachment_sha256", Attachment.sha256)
Index("ix_attachment_visitor", Attachment.visitor, postgresql_where=_visitors, sqlite_where=_visitors)
Index("ix_mention_agent", Mention.agent_id, Mention.id)
