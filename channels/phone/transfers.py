"""What an agent does with the customer to whom they speak: hold, hand on, end. In the caller's transaction.

A blind transfer puts the customer back into the line, where they stood: whoever is to have them is rung like for any
caller, and if nobody picks up, the place is there. A warm one asks a colleague, or a number outside, first.
"""

from dataclasses import dataclass
from datetime import datetime

from channels.events import CallHeld, CallOffered, CallTransferred
from channels.models import Call
from channels.phone import answering, ending, legs, placing
from channels.phone.models import CallLeg, LegRole
from channels.phone.rooms import Back
from channels.phone.states import Stage
from ticketing import journal, lifecycle, on_call
from ticketing.envelope import HandleKind
from ticketing.errors import InvalidInput, InvalidTransition
from ticketing.events import Actor
from ticketing.handles import fold
from ticketing.models import Agent, Queue, Ticket


@dataclass(frozen=True)
class Target:
    """To whom a customer is handed on: one of the three."""

    agent: Agent | None = None
    queue: Queue | None = None
    number: str = ""

    @property
    def kind(self) -> str:
        return "agent" if self.agent is not None else "queue" if self.queue is not None else "number"

    @property
    def id(self) -> int | None:
        found = self.agent or self.queue
        return found.id if found is not None else None


def outside(number: str) -> Target:
    """Return a number outside the desk. Raises InvalidHandle, InvalidInput."""
    folded = fold(HandleKind.PHONE, number)
    if not folded.startswith("+"):
        raise InvalidInput("that is no phone number with its country code (+…)")
    return Target(number=folded)


def hold(ticket: Ticket, call: Call, *, by: Actor, at: datetime) -> None:
    """Let the customer hear music; nothing happens if they do. Raises InvalidTransition."""
    _must_talk(call)
    if call.stage == Stage.TALKING:
        call.stage = Stage.ON_HOLD
        journal.append(ticket, CallHeld(call.id), by=by, at=at)


def unhold(ticket: Ticket, call: Call, *, by: Actor, at: datetime) -> None:
    """Let the customer hear the agent again; nothing happens if they do. Raises InvalidTransition."""
    _must_talk(call)
    ending.resume(ticket, call, by=by, at=at)


def end(ticket: Ticket, call: Call, *, by: Actor, at: datetime) -> None:
    """End the call for everybody; nothing happens if it is over. Raises InvalidTransition before anybody has spoken."""
    if call.stage in legs.WAITING and not call.outbound:
        raise InvalidTransition("the customer waits, and nobody has spoken to them: give the ticket back instead")
    ending.end_call(ticket, call, "the call was ended", by=by, at=at)


def transfer(ticket: Ticket, call: Call, agent: Agent, to: Target, *, warm: bool, at: datetime) -> None:
    """Hand the customer on, at once or after asking. The rows of both agents were locked before the ticket's.

    Raises InvalidTransition, InvalidInput, NoDevice, OnThePhone.
    """
    _must_talk(call)
    by = Actor.agent(agent.id)
    if legs.consulted(call) is not None:
        raise InvalidTransition("somebody is being asked already: complete that transfer, or cancel it")
    if to.agent is not None and to.agent.id == agent.id:
        raise InvalidInput("that is you: the customer is yours already")
    if warm:
        _ask(ticket, call, to, by=by, at=at)
        return
    _must_be_free(to, at)
    handed = CallTransferred(call.id, to.kind, before=agent.id, after=to.id)
    journal.append(ticket, handed, by=by, at=at)
    if to.number:
        _to_number(ticket, call, to.number, by=by, at=at)
        return
    ending.to_the_line(ticket, call, Back.TRANSFER, at=at)
    if to.queue is not None:
        lifecycle.move(ticket, to.queue, by=by, at=at)
        lifecycle.release(ticket, by=by, at=at, reason="transferred")
    elif to.agent is not None:
        lifecycle.assign(ticket, to.agent, by=by, at=at, steal=True, reason="transferred")


def _ask(ticket: Ticket, call: Call, to: Target, *, by: Actor, at: datetime) -> None:
    """Put the customer on hold, and ring whoever is asked."""
    if to.queue is not None:
        raise InvalidInput("a queue cannot be asked first; hand on to an agent, or do not ask")
    hold(ticket, call, by=by, at=at)
    if to.agent is not None:
        _must_be_free(to, at)
        on_call.take(to.agent, at=at)
        answering.offer(ticket, call, to.agent, by=by, at=at, role=LegRole.CONSULT)
    else:
        _ring_outside(ticket, call, LegRole.CONSULT, to.number, by=by, at=at)


def complete(ticket: Ticket, call: Call, agent: Agent, *, at: datetime) -> None:
    """Leave the customer with whom was asked. Raises InvalidTransition while nobody has picked up."""
    heir = legs.consulted(call)
    if heir is None:
        raise InvalidTransition("nobody is being asked: begin with a transfer that is warm")
    if not legs.picked_up(heir):
        raise InvalidTransition("whom you ask has not picked up yet; cancel, or wait")
    by = Actor.agent(agent.id)
    to = "number" if heir.agent_id is None else "agent"
    journal.append(ticket, CallTransferred(call.id, to, before=agent.id, after=heir.agent_id, warm=True), by=by, at=at)
    leg = legs.open_leg_of(call, agent.id)
    if leg is not None:
        ending.end_leg(ticket, call, leg, "handed the customer on", at=at)
    ending.inherit(ticket, call, heir, at=at)


def cancel(ticket: Ticket, call: Call, *, by: Actor, at: datetime) -> None:
    """Let whom was asked go, and the customer hear the agent again; nothing happens if nobody is asked."""
    heir = legs.consulted(call)
    if heir is not None:
        ending.end_leg(ticket, call, heir, "the transfer was cancelled", at=at)
        ending.resume(ticket, call, by=by, at=at)


def _to_number(ticket: Ticket, call: Call, number: str, *, by: Actor, at: datetime) -> None:
    """Ring a number outside for the customer, who hears music meanwhile; the agent is done."""
    hold(ticket, call, by=by, at=at)
    for leg in legs.open_legs(call):
        ending.end_leg(ticket, call, leg, "handed the customer on", at=at)
    call.agent_id = None
    _ring_outside(ticket, call, LegRole.OUTSIDE, number, by=by, at=at)


def _ring_outside(ticket: Ticket, call: Call, role: LegRole, number: str, *, by: Actor, at: datetime) -> CallLeg:
    leg = legs.new_leg(call, role, number, agent_id=None, at=at)
    journal.append(ticket, CallOffered(call.id, leg.id, role), by=by, at=at)
    return leg


def _must_be_free(to: Target, at: datetime) -> None:
    """Raise before anything has happened, where it would fail on the way."""
    if to.agent is None:
        return
    if not to.agent.is_active:
        raise InvalidInput(f"agent {to.agent.id} has left the desk")
    placing.must_have_device(to.agent)
    on_call.must_be_free(to.agent, at=at)


def _must_talk(call: Call) -> None:
    if call.stage not in legs.IN_ROOM or ending.is_over(call):
        raise InvalidTransition(f"nobody speaks in call {call.id} now: it is {call.stage or call.state}")
