"""Notices on their way out of the house: claimed together by agent and medium, so that many go out as one."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import select, update

from sla.actions import Medium
from sla.alerts import preference_of, quiet_until
from sla.consequences import LONGEST_REASON, MOST_ATTEMPTS, wait_after
from sla.models import Alert, AlertNotice, ConsequenceState
from ticketing.models import Agent
from ticketing.store import db

LEASE = timedelta(minutes=2)  # who has claimed them and does not come back by then is taken for dead
AT_ONCE = 100  # in one digest
UNDER_WAY = "on its way"
WANTED_NO_MORE = "they do not want to be told so any more"
UNKNOWN = "nobody knows whether it was sent"


class Told(NamedTuple):
    """An alert as plain values."""

    id: int
    kind: str
    ticket_id: int | None
    data: Mapping[str, Any]
    at: datetime


class Claimed(NamedTuple):
    """What is to be sent to one agent by one medium, oldest first. Plain values: sending takes long."""

    agent_id: int
    medium: Medium
    to: str  # a mail address, a number in E.164, a URL
    secret: str  # encrypted; signs what is posted
    time_zone: str  # in which the agent reads the clock
    notices: Sequence[int]
    alerts: Sequence[Told]


def agents_to_tell(now: datetime, limit: int = 100) -> list[int]:
    """Return agents for whom something is to go out."""
    due = select(Alert.agent_id, AlertNotice.next_at).join(AlertNotice, AlertNotice.alert_id == Alert.id)
    rows = db.session().execute(due.where(AlertNotice.next_at <= now).order_by(AlertNotice.next_at).limit(1000))
    return list(dict.fromkeys(row.agent_id for row in rows))[:limit]


def claim(agent_id: int, medium: Medium, now: datetime) -> Claimed | None:
    """Return what is to go to the agent by the medium and is the caller's alone for as long as LEASE; None: nothing.

    In quiet hours that have begun meanwhile it is held on. Text messages of which nobody knows whether they were
    sent are never sent again.
    """
    session = db.session()
    query = (
        select(AlertNotice)
        .join(Alert, Alert.id == AlertNotice.alert_id)
        .where(Alert.agent_id == agent_id, AlertNotice.medium == medium, AlertNotice.next_at <= now)
        .order_by(AlertNotice.id)
        .limit(AT_ONCE)
        .with_for_update(of=AlertNotice, skip_locked=True)
    )
    rows = session.scalars(query.execution_options(populate_existing=True)).all()
    preference, agent = preference_of(agent_id), session.get_one(Agent, agent_id, populate_existing=True)
    if not rows:
        return None
    held_until = quiet_until(preference, now)
    sent = []
    for row in rows:
        if not agent.is_active or not getattr(preference, medium):
            _finish(row, ConsequenceState.DONE, WANTED_NO_MORE, now)
        elif medium is Medium.SMS and row.reason == UNDER_WAY:
            _finish(row, ConsequenceState.FAILED, UNKNOWN, now)
        elif held_until > now:
            row.next_at = held_until
        else:
            row.attempts, row.reason, row.next_at = row.attempts + 1, UNDER_WAY, now + LEASE
            sent.append(row)
    if not sent:
        return None
    to = agent.email if medium is Medium.MAIL else str(getattr(preference, medium))
    secret, zone = preference.webhook_secret, preference.time_zone
    return Claimed(agent_id, medium, to, secret, zone, [row.id for row in sent], _told(sent))


def _told(rows: Sequence[AlertNotice]) -> list[Told]:
    columns = (Alert.id, Alert.kind, Alert.ticket_id, Alert.data, Alert.at)
    query = select(*columns).where(Alert.id.in_([row.alert_id for row in rows])).order_by(Alert.id)
    return [Told(*row) for row in db.session().execute(query)]


def sent(notice_ids: Sequence[int], *, at: datetime) -> None:
    """Note that they went out."""
    values = {"state": ConsequenceState.DONE, "reason": "", "next_at": None, "done_at": at}
    done = update(AlertNotice).where(AlertNotice.id.in_(notice_ids)).values(values)
    db.session().execute(done.execution_options(synchronize_session=False))


def failed(notice_ids: Sequence[int], reason: str, *, at: datetime, for_good: bool = False) -> None:
    """Note that they did not go out: they are tried again later and later, up to twelve times."""
    query = select(AlertNotice).where(AlertNotice.id.in_(notice_ids)).order_by(AlertNotice.id).with_for_update()
    for row in db.session().scalars(query.execution_options(populate_existing=True)):
        if for_good or row.attempts >= MOST_ATTEMPTS:
            _finish(row, ConsequenceState.FAILED, reason, at)
        else:
            row.reason, row.next_at = reason[:LONGEST_REASON], at + wait_after(row.attempts)


def _finish(row: AlertNotice, state: ConsequenceState, reason: str, at: datetime) -> None:
    row.state, row.reason, row.next_at, row.done_at = state, reason[:LONGEST_REASON], None, at
