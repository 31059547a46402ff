"""Calls of ours to customers: the agent's device rings first, and when they have picked up, the customer's phone.

For agents who call from a ticket, and for callbacks whose turn has come.
"""

from datetime import datetime

from sqlalchemy import select

from channels.events import CallPlaced
from channels.models import Call
from channels.phone import answering, legs
from channels.phone.states import Answerer, CallState, Stage
from ticketing import journal, lifecycle, on_call
from ticketing.errors import Conflict, InvalidTransition
from ticketing.events import Actor
from ticketing.models import Agent, Inbox, Ticket
from ticketing.store import db


class NoDevice(Conflict):
    """Nothing can ring for the agent."""

    code = "no_device"


def must_have_device(agent: Agent) -> None:
    """Raise NoDevice unless something can ring for the agent."""
    if not legs.device_of(agent):
        raise NoDevice(f"agent {agent.id} has no device that could ring; name one with PUT /agents/me/device")


def call_customer(ticket: Ticket, agent: Agent, *, inbox: Inbox, number: str, by: Actor, at: datetime) -> Call:
    """Call a ticket's customer at an agent's wish; the ticket is theirs if nobody has it. Both rows are locked.

    Raises NoDevice, OnThePhone, InvalidTransition while the customer is on the line anyway.
    """
    lifecycle.must_not_be_over(ticket, at)
    must_have_device(agent)
    if ticket.on_phone or _is_on_the_line(ticket):
        raise InvalidTransition(f"the customer of ticket {ticket.id} is on the phone, or about to be: take the ticket")
    if ticket.assignee_id is None and ticket.is_active:
        lifecycle.assign(ticket, agent, by=by, at=at)
    on_call.take(agent, at=at)
    return place(ticket, agent, inbox=inbox, number=number, language=ticket.customer.language, by=by, at=at)


def place(
    ticket: Ticket,
    agent: Agent,
    *,
    inbox: Inbox,
    number: str,
    by: Actor,
    at: datetime,
    language: str = "",
    waiting_since: datetime | None = None,
    is_for_a_person: bool = False,
) -> Call:
    """Place a call for an agent whom `on_call.take` has taken, as assigning a ticket whose phone has to ring does.

    `number` is E.164; `waiting_since` the customer's place, for when they lose the agent. A call that is for a person
    reaches nobody where a machine picks up (`answering.tell_apart`). How it ends stands in the journal:
    CustomerAnswered when they speak; CallEnded with the state unanswered, busy or failed when the customer cannot be
    reached, cancelled when the agent did not pick up. Raises NoDevice.
    """
    must_have_device(agent)
    call = Call(
        provider_id=None,
        ticket_id=ticket.id,
        inbox_id=inbox.id,
        outbound=True,
        state=CallState.QUEUED,
        stage=Stage.OFFERED,
        number=number,
        language=language,
        waiting_since=waiting_since,
        agent_id=agent.id,
        answered_by=Answerer.UNKNOWN if is_for_a_person else Answerer.ANYBODY,
        started_at=at,
    )
    db.session().add(call)
    db.session().flush()
    journal.append(ticket, CallPlaced(call.id, agent.id), by=by, at=at)
    answering.offer(ticket, call, agent, by=by, at=at)
    return call


def _is_on_the_line(ticket: Ticket) -> bool:
    query = select(Call.id).where(Call.ticket_id == ticket.id, Call.ended_at.is_(None), Call.stage != Stage.OVER)
    return db.session().scalar(query.limit(1)) is not None
