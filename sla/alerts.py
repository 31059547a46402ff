"""Tell agents that something is late: in the app at once, and by mail, SMS or webhook as they wish.

A notice that leaves the house waits for the end of the agent's quiet hours. What has gathered by then goes out as one.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, exists, or_, select, update

from sla.actions import Medium, Recipients
from sla.hours import BusinessHours, elapsed, intervals
from sla.models import Alert, AlertNotice, AlertPreference, ConsequenceState
from ticketing.agents import Caller
from ticketing.errors import InvalidInput, NotFound
from ticketing.inserting import INSERT
from ticketing.many import insert_many
from ticketing.models import Agent, Queue, QueueAccess, QueueMember, Role, Ticket
from ticketing.store import db, dialect

MOST_TOLD = 500  # agents, of one thing
A_WEEK = timedelta(days=7)


def recipients(ticket: Ticket, to: Iterable[str | int]) -> list[int]:
    """Return the ids of the agents whom a notice about the ticket is for, nobody twice, and nobody who has left.

    Supervisors are those who work the ticket's queue; where there is none, the admins stand in for them.
    """
    wanted = set(to)
    who: list[ColumnElement[bool]] = [Agent.id.in_([one for one in wanted if isinstance(one, int)])]
    if Recipients.ASSIGNEE in wanted and ticket.assignee_id is not None:
        who.append(Agent.id == ticket.assignee_id)
    member = exists().where(QueueMember.queue_id == ticket.queue_id, QueueMember.agent_id == Agent.id)
    if Recipients.MEMBERS in wanted:
        who.append(member)
    if Recipients.SUPERVISORS in wanted:
        who.append(Agent.id.in_(_supervisors(ticket.queue_id)))
    query = select(Agent.id).where(Agent.is_active, or_(*who)).order_by(Agent.id).limit(MOST_TOLD)
    return list(db.session().scalars(query))


def _supervisors(queue_id: int) -> Sequence[int]:
    session = db.session()
    member = exists().where(QueueMember.queue_id == queue_id, QueueMember.agent_id == Agent.id)
    query = select(Agent.id).where(Agent.is_active, Agent.role == Role.SUPERVISOR).limit(MOST_TOLD)
    if session.get_one(Queue, queue_id).access is not QueueAccess.EVERYONE:
        query = query.where(member)
    admins = select(Agent.id).where(Agent.is_active, Agent.role == Role.ADMIN).limit(MOST_TOLD)
    return session.scalars(query).all() or session.scalars(admins).all()


def tell(
    agent_ids: Sequence[int],
    kind: str,
    data: Mapping[str, Any],
    *,
    at: datetime,
    ticket_id: int | None = None,
    consequence_id: int | None = None,
    media: Iterable[str] = (),
) -> int:
    """Tell agents something, of one consequence once each; return how many were told.

    `data` holds ids and plain values, never words of a customer's. `media` are the ways out of the house that are
    wanted, for those who want to be reached so.
    """
    if not agent_ids:
        return 0
    shared = {"ticket_id": ticket_id, "consequence_id": consequence_id, "kind": kind, "data": dict(data), "at": at}
    insert = INSERT[dialect()](Alert).on_conflict_do_nothing().returning(Alert.id, Alert.agent_id)
    rows = (
        db.session().execute(insert.values([{**shared, "agent_id": one, "read_at": None} for one in agent_ids])).all()
    )
    told = {row.agent_id: row.id for row in rows}
    _add_notices(told, set(media), at)
    return len(told)


def _add_notices(told: Mapping[int, int], media: set[str], at: datetime) -> None:
    if not media:
        return
    query = select(AlertPreference).where(AlertPreference.agent_id.in_(told))
    fresh = {"state": ConsequenceState.PENDING, "reason": "", "attempts": 0, "done_at": None}
    notices = [
        {"alert_id": told[one.agent_id], "medium": medium.value, "next_at": quiet_until(one, at), **fresh}
        for one in db.session().scalars(query)
        for medium in Medium
        if medium in media and getattr(one, medium)
    ]
    insert_many(cast(Table, AlertNotice.__table__), notices, unless_there=True)


def quiet_until(preference: AlertPreference, now: datetime) -> datetime:
    """Return when the agent may be reached: now, or the end of the quiet hours."""
    quiet = quiet_hours(preference.time_zone, preference.quiet)
    if quiet is None:
        return now
    _, ends_at, is_quiet = next(intervals(now, now + A_WEEK, quiet))
    return ends_at if is_quiet else now


def quiet_hours(time_zone: str, weekly: Mapping[str, Any]) -> BusinessHours | None:
    """Return the hours in which somebody is left alone; None: never. Raises InvalidCalendar."""
    hours = BusinessHours.from_dict({"time_zone": time_zone, "weekly": dict(weekly)})
    return hours if any(hours.weekly) else None


def check_quiet(time_zone: str, weekly: Mapping[str, Any], *, now: datetime) -> None:
    """Raise InvalidCalendar for spans that make no sense, InvalidInput for a week that is quiet all through."""
    hours = quiet_hours(time_zone, weekly)
    if hours is not None and elapsed(now, now + A_WEEK, hours) >= A_WEEK:
        raise InvalidInput("the quiet hours leave no hour in which you could be reached; turn the ways off instead")


def preference_of(agent_id: int) -> AlertPreference:
    """Return how an agent wants to be told; where nothing is written down, a row that is not kept."""
    found = db.session().get(AlertPreference, agent_id, populate_existing=True)
    usual = {"mail": False, "sms": "", "webhook": "", "webhook_secret": "", "time_zone": "UTC", "quiet": {}}
    return found or AlertPreference(agent_id=agent_id, **usual)


def own_alerts(caller: Caller, *, unread: bool, before: int, limit: int) -> Sequence[Alert]:
    """Return the caller's alerts, newest first, from before the alert `before` (0: from the newest)."""
    query = select(Alert).where(Alert.agent_id == caller.agent_id).order_by(Alert.id.desc()).limit(limit)
    if unread:
        query = query.where(Alert.read_at.is_(None))
    if before:
        query = query.where(Alert.id < before)
    return db.session().scalars(query).all()


def mark_read(caller: Caller, alert_id: int, *, at: datetime) -> Alert:
    """Note that the caller has read an alert; the first time counts. Raises NotFound."""
    alert = db.session().scalar(select(Alert).where(Alert.id == alert_id, Alert.agent_id == caller.agent_id))
    if alert is None:
        raise NotFound(f"there is no alert {alert_id} of yours")
    alert.read_at = alert.read_at or at
    return alert


def mark_all_read(caller: Caller, up_to: int, *, at: datetime) -> int:
    """Note that the caller has read all alerts up to one; return how many were new."""
    unread = update(Alert).where(Alert.agent_id == caller.agent_id, Alert.id <= up_to, Alert.read_at.is_(None))
    changed = db.session().execute(unread.values(read_at=at).execution_options(synchronize_session=False))
    return int(cast(Any, changed).rowcount)


def change_preference(
    agent_id: int, wanted: Mapping[str, Any], *, webhook_secret: str, at: datetime
) -> tuple[AlertPreference, bool]:
    """Replace how an agent wants to be told; return it, and whether `webhook_secret` signs what is posted from now on.

    The secret, which is encrypted, is taken when the address is another one than before. Raises InvalidInput,
    InvalidCalendar.
    """
    check_quiet(wanted["time_zone"], wanted["quiet"], now=at)
    row = preference_of(agent_id)
    is_new_address = bool(wanted["webhook"]) and wanted["webhook"] != row.webhook
    for name in ("mail", "sms", "webhook", "time_zone", "quiet"):
        setattr(row, name, wanted[name])
    if is_new_address or not row.webhook:
        row.webhook_secret = webhook_secret if is_new_address else ""
    row.updated_at = at
    db.session().add(row)
    return row, is_new_address
