"""Hand replies to providers: written down before the attempt, recorded before anything else after it.

Nothing is sent twice. A crash between the provider's yes and our record of it cannot be decided afterwards: the attempt
stays STARTED, its lease runs out, the message becomes UNKNOWN and is shown to the agent.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from flask import current_app
from sqlalchemy import and_, or_, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import aliased

from channels.errors import ChannelError, ChannelNotSetUp, OutcomeUnknown, PermanentFailure, TransientFailure
from channels.models import AttemptState, Delivery
from channels.outgoing import outgoing_for
from channels.protocol import Accepted, Outgoing
from channels.receipts import LOST_AS, advance, not_to
from channels.registry import adapter
from ticketing import opt_outs, reachability
from ticketing.envelope import MessageState
from ticketing.errors import StoreNotReady, TicketingError
from ticketing.lifecycle import lock_ticket, lock_ticket_of
from ticketing.models import Handle, Message, MessageKind, Ticket
from ticketing.reach import OPTED_OUT_OF
from ticketing.store import db
from ticketing.transaction import transaction

log = structlog.get_logger()

BACKOFF = [timedelta(seconds=s) for s in (5, 15, 60, 300, 900, 3600)]  # the last one again and again
SHORTEST_WAIT = timedelta(seconds=1)
GIVE_UP_AFTER = timedelta(hours=24)
WAKE_AGAIN_AFTER = timedelta(seconds=30)
RECORD_AGAIN_AFTER = (0.5, 2.0, 5.0)  # seconds
LEFT_BEHIND_AFTER = timedelta(seconds=60)
LONGEST_RUN = timedelta(seconds=25)  # with one sending of 30 s still within a job's 60 s
UNWANTED = "the customer has opted out of messages from this address"
NOBODY_KNOWS = "the program stopped while sending; the provider may or may not have taken it"


@dataclass(frozen=True)
class _Attempt:
    delivery_id: int
    ticket_id: int
    message_id: int


def deliver(ticket_id: int, *, now: Callable[[], datetime]) -> bool:
    """Send what waits on a ticket, oldest first per channel. Safe to call twice, and at once from two workers.

    Returns whether there may be more: a job must not end in the middle of a sending, so it stops in good time before.
    """
    stop_at = now() + LONGEST_RUN
    while now() < stop_at:
        begun = _begin(ticket_id, now())
        if begun is None:
            return False
        attempt, outgoing = begun
        outcome = _hand_over(outgoing)
        _record_surely(attempt, outcome, now)
    return True


def _begin(ticket_id: int, at: datetime) -> tuple[_Attempt, Outgoing] | None:
    lease = timedelta(seconds=current_app.extensions["comptoir.settings"].delivery_lease_seconds)
    with transaction("delivery") as session:
        ticket = lock_ticket(ticket_id)
        message = _next_message(ticket_id, at)
        while message is not None and _is_unwanted(message):  # they said so while it waited to leave
            advance(ticket, message, MessageState.FAILED, reason=UNWANTED, at=at)
            session.flush()
            message = _next_message(ticket_id, at)
        if message is None:
            return None
        message.state = MessageState.SENDING
        message.attempts += 1
        delivery = Delivery(message_id=message.id, state=AttemptState.STARTED, started_at=at, lease_until=at + lease)
        session.add(delivery)
        session.flush()
        return _Attempt(delivery.id, ticket_id, message.id), outgoing_for(ticket, message)


def _is_unwanted(message: Message) -> bool:
    if message.channel not in OPTED_OUT_OF or message.handle is None or message.inbox is None:
        return False
    return opt_outs.is_out(message.handle, message.inbox)


def _next_message(ticket_id: int, at: datetime) -> Message | None:
    """Return the oldest message that may leave: none on its channel is before it, unsent."""
    earlier = aliased(Message)
    blocked = (
        select(earlier.id)
        .where(
            earlier.ticket_id == ticket_id,
            earlier.channel == Message.channel,
            earlier.id < Message.id,
            earlier.state.in_([MessageState.QUEUED, MessageState.SENDING]),
            earlier.provider_id.is_(None),  # else the customer has it, and only copies wait
        )
        .exists()
    )
    query = (
        select(Message)
        .where(
            Message.ticket_id == ticket_id,
            Message.kind == MessageKind.OUTBOUND,
            Message.state == MessageState.QUEUED,
            or_(Message.next_attempt_at.is_(None), Message.next_attempt_at <= at),
            ~blocked,
        )
        .order_by(Message.id)
        .limit(1)
    )
    return db.session().scalar(query.execution_options(populate_existing=True))


def _hand_over(outgoing: Outgoing) -> Accepted | ChannelError:
    try:
        return adapter(outgoing.channel).send(outgoing)
    except ChannelNotSetUp as error:  # on this host, at least: no fault of the message, which waits
        return TransientFailure(str(error))
    except ChannelError as error:
        return error
    except StoreNotReady as error:  # the file store is away: nothing has left
        return TransientFailure(str(error))
    except TicketingError as error:  # a file that is gone, an address that makes no sense: nothing has left
        return PermanentFailure(str(error))
    except Exception as error:
        # A bug of ours, perhaps after the provider took the message: never send that again blindly.
        log.exception("sending failed unforeseen", message_id=outgoing.message_id, channel=outgoing.channel)
        return OutcomeUnknown(f"{type(error).__name__} while sending")


def _record_surely(attempt: _Attempt, outcome: Accepted | ChannelError, now: Callable[[], datetime]) -> None:
    """Record what came of it, also when the store is away for a moment: what we know must not become unknown."""
    for pause in RECORD_AGAIN_AFTER:
        try:
            return _record(attempt, outcome, now())
        except OperationalError:
            log.warning("outcome not recorded yet", message_id=attempt.message_id)
            db.session.remove()
            time.sleep(pause)
    return _record(attempt, outcome, now())


def _record(attempt: _Attempt, outcome: Accepted | ChannelError, at: datetime) -> None:
    with transaction("delivery") as session:
        message = session.get_one(Message, attempt.message_id)
        of_address = isinstance(outcome, PermanentFailure) and (outcome.dead_address or outcome.opted_out)
        handle = reachability.hold(message.handle_id) if of_address else None
        ticket = lock_ticket_of(message)
        delivery = session.get_one(Delivery, attempt.delivery_id, populate_existing=True)
        delivery.finished_at = at
        if isinstance(outcome, Accepted):
            delivery.state, delivery.provider_id = AttemptState.ACCEPTED, outcome.provider_id
            if outcome.provider_id in message.data.get(LOST_AS, ()):  # the provider was faster to lose it
                _try_again(message, message.state_reason or "", None, at)
            else:
                message.provider_id = outcome.provider_id
                _accepted(ticket, message, outcome, at)
        else:
            delivery.error = str(outcome)
            delivery.state = _refused(ticket, message, outcome, at)
            if handle is not None and isinstance(outcome, PermanentFailure):
                _note_of_address(handle, ticket, message, outcome, at)
        state = message.state
    log.info("delivery", ticket_id=attempt.ticket_id, message_id=attempt.message_id, state=state)


def _note_of_address(handle: Handle, ticket: Ticket, message: Message, refusal: PermanentFailure, at: datetime) -> None:
    """Note that nothing arrives at the address, or that who is there wants none."""
    if refusal.dead_address:
        reachability.mark(handle, ticket, message, reason=str(refusal), at=at)
    if refusal.opted_out and message.inbox is not None:
        opt_outs.opt_out(handle, message.inbox, reason="the provider refuses them", ticket=ticket, at=at)


def _accepted(ticket: Ticket, message: Message, outcome: Accepted, at: datetime) -> None:
    """Move the message on. The customer has it; a copy that is asked to come back later is sent later, alone."""
    if message.data.get("cc"):
        had, refused = message.data.get("delivered_to", []), message.data.get("refused", {})
        told = {"delivered_to": [*had, *outcome.reached], "refused": {**refused, **outcome.refused}}
        message.data = {**message.data, **told}
    reason = not_to({**message.data.get("refused", {}), **outcome.postponed})
    if outcome.postponed and at - message.created_at < GIVE_UP_AFTER:
        _try_again(message, reason, None, at)
    else:
        advance(ticket, message, outcome.state, reason=reason, at=at)


def _try_again(message: Message, reason: str, wait: timedelta | None, at: datetime) -> None:
    if message.state is MessageState.SENDING:
        message.state = MessageState.QUEUED
        message.state_reason = reason
        wait = wait or BACKOFF[min(message.attempts, len(BACKOFF)) - 1]
        message.next_attempt_at = at + max(wait, SHORTEST_WAIT)
        # The ticket may be merged meanwhile; what follows from its number stays.
        message.data = {"sent_as": message.ticket_id, **message.data}


def _refused(ticket: Ticket, message: Message, error: ChannelError, at: datetime) -> AttemptState:
    if isinstance(error, TransientFailure) and at - message.created_at < GIVE_UP_AFTER:
        _try_again(message, str(error), error.retry_after, at)
        return AttemptState.POSTPONED
    if message.data.get("delivered_to"):  # the customer has it, and only copies were left
        settled = {*message.data["delivered_to"], *message.data["refused"]}
        left = {one["address"]: str(error) for one in message.data["cc"] if one["address"] not in settled}
        reason = not_to({**message.data["refused"], **left})
        advance(ticket, message, MessageState.SENT, reason=reason, at=at)
        return AttemptState.UNKNOWN if isinstance(error, OutcomeUnknown) else AttemptState.FAILED
    if isinstance(error, OutcomeUnknown):
        advance(ticket, message, MessageState.UNKNOWN, reason=str(error), at=at)
        return AttemptState.UNKNOWN
    advance(ticket, message, MessageState.FAILED, reason=str(error), at=at)
    return AttemptState.FAILED


def expire_leases(now: datetime, limit: int = 100) -> list[int]:
    """Mark as unknown what somebody began to send and did not live to record; return the tickets to go on with."""
    session = db.session()
    lapsed = (
        select(Delivery.id, Message)
        .join(Delivery.message)
        .where(Delivery.state == AttemptState.STARTED, Delivery.lease_until < now)
        .order_by(Message.ticket_id, Delivery.id)
        .limit(limit)
    )
    tickets = []
    for delivery_id, message in session.execute(lapsed).all():
        ticket = lock_ticket_of(message)
        delivery = session.get_one(Delivery, delivery_id, populate_existing=True)
        if delivery.state is AttemptState.STARTED:
            delivery.state, delivery.finished_at = _refused(ticket, message, OutcomeUnknown(NOBODY_KNOWS), now), now
            tickets.append(ticket.id)
    return tickets


def tickets_to_retry(now: datetime, limit: int = 200) -> list[int]:
    """Claim the tickets with messages whose next attempt is due, or that nobody has come for; return their ids."""
    session = db.session()
    due = (
        select(Message)
        .where(
            Message.kind == MessageKind.OUTBOUND,
            Message.state == MessageState.QUEUED,
            or_(
                Message.next_attempt_at <= now,
                and_(Message.next_attempt_at.is_(None), Message.created_at < now - LEFT_BEHIND_AFTER),
            ),
            or_(Message.woken_at.is_(None), Message.woken_at < now - WAKE_AGAIN_AFTER),
        )
        .order_by(Message.next_attempt_at)
        .limit(limit)
        .with_for_update(of=Message, skip_locked=True)
    )
    messages = session.scalars(due).all()
    if messages:
        session.execute(update(Message).where(Message.id.in_([m.id for m in messages])).values(woken_at=now))
    return sorted({message.ticket_id for message in messages})
