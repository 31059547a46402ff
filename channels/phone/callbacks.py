"""Calls that we owe customers, with the place that they had in the line: booked, due, moved, cancelled.

What comes of an attempt is in `channels.phone.callback_attempts`. A ticket owes one callback at most. Everything here
is in the caller's transaction, with the ticket locked.

A customer who is to be called at once waits in line like one who holds it, and a phone rings for whoever takes the
ticket. One who chose a later time is put away until then (see `ticketing.snoozing`), place and all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, case, select

from channels.events import CallbackBooked, CallbackCancelled, CallbackDue, CallbackMoved
from channels.models import Call
from channels.phone.models import Callback, CallbackState
from ticketing import journal, lifecycle, lines, on_call, snoozing
from ticketing.agents import Caller
from ticketing.envelope import Channel, HandleKind
from ticketing.errors import Conflict, InvalidInput, NotFound
from ticketing.events import SYSTEM, Actor
from ticketing.filters import sees
from ticketing.handles import fold
from ticketing.models import Agent, Handle, Inbox, Presence, Ticket
from ticketing.moment import rfc3339
from ticketing.queries import lock_seen
from ticketing.status import WAITING_FOR_US, Status
from ticketing.store import db

FARTHEST = timedelta(days=60)
LONGEST_WINDOW = timedelta(days=1)
SPARE = timedelta(minutes=1)  # the ticket sleeps a little longer: it is the callback that wakes it, being due
ASKED, CLOSED, ABANDONED, BY_AGENT = "asked", "closed", "abandoned", "agent"  # reasons
PROMISED = frozenset({ASKED, CLOSED, BY_AGENT})
WORKABLE = frozenset({CallbackState.BOOKED, CallbackState.DUE})


@dataclass(frozen=True)
class Window:
    """When to call. `not_after` is what is promised; None: as soon as possible from `not_before` on."""

    not_before: datetime
    not_after: datetime | None = None


def book_for_caller(ticket: Ticket, call: Call, window: Window, *, reason: str, at: datetime) -> Callback:
    """Book the callback that a caller asked for by keys; one that the ticket owed already gives way.

    Raises InvalidInput for a window that is none, and InvalidHandle for a caller without a number.
    """
    by = Actor.customer(ticket.customer_id)
    _drop_open(ticket, "another one was booked", by=by, at=at)
    return _book(
        ticket,
        inbox_id=call.inbox_id,
        number=fold(HandleKind.PHONE, call.number),
        language=call.language,
        reason=reason,
        since=call.waiting_since or ticket.waiting_since or call.started_at,
        window=window,
        asked_by=call.id,
        by=by,
        at=at,
    )


def book_for_visitor(
    ticket: Ticket, *, number: str, inbox_id: int, language: str, window: Window, reason: str, at: datetime
) -> Callback:
    """Book the callback that a visitor asks for in a chat; one that the ticket owed already gives way.

    `number` is E.164. Raises InvalidInput for a window that is none.
    """
    by = Actor.customer(ticket.customer_id)
    _drop_open(ticket, "another one was booked", by=by, at=at)
    return _book(
        ticket,
        inbox_id=inbox_id,
        number=number,
        language=language,
        reason=reason,
        since=ticket.waiting_since or at,
        window=window,
        asked_by=None,
        by=by,
        at=at,
    )


def arrange(ticket: Ticket, *, number: str, inbox_id: int | None, window: Window, by: Actor, at: datetime) -> Callback:
    """Book a callback that an agent arranges with a customer; `number` "" is the customer's newest.

    Raises InvalidInput, InvalidHandle, NotFound for a number of ours that there is not, InvalidTransition, and Conflict
    where one is owed already.
    """
    lifecycle.must_not_be_over(ticket, at)
    if not ticket.is_active:
        lifecycle.reopen(ticket, by=by, at=at)
    owed = open_on(ticket.id)
    if owed is not None:
        raise Conflict(f"callback {owed.id} is owed on ticket {ticket.id} already; change that one")
    return _book(
        ticket,
        inbox_id=our_number(ticket, inbox_id),
        number=fold(HandleKind.PHONE, number) if number else _their_number(ticket),
        language=ticket.customer.language,
        reason=BY_AGENT,
        since=ticket.waiting_since or max(at, window.not_before),
        window=window,
        asked_by=None,
        by=by,
        at=at,
    )


def note_abandoned(ticket: Ticket, call: Call, *, at: datetime) -> Callback | None:
    """Let the ticket of a caller who hung up waiting ask for a call; they have no place in the line any more.

    None where there is no number, or another callback is owed already.
    """
    if not call.number or not ticket.is_active or open_on(ticket.id) is not None:
        return None
    return _book(
        ticket,
        inbox_id=call.inbox_id,
        number=call.number,
        language=call.language,
        reason=ABANDONED,
        since=call.waiting_since or call.started_at,
        window=Window(at),
        asked_by=call.id,
        by=SYSTEM,
        at=at,
    )


def change(callback: Callback, ticket: Ticket, *, number: str, window: Window | None, by: Actor, at: datetime) -> None:
    """Call at another time, or at another number. Raises Conflict while phones ring, or when it is over."""
    must_wait(callback)
    if number:
        callback.number = fold(HandleKind.PHONE, number)
    if window is not None:
        _check(window, at)
        callback.not_before, callback.not_after = window.not_before, window.not_after
    told = rfc3339(callback.not_before), _told(callback.not_after)
    journal.append(ticket, CallbackMoved(callback.id, *told), by=by, at=at)
    if window is not None:
        _await(callback, ticket, window.not_before, by=by, at=at)


def cancel(callback: Callback, ticket: Ticket, *, why: str, by: Actor, at: datetime) -> None:
    """Owe the call no more; nothing happens if it is over. Raises Conflict while phones ring."""
    if callback.finished_at is not None:
        return
    if callback.state is CallbackState.CALLING:
        raise Conflict(f"callback {callback.id} is being made at this moment; end the call instead")
    drop(callback, ticket, why=why, by=by, at=at)
    _leave_line(ticket, by=by, at=at)
    snoozing.wake(ticket, why="callback", by=by, at=at)


def drop(callback: Callback, ticket: Ticket, *, why: str, by: Actor, at: datetime) -> None:
    """Note that the callback is superfluous; the customer's place in the line is another matter."""
    callback.state, callback.outcome = CallbackState.CANCELLED, why
    callback.next_at, callback.finished_at = None, at
    ticket.on_phone = ticket.on_phone and ticket.live
    journal.append(ticket, CallbackCancelled(callback.id, why), by=by, at=at)


def due_ids(now: datetime, limit: int = 100) -> Sequence[int]:
    """Return the callbacks that have fallen due, the first ones first."""
    query = select(Callback.id).where(Callback.next_at.is_not(None), Callback.next_at <= now)
    return db.session().scalars(query.order_by(Callback.next_at).limit(limit)).all()


def fall_due(callback_id: int, *, opens_at: datetime | None, at: datetime) -> None:
    """Bring a customer who is to be called now to their place in the line; `opens_at`: we call again only then.

    Whoever has the ticket, and is there, rings them; else it is for whoever is next.
    """
    callback, ticket = _lock(callback_id)
    if callback.next_at is None or callback.next_at > at or callback.state not in WORKABLE:
        return
    if ticket.status in {Status.SOLVED, Status.CLOSED} or ticket.merged_into_id is not None:
        drop(callback, ticket, why=f"the ticket is {ticket.status}", by=SYSTEM, at=at)
    elif opens_at is not None and opens_at > at:
        callback.next_at = opens_at
        if ticket.snoozed_until is not None:
            snoozing.snooze(ticket, opens_at + SPARE, by=SYSTEM, at=at)
    else:
        make_due(callback, ticket, by=SYSTEM, at=at)


def make_due(callback: Callback, ticket: Ticket, *, by: Actor, at: datetime) -> None:
    """Let the customer be called as soon as their place has its turn."""
    callback.state, callback.next_at = CallbackState.DUE, None
    snoozing.wake(ticket, why="callback", by=by, at=at)
    if ticket.status not in WAITING_FOR_US:
        lifecycle.change_status(ticket, Status.OPEN, by=by, at=at)
    if ticket.assignee is not None and not can_ring(ticket.assignee, at):
        lifecycle.release(ticket, by=by, at=at, reason="callback")
    if ticket.waiting_since is None:
        ticket.waiting_since = callback.waiting_since
    if callback.reason == ABANDONED:
        ticket.on_phone = True  # in the ordinary order: who hangs up has no place in the line
    else:
        lines.begin(ticket, Channel.PHONE, on_phone=True, since=callback.waiting_since, by=by, at=at)
        lines.go_on_waiting(ticket, Channel.PHONE, at=at)
    journal.append(ticket, CallbackDue(callback.id, callback.attempts + 1), by=by, at=at)


def can_ring(agent: Agent, at: datetime) -> bool:
    """Say whether the agent could call somebody now."""
    there = agent.is_active and agent.presence is Presence.ONLINE and agent.device_kind != ""
    return there and not on_call.is_busy(agent, at)


def open_on(ticket_id: int) -> Callback | None:
    """Return the callback that is owed on a ticket; of several, as a merge may leave them, the most pressing one."""
    query = select(Callback).where(Callback.ticket_id == ticket_id, Callback.finished_at.is_(None))
    return db.session().scalar(query.order_by(_PRESSING, Callback.id).limit(1))


_PRESSING = case({CallbackState.CALLING: 0, CallbackState.DUE: 1}, value=Callback.state, else_=2)


def read(caller: Caller, callback_id: int) -> Callback:
    """Return a callback on a ticket that the caller sees. Raises NotFound."""
    row: Callback | None = db.session().scalar(_seen_by(caller).where(Callback.id == callback_id))
    if row is None:
        raise NotFound(f"there is no callback {callback_id}")
    return row


def lock_for(caller: Caller, callback_id: int) -> tuple[Callback, Ticket]:
    """Return a callback in its newest state and its ticket, locked. Raises NotFound."""
    while True:
        row = read(caller, callback_id)
        ticket = lock_seen(caller, row.ticket_id)
        db.session().refresh(row)
        if row.ticket_id == ticket.id:
            return row, ticket


def page(
    caller: Caller,
    *,
    states: Sequence[CallbackState],
    ticket_id: int | None,
    queue_id: int | None,
    after: int,
    limit: int,
) -> Sequence[Callback]:
    """Return callbacks on the tickets that the caller sees, by id; no `states`: all that are owed still."""
    query = _seen_by(caller).where(Callback.id > after)
    query = query.where(Callback.state.in_(states) if states else Callback.finished_at.is_(None))
    if ticket_id is not None:
        query = query.where(Callback.ticket_id == ticket_id)
    if queue_id is not None:
        query = query.where(Ticket.queue_id == queue_id)
    return db.session().scalars(query.order_by(Callback.id).limit(limit)).all()


def _book(
    ticket: Ticket,
    *,
    inbox_id: int,
    number: str,
    language: str,
    reason: str,
    since: datetime,
    window: Window,
    asked_by: int | None,
    by: Actor,
    at: datetime,
) -> Callback:
    _check(window, at)
    callback = Callback(
        ticket_id=ticket.id,
        inbox_id=inbox_id,
        asked_by_call_id=asked_by,
        number=number,
        language=language,
        reason=reason,
        state=CallbackState.BOOKED,
        waiting_since=since,
        not_before=window.not_before,
        not_after=window.not_after,
        attempts=0,
        created_at=at,
    )
    db.session().add(callback)
    db.session().flush()
    booked = CallbackBooked(
        callback.id, reason, rfc3339(window.not_before), _told(window.not_after), rfc3339(callback.waiting_since)
    )
    journal.append(ticket, booked, by=by, at=at)
    _await(callback, ticket, window.not_before, by=by, at=at)
    return callback


def _await(callback: Callback, ticket: Ticket, moment: datetime, *, by: Actor, at: datetime) -> None:
    """Wait for the moment from which on the customer may be called."""
    if moment <= at:
        make_due(callback, ticket, by=by, at=at)
        return
    callback.state, callback.next_at = CallbackState.BOOKED, moment
    ticket.on_phone = False
    lines.stop_counting(ticket, at=at)
    put_away(callback, ticket, at=at)


def put_away(callback: Callback, ticket: Ticket, *, at: datetime) -> None:
    """Put a customer away, place and all, until they may be called; not one whose ticket an agent has."""
    ticket.on_phone = False
    until = callback.next_at
    if until is not None and until > at and ticket.assignee_id is None and ticket.is_active:
        snoozing.snooze(ticket, until + SPARE, by=SYSTEM, at=at)


def _leave_line(ticket: Ticket, *, by: Actor, at: datetime) -> None:
    """Take the customer out of the line, unless they are on the line themselves."""
    calls = select(Call.id).where(Call.ticket_id == ticket.id, Call.ended_at.is_(None), Call.outbound.is_(False))
    if db.session().scalar(calls.limit(1)) is None:
        ticket.on_phone = False
        lines.end(ticket, by=by, at=at)


def _drop_open(ticket: Ticket, why: str, *, by: Actor, at: datetime) -> None:
    owed = open_on(ticket.id)
    if owed is not None:
        drop(owed, ticket, why=why, by=by, at=at)


def must_wait(callback: Callback) -> None:
    """Raise Conflict while the callback is being made, or when it is over."""
    if callback.state not in WORKABLE:
        how = "is being made at this moment" if callback.state is CallbackState.CALLING else f"is {callback.state}"
        raise Conflict(f"callback {callback.id} {how}; it cannot be changed")


def _check(window: Window, at: datetime) -> None:
    if window.not_before - at > FARTHEST:
        raise InvalidInput(f"a callback is for the next {FARTHEST.days} days")
    if window.not_after is None:
        return
    if window.not_after <= max(at, window.not_before):
        raise InvalidInput("a callback's window ends after it begins, and after now")
    if window.not_after - window.not_before > LONGEST_WINDOW:
        raise InvalidInput("a callback's window is a day long at most")


def _told(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)


def our_number(ticket: Ticket, inbox_id: int | None) -> int:
    """Return the number of ours that calls: the one named, the ticket's, one of its queue, or the oldest."""
    query = select(Inbox.id).where(Inbox.channel == Channel.PHONE)
    if inbox_id is not None:
        query = query.where(Inbox.id == inbox_id)
    rank = case((Inbox.id == ticket.inbox_id, 0), (Inbox.queue_id == ticket.queue_id, 1), else_=2)
    found = db.session().scalar(query.order_by(rank, Inbox.id).limit(1))
    if found is None:
        raise NotFound("there is no such number of ours to call from" if inbox_id else "this desk has no phone number")
    return found


def _their_number(ticket: Ticket) -> str:
    theirs = (Handle.customer_id == ticket.customer_id, Handle.kind == HandleKind.PHONE, Handle.detached_at.is_(None))
    found = db.session().scalar(select(Handle.address).where(*theirs).order_by(Handle.id.desc()).limit(1))
    if found is None:
        raise InvalidInput(f"customer {ticket.customer_id} has no phone number; name one")
    return found


def _lock(callback_id: int) -> tuple[Callback, Ticket]:
    row = db.session().get_one(Callback, callback_id)
    return row, lifecycle.lock_ticket_of(row)


def _seen_by(caller: Caller) -> Select[Any]:
    return select(Callback).join(Ticket, Ticket.id == Callback.ticket_id).join(Ticket.queue).where(sees(caller))
