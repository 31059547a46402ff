"""Let queues hand out their work: read a plan, carry out its lines one by one, and go on while there is something.

Woken by `api/reactions.py` for what the journal says, and by the views for who came or may take more; what is lost on
the way, the ticker finds. Any number of these may run at once, also for the same queue.
"""

from collections.abc import Sequence

import structlog

from ticketing import assignment, jobs
from ticketing.assignment import Line
from ticketing.models import Agent
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

log = structlog.get_logger()

ROUNDS = 10  # plans in one job; a longer backlog goes on in another one


def drain(queue_id: int) -> None:
    """Hand out what waits in a queue to the agents who are there for it."""
    for _ in range(ROUNDS):
        lines = assignment.plan(queue_id, at=utc_now())
        if not lines:
            return
        log.info("tickets assigned", queue_id=queue_id, count=_carry_out(lines))
    with transaction("assignment"):
        assignment.may_flow(queue_id, at=utc_now())
    jobs.wake("api.assigning.drain", [queue_id])


def drain_for(agent_id: int) -> None:
    """Hand out what waits in the queues of an agent who could take more."""
    since = assignment.drain_due(agent_id)
    for queue_id in db.session().scalars(assignment.queues_of(agent_id)).all():
        drain(queue_id)
    if since is not None:
        with transaction("assignment"):
            assignment.drained(agent_id, since=since, at=utc_now())


def wake_for(agent: Agent) -> None:
    """Wake a worker for an agent who could take more, once that is committed."""
    if agent.drain_due_at is not None:
        jobs.wake("api.assigning.drain_for", [agent.id])


def wake_for_queue(queue_id: int) -> None:
    """Wake a worker for a queue that could hand out more, once that is committed."""
    jobs.wake("api.assigning.drain", [queue_id])


def _carry_out(lines: Sequence[Line]) -> int:
    done = 0
    for ticket_id, agent_id in lines:
        with transaction("assignment"):
            done += assignment.hand_over(ticket_id, agent_id, at=utc_now())
    return done
