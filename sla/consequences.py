"""What is to follow from the steps of a clock: recorded with the step, claimed and carried out after it, each once.

What changes a ticket or tells people in the app is done here, in the transaction that marks it done. A post to an
address outside is made by `api/consequences.py`, and only written down here.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

from sqlalchemy import Table, select, update

from sla import alerts
from sla.models import Clock, Consequence, ConsequenceState
from ticketing import lifecycle
from ticketing.capacity import lock_agent
from ticketing.errors import NotFound
from ticketing.events import SYSTEM
from ticketing.many import insert_many
from ticketing.models import Agent, Queue, Ticket
from ticketing.moment import rfc3339
from ticketing.status import Priority
from ticketing.store import db

LEASE = timedelta(minutes=2)  # who has claimed it and does not come back by then is taken for dead
WAITS = [timedelta(seconds=s) for s in (30, 60, 120, 300, 600, 1200, 1800, 3600)]  # the last one again and again
MOST_ATTEMPTS = 12
LONGEST_REASON = 500


class Wanted(NamedTuple):
    """One action of one step of a clock."""

    clock_id: int
    ticket_id: int
    policy_id: int
    offset_seconds: int
    number: int  # of the action in the step
    action: dict[str, Any]


def record(wanted: Sequence[Wanted], *, at: datetime) -> int:
    """Write down what is to be carried out from now on; return how much. What is written down already stays as it is.

    A ticket that comes back to a policy takes its steps anew, and what followed from them does not follow again.
    """
    fresh = {"state": ConsequenceState.PENDING, "reason": "", "attempts": 0, "created_at": at, "next_at": at}
    lines = [{**one._asdict(), **fresh, "done_at": None} for one in wanted]
    return insert_many(cast(Table, Consequence.__table__), lines, unless_there=True)


def are_waiting(now: datetime) -> bool:
    """Say whether anything is to be carried out."""
    return db.session().scalar(select(Consequence.id).where(Consequence.next_at <= now).limit(1)) is not None


def claim(now: datetime, limit: int) -> list[int]:
    """Return the ids of what is to be carried out now and is the caller's alone for as long as LEASE."""
    due = select(Consequence.id).where(Consequence.next_at <= now).order_by(Consequence.next_at, Consequence.id)
    ids = list(db.session().scalars(due.limit(limit).with_for_update(skip_locked=True)))
    if ids:
        claimed = update(Consequence).where(Consequence.id.in_(ids))
        values = {"attempts": Consequence.attempts + 1, "next_at": now + LEASE}
        db.session().execute(claimed.values(values).execution_options(synchronize_session=False))
    return ids


def carry_out(consequence_id: int, *, at: datetime) -> str | None:
    """Do what is wanted and note that it is done; return the address to post to when that is what is wanted.

    Nothing happens when it is over already. What is not needed any more is done too, with the reason. Inside a
    transaction; raises TicketingError where the ticket does not let it be done.
    """
    action = db.session().scalar(select(Consequence.action).where(Consequence.id == consequence_id))
    if action is None:
        raise NotFound(f"there is no consequence {consequence_id}")
    if action["kind"] == "assign":
        lock_agent(action["agent"])  # before the ticket
    row, ticket = _lock(consequence_id)
    if row.state is not ConsequenceState.PENDING:
        return None
    reason = _why_not(row, ticket)
    if reason is None and action["kind"] == "webhook":
        return str(action["url"])
    if reason is None:
        reason = DOING[action["kind"]](row, ticket, at)
    _finish(row, ConsequenceState.DONE, reason, at)
    return None


def about(consequence_id: int) -> dict[str, Any]:
    """Return what a post says of a step and its ticket: ids and moments, no words of anybody's."""
    row = db.session().get_one(Consequence, consequence_id)
    ticket = db.session().get_one(Ticket, row.ticket_id)
    return {"type": f"sla.{_step(row)}", "data": {"ticket": ticket.id, **_facts(row, ticket)}}


def done(consequence_id: int, *, at: datetime) -> None:
    """Note that a post has arrived."""
    _finish(_lock(consequence_id)[0], ConsequenceState.DONE, "", at)


def failed(consequence_id: int, reason: str, *, at: datetime, for_good: bool = False) -> None:
    """Note that it could not be done: it is tried again later and later, up to twelve times."""
    row, _ = _lock(consequence_id)
    if row.state is not ConsequenceState.PENDING:
        return
    if for_good or row.attempts >= MOST_ATTEMPTS:
        _finish(row, ConsequenceState.FAILED, reason, at)
        return
    row.reason = reason[:LONGEST_REASON]
    row.next_at = at + wait_after(row.attempts)


def wait_after(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts have failed."""
    return WAITS[min(max(attempts, 1), len(WAITS)) - 1]


def _lock(consequence_id: int) -> tuple[Consequence, Ticket]:
    """Return a consequence and its ticket, both locked: the ticket first, as everybody does."""
    session = db.session()
    ticket_id = session.scalar(select(Consequence.ticket_id).where(Consequence.id == consequence_id))
    if ticket_id is None:
        raise NotFound(f"there is no consequence {consequence_id}")
    ticket = lifecycle.lock_ticket(ticket_id)
    query = select(Consequence).where(Consequence.id == consequence_id).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one(), ticket


def _finish(row: Consequence, state: ConsequenceState, reason: str, at: datetime) -> None:
    row.state, row.reason, row.next_at, row.done_at = state, reason[:LONGEST_REASON], None, at


def _why_not(row: Consequence, ticket: Ticket) -> str | None:
    """Return why it is not needed any more; None: it is."""
    clock = db.session().get_one(Clock, row.clock_id, populate_existing=True)
    if clock.breached_at is None and clock.met_at is not None:
        return "what was awaited has happened in time"
    if clock.breached_at is None and clock.cancelled_at is not None:
        return "nothing is awaited any more"
    if row.action["kind"] in ON_TICKETS and not ticket.is_active:
        into = ticket.merged_into_id
        return f"the ticket is merged into {into}" if into is not None else f"the ticket is {ticket.status}"
    return None


def _raise_priority(row: Consequence, ticket: Ticket, at: datetime) -> str:
    order, wanted = list(Priority), Priority(row.action["to"])
    if order.index(ticket.priority) >= order.index(wanted):
        return f"the priority is {ticket.priority} already"
    lifecycle.change_priority(ticket, wanted, by=SYSTEM, at=at)
    return ""


def _move(row: Consequence, ticket: Ticket, at: datetime) -> str:
    queue = db.session().get(Queue, row.action["queue"])
    if queue is None:
        return f"there is no queue {row.action['queue']}"
    if queue.id == ticket.queue_id:
        return "it is in that queue already"
    lifecycle.move(ticket, queue, by=SYSTEM, at=at)
    return ""


def _assign(row: Consequence, ticket: Ticket, at: datetime) -> str:
    agent = db.session().get(Agent, row.action["agent"])
    if agent is None or not agent.is_active:
        return f"agent {row.action['agent']} has left the desk"
    if agent.id == ticket.assignee_id:
        return "they have it already"
    lifecycle.assign(ticket, agent, by=SYSTEM, at=at, steal=True, automatic=True, reason=_step(row))
    return ""


def _tag(row: Consequence, ticket: Ticket, at: datetime) -> str:
    before = set(ticket.tags)
    lifecycle.change_tags(ticket, [*ticket.tags, *row.action["tags"]], by=SYSTEM, at=at)
    return "" if set(ticket.tags) != before else "it has these tags already"


def _notify(row: Consequence, ticket: Ticket, at: datetime) -> str:
    agents = alerts.recipients(ticket, row.action["to"])
    told = alerts.tell(
        agents,
        _kind(row),
        _facts(row, ticket),
        ticket_id=ticket.id,
        consequence_id=row.id,
        media=row.action.get("by", ()),
        at=at,
    )
    return "" if told else "there is nobody to be told"


def _kind(row: Consequence) -> str:
    """Return the kind of journal entry that tells of the step."""
    return f"sla_{_step(row)}"


def _step(row: Consequence) -> str:
    if row.offset_seconds == 0:
        return "breached"
    return "warned" if row.offset_seconds < 0 else "escalated"


def _facts(row: Consequence, ticket: Ticket) -> dict[str, Any]:
    clock = db.session().get_one(Clock, row.clock_id)
    return {
        "metric": clock.metric.value,
        "due_at": rfc3339(clock.due_at) if clock.due_at else None,
        "offset_seconds": row.offset_seconds,
        "policy": clock.policy.origin if clock.policy else None,
        "queue": ticket.queue_id,
        "priority": ticket.priority.value,
        "assignee": ticket.assignee_id,
    }


ON_TICKETS = frozenset({"raise_priority", "move", "assign", "tag"})
# Each returns why nothing had to be done, "" when it was done.
DOING: Mapping[str, Callable[[Consequence, Ticket, datetime], str]] = {
    "notify": _notify,
    "raise_priority": _raise_priority,
    "move": _move,
    "assign": _assign,
    "tag": _tag,
}
