"""The desk's ends of a call, its legs: which ring, which are in the room, what follows when one is gone, as a table.

Words of a leg come late, twice and out of order. So its line only moves on (`channels.phone.states`), what has ended
hears nothing more, and everything that is done with a call happens with its ticket locked.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select

from channels.models import Call
from channels.phone.models import CallLeg, LegRole
from channels.phone.states import CallState, Stage
from ticketing import lifecycle
from ticketing.devices import Device
from ticketing.errors import NotFound
from ticketing.models import Agent, Ticket
from ticketing.store import db

SOFTPHONE = "client:"


class Gone(StrEnum):
    """What follows when a leg is gone, and nobody at the desk has asked for that."""

    GIVE_BACK = "give back"  # the customer keeps their place, and the ticket goes to whoever is next
    BRING_BACK = "bring back"  # the customer was in the room: back to the front of the line
    HANG_UP = "hang up"  # the talk is over
    RESUME = "resume"  # the customer comes off hold
    NOTHING = "nothing"


# By role, and whether they have spoken with the customer.
WHEN_GONE: Mapping[tuple[LegRole, bool], Gone] = {
    (LegRole.AGENT, False): Gone.GIVE_BACK,
    (LegRole.AGENT, True): Gone.HANG_UP,  # a receiver was put down; but see when_gone
    (LegRole.CONSULT, False): Gone.RESUME,
    (LegRole.CONSULT, True): Gone.RESUME,
    (LegRole.OUTSIDE, False): Gone.BRING_BACK,
    (LegRole.OUTSIDE, True): Gone.HANG_UP,
    **{
        (role, spoke): Gone.NOTHING
        for role in (LegRole.LISTEN, LegRole.WHISPER, LegRole.JOIN)
        for spoke in (False, True)
    },
}

SUPERVISING = frozenset({LegRole.LISTEN, LegRole.WHISPER, LegRole.JOIN})
WITH_THE_CUSTOMER = frozenset({LegRole.AGENT, LegRole.OUTSIDE})
WAITING = frozenset({Stage.HOLDING, Stage.OFFERED})
IN_ROOM = frozenset({Stage.TALKING, Stage.ON_HOLD})


def when_gone(role: LegRole, *, spoke: bool, softphone: bool) -> Gone:
    """Return what follows when a leg is gone. A softphone whose browser vanished has put down no receiver: it ends a
    talk through the API.
    """
    follows = WHEN_GONE[role, spoke]
    return Gone.BRING_BACK if follows is Gone.HANG_UP and softphone else follows


def device_of(agent: Agent) -> str:
    """Return what the provider rings for an agent; "": nothing."""
    return f"{SOFTPHONE}agent-{agent.id}" if agent.device_kind == Device.BROWSER else agent.device_address


def is_softphone(leg: CallLeg) -> bool:
    """Say whether it rings in a browser: whoever picks up there is a person."""
    return leg.device.startswith(SOFTPHONE)


def lock_call(call_id: int) -> tuple[Ticket, Call]:
    """Return a call in its newest state, and its ticket, locked. Raises NotFound."""
    call = db.session().get(Call, call_id, populate_existing=True)
    if call is None:
        raise NotFound(f"there is no call {call_id}")
    return lifecycle.lock_ticket_of(call), call


def lock_leg(leg_id: int) -> tuple[Ticket, Call, CallLeg]:
    """Return a leg with its call, in their newest state, and the ticket, locked. Raises NotFound."""
    leg = db.session().get(CallLeg, leg_id)
    if leg is None:
        raise NotFound(f"there is no leg {leg_id} of a call")
    ticket, call = lock_call(leg.call_id)
    db.session().refresh(leg)
    return ticket, call, leg


def open_legs(call: Call) -> Sequence[CallLeg]:
    """Return the legs that ring or are in the room, the oldest first."""
    db.session().flush()
    query = select(CallLeg).where(CallLeg.call_id == call.id, CallLeg.ended_at.is_(None)).order_by(CallLeg.id)
    return db.session().scalars(query).all()


def open_leg_of(call: Call, agent_id: int) -> CallLeg | None:
    """Return an agent's own leg; None if they have none."""
    return next((leg for leg in open_legs(call) if leg.agent_id == agent_id), None)


def partner(call: Call) -> CallLeg | None:
    """Return the leg in the room that the customer speaks with, or is to; None: nobody has picked up."""
    return next((one for one in open_legs(call) if one.role in WITH_THE_CUSTOMER and picked_up(one)), None)


def consulted(call: Call) -> CallLeg | None:
    """Return the leg that is asked before the customer is handed on."""
    return next((one for one in open_legs(call) if one.role is LegRole.CONSULT), None)


def picked_up(leg: CallLeg) -> bool:
    return leg.state == CallState.ANSWERED


def new_leg(call: Call, role: LegRole, device: str, *, agent_id: int | None, at: datetime) -> CallLeg:
    """Write a leg down before anybody is asked to ring it."""
    leg = CallLeg(call_id=call.id, agent_id=agent_id, role=role, device=device, state=CallState.QUEUED, started_at=at)
    db.session().add(leg)
    db.session().flush()
    return leg


def took_part(call: Call, agent_id: int) -> bool:
    """Say whether an agent has been in the room with the customer."""
    db.session().flush()
    query = select(CallLeg.id).where(
        CallLeg.call_id == call.id, CallLeg.agent_id == agent_id, CallLeg.joined_at.is_not(None)
    )
    return db.session().scalar(query.limit(1)) is not None


def is_rung(agent_id: int) -> bool:
    """Say whether a leg of the agent's is open, in whichever call."""
    db.session().flush()
    query = select(CallLeg.id).where(CallLeg.agent_id == agent_id, CallLeg.ended_at.is_(None))
    return db.session().scalar(query.limit(1)) is not None
