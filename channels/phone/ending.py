"""How legs and calls end: what is written down, and what follows for those who are left. In the caller's transaction.

That lines are cut at the provider follows from the journal (`channels.phone.switchboard`).
"""

from collections.abc import Callable
from datetime import datetime

from channels.events import CallEnded, CallEnding, CallerReturned, CallOffered, CallResumed, LegEnded
from channels.models import Call
from channels.phone import leaving, legs
from channels.phone.legs import Gone
from channels.phone.models import CallLeg, LegRole
from channels.phone.rooms import Back
from channels.phone.states import FINAL, CallState, Stage, moves_on
from ticketing import closing, journal, lifecycle, lines, snoozing
from ticketing.envelope import Channel
from ticketing.events import SYSTEM, Actor, Entry
from ticketing.models import Agent, Ticket
from ticketing.status import WAITING_FOR_US, Status
from ticketing.store import db

REASONS = {  # how a line ended that nobody of ours cut -> words
    CallState.UNANSWERED: "did not pick up",
    CallState.BUSY: "the line was busy",
    CallState.FAILED: "the device could not be reached",
    CallState.CANCELLED: "the call was cancelled",
    CallState.ENDED: "hung up",
}
HUNG_UP = "the customer hung up"


def end_leg(
    ticket: Ticket,
    call: Call,
    leg: CallLeg,
    reason: str,
    *,
    at: datetime,
    state: CallState = CallState.ENDED,
    cut: bool = True,
    missed: bool = False,
) -> None:
    """Write down that a leg is over; nothing happens if it is. `cut`: by us, so that its line may be open still."""
    if leg.ended_at is not None:
        return
    if moves_on(CallState(leg.state), state):
        leg.state = state
    leg.ended_at, leg.reason = at, reason[:500]
    ended = LegEnded(
        call.id,
        leg.id,
        leg.role,
        leg.reason,
        agent_id=leg.agent_id,
        cut=cut,
        spoke=leg.joined_at is not None and leg.role not in legs.SUPERVISING,
        missed=missed,
    )
    journal.append(ticket, ended, by=SYSTEM, at=at)


def leg_gone(
    ticket: Ticket,
    call: Call,
    leg: CallLeg,
    state: CallState,
    *,
    at: datetime,
    reason: str = "",
    cut: bool = False,
    missed: bool = True,
) -> None:
    """Let happen what follows when a leg is gone, and nobody at the desk has asked for that; nothing if it was over.

    `missed` is false where it is not its agent's fault.
    """
    if leg.ended_at is not None:
        return
    spoke = leg.joined_at is not None
    follows = legs.when_gone(leg.role, spoke=spoke, softphone=legs.is_softphone(leg))
    missed = missed and follows is Gone.GIVE_BACK
    end_leg(ticket, call, leg, reason or REASONS[state], at=at, state=state, cut=cut, missed=missed)
    _FOLLOWS[follows](ticket, call, leg, at)


def _give_back(ticket: Ticket, call: Call, leg: CallLeg, at: datetime) -> None:
    """Give the customer back to their place, which they have never left; a call of ours ends before it began."""
    if call.outbound and call.answered_at is None:
        end_call(ticket, call, leg.reason, by=SYSTEM, at=at)
    elif ticket.assignee_id is not None and ticket.assignee_id == leg.agent_id:
        lifecycle.release(ticket, by=SYSTEM, at=at, reason=leg.reason)  # see channels.phone.answering.follow
    else:
        call.stage, call.agent_id = Stage.HOLDING, None


def _bring_back(ticket: Ticket, call: Call, leg: CallLeg, at: datetime) -> None:
    """Bring the customer back to the front of the line, unless somebody is in the room who goes on with them. The same
    agent's device rings once more: a browser is soon back.
    """
    heir = legs.consulted(call)
    if heir is not None and legs.picked_up(heir) and leg.role is LegRole.AGENT:
        inherit(ticket, call, heir, at=at)
        return
    to_the_line(ticket, call, Back.LOST, at=at)
    if leg.role is LegRole.AGENT and leg.agent_id is not None and ticket.assignee_id == leg.agent_id:
        call.stage = Stage.OFFERED
        again = legs.new_leg(call, LegRole.AGENT, leg.device, agent_id=leg.agent_id, at=at)
        journal.append(ticket, CallOffered(call.id, again.id, again.role, again.agent_id), by=SYSTEM, at=at)
    else:
        lifecycle.release(ticket, by=SYSTEM, at=at, reason=leg.reason)


def _hang_up(ticket: Ticket, call: Call, _leg: CallLeg, at: datetime) -> None:
    end_call(ticket, call, "the call is over", by=SYSTEM, at=at)


def _resume(ticket: Ticket, call: Call, _leg: CallLeg, at: datetime) -> None:
    resume(ticket, call, by=SYSTEM, at=at)


def _nothing(_ticket: Ticket, _call: Call, _leg: CallLeg, _at: datetime) -> None:
    """The others go on."""


_FOLLOWS: dict[Gone, Callable[[Ticket, Call, CallLeg, datetime], None]] = {
    Gone.GIVE_BACK: _give_back,
    Gone.BRING_BACK: _bring_back,
    Gone.HANG_UP: _hang_up,
    Gone.RESUME: _resume,
    Gone.NOTHING: _nothing,
}


def to_the_line(ticket: Ticket, call: Call, why: Back, *, at: datetime) -> None:
    """Let the customer wait again, where they stood; whoever is in the room with them leaves.

    They have held this line for no time yet, however long they spoke before.
    """
    for leg in legs.open_legs(call):
        end_leg(ticket, call, leg, "the customer is in the line again", at=at)
    call.stage, call.agent_id, call.joined_at, call.held_at = Stage.HOLDING, None, None, at
    since = call.waiting_since or call.started_at
    call.waiting_since = since
    _bring_forward(ticket, at=at)
    lines.lose(ticket, Channel.PHONE, since=since, by=SYSTEM, at=at)
    journal.append(ticket, CallerReturned(call.id, why), by=SYSTEM, at=at)


def _bring_forward(ticket: Ticket, *, at: datetime) -> None:
    """Let the ticket be one that is handed out, whatever the agent made of it while they spoke: solved, put off."""
    if closing.is_over(ticket, at):
        return
    snoozing.wake(ticket, why="lost", by=SYSTEM, at=at)
    if ticket.status not in WAITING_FOR_US:
        lifecycle.change_status(ticket, Status.OPEN, by=SYSTEM, at=at)


def inherit(ticket: Ticket, call: Call, heir: CallLeg, *, at: datetime) -> None:
    """Let who was consulted speak with the customer from now on; the ticket becomes theirs if they are an agent."""
    heir.role = LegRole.OUTSIDE if heir.agent_id is None else LegRole.AGENT
    heir.joined_at = at
    call.agent_id = heir.agent_id
    agent = db.session().get(Agent, heir.agent_id) if heir.agent_id is not None else None
    if agent is not None:
        lines.answer(ticket, agent, Channel.PHONE, at=at)
        if agent.is_active and ticket.is_active:
            lifecycle.assign(ticket, agent, by=SYSTEM, at=at, steal=True, reason="transferred")
    resume(ticket, call, by=SYSTEM, at=at)


def resume(ticket: Ticket, call: Call, *, by: Actor, at: datetime) -> None:
    """Let the customer hear the room again; nothing happens if they do."""
    if call.stage == Stage.ON_HOLD:
        call.stage = Stage.TALKING
        journal.append(ticket, CallResumed(call.id), by=by, at=at)


def end_call(ticket: Ticket, call: Call, reason: str, *, by: Actor, at: datetime) -> None:
    """End a call at the desk's wish: everybody leaves, and the customer has no place. Nothing happens if it is over."""
    if call.ended_at is not None or call.stage == Stage.OVER:
        return
    for leg in legs.open_legs(call):
        end_leg(ticket, call, leg, reason, at=at)
    if call.provider_id is None and call.stage != Stage.DIALLED:
        close(ticket, call, CallState.CANCELLED, at=at)  # nobody was called yet
        return
    journal.append(ticket, CallEnding(call.id), by=by, at=at)
    leaving.hang_up(ticket, call, at=at)


def close(ticket: Ticket, call: Call, state: CallState, *, at: datetime, seconds: int | None = None) -> None:
    """Write down that the customer's line is closed; nothing happens if it was."""
    if moves_on(CallState(call.state), state):
        call.state, call.ended_at, call.duration_seconds = state, at, seconds
        journal.append(ticket, CallEnded(call.id, state, seconds), by=SYSTEM, at=at)
        leaving.hang_up(ticket, call, at=at)


def follow(ticket: Ticket, entry: Entry) -> None:
    """Send home whoever of us is in a call that has ended. AT_ONCE after CallEnded, whoever wrote it."""
    if not isinstance(entry.event, CallEnded):
        return
    call = db.session().get_one(Call, entry.event.call_id)
    was_offered = call.stage == Stage.OFFERED
    why = (
        HUNG_UP
        if call.joined_at is not None or not call.outbound
        else UNREACHED.get(CallState(entry.event.state), HUNG_UP)
    )
    for leg in legs.open_legs(call):
        end_leg(ticket, call, leg, why, at=entry.at)
    if was_offered and not call.outbound and call.agent_id is not None and ticket.assignee_id == call.agent_id:
        lifecycle.release(ticket, by=SYSTEM, at=entry.at, reason=HUNG_UP)  # nobody has answered it: anybody may


UNREACHED = {  # how our call to a customer ended -> words for the agent who waits
    CallState.BUSY: "the customer's line is busy",
    CallState.UNANSWERED: "the customer does not pick up",
    CallState.CANCELLED: "the call was cancelled",
    CallState.FAILED: "the customer's number cannot be reached",
}


def is_over(call: Call) -> bool:
    """Say whether nobody is to do anything in the call any more."""
    return call.ended_at is not None or call.stage == Stage.OVER or CallState(call.state) in FINAL
