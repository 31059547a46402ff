"""Why somebody in line was answered before others who came earlier: stated in the journal, beside the assignment."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, tuple_

from ticketing.envelope import Channel
from ticketing.models import Agent, Ticket
from ticketing.models.ticket import CLAIMABLE
from ticketing.skills import asks_no_more_than
from ticketing.store import db
from ticketing.walks import LAST

MOST_NAMED = 20  # who came first


@dataclass(frozen=True)
class Choosing:
    """How a ticket was chosen for an agent by the order of the queue, and what was left out. `calls` False: whatever a
    phone would have to ring for. `planned`: by the queue itself, from a plan made a moment before.
    """

    channel: Channel | None = None
    full: Collection[str] = ()
    calls: bool = True
    planned: bool = False


def passed_over(ticket: Ticket, agent: Agent, how: Choosing | None) -> list[dict[str, Any]]:
    """Return who waits in the line since before this ticket's customer and was not taken, and why; the first first.

    `how` None: somebody asked for this very ticket. It is live and nobody has it yet; one statement.
    """
    before = tuple_(Ticket.waiting_order, Ticket.id) < tuple_(ticket.waiting_since or LAST, ticket.id)
    columns = (Ticket.id, Ticket.channel, Ticket.on_phone, Ticket.due_at)
    query = select(*columns, asks_no_more_than(agent.skills).label("able"))
    query = query.where(Ticket.queue_id == ticket.queue_id, CLAIMABLE, Ticket.live, Ticket.id != ticket.id, before)
    rows = db.session().execute(query.order_by(Ticket.waiting_order, Ticket.id).limit(MOST_NAMED)).all()
    return [{"ticket": row.id, "why": _why(row, ticket, how)} for row in rows]


def _why(other: Any, taken: Ticket, how: Choosing | None) -> str:
    if how is None:
        return "asked_for"  # a person chose the other one
    reasons = {
        "channel": how.channel is not None and other.channel is not how.channel,  # work of one channel was asked for
        "full": how.channel is None and other.channel in how.full,  # the agent has as much of that as they take
        "skills": not other.able,  # it asks for what the agent lacks
        "on_call": other.on_phone and not how.calls,  # the agent is on the phone, or in the wrap-up of a call
        "due_first": (taken.due_at or LAST) < (other.due_at or LAST),  # the other one has the earlier deadline
        "just_came": how.planned,  # back in its place after the queue had made its plan
    }
    return next((reason for reason, holds in reasons.items() if holds), "being_taken")  # by somebody else, right now
