"""Whose a canned reply or a macro is: one agent's own, a queue's, or the whole desk's.

One's own is one's own business; what is a queue's, whoever works the queue may change; the desk's, supervisors.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Mapped, contains_eager

from ticketing.agents import Caller, must_be
from ticketing.directory import worked_queue
from ticketing.errors import InvalidInput, NotFound
from ticketing.models import CannedReply, Macro, Queue, Role
from ticketing.queues import works
from ticketing.store import db

Kept = TypeVar("Kept", CannedReply, Macro)

MAX_NAME = 100


class Whose(StrEnum):
    """To whom something belongs."""

    OWN = "own"
    QUEUE = "queue"
    DESK = "desk"


class Belongs(Protocol):
    """A row that belongs to somebody."""

    owner_id: Mapped[int | None]
    queue_id: Mapped[int | None]


def whose(row: CannedReply | Macro) -> Whose:
    """Return to whom a row belongs."""
    if row.owner_id is not None:
        return Whose.OWN
    return Whose.QUEUE if row.queue_id is not None else Whose.DESK


def give(row: CannedReply | Macro, belongs: Whose, queue_id: int | None, *, caller: Caller) -> None:
    """Say whose a row is from now on. Raises NotAllowed, NotFound, InvalidInput."""
    if (belongs is Whose.QUEUE) != (queue_id is not None):
        raise InvalidInput("name a queue for what belongs to a queue, and for nothing else")
    row.owner_id = caller.agent_id if belongs is Whose.OWN else None
    row.queue = worked_queue(caller, queue_id) if queue_id is not None else None
    row.queue_id = queue_id
    must_be_changeable(row, caller)


def must_be_changeable(row: CannedReply | Macro, caller: Caller) -> None:
    """Raise NotAllowed where the caller sees a row and may not change it."""
    if whose(row) is Whose.DESK:
        must_be(caller, Role.SUPERVISOR)


def visible(model: type[Kept], caller: Caller) -> Select[Kept]:
    """Return the query for what the caller may use, each with its queue."""
    query: Select[Kept] = select(model).outerjoin(model.queue).options(contains_eager(model.queue))
    return query.where(model.archived_at.is_(None), _usable_by(model, caller))


def _usable_by(model: type[CannedReply] | type[Macro], caller: Caller) -> ColumnElement[bool]:
    of_a_queue = and_(model.queue_id.is_not(None), Queue.id.is_not(None), works(caller))
    of_the_desk = and_(model.owner_id.is_(None), model.queue_id.is_(None))
    return or_(model.owner_id == caller.agent_id, of_a_queue, of_the_desk)


def page(model: type[Kept], caller: Caller, *, after: int, limit: int) -> Sequence[Kept]:
    """Return what the caller may use, in the order of the ids."""
    row_id: Any = model.id
    return db.session().scalars(visible(model, caller).where(row_id > after).order_by(row_id).limit(limit)).all()


def find(model: type[Kept], caller: Caller, row_id: int, *, what: str) -> Kept:
    """Return something that the caller may use. Raises NotFound."""
    row = db.session().scalar(visible(model, caller).where(model.id == row_id))
    if row is None:
        raise NotFound(f"there is no {what} {row_id}")
    return row


def clean_name(name: str) -> str:
    """Return a name as it is kept. Raises InvalidInput."""
    cleaned = " ".join(name.split())
    if not 0 < len(cleaned) <= MAX_NAME:
        raise InvalidInput(f"a name has 1 to {MAX_NAME} characters")
    return cleaned


def put_away(row: CannedReply | Macro, caller: Caller, *, at: datetime) -> None:
    """Take something out of use; the journal may still refer to it."""
    must_be_changeable(row, caller)
    row.archived_at = row.updated_at = at
