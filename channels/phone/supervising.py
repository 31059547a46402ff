"""A supervisor in somebody else's call: listens, is heard by the agent alone, or speaks with both, and leaves.

In the caller's transaction, with the supervisor's row locked before the ticket's.
"""

from datetime import datetime

from channels.events import SupervisionChanged
from channels.models import Call
from channels.phone import answering, ending, legs, placing
from channels.phone.models import CallLeg, LegRole
from channels.phone.states import CallState
from ticketing import journal, on_call
from ticketing.errors import InvalidTransition
from ticketing.events import Actor
from ticketing.models import Agent, Ticket


def supervise(ticket: Ticket, call: Call, supervisor: Agent, role: LegRole, *, at: datetime) -> None:
    """Let a supervisor into a call in this role, or change the role in which they are there.

    Raises InvalidTransition where nobody speaks, NoDevice, OnThePhone.
    """
    if call.stage not in legs.IN_ROOM or ending.is_over(call):
        raise InvalidTransition(f"nobody speaks in call {call.id} now")
    by = Actor.agent(supervisor.id)
    leg = legs.open_leg_of(call, supervisor.id)
    if leg is None:
        placing.must_have_device(supervisor)
        on_call.take(supervisor, at=at)
        answering.offer(ticket, call, supervisor, by=by, at=at, role=role)
    elif leg.role not in legs.SUPERVISING:
        raise InvalidTransition("this is your own call")
    elif leg.role is not role:
        leg.role = role
        journal.append(ticket, SupervisionChanged(call.id, leg.id, role), by=by, at=at)


def leave(ticket: Ticket, call: Call, agent: Agent, *, at: datetime) -> None:
    """Leave a call that goes on without oneself; nothing happens if one is not in it.

    An agent leaves the customer with whom they have asked. Raises InvalidTransition where nobody would be left.
    """
    leg = legs.open_leg_of(call, agent.id)
    if leg is None:
        return
    if leg.role is LegRole.CONSULT:
        ending.leg_gone(ticket, call, leg, CallState.ENDED, at=at, reason="left", cut=True, missed=False)
        return
    heir = legs.consulted(call) or _joined(call)
    if leg.role is LegRole.AGENT:
        if heir is None or not legs.picked_up(heir):
            raise InvalidTransition("the customer would be alone: end the call, or hand it on")
        ending.end_leg(ticket, call, leg, "left", at=at)
        ending.inherit(ticket, call, heir, at=at)
        return
    ending.end_leg(ticket, call, leg, "left", at=at)


def _joined(call: Call) -> CallLeg | None:
    return next((one for one in legs.open_legs(call) if one.role is LegRole.JOIN), None)
