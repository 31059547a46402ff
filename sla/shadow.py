"""Shadow policies: in force for nobody, watched for a week, then compared with what there is.

A shadow costs the desk nothing while tickets come in: what it would have said follows from the journal, so the
comparison is a replay of today's policies with the shadow put in at its position.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import exists, select

from sla import alerts, policies, replays
from sla.models import Policy, Replay
from sla.replays import Calendars, Span
from ticketing.errors import Conflict, NotFound
from ticketing.events import Actor
from ticketing.models import Agent, Role
from ticketing.store import db

WATCHED_FOR = timedelta(days=7)


def compare(origin: int, *, by: Actor | None, at: datetime) -> Replay:
    """Ask for a comparison of a shadow policy, over the tickets opened since this version of it was made.

    `by` None: nobody asked, and supervisors are told when it is done. Raises NotFound, Conflict and what `replays.ask`
    raises.
    """
    row = policies.find_policy(origin)
    if not row.shadow or row.archived_at is not None:
        raise Conflict(f"policy {origin} is no shadow; only shadows are compared with what is in force")
    known = Calendars((), at=at)
    document = {"policies": known.todays_policies(shadow_id=row.id), "calendars": known.used()}
    return replays.keep(document, Span(row.created_at, at), shadow_id=row.id, by=by, at=at)


def comparison_of(origin: int) -> Replay:
    """Return the newest comparison of a shadow policy as it is now. Raises NotFound."""
    row = policies.find_policy(origin)
    found = select(Replay).where(Replay.shadow_id == row.id).order_by(Replay.id.desc()).limit(1)
    comparison = db.session().scalar(found)
    if comparison is None:
        raise NotFound(f"policy {origin} has not been compared yet; shadows are by themselves, after a week")
    return comparison


def watched(now: datetime) -> Sequence[int]:
    """Return the shadow policies that have been watched for long enough and were never compared."""
    row = Policy
    due = row.shadow & row.archived_at.is_(None) & (row.created_at <= now - WATCHED_FOR)
    unseen = ~exists().where(Replay.shadow_id == row.id)
    return [one.origin for one in db.session().scalars(select(row).where(due, unseen).order_by(row.id))]


def tell(policy_id: int, *, replay_id: int, at: datetime) -> None:
    """Alert whoever may edit policies that a shadow has been compared."""
    origin = db.session().get_one(Policy, policy_id).origin
    editors = (
        select(Agent.id)
        .where(Agent.is_active, Agent.role.in_([Role.SUPERVISOR, Role.ADMIN]))
        .order_by(Agent.id)
        .limit(alerts.MOST_TOLD)
    )
    data = {"policy": origin, "replay": replay_id}
    alerts.tell(db.session().scalars(editors).all(), "shadow_compared", data, at=at)
