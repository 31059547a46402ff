"""Keep policies: made, edited by versions, archived. A row never changes but for the moment at which it is archived.

All versions of a policy share an origin, the id of the first, by which the API names them. A name stays with the policy
that had it first, so that a verdict of years ago can be told by name and version.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select, text, tuple_
from sqlalchemy.orm import aliased, contains_eager

from sla.actions import named_in
from sla.agreement import Metric, OnReopen
from sla.calendars import hours_of
from sla.errors import InvalidPolicy, NeverOpen, OutOfReach
from sla.hours import due
from sla.models import Calendar, Policy, RulesStamp
from sla.policy import check_policy
from ticketing import audit
from ticketing.errors import Conflict, NotFound
from ticketing.events import Actor
from ticketing.models import Agent, Queue
from ticketing.store import db

MOST = 500  # in force: every ticket that comes in is held against them


class AppliesTo(StrEnum):
    """For which tickets an edit counts."""

    NEW = "new"  # those that are opened from now on
    OPEN = "open"  # these, and those that are open: see sla.rearming


def make_policy(wanted: Mapping[str, Any], *, by: Actor, at: datetime) -> Policy:
    """Add a policy, said as `sla.policy` shows it. Raises InvalidPolicy, NeverOpen, OutOfReach and Conflict."""
    lock_rules()
    check_policy(wanted)
    in_force = db.session().scalar(select(func.count()).select_from(Policy).where(Policy.archived_at.is_(None)))
    if (in_force or 0) >= MOST:
        raise Conflict(f"there are {MOST} policies already; archive one")
    row = _written(wanted, at)
    row.version = 1
    _add(row)
    _record("policy_made", row, {"after": words_of(row)}, by=by, at=at)
    return row


def revise(origin: int, wanted: Mapping[str, Any], *, by: Actor, at: datetime) -> Policy:
    """Replace a policy's words by a new version; nothing happens when they are those that it has. Return what is in
    force. Raises NotFound, InvalidPolicy, NeverOpen, OutOfReach, and Conflict for one that is archived.
    """
    lock_rules()
    check_policy(wanted)
    current = find_policy(origin)
    if current.archived_at is not None:
        raise Conflict(f"policy {origin} is archived; make a new one")
    row = _written(wanted, at, of=current)
    if words_of(row) == words_of(current):
        return current
    _follow(current, row, at)
    _record("policy_changed", row, {"before": words_of(current), "after": words_of(row)}, by=by, at=at)
    return row


def archive(origin: int, *, by: Actor, at: datetime) -> Policy:
    """Take a policy out of force; nothing happens if it is. What stands under it goes on. Raises NotFound."""
    lock_rules()
    row = find_policy(origin)
    if row.archived_at is None:
        row.archived_at = max(at, row.created_at)
        db.session().flush()
        _record("policy_archived", row, {"before": words_of(row)}, by=by, at=at)
    return row


def follow_calendar(old_id: int, new_id: int, *, by: Actor, at: datetime) -> list[Policy]:
    """Give every policy in force that uses one version of a calendar a new version with another; return those.

    Raises NeverOpen and OutOfReach when one of them could not be kept by that calendar.
    """
    lock_rules()
    calendar = db.session().get_one(Calendar, new_id)
    made = []
    for current in db.session().scalars(_in_order(Policy.calendar_id == old_id, Policy.archived_at.is_(None))).all():
        must_be_keepable(current.name, current.targets, calendar, at=at)
        row = _copy(current, calendar, at)
        _follow(current, row, at)
        change = {
            "before": {"calendar_version": current.calendar.version},
            "after": {"calendar_version": calendar.version},
        }
        _record("policy_changed", row, change, by=by, at=at)
        made.append(row)
    return made


def find_policy(origin: int) -> Policy:
    """Return the newest version of a policy, in force or archived. Raises NotFound."""
    row = db.session().scalar(_versions(origin).order_by(Policy.version.desc()).limit(1))
    if row is None:
        raise NotFound(f"there is no policy {origin}")
    return row


def versions(origin: int, *, after: int, limit: int) -> Sequence[Policy]:
    """Return the versions of a policy, oldest first, from behind version `after`. Raises NotFound."""
    find_policy(origin)
    return (
        db.session()
        .scalars(_versions(origin).where(Policy.version > after).order_by(Policy.version).limit(limit))
        .all()
    )


def page(*, archived: bool, after: tuple[int, int] | None, limit: int) -> Sequence[Policy]:
    """Return policies in the order in which they are asked, from behind a position and an origin.

    Those in force, or the last versions of those that are archived.
    """
    newer = aliased(Policy)
    is_last = ~exists().where(_origin(newer) == _origin(Policy), newer.version > Policy.version)
    which: list[ColumnElement[bool]] = (
        [Policy.archived_at.is_not(None), is_last] if archived else [Policy.archived_at.is_(None)]
    )
    if after is not None:
        which.append(tuple_(Policy.position, _origin(Policy)) > tuple_(*after))
    return db.session().scalars(_in_order(*which).limit(limit)).all()


def words_of(row: Policy) -> dict[str, Any]:
    """Return what a version says, in the words of the API."""
    return {
        "name": row.name,
        "position": row.position,
        "calendar": row.calendar.origin,
        "conditions": row.conditions,
        "targets": row.targets,
        "on_reopen": row.rules.get("on_reopen", OnReopen.CONTINUE.value),
        "automatic_answers_count": row.rules.get("automatic_answers_count", False),
        "shadow": row.shadow,
    }


def must_be_keepable(name: str, targets: Mapping[str, Any], calendar: Calendar, *, at: datetime) -> None:
    """Raise NeverOpen or OutOfReach when a clock that started now would never fall due."""
    for metric, target in targets.items():
        if metric == Metric.PROMISE or target.get("wall_clock", False):
            continue
        try:
            due(at, timedelta(seconds=target["allowance_seconds"]), hours_of(calendar))
        except (NeverOpen, OutOfReach) as error:
            raise type(error)(f"policy {name!r}, {metric}: {error}") from None


def lock_rules() -> None:
    """Let those who change policies or calendars take turns, until the transaction ends.

    Names and versions depend on one another, and edits are rare.
    """
    session = db.session()
    row = select(RulesStamp.id).where(RulesStamp.id == 1).with_for_update()
    if session.scalar(row) is None:
        first = "INSERT INTO sla_rules_stamp (id, value) VALUES (1, :value) ON CONFLICT DO NOTHING"
        session.execute(text(first), {"value": secrets.token_hex(8)})
        session.scalar(row)


def _written(wanted: Mapping[str, Any], at: datetime, *, of: Policy | None = None) -> Policy:
    """Return a version that says this, not yet added."""
    name, targets, conditions = wanted["name"], wanted["targets"], wanted.get("conditions", {})
    _must_be_free(name, of)
    calendar = _calendar_in_force(wanted.get("calendar"))
    _must_be_there(conditions, targets)
    must_be_keepable(name, targets, calendar, at=at)
    return Policy(
        name=name,
        position=wanted["position"],
        conditions=dict(conditions),
        targets=dict(targets),
        rules={
            "on_reopen": str(wanted.get("on_reopen", OnReopen.CONTINUE)),
            "automatic_answers_count": wanted.get("automatic_answers_count", False),
        },
        shadow=wanted.get("shadow", False),
        calendar=calendar,
        calendar_id=calendar.id,
        created_at=at,
        archived_at=None,
    )


def _copy(row: Policy, calendar: Calendar, at: datetime) -> Policy:
    same = ("name", "position", "conditions", "targets", "rules", "shadow")
    values = {one: getattr(row, one) for one in same}
    return Policy(**values, calendar=calendar, calendar_id=calendar.id, created_at=at, archived_at=None)


def _follow(current: Policy, row: Policy, at: datetime) -> None:
    """Put a version into force where another was; both share the moment, so that none is missing and none is double."""
    row.origin_id, row.version = current.origin, current.version + 1
    row.created_at = current.archived_at = max(at, current.created_at)  # whoever had to wait may have looked earlier
    _add(row)


def _add(row: Policy) -> None:
    db.session().add(row)
    db.session().flush()


def _must_be_free(name: str, of: Policy | None) -> None:
    named = select(Policy).where(Policy.name == name).order_by(Policy.version.desc())
    others = named if of is None else named.where(_origin(Policy) != of.origin)
    row = db.session().scalar(others.limit(1))
    if row is None:
        return
    now = find_policy(row.origin)
    if now.archived_at is not None:
        raise Conflict(
            f"an archived policy, {now.origin}, was called {name!r}, and its verdicts still are; take another name"
        )
    if now.name == name:
        raise Conflict(f"there is a policy {name!r} already, {now.origin}; change that one")
    raise Conflict(f"policy {now.origin}, now {now.name!r}, was called {name!r} before; take another name")


def _calendar_in_force(origin: Any) -> Calendar:
    if isinstance(origin, int) and not isinstance(origin, bool):
        found = db.session().scalar(select(Calendar).where(_origin(Calendar) == origin, Calendar.archived_at.is_(None)))
        if found is not None:
            return found
    raise InvalidPolicy(f"a policy needs a calendar in force, by its id, not {origin!r}")


def _must_be_there(conditions: Mapping[str, Any], targets: Mapping[str, Any]) -> None:
    """Raise InvalidPolicy for queues and agents that are not there."""
    steps = [step for target in targets.values() for step in target.get("steps", ())]
    queues, agents = named_in(action for step in steps for action in step["actions"])
    queues.update(conditions.get("queue", ()))
    known = set(db.session().scalars(select(Queue.id).where(Queue.id.in_(sorted(queues))))) if queues else set[int]()
    if queues - known:
        raise InvalidPolicy(f"there is no queue {min(queues - known)}")
    present = select(Agent.id).where(Agent.id.in_(sorted(agents)), Agent.is_active)
    here = set(db.session().scalars(present)) if agents else set[int]()
    if agents - here:
        raise InvalidPolicy(f"there is no agent {min(agents - here)} at the desk; whoever has left does nothing")


def _origin(model: Any) -> ColumnElement[int]:
    found: ColumnElement[int] = func.coalesce(model.origin_id, model.id)
    return found


def _versions(origin: int) -> Select[Policy]:
    return _policies().where(_origin(Policy) == origin)


def _in_order(*which: ColumnElement[bool]) -> Select[Policy]:
    return _policies().where(*which).order_by(Policy.position, _origin(Policy))


def _policies() -> Select[Policy]:
    query: Select[Policy] = select(Policy).join(Policy.calendar).options(contains_eager(Policy.calendar))
    return query.execution_options(populate_existing=True)  # whoever had to wait for the lock has old ones in mind


def _record(kind: str, row: Policy, change: Mapping[str, Any], *, by: Actor, at: datetime) -> None:
    data = {"version": row.version, **change}
    audit.record(kind, subject="policy", subject_id=row.origin, by=by, at=at, data=data)
