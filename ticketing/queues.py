"""Queues and who works them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, bindparam, exists, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql import ColumnElement

from ticketing import queue_settings
from ticketing.agents import Caller, find_agent
from ticketing.errors import Conflict, InvalidInput, NotFound
from ticketing.models import Assignment, Queue, QueueAccess, QueueMember, Role
from ticketing.store import db

MAX_NAME = 100


def create_queue(
    name: str,
    *,
    at: datetime,
    members: Iterable[int] = (),
    access: QueueAccess | None = None,
    assignment: Assignment = Assignment.OFF,
    settings: Mapping[str, Any] | None = None,
) -> Queue:
    """Add a queue. With members it is theirs, without it is everyone's, unless `access` says otherwise."""
    agents = [find_agent(one) for one in dict.fromkeys(members)]
    chosen = access or (QueueAccess.MEMBERS if agents else QueueAccess.EVERYONE)
    kept = queue_settings.changed({}, settings or {})
    queue = Queue(name="", access=chosen, assignment=assignment, settings=kept, created_at=at)
    _name(queue, name)
    db.session().add_all(QueueMember(queue_id=queue.id, agent_id=agent.id) for agent in agents)
    db.session().flush()
    return queue


def change_queue(
    queue: Queue,
    *,
    name: str | None = None,
    members: Iterable[int] | None = None,
    access: QueueAccess | None = None,
    assignment: Assignment | None = None,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Rename a queue, replace its members, change whose it is and how it hands out; None leaves a thing as it is.

    Of `settings` (see ticketing.queue_settings) those that are named change; None takes one away. Raises InvalidInput.
    """
    _lock(queue)
    if name is not None:
        _name(queue, name)
    if members is not None:
        _replace_members(queue, list(dict.fromkeys(members)))
    if access is not None:
        queue.access = access
    if assignment is not None:
        queue.assignment = assignment
    if settings is not None:
        queue.settings = queue_settings.changed(queue.settings, settings)
    db.session().flush()


def find_queue(name_or_id: str | int) -> Queue:
    """Return a queue by its id or its name. Raises NotFound."""
    text = str(name_or_id)
    by_id = Queue.id == int(text) if text.isdecimal() and len(text) < 19 else Queue.name == text
    queue = db.session().scalar(select(Queue).where(by_id)) or db.session().scalar(
        select(Queue).where(Queue.name == text)
    )
    if queue is None:
        raise NotFound(f"there is no queue {text[:MAX_NAME]!r}")
    return queue


def default_queue() -> Queue:
    """Return the queue for tickets that name none: the oldest one. Raises NotFound before `comptoir init`."""
    queue = db.session().scalar(select(Queue).order_by(Queue.id).limit(1))
    if queue is None:
        raise NotFound("there is no queue yet; run `comptoir init`")
    return queue


def works(caller: Caller) -> ColumnElement[bool]:
    """Return the SQL condition that the caller works a row of `queue`: admins all, others everyone's and their own."""
    if caller.role is Role.ADMIN:
        return Queue.id.is_not(None)
    return worked_by(bindparam("me", caller.agent_id, type_=QueueMember.agent_id.type))


def worked_by(agent: BindParameter[int]) -> ColumnElement[bool]:
    """Return the SQL condition that an agent who is no admin works a row of `queue`."""
    member = exists().where(QueueMember.queue_id == Queue.id, QueueMember.agent_id == agent)
    return or_(Queue.access == QueueAccess.EVERYONE, member)


def members_of(queue_ids: Sequence[int]) -> dict[int, list[int]]:
    """Return the member agents' ids by queue id."""
    rows = db.session().scalars(
        select(QueueMember).where(QueueMember.queue_id.in_(queue_ids)).order_by(QueueMember.agent_id)
    )
    members: dict[int, list[int]] = {one: [] for one in queue_ids}
    for row in rows:
        members[row.queue_id].append(row.agent_id)
    return members


def _lock(queue: Queue) -> None:
    """Make two who change the same queue take turns: each shall see the members that the other has set."""
    query = select(Queue).where(Queue.id == queue.id).with_for_update(key_share=True)
    db.session().scalar(query.execution_options(populate_existing=True))


def _replace_members(queue: Queue, wanted: list[int]) -> None:
    session = db.session()
    had = {row.agent_id: row for row in session.scalars(select(QueueMember).where(QueueMember.queue_id == queue.id))}
    for agent_id in wanted:
        if agent_id not in had:
            session.add(QueueMember(queue_id=queue.id, agent_id=find_agent(agent_id).id))
    for agent_id, row in had.items():
        if agent_id not in wanted:
            session.delete(row)
    session.flush()


def _name(queue: Queue, name: str) -> None:
    cleaned = " ".join(name.split())
    if not 0 < len(cleaned) <= MAX_NAME:
        raise InvalidInput(f"a queue's name has 1 to {MAX_NAME} characters")
    session = db.session()
    try:
        with session.begin_nested():  # which flushes what changed before it, hence the change within
            queue.name = cleaned
            session.add(queue)
            session.flush()
    except IntegrityError:
        raise Conflict(f"there is a queue named {cleaned!r} already") from None
