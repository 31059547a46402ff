"""Carry out what the journal says of calls: ask Twilio, and free the agents of calls that are over.

The functions on entries follow from `api/reactions.py`, the others are the ticker's. All are safe to do twice.
"""

import structlog

from api import assigning
from channels.events import (
    CallEnding,
    CallerReturned,
    CallHeld,
    CallOffered,
    CallResumed,
    CallTransferred,
    LegEnded,
    LegPickedUp,
    SupervisionChanged,
)
from channels.phone import answering, switchboard
from channels.phone.models import LegRole
from ticketing.events import Entry
from ticketing.moment import utc_now
from ticketing.transaction import transaction

log = structlog.get_logger()


def ring(entry: Entry) -> None:
    if isinstance(entry.event, CallOffered):
        switchboard.ring(entry.event.leg_id, now=utc_now)


def bring_together(entry: Entry) -> None:
    if isinstance(entry.event, LegPickedUp):
        switchboard.bring_together(entry.event.call_id, entry.event.leg_id, now=utc_now)


def bring_back(entry: Entry) -> None:
    if isinstance(entry.event, CallerReturned):
        switchboard.bring_back(entry.event.call_id, entry.event.why, now=utc_now)


def set_hold(entry: Entry) -> None:
    if isinstance(entry.event, CallHeld | CallResumed):
        switchboard.set_hold(entry.event.call_id)


def supervise(entry: Entry) -> None:
    if isinstance(entry.event, SupervisionChanged):
        switchboard.supervise(entry.event.leg_id)


def coach_anew(entry: Entry) -> None:
    """Let whoever whispers do so to the agent who has the customer now."""
    if isinstance(entry.event, CallTransferred) and entry.event.warm:
        for leg_id in answering.legs_of(entry.event.call_id, LegRole.WHISPER):
            switchboard.supervise(leg_id)


def cut_leg(entry: Entry) -> None:
    if isinstance(entry.event, LegEnded) and entry.event.cut:
        switchboard.cut_leg(entry.event.leg_id)


def free_agent(entry: Entry) -> None:
    """Let the agent of a leg that has ended take the next call, after their wrap-up."""
    if not isinstance(entry.event, LegEnded):
        return
    with transaction("worker"):
        agent = answering.free(entry.event, ended_at=entry.at, at=utc_now())
    if agent is not None:
        assigning.wake_for(agent)


def cut_call(entry: Entry) -> None:
    if isinstance(entry.event, CallEnding):
        switchboard.cut_call(entry.event.call_id, now=utc_now)


def catch_up(call_id: int) -> None:
    """Decide what is overdue in a call."""
    with transaction("ticker"):
        decided = answering.catch_up(call_id, at=utc_now())
    if decided:
        log.warning("call caught up with", call_id=call_id)


def free_stranded(agent_id: int) -> None:
    """Free an agent of a call of which nothing is known any more."""
    with transaction("ticker"):
        answering.free_stranded(agent_id, at=utc_now())
    log.warning("agent freed of a call that nobody knows", agent_id=agent_id)
