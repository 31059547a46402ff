"""When the line of a queue is open, for the phone: channels know no calendars."""

from datetime import datetime, timedelta

from sqlalchemy import select

from channels.phone.opening import Opening
from sla import rules
from sla.agreement import Metric
from sla.calendars import hours_of
from sla.errors import NeverOpen, OutOfReach
from sla.facts import Facts
from sla.hours import BusinessHours, due, intervals
from sla.models import Calendar
from ticketing.envelope import Channel
from ticketing.models import Queue
from ticketing.queue_settings import QueueSettings
from ticketing.status import Priority
from ticketing.store import db

A_MOMENT = timedelta(microseconds=1)
ASKED_FIRST = (Metric.QUEUE_WAIT, Metric.FIRST_RESPONSE)


def opening_of(queue: Queue, *, at: datetime) -> Opening:
    """Say whether the line of a queue is open, by the calendar that it names, else by that of the policy for its calls.

    Without any calendar it is always open; with one that never opens again nobody knows when it does.
    """
    hours = hours_of_line(queue, at=at)
    return Opening() if hours is None else opening_by(hours, at=at)


def hours_of_line(queue: Queue, *, at: datetime) -> BusinessHours | None:
    """Return the hours in which the line of a queue is open; None: always."""
    return _named(QueueSettings.of(queue.settings).calendar) or _agreed(queue, at)


def opening_by(hours: BusinessHours, *, at: datetime) -> Opening:
    """Say whether it is open at a moment, and if not, when it is."""
    zone = hours.time_zone.key
    try:
        if any(is_open for _, _, is_open in intervals(at, at + A_MOMENT, hours)):
            return Opening(time_zone=zone)
        # The first open instant ends a microsecond after opening time.
        return Opening(is_open=False, opens_at=due(at, A_MOMENT, hours) - A_MOMENT, time_zone=zone)
    except (NeverOpen, OutOfReach):
        return Opening(is_open=False, time_zone=zone)


def _named(calendar: int | None) -> BusinessHours | None:
    if calendar is None:
        return None
    origin = (Calendar.id == calendar) | (Calendar.origin_id == calendar)
    row = db.session().scalar(select(Calendar).where(origin, Calendar.archived_at.is_(None)).limit(1))
    return None if row is None else hours_of(row)


def _agreed(queue: Queue, at: datetime) -> BusinessHours | None:
    """Return the hours of the policy under which a usual call in the queue stands; None: every hour counts."""
    call = Facts(channel=Channel.PHONE, queue_id=queue.id, priority=Priority.NORMAL, opened_at=at, waiting_since=at)
    agreement = rules.in_force().agreement_for(call, at)
    if agreement is None:
        return None
    targets = [agreement.targets[one] for one in ASKED_FIRST if one in agreement.targets]
    found = next((one for one in (*targets, *agreement.targets.values()) if one.calendar_id is not None), None)
    return None if found is None else found.hours
