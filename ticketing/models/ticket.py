"""Tickets."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Computed, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ticketing.envelope import Channel
from ticketing.models.agent import Agent
from ticketing.models.customer import Customer
from ticketing.models.queue import Queue
from ticketing.status import ACTIVE, Priority, Status
from ticketing.store import Base

# "None comes last", as a column that both databases can index and compare in one go.
_LAST = "'9999-12-31 00:00:00.000000'"  # UTC: every session speaks it


class Ticket(Base):
    """One matter of one customer, whatever the channels."""

    __tablename__ = "ticket"

    id: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[str]
    status: Mapped[Status] = mapped_column(default=Status.NEW)
    priority: Mapped[Priority] = mapped_column(default=Priority.NORMAL)
    channel: Mapped[Channel]  # the one on which it was opened
    queue_id: Mapped[int] = mapped_column(ForeignKey("queue.id"))
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("agent.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), index=True)
    inbox_id: Mapped[int | None] = mapped_column(ForeignKey("inbox.id"))  # None: opened by a program or an agent
    follows_id: Mapped[int | None] = mapped_column(ForeignKey("ticket.id"))  # the closed ticket that this continues
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("ticket.id"))
    suggested_id: Mapped[int | None] = mapped_column(ForeignKey("ticket.id"))  # may belong there, not proven
    fields: Mapped[dict[str, Any]] = mapped_column(default=dict)
    live: Mapped[bool] = mapped_column(default=False)  # the customer has a place in the line, see ticketing.lines
    on_phone: Mapped[bool] = mapped_column(default=False)  # they hold the line, or are to be called back
    waiting_since: Mapped[datetime | None]  # the oldest unanswered message of the customer
    snoozed_until: Mapped[datetime | None]
    solved_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column()

    # Kept by the SLA timekeeper: the state of the ticket's clocks, so that lists need no join and are true at any time.
    due_at: Mapped[datetime | None]  # the earliest deadline not yet met
    warn_at: Mapped[datetime | None]  # from here on at risk
    sla_breached: Mapped[bool] = mapped_column(default=False)
    sla_tracked: Mapped[bool] = mapped_column(default=False)
    # The timekeeper's own memory of the ticket (see sla.life); None: to be read from the journal again.
    sla_state: Mapped[dict[str, Any] | None] = mapped_column()

    due_order: Mapped[datetime] = mapped_column(Computed(f"coalesce(due_at, {_LAST})", persisted=True), deferred=True)
    waiting_order: Mapped[datetime] = mapped_column(
        Computed(f"coalesce(waiting_since, {_LAST})", persisted=True), deferred=True
    )

    queue: Mapped[Queue] = relationship()
    assignee: Mapped[Agent | None] = relationship()
    customer: Mapped[Customer] = relationship()
    tag_rows: Mapped[list["TicketTag"]] = relationship(order_by="TicketTag.name", cascade="all, delete-orphan")
    skill_rows: Mapped[list["TicketSkill"]] = relationship(order_by="TicketSkill.name", cascade="all, delete-orphan")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own form

    @property
    def tags(self) -> list[str]:
        return [row.name for row in self.tag_rows]

    @property
    def skills(self) -> list[str]:
        return [row.name for row in self.skill_rows]

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE


class TicketTag(Base):
    """A tag on a ticket."""

    __tablename__ = "ticket_tag"
    __table_args__ = (Index(None, "name", "ticket_id"),)

    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"), primary_key=True)
    # Compared byte by byte on both databases, so that names with the same beginning stand together in the index.
    name: Mapped[str] = mapped_column(Text().with_variant(Text(collation="C"), "postgresql"), primary_key=True)


class TicketSkill(Base):
    """What an agent must be able to do to be handed a ticket."""

    __tablename__ = "ticket_skill"

    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)


class LinkKind(StrEnum):
    """How one ticket has to do with another; the other way round it reads `child`, `relates`, `duplicated_by`."""

    PARENT = "parent"  # the other one is this one's parent
    RELATES = "relates"
    DUPLICATES = "duplicates"  # this one says the same as the other


class TicketLink(Base):
    """A link from a ticket to another. One that relates is kept once, from the lower id to the higher."""

    __tablename__ = "ticket_link"
    __table_args__ = (UniqueConstraint("ticket_id", "kind", "other_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"))
    kind: Mapped[LinkKind]
    other_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"), index=True)
    created_at: Mapped[datetime]


ACTIVE_ONES = text("status IN ('new', 'open', 'pending', 'on_hold')")
AT_REST = text("status IN ('pending', 'on_hold', 'solved', 'closed')")  # not for us to do: few or many, by desk
_assigned = text("assignee_id IS NOT NULL")
_breached = text("sla_breached")
_live = text("live")
_snoozed = text("snoozed_until IS NOT NULL")
SOLVED = text("status = 'solved'")
# Also the conditions of queries: a partial index serves only what is written just like it, values and all.
IN_WORK = text("assignee_id IS NOT NULL AND status IN ('new', 'open')")
CLAIMABLE = text("assignee_id IS NULL AND status IN ('new', 'open') AND snoozed_until IS NULL")

Index(
    "ix_ticket_next",
    Ticket.queue_id,
    Ticket.__table__.c.live.desc(),
    Ticket.due_order,
    Ticket.waiting_order,
    Ticket.id,
    postgresql_where=CLAIMABLE,
    sqlite_where=CLAIMABLE,
)
# One per view of a queue, so that a page is a walk along an index, however many tickets there are.
Index("ix_ticket_queue_due", Ticket.queue_id, Ticket.due_order, Ticket.id)
Index(
    "ix_ticket_queue_active_due",
    Ticket.queue_id,
    Ticket.due_order,
    Ticket.id,
    postgresql_where=ACTIVE_ONES,
    sqlite_where=ACTIVE_ONES,
)
Index(
    "ix_ticket_queue_status_due",
    Ticket.queue_id,
    Ticket.status,
    Ticket.due_order,
    Ticket.id,
    postgresql_where=AT_REST,
    sqlite_where=AT_REST,
)
Index("ix_ticket_queue_waiting", Ticket.queue_id, Ticket.waiting_order, Ticket.id)
Index("ix_ticket_queue_created", Ticket.queue_id, Ticket.created_at, Ticket.id)
Index("ix_ticket_queue_updated", Ticket.queue_id, Ticket.updated_at, Ticket.id)
Index("ix_ticket_due", Ticket.due_order, Ticket.id)
Index("ix_ticket_active_due", Ticket.due_order, Ticket.id, postgresql_where=ACTIVE_ONES, sqlite_where=ACTIVE_ONES)
Index(
    "ix_ticket_status_due",
    Ticket.status,
    Ticket.due_order,
    Ticket.id,
    postgresql_where=AT_REST,
    sqlite_where=AT_REST,
)
Index("ix_ticket_waiting", Ticket.waiting_order, Ticket.id)
Index("ix_ticket_created", Ticket.created_at, Ticket.id)
Index("ix_ticket_updated", Ticket.updated_at, Ticket.id)
Index("ix_ticket_breached", Ticket.due_order, Ticket.id, postgresql_where=_breached, sqlite_where=_breached)
Index("ix_ticket_live", Ticket.id, postgresql_where=_live, sqlite_where=_live)
Index("ix_ticket_assignee", Ticket.assignee_id, Ticket.due_order, Ticket.id)
# What agents have in queues that they do not work.
Index("ix_ticket_guest", Ticket.assignee_id, Ticket.queue_id, postgresql_where=_assigned, sqlite_where=_assigned)
# What falls due, for the ticker: who wakes, and what closes.
Index("ix_ticket_snoozed", Ticket.snoozed_until, postgresql_where=_snoozed, sqlite_where=_snoozed)
Index("ix_ticket_solved", Ticket.solved_at, postgresql_where=SOLVED, sqlite_where=SOLVED)
# How much an agent has in hand, by channel.
Index("ix_ticket_in_work", Ticket.assignee_id, Ticket.channel, postgresql_where=IN_WORK, sqlite_where=IN_WORK)
