"""Look up who and what is at the desk: queues, inboxes, agents and tokens, as pages in the order of their ids.

Every list returns up to `limit` + 1 rows, so that the caller knows whether there are more.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import contains_eager

from ticketing.agents import Caller
from ticketing.errors import NotFound
from ticketing.models import Agent, Inbox, Queue, Token
from ticketing.queues import works
from ticketing.store import db


def queues_worked(caller: Caller, *, after: int, limit: int) -> Sequence[Queue]:
    """Return the queues that the caller works."""
    return _page(select(Queue).where(works(caller)), Queue.id, after, limit)


def worked_queue(caller: Caller, queue_id: int) -> Queue:
    """Return a queue that the caller works. Raises NotFound, also for one that is others'."""
    queue = db.session().scalar(select(Queue).where(works(caller), Queue.id == queue_id))
    if queue is None:
        raise NotFound(f"there is no queue {queue_id}")
    return queue


def inboxes_worked(caller: Caller, *, after: int, limit: int) -> Sequence[Inbox]:
    """Return the inboxes that fill the caller's queues, each with its queue."""
    query = select(Inbox).join(Inbox.queue).options(contains_eager(Inbox.queue)).where(works(caller))
    return _page(query, Inbox.id, after, limit)


def worked_inbox(caller: Caller, inbox_id: int) -> Inbox:
    """Return an inbox that fills one of the caller's queues, with it. Raises NotFound."""
    query = select(Inbox).join(Inbox.queue).options(contains_eager(Inbox.queue)).where(works(caller))
    inbox: Inbox | None = db.session().scalar(query.where(Inbox.id == inbox_id))
    if inbox is None:
        raise NotFound(f"there is no inbox {inbox_id}")
    return inbox


def colleagues(*, after: int, limit: int) -> Sequence[Agent]:
    """Return the agents, those who have left too."""
    return _page(select(Agent), Agent.id, after, limit)


def own_tokens(caller: Caller, *, after: int, limit: int) -> Sequence[Token]:
    """Return the caller's tokens that are not revoked."""
    return tokens_of(caller.agent_id, after=after, limit=limit)


def tokens_of(agent_id: int, *, after: int, limit: int) -> Sequence[Token]:
    """Return an agent's tokens that are not revoked."""
    return _page(select(Token).where(Token.agent_id == agent_id, Token.revoked_at.is_(None)), Token.id, after, limit)


def _page(query: Select[Any], row_id: Any, after: int, limit: int) -> Sequence[Any]:
    return db.session().scalars(query.where(row_id > after).order_by(row_id).limit(limit + 1)).all()
