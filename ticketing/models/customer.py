"""Customers: persons, with as many handles as they have."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ticketing.envelope import Channel, HandleKind
from ticketing.models.agent import Agent
from ticketing.store import Base


class Customer(Base):
    """One person."""

    __tablename__ = "customer"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]  # "" until somebody tells us
    name_key: Mapped[str] = mapped_column(default="")  # folded, to find namesakes: see ticketing.folding
    language: Mapped[str] = mapped_column(default="")  # IETF tag, "" when unknown
    time_zone: Mapped[str] = mapped_column(default="")  # IANA, "" when unknown
    preferred_channels: Mapped[list[str]] = mapped_column(default=list)  # best first
    fields: Mapped[dict[str, Any]] = mapped_column(default=dict)
    notes: Mapped[str] = mapped_column(default="")  # what the desk should know; never shown to the customer
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"))  # who this is the same person as
    erased_at: Mapped[datetime | None]  # the person asked to be forgotten
    created_at: Mapped[datetime]

    handles: Mapped[list["Handle"]] = relationship(
        back_populates="customer",
        order_by="Handle.id",
        primaryjoin="and_(Customer.id == Handle.customer_id, Handle.detached_at.is_(None))",
    )


class Handle(Base):
    """A customer's address on a channel. One address belongs to one person."""

    __tablename__ = "handle"
    __table_args__ = (UniqueConstraint("kind", "address"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), index=True)
    kind: Mapped[HandleKind]
    address: Mapped[str]  # folded: E.164, or the mail address as ticketing.handles folds it
    shown: Mapped[str]  # as the customer writes it; where we send to
    key: Mapped[str] = mapped_column(default="")  # what likely duplicates have in common: see ticketing.folding
    created_at: Mapped[datetime]
    detached_at: Mapped[datetime | None]  # no longer theirs: kept for the messages that went to it or came from it
    unreachable_at: Mapped[datetime | None]  # what we sent there came back for good; until they write from it again
    unreachable_reason: Mapped[str] = mapped_column(default="")  # in the words of whoever returned it
    complained_at: Mapped[datetime | None]  # they called a mail of ours spam
    auto_answered_at: Mapped[datetime | None]  # when a program of ours last answered it
    blocked_at: Mapped[datetime | None]  # nobody takes anything from it
    blocked_reason: Mapped[str] = mapped_column(default="")
    typed: Mapped[bool] = mapped_column(default=False)  # in a chat, by whoever had it first: no proof of who they are
    away_since: Mapped[datetime | None]  # a visitor who has left the chat: nobody reads there what we write

    customer: Mapped[Customer] = relationship(back_populates="handles")


class Consent(Base):
    """Whether a customer lets us write to them on a channel. Without a row: nobody has said anything against it."""

    __tablename__ = "consent"

    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), primary_key=True)
    channel: Mapped[Channel] = mapped_column(primary_key=True)
    given: Mapped[bool]
    reason: Mapped[str] = mapped_column(default="")  # how we know, in words
    at: Mapped[datetime]


class OptOut(Base):
    """An address that has told one of our inboxes to write no more (STOP), until it takes that back (START)."""

    __tablename__ = "opt_out"

    handle_id: Mapped[int] = mapped_column(ForeignKey("handle.id"), primary_key=True)
    inbox_id: Mapped[int] = mapped_column(ForeignKey("inbox.id"), primary_key=True)
    reason: Mapped[str]  # how we know, in words
    at: Mapped[datetime]


class CustomerMerge(Base):
    """Two customers who turned out to be one person, with all that it takes to part them again."""

    __tablename__ = "customer_merge"

    id: Mapped[int] = mapped_column(primary_key=True)
    kept_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), index=True)
    merged_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), index=True)
    before: Mapped[dict[str, Any]]  # what moved, by table, and the values that were there
    by_id: Mapped[int | None] = mapped_column(ForeignKey("agent.id"))  # None: by the word of a site that signed it
    at: Mapped[datetime]
    undone_at: Mapped[datetime | None]

    by: Mapped[Agent | None] = relationship()


class Claim(Base):
    """An address that somebody says is theirs, unproven, while another has it: an agent judges whether they are one."""

    __tablename__ = "claim"

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), index=True)
    kind: Mapped[HandleKind]
    address: Mapped[str]  # folded, like a handle's
    created_at: Mapped[datetime]


_merged = text("merged_into_id IS NOT NULL")
PRESENT = text("kind = 'visitor' AND away_since IS NULL")  # written just like it in queries, so that it serves them

Index("ix_customer_name_key", Customer.name_key, Customer.id)
Index("ix_customer_merged", Customer.merged_into_id, postgresql_where=_merged, sqlite_where=_merged)
Index("ix_handle_key", Handle.kind, Handle.key)
# By `away_since` too, though it says nothing there: SQLite would take another index otherwise.
Index("ix_handle_present", Handle.away_since, Handle.id, postgresql_where=PRESENT, sqlite_where=PRESENT)
Index("ix_claim_address", Claim.kind, Claim.address)
