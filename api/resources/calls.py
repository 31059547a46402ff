"""Calls: listed, answered, held, handed on, listened to, ended; and calls of ours to customers.

Whoever's row is needed is locked before the ticket, as everybody does who locks both.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask.views import MethodView

from api.auth import actor, caller
from api.blueprint import Blueprint, View
from api.pagination import Listed, PageQuery, id_after, write_cursor
from api.references import named_in_the_body, queue_named
from api.schemas.calls import (
    CallPageSchema,
    CallSchema,
    CallsQuery,
    NewCallSchema,
    TransferSchema,
    WrapUpNoteSchema,
)
from api.schemas.messages import MessageSchema
from channels.models import Call
from channels.phone import answering, call_log, legs, placing, supervising, transfers
from channels.phone.call_log import ShownCall
from channels.phone.models import LegRole
from channels.phone.states import Stage
from channels.phone.transfers import Target
from ticketing import conversation, lifecycle, on_call
from ticketing.agents import find_agent
from ticketing.capacity import lock_agent
from ticketing.envelope import Channel, HandleKind
from ticketing.errors import AlreadyAssigned, InvalidInput, InvalidTransition, NotAllowed
from ticketing.handles import fold
from ticketing.models import Agent, Handle, Message, Role, Ticket
from ticketing.moment import utc_now
from ticketing.queries import lock_seen, must_see
from ticketing.reach import choose_route
from ticketing.store import db
from ticketing.transaction import transaction

blueprint = Blueprint("calls", description="Phone calls")

Act = Callable[..., None]  # of `transfers`: what is done in a call, by somebody, at a moment


@dataclass(frozen=True)
class Step:
    """One step in a call, with everything that it touches locked."""

    me: Agent
    ticket: Ticket
    call: Call
    at: datetime


def changes_call(description: str, role: Role = Role.AGENT) -> Callable[[View], View]:
    """Declare a view that takes a step in a call, and answers with the call as it is then."""

    def declare(view: View) -> View:
        answers = blueprint.answers(200, CallSchema, description=description)
        return blueprint.needs("tickets:write", role=role)(answers(blueprint.refuses(404, 409)(view)))

    return declare


@blueprint.route("/calls")
class Calls(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.asks(CallsQuery)
    @blueprint.answers(200, CallPageSchema, description="A page of calls, the newest first")
    def get(self, asked: dict[str, Any]) -> Listed:
        """List the calls of the tickets that you see."""
        agent = (asked["agent"] or caller().agent_id) if "agent" in asked else None
        which = {"ticket_id": asked.get("ticket"), "agent_id": agent, "going_on": asked.get("open")}
        return _page(asked, **which)


@blueprint.route("/calls/<id:call_id>")
class OneCall(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.answers(200, CallSchema, description="The call")
    @blueprint.refuses(404)
    def get(self, call_id: int) -> ShownCall:
        """Read a call, who took part, and the waits in line that fell into it."""
        return call_log.show(caller(), call_id)


@blueprint.route("/tickets/<id:ticket_id>/calls")
class TicketCalls(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.asks(PageQuery)
    @blueprint.answers(200, CallPageSchema, description="A page of the ticket's calls, the newest first")
    @blueprint.refuses(404)
    def get(self, asked: dict[str, Any], ticket_id: int) -> Listed:
        """List the calls of a ticket."""
        must_see(caller(), ticket_id)
        return _page(asked, ticket_id=ticket_id)

    @blueprint.needs("tickets:write")
    @blueprint.takes(NewCallSchema, required=False)
    @blueprint.answers(201, CallSchema, description="The call; your device is about to ring")
    @blueprint.refuses(404, 409)
    def post(self, wanted: dict[str, Any], ticket_id: int) -> ShownCall:
        """Call the ticket's customer: your device rings first, and when you have picked up, their phone."""
        with transaction("api"):
            at, me = utc_now(), _lock_me()
            ticket = lock_seen(caller(), ticket_id)
            route = choose_route(ticket, Channel.PHONE, at=at)
            handle = _handle(ticket, wanted["handle"]) if "handle" in wanted else route.handle
            number = fold(HandleKind.PHONE, handle.address)
            call = placing.call_customer(ticket, me, inbox=route.inbox, number=number, by=actor(), at=at)
            call_id = call.id
        return call_log.show(caller(), call_id)


@blueprint.route("/calls/<id:call_id>/answer")
class Answer(MethodView):
    @changes_call("The call; your device is about to ring")
    def post(self, call_id: int) -> ShownCall:
        """Take a caller who holds the line, or let your device ring for one whom you have taken without."""
        with _step(call_id) as step:
            _answer(step)
        return call_log.show(caller(), call_id)


@blueprint.route("/calls/<id:call_id>/end")
class End(MethodView):
    @changes_call("The call, over for everybody")
    def post(self, call_id: int) -> ShownCall:
        """End your call, for everybody in it."""
        return _in_my_call(call_id, transfers.end)


@blueprint.route("/calls/<id:call_id>/hold")
class Hold(MethodView):
    @changes_call("The call; the customer hears music")
    def post(self, call_id: int) -> ShownCall:
        """Let your customer hear music."""
        return _in_my_call(call_id, transfers.hold)


@blueprint.route("/calls/<id:call_id>/unhold")
class Unhold(MethodView):
    @changes_call("The call; the customer hears you")
    def post(self, call_id: int) -> ShownCall:
        """Go on speaking with your customer."""
        return _in_my_call(call_id, transfers.unhold)


@blueprint.route("/calls/<id:call_id>/transfer")
class Transfer(MethodView):
    @blueprint.needs("tickets:write")
    @blueprint.takes(TransferSchema, example={"to": {"agent": 3}, "warm": True})
    @blueprint.answers(200, CallSchema, description="The call")
    @blueprint.refuses(404, 409)
    def post(self, wanted: dict[str, Any], call_id: int) -> ShownCall:
        """Hand your customer on to an agent, to a queue, or to a number outside.

        At once, they wait at the front of the line until somebody picks up. `warm`, they hear music while you ask.
        """
        with transaction("api"):
            to = _target(wanted["to"])
            step = _lock_own(call_id, other=to.agent)
            transfers.transfer(step.ticket, step.call, step.me, to, warm=wanted["warm"], at=step.at)
        return call_log.show(caller(), call_id)

    @changes_call("The call, without you")
    def put(self, call_id: int) -> ShownCall:
        """Complete a warm transfer: leave your customer with whom you have asked."""
        with _own(call_id) as step:
            transfers.complete(step.ticket, step.call, step.me, at=step.at)
            found = step.call.id
        return _shown_to_whoever_was_there(found)

    @changes_call("The call; the customer hears you")
    def delete(self, call_id: int) -> ShownCall:
        """Cancel a warm transfer: let whom you have asked go, and take your customer off hold."""
        return _in_my_call(call_id, transfers.cancel)


@blueprint.route("/calls/<id:call_id>/listen")
class Listen(MethodView):
    @changes_call("The call; your device is about to ring", role=Role.SUPERVISOR)
    def post(self, call_id: int) -> ShownCall:
        """Hear a call, heard by nobody."""
        return _supervise(call_id, LegRole.LISTEN)


@blueprint.route("/calls/<id:call_id>/whisper")
class Whisper(MethodView):
    @changes_call("The call; your device is about to ring", role=Role.SUPERVISOR)
    def post(self, call_id: int) -> ShownCall:
        """Hear a call, heard by its agent alone."""
        return _supervise(call_id, LegRole.WHISPER)


@blueprint.route("/calls/<id:call_id>/join")
class Join(MethodView):
    @changes_call("The call; your device is about to ring", role=Role.SUPERVISOR)
    def post(self, call_id: int) -> ShownCall:
        """Speak in a call, heard by both."""
        return _supervise(call_id, LegRole.JOIN)


@blueprint.route("/calls/<id:call_id>/leave")
class Leave(MethodView):
    @changes_call("The call, without you")
    def post(self, call_id: int) -> ShownCall:
        """Leave a call that goes on without you."""
        with _step(call_id) as step:
            supervising.leave(step.ticket, step.call, step.me, at=step.at)
        return _shown_to_whoever_was_there(call_id)


@blueprint.route("/calls/<id:call_id>/wrap-up")
class WrapUp(MethodView):
    @blueprint.needs("tickets:write")
    @blueprint.takes(WrapUpNoteSchema)
    @blueprint.answers(201, MessageSchema, description="The note")
    @blueprint.refuses(404, 409)
    def post(self, new: dict[str, Any], call_id: int) -> Message:
        """Write down what came of your call, as an internal note on its ticket."""
        with _step(call_id) as step:
            if not legs.took_part(step.call, step.me.id):
                raise NotAllowed(f"you took no part in call {call_id}; write a note on its ticket")
            body = f"Call: {new['outcome'].strip()}\n\n{new['note'].strip()}".strip()
            return conversation.note(step.ticket, body, agent=step.me, at=step.at)


def _page(asked: dict[str, Any], **which: Any) -> Listed:
    limit = asked["limit"]
    rows = call_log.page(caller(), before=id_after(asked["after"]), limit=limit + 1, **which)
    shown = rows[:limit]
    return Listed(shown, write_cursor(["id", shown[-1].id]) if len(rows) > limit else None)


def _lock_me() -> Agent:
    return lock_agent(caller().agent_id) or find_agent(caller().agent_id)


@contextmanager
def _step(call_id: int) -> Iterator[Step]:
    """Open a transaction for a step in a call that the caller may see. Raises NotFound."""
    with transaction("api"):
        yield _lock(call_id, None)


@contextmanager
def _own(call_id: int) -> Iterator[Step]:
    """Open a transaction for a step in the caller's own call. Raises NotFound, NotAllowed."""
    with transaction("api"):
        yield _lock_own(call_id)


def _in_my_call(call_id: int, act: Act) -> ShownCall:
    """Do something in the caller's own call; return it as it is then. Raises NotFound, NotAllowed."""
    with _own(call_id) as step:
        act(step.ticket, step.call, by=actor(), at=step.at)
    return call_log.show(caller(), call_id)


def _lock(call_id: int, other: Agent | None) -> Step:
    ticket_id = call_log.ticket_of(caller(), call_id)  # who may not see it does not hold anything
    for agent_id in sorted({caller().agent_id, *([other.id] if other is not None else [])}):
        lock_agent(agent_id)
    lock_seen(caller(), ticket_id)
    ticket, call = legs.lock_call(call_id)
    return Step(find_agent(caller().agent_id), ticket, call, utc_now())


def _lock_own(call_id: int, other: Agent | None = None) -> Step:
    step = _lock(call_id, other)
    if step.call.agent_id != step.me.id:
        raise NotAllowed(f"call {call_id} is not yours")
    return step


def _answer(step: Step) -> None:
    ticket, call, me = step.ticket, step.call, step.me
    if call.stage not in legs.WAITING or call.outbound:
        raise InvalidTransition(f"nobody waits in call {call.id}: it is {call.stage or call.state}")
    if ticket.assignee_id not in {None, me.id}:
        raise AlreadyAssigned(f"ticket {ticket.id} is assigned to agent {ticket.assignee_id}; steal it to take it over")
    placing.must_have_device(me)
    if ticket.assignee_id is None:
        lifecycle.assign(ticket, me, by=actor(), at=step.at)
    elif call.stage == Stage.HOLDING:
        on_call.take(me, at=step.at)
        answering.offer(ticket, call, me, by=actor(), at=step.at)


def _supervise(call_id: int, role: LegRole) -> ShownCall:
    with _step(call_id) as step:
        supervising.supervise(step.ticket, step.call, step.me, role, at=step.at)
    return call_log.show(caller(), call_id)


def _shown_to_whoever_was_there(call_id: int) -> ShownCall:
    """Return a call to somebody who has just left it, even if its ticket is none of theirs any more."""
    return call_log.show_unasked(call_id)


def _target(to: dict[str, Any]) -> Target:
    if "number" in to:
        return transfers.outside(to["number"])
    if "queue" in to:
        return Target(queue=queue_named(to["queue"]))
    with named_in_the_body():
        return Target(agent=find_agent(to["agent"]))


def _handle(ticket: Ticket, handle_id: int) -> Handle:
    handle = db.session().get(Handle, handle_id)
    theirs = handle is not None and handle.customer_id == ticket.customer_id and handle.detached_at is None
    if handle is None or not theirs or handle.kind is not HandleKind.PHONE:
        raise InvalidInput(f"the customer of ticket {ticket.id} has no phone number with the id {handle_id}")
    return handle
