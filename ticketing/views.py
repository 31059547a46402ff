"""Saved views: filters of tickets under a name. One's own, a queue's, or everybody's.

A view says which tickets are meant, never which may be seen: what is in it depends on who looks.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import joinedload
from sqlalchemy.sql import ColumnElement

from ticketing import audit
from ticketing.agents import Caller, must_be
from ticketing.errors import Conflict, InvalidInput, NotFound
from ticketing.events import Actor
from ticketing.filters import Filter, conditions_of, queues_of
from ticketing.models import Queue, Role, Ticket, View, ViewScope
from ticketing.queues import works
from ticketing.store import db

MAX_NAME = 100
MOST = 200  # views of one agent


def list_views(caller: Caller, *, after: int, limit: int) -> Sequence[View]:
    """Return the views that the caller may use, in the order of their ids; one more than `limit`, if there is."""
    query = _seen(caller).where(View.id > after).order_by(View.id).limit(limit + 1)
    return db.session().scalars(query).all()


def find_view(caller: Caller, view_id: int) -> View:
    """Return a view that the caller may use. Raises NotFound, also for one that is somebody else's."""
    view: View | None = db.session().scalar(_seen(caller).where(View.id == view_id))
    if view is None:
        raise NotFound(f"there is no view {view_id}")
    return view


def count_tickets(caller: Caller, wanted: Filter, *, now: datetime, most: int) -> int:
    """Return how many such tickets the caller may see; counts no further than `most`."""
    conditions = conditions_of(caller, wanted, queues_of(caller, wanted), now)
    counted = select(Ticket.id).where(*conditions).limit(most).subquery()
    return db.session().scalar(select(func.count()).select_from(counted)) or 0


def create_view(
    caller: Caller,
    *,
    name: str,
    scope: ViewScope,
    queue: Queue | None,
    filter: Mapping[str, Any],  # noqa: A002 - the contract's word
    position: int,
    at: datetime,
) -> View:
    """Save a view. `filter` is in the words of `GET /tickets`, its order included. Raises NotAllowed, InvalidInput."""
    _must_have_room(caller)
    view = View(
        name=_name(name),
        scope=scope,
        owner_id=caller.agent_id,
        queue_id=queue.id if queue else None,
        filter=dict(filter),
        position=position,
        created_at=at,
        updated_at=at,
    )
    must_be_allowed(caller, view)
    db.session().add(view)
    db.session().flush()
    _record("view_made", view, caller, at)
    return view


def change_view(caller: Caller, view: View, changes: Mapping[str, Any], *, at: datetime) -> None:
    """Change what is named: name, scope, queue (a row, or None), filter, position. Raises NotAllowed, InvalidInput."""
    must_be_allowed(caller, view)
    if view.scope is not ViewScope.OWN:
        _record("view_changed", view, caller, at)
    for name, value in changes.items():
        if name == "queue":
            view.queue_id = value.id if value else None
        else:
            setattr(view, name, _name(value) if name == "name" else value)
    if view.scope is ViewScope.OWN and view.owner_id != caller.agent_id:
        raise Conflict("only its owner can make this view their own; save another one")
    view.updated_at = at
    must_be_allowed(caller, view)
    db.session().flush()


def delete_view(caller: Caller, view: View, *, at: datetime) -> None:
    """Remove a view. Raises NotAllowed."""
    must_be_allowed(caller, view)
    _record("view_deleted", view, caller, at)
    db.session().delete(view)
    db.session().flush()


def must_be_allowed(caller: Caller, view: View) -> None:
    """Raise unless the caller may make or change such a view: others' views are supervisors' work."""
    if (view.scope is ViewScope.QUEUE) != (view.queue_id is not None):
        raise InvalidInput("a view of the scope queue names its queue, any other names none")
    if view.scope is not ViewScope.OWN:
        must_be(caller, Role.SUPERVISOR)
    if view.queue_id is not None and not _works(caller, view.queue_id):
        raise InvalidInput(f"you do not work the queue {view.queue_id}")


def _seen(caller: Caller) -> Any:
    own = and_(View.scope == ViewScope.OWN, View.owner_id == caller.agent_id)
    of_queue = and_(View.scope == ViewScope.QUEUE, View.queue_id.in_(select(Queue.id).where(works(caller))))
    return (
        select(View)
        .where(or_(View.scope == ViewScope.SHARED, own, of_queue))
        .options(joinedload(View.queue), joinedload(View.owner))
        .execution_options(populate_existing=True)
    )


def _works(caller: Caller, queue_id: int) -> bool:
    condition: ColumnElement[bool] = works(caller)
    return db.session().scalar(select(Queue.id).where(Queue.id == queue_id, condition)) is not None


def _must_have_room(caller: Caller) -> None:
    has = db.session().scalar(select(func.count()).select_from(View).where(View.owner_id == caller.agent_id)) or 0
    if has >= MOST:
        raise Conflict(f"you have {MOST} views; delete one first")


def _record(kind: str, view: View, caller: Caller, at: datetime) -> None:
    """Note what happens to views that others use."""
    if view.scope is not ViewScope.OWN:
        data = {"name": view.name, "scope": view.scope.value, "queue": view.queue_id, "filter": view.filter}
        audit.record(kind, subject="view", subject_id=view.id, by=Actor.agent(caller.agent_id), at=at, data=data)


def _name(name: str) -> str:
    return " ".join(name.split())[:MAX_NAME]
