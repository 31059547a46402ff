"""Callbacks and what the phone does not know of: opening hours, and the promises of the SLA engine.

The promise of a callback is made with it, kept when the customer is called, and withdrawn when nobody wants it any
more. Reactions to journal entries are AT_ONCE in api/reactions.py.
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from api.opening import hours_of_line
from channels.events import (
    CallbackBooked,
    CallbackCancelled,
    CallbackDone,
    CallbackMissed,
    CallbackMoved,
    CallbackTried,
)
from channels.phone import callbacks, slots
from channels.phone.models import Callback
from channels.phone.slots import Slot, Span
from sla import promises
from sla.hours import BusinessHours, intervals
from ticketing.errors import Conflict
from ticketing.events import Entry
from ticketing.models import Queue, Ticket
from ticketing.moment import utc_now
from ticketing.queue_settings import QueueSettings
from ticketing.store import db
from ticketing.transaction import transaction

AHEAD = timedelta(days=10)  # in which a next opening is looked for
ALWAYS = (("08:00", "20:00"),)  # where no calendar says anything, people are called by day
WORDS = "We call the customer back."
OVER = (CallbackDone, CallbackTried, CallbackMissed)


def proposed(queue: Queue, *, at: datetime) -> tuple[list[Slot], ZoneInfo]:
    """Return the windows that a caller of a queue may choose from, and the zone in which they are told."""
    spans, zone = _spans(queue, at)
    return slots.propose(spans, zone, now=at), zone


def fall_due(callback_id: int) -> None:
    """Bring a customer who is to be called to their place in the line, if we call at this hour."""
    now = utc_now()
    queue = db.session().scalar(
        select(Queue).join(Ticket, Ticket.queue_id == Queue.id).join(Callback).where(Callback.id == callback_id)
    )
    opens_at = None if queue is None else _next(queue, now)
    db.session().rollback()
    with transaction("ticker"):
        callbacks.fall_due(callback_id, opens_at=opens_at, at=now)


def promise(ticket: Ticket, entry: Entry) -> None:
    """Promise the customer the end of the window that they, or an agent for them, chose. After CallbackBooked."""
    event = entry.event
    if isinstance(event, CallbackBooked) and event.reason in callbacks.PROMISED:
        _promise(ticket, entry, event.callback_id)


def promise_anew(ticket: Ticket, entry: Entry) -> None:
    """Promise another moment in place of the one before. After CallbackMoved."""
    if isinstance(entry.event, CallbackMoved):
        _withdraw(ticket, entry, entry.event.callback_id)
        _promise(ticket, entry, entry.event.callback_id)


def keep(ticket: Ticket, entry: Entry) -> None:
    """Note that what was promised is done: they were called, whoever picked up. After CallbackDone, CallbackTried."""
    if isinstance(entry.event, OVER):
        row = db.session().get_one(Callback, entry.event.callback_id)
        if row.promise_id is not None:
            promises.keep_for(ticket, row.promise_id, by=entry.actor, at=entry.at)


def withdraw(ticket: Ticket, entry: Entry) -> None:
    """Take the promise back of a call that nobody waits for any more. After CallbackCancelled."""
    if isinstance(entry.event, CallbackCancelled):
        _withdraw(ticket, entry, entry.event.callback_id)


def _promise(ticket: Ticket, entry: Entry, callback_id: int) -> None:
    row = db.session().get_one(Callback, callback_id)
    if row.not_after is None or row.not_after <= entry.at or not ticket.is_active:
        return
    try:
        row.promise_id = promises.make_promise(
            ticket, words=WORDS, due_at=row.not_after, by=entry.actor, at=entry.at
        ).id
    except Conflict:
        row.promise_id = None  # so many are promised on this ticket that one more would tell nobody anything


def _withdraw(ticket: Ticket, entry: Entry, callback_id: int) -> None:
    row = db.session().get_one(Callback, callback_id)
    if row.promise_id is not None:
        promises.withdraw_for(ticket, row.promise_id, by=entry.actor, at=entry.at)
        row.promise_id = None


def _next(queue: Queue, at: datetime) -> datetime | None:
    """Return when we call again; None: we call now, or nobody knows when we do."""
    spans, _ = _spans(queue, at)
    return next((max(since, at) for since, until in spans if until > at), None)


def _spans(queue: Queue, at: datetime) -> tuple[Sequence[Span], ZoneInfo]:
    """Return when we call in the days to come: while the line is open, and within the queue's hours for callbacks."""
    hours = hours_of_line(queue, at=at)
    zone = hours.time_zone if hours is not None else ZoneInfo("UTC")
    daily = QueueSettings.of(queue.settings).callback.hours or (() if hours is not None else ALWAYS)
    whole = _open(hours, at) if hours is not None else [(at, at + AHEAD)]
    if not daily:
        return whole, zone
    return [cut for span in whole for cut in _within(span, daily, zone)], zone


def _open(hours: BusinessHours, at: datetime) -> list[Span]:
    return [(since, until) for since, until, is_open in intervals(at, at + AHEAD, hours) if is_open]


def _within(span: Span, daily: Sequence[tuple[str, str]], zone: ZoneInfo) -> list[Span]:
    since, until = span
    found: list[Span] = []
    day = since.astimezone(zone).date()
    while day <= until.astimezone(zone).date():
        for first, last in daily:
            begin, end = (_moment(day, one, zone).astimezone(since.tzinfo) for one in (first, last))
            if max(begin, since) < min(end, until):
                found.append((max(begin, since), min(end, until)))
        day += timedelta(days=1)
    return found


def _moment(day: date, told: str, zone: ZoneInfo) -> datetime:
    hours, minutes = (int(one) for one in told.split(":"))
    if hours == 24:
        return datetime.combine(day + timedelta(days=1), time(), zone)
    return datetime.combine(day, time(hours, minutes), zone)
