"""What comes of a callback: an agent takes it, phones ring, and customer and agent speak, or the customer is not there.

Most are AT_ONCE reactions (see api/reactions.py): who rings the phones writes into the journal what happens,
and need not know that a callback is behind it. The ticket is locked.
"""

from datetime import datetime, timedelta

from sqlalchemy import select

from channels.events import (
    CallAbandoned,
    CallbackDone,
    CallbackDue,
    CallbackMissed,
    CallbackTried,
    CallEnded,
)
from channels.models import Call
from channels.phone import answering, callbacks, ending, last_words, placing
from channels.phone.models import Callback, CallbackState
from channels.phone.states import Answerer, CallState, Stage
from ticketing import journal, lifecycle, lines, on_call, snoozing
from ticketing.envelope import Channel
from ticketing.errors import AlreadyAssigned, OnThePhone
from ticketing.events import (
    SYSTEM,
    Actor,
    CustomerAnswered,
    Entry,
    ReplyWritten,
    TicketAssigned,
    TicketReleased,
    TicketResolved,
)
from ticketing.models import Agent, Inbox, Ticket
from ticketing.moment import rfc3339
from ticketing.queue_settings import QueueSettings
from ticketing.store import db

OUTCOMES = {  # how our call to the customer ended -> words for the agent
    CallState.BUSY: "the line was busy",
    CallState.UNANSWERED: "nobody picked up",
    CallState.FAILED: "the number could not be reached",
}
NOBODY = "nobody spoke"
ASKED_FOR_BY_THEM = frozenset({callbacks.ASKED, callbacks.CLOSED, callbacks.ABANDONED})


def take(ticket: Ticket, entry: Entry) -> None:
    """Let phones ring for a callback that is due and that an agent has taken: theirs first. After TicketAssigned."""
    event = entry.event
    if not isinstance(event, TicketAssigned) or not event.rings:
        return
    callback = callbacks.open_on(ticket.id)
    agent = db.session().get_one(Agent, event.after)
    if callback is None or callback.state is not CallbackState.DUE or not agent.device_kind:
        return
    if not _holds_the_line(ticket):  # else it is they who are answered
        begin(callback, ticket, agent, by=entry.actor, at=entry.at)


def ring_who_has_it(ticket: Ticket, entry: Entry) -> None:
    """Let phones ring for a callback that falls due on a ticket that an agent has; who cannot take a call now gives it
    to whoever is next. After CallbackDue.
    """
    agent = ticket.assignee
    callback = callbacks.open_on(ticket.id)
    if agent is None or callback is None or not isinstance(entry.event, CallbackDue):
        return
    try:
        on_call.take(agent, at=entry.at)
    except OnThePhone:
        lifecycle.release(ticket, by=SYSTEM, at=entry.at, reason="callback")
    else:
        begin(callback, ticket, agent, by=SYSTEM, at=entry.at)


def begin(callback: Callback, ticket: Ticket, agent: Agent, *, by: Actor, at: datetime) -> None:
    """Begin an attempt, by an agent whom `on_call.take` has taken. Raises NoDevice."""
    callback.state, callback.next_at = CallbackState.CALLING, None
    callback.attempts += 1
    callback.call_id = placing.place(
        ticket,
        agent,
        inbox=db.session().get_one(Inbox, callback.inbox_id),
        number=callback.number,
        language=callback.language,
        waiting_since=callback.waiting_since,
        is_for_a_person=True,
        by=by,
        at=at,
    ).id


def call_now(callback: Callback, ticket: Ticket, agent: Agent, *, at: datetime) -> None:
    """Call the customer at an agent's wish, before the time or because nothing rang; the ticket is theirs if nobody has
    it. Raises NoDevice, OnThePhone, AlreadyAssigned, and Conflict where it is being made, or over.
    """
    callbacks.must_wait(callback)
    placing.must_have_device(agent)
    by = Actor.agent(agent.id)
    if ticket.assignee_id is None and callback.state is CallbackState.DUE:
        lifecycle.assign(ticket, agent, by=by, at=at)  # and phones ring, see `take`
        return
    if ticket.assignee_id is None:
        lifecycle.assign(ticket, agent, by=by, at=at)
    elif ticket.assignee_id != agent.id:
        raise AlreadyAssigned(f"ticket {ticket.id} is assigned to agent {ticket.assignee_id}; steal it to take it over")
    snoozing.wake(ticket, why="callback", by=by, at=at)
    on_call.take(agent, at=at)
    begin(callback, ticket, agent, by=by, at=at)


def give_back(ticket: Ticket, entry: Entry) -> None:
    """Let a callback wait in its place again that was taken from its agent, or given back. After TicketReleased."""
    released = isinstance(entry.event, TicketReleased) and ticket.on_phone
    callback = callbacks.open_on(ticket.id) if released else None
    if callback is None or callback.state is not CallbackState.CALLING:
        return
    call = db.session().get(Call, callback.call_id) if callback.call_id is not None else None
    _back_to_line(callback, ticket)
    if call is not None:
        ending.end_call(ticket, call, "the agent gave the call back", by=SYSTEM, at=entry.at)


def spoke(ticket: Ticket, entry: Entry) -> None:
    """Note that agent and customer speak: by the callback, or without it, and then it is superfluous. After
    CustomerAnswered.
    """
    event = entry.event
    callback = callbacks.open_on(ticket.id) if isinstance(event, CustomerAnswered) else None
    if callback is None or not isinstance(event, CustomerAnswered):
        return
    if callback.state is not CallbackState.CALLING:
        callbacks.drop(callback, ticket, why="somebody spoke with them meanwhile", by=entry.actor, at=entry.at)
        return
    callback.state, callback.outcome, callback.finished_at = CallbackState.DONE, "spoke", entry.at
    ticket.on_phone = ticket.live
    journal.append(ticket, CallbackDone(callback.id, event.agent_id), by=entry.actor, at=entry.at)


def ended(ticket: Ticket, entry: Entry) -> None:
    """Note that our call to the customer ended before anybody spoke. After CallEnded.

    A customer who called themselves, and whom nobody answered, is called at the time that was agreed.
    """
    event = entry.event
    callback = callbacks.open_on(ticket.id) if isinstance(event, CallEnded) else None
    if callback is None or not isinstance(event, CallEnded):
        return
    if callback.state is CallbackState.BOOKED:
        callbacks.put_away(callback, ticket, at=entry.at)
    elif callback.state is CallbackState.DUE:
        lifecycle.release(ticket, by=SYSTEM, at=entry.at, reason="callback")  # for whoever took it, nothing rings
    elif callback.state is CallbackState.CALLING and callback.call_id == event.call_id:
        if event.state == CallState.CANCELLED:  # the agent was not there: the customer's phone has not rung
            _back_to_line(callback, ticket)
            lifecycle.release(ticket, by=SYSTEM, at=entry.at, reason="callback")
        else:
            missed(callback, ticket, _outcome(event), at=entry.at)


def missed(callback: Callback, ticket: Ticket, outcome: str, *, at: datetime) -> None:
    """Note that an attempt reached nobody, and try again when the queue's rule says; after the last one leave word."""
    if not ticket.is_active:
        callbacks.drop(callback, ticket, why="the ticket was solved", by=SYSTEM, at=at)
        return
    rule = QueueSettings.of(ticket.queue.settings).callback
    again = at + timedelta(seconds=rule.retry_seconds) if callback.attempts < rule.attempts else None
    callback.outcome, ticket.on_phone = outcome, False
    lines.stop_counting(ticket, at=at)
    tried = CallbackTried(callback.id, callback.attempts, outcome, None if again is None else rfc3339(again))
    journal.append(ticket, tried, by=SYSTEM, at=at)
    if again is not None:
        callback.state, callback.next_at = CallbackState.BOOKED, again
        snoozing.snooze(ticket, again + callbacks.SPARE, by=SYSTEM, at=at)
        lifecycle.release(ticket, by=SYSTEM, at=at, reason="callback_missed")
        return
    callback.state, callback.finished_at = CallbackState.MISSED, at
    lines.end(ticket, by=SYSTEM, at=at)
    journal.append(ticket, CallbackMissed(callback.id, callback.attempts), by=SYSTEM, at=at)
    last_words.leave(ticket, callback, at=at)


def replied(ticket: Ticket, entry: Entry) -> None:
    """Owe no call to somebody who has asked for one and is answered in writing. After ReplyWritten.

    What an agent has arranged stays: they write that they will call.
    """
    if not isinstance(entry.event, ReplyWritten) or entry.event.automatic:
        return
    if not (ticket.live or ticket.on_phone or ticket.snoozed_until or ticket.channel is Channel.PHONE):
        return  # none is owed that they have asked for, and most replies need not look
    callback = callbacks.open_on(ticket.id)
    if callback is not None and callback.reason in ASKED_FOR_BY_THEM and callback.state in callbacks.WORKABLE:
        callbacks.cancel(callback, ticket, why="they were answered in writing", by=entry.actor, at=entry.at)


def solved(ticket: Ticket, entry: Entry) -> None:
    """Owe no call on a matter that is solved. After TicketResolved."""
    callback = callbacks.open_on(ticket.id) if isinstance(entry.event, TicketResolved) else None
    if callback is not None and callback.state in callbacks.WORKABLE:
        callbacks.drop(callback, ticket, why="the ticket was solved", by=entry.actor, at=entry.at)


def abandoned(ticket: Ticket, entry: Entry) -> None:
    """Let the ticket of a caller who hung up waiting ask for a call. After CallAbandoned."""
    if isinstance(entry.event, CallAbandoned):
        callbacks.note_abandoned(ticket, db.session().get_one(Call, entry.event.call_id), at=entry.at)


def _outcome(ended: CallEnded) -> str:
    if db.session().get_one(Call, ended.call_id).answered_by == Answerer.MACHINE:
        return answering.A_MACHINE
    return OUTCOMES.get(CallState(ended.state), NOBODY)


def _back_to_line(callback: Callback, ticket: Ticket) -> None:
    callback.state, callback.call_id = CallbackState.DUE, None
    callback.attempts -= 1
    ticket.on_phone = ticket.is_active


def _holds_the_line(ticket: Ticket) -> bool:
    waiting = (Stage.HOLDING, Stage.OFFERED, Stage.BOOKING)
    calls = select(Call.id).where(Call.ticket_id == ticket.id, Call.ended_at.is_(None), Call.outbound.is_(False))
    return db.session().scalar(calls.where(Call.stage.in_(waiting)).limit(1)) is not None
