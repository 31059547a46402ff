"""What saves agents from writing the same twice: canned replies, macros, templates, and saved views of the work."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ticketing.models.agent import Agent
from ticketing.models.queue import Queue
from ticketing.store import Base


class CannedReply(Base):
    """Words to use again, in one or more languages. Of one agent, of a queue, or of the whole desk."""

    __tablename__ = "canned_reply"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    shortcut: Mapped[str] = mapped_column(default="")
    bodies: Mapped[dict[str, Any]]  # language tag -> text with variables
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("agent.id"), index=True)  # None: not one agent's own
    queue_id: Mapped[int | None] = mapped_column(ForeignKey("queue.id"), index=True)  # None: of every queue
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]

    queue: Mapped[Queue | None] = relationship()


class Macro(Base):
    """Several actions on a ticket at once. Of one agent, of a queue, or of the whole desk."""

    __tablename__ = "macro"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    actions: Mapped[list[dict[str, Any]]]
    position: Mapped[int] = mapped_column(default=0)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("agent.id"), index=True)
    queue_id: Mapped[int | None] = mapped_column(ForeignKey("queue.id"), index=True)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]

    queue: Mapped[Queue | None] = relationship()


class Template(Base):
    """A desk's own wording of one of the texts that come with the program, in one language."""

    __tablename__ = "template"

    name: Mapped[str] = mapped_column(primary_key=True)
    language: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str]
    body: Mapped[str]
    updated_at: Mapped[datetime]


class ViewScope(StrEnum):
    """Who sees a saved view."""

    OWN = "own"  # its owner
    SHARED = "shared"  # everybody; each sees in it what they may see
    QUEUE = "queue"  # whoever works its queue


class View(Base):
    """A filter and an order of tickets under a name."""

    __tablename__ = "view"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    scope: Mapped[ViewScope]
    owner_id: Mapped[int] = mapped_column(ForeignKey("agent.id"), index=True)
    queue_id: Mapped[int | None] = mapped_column(ForeignKey("queue.id"), index=True)
    filter: Mapped[dict[str, Any]]  # as the query of `GET /tickets`, by parameter
    position: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    owner: Mapped[Agent] = relationship()
    queue: Mapped[Queue | None] = relationship()
