"""Agents named in notes: by id, or by their whole address in the text, as in `@ada@desk.example`.

Names are no way to mention anybody: two people share one. Who is mentioned must be able to see the ticket.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice

from sqlalchemy import Select, insert, or_, select
from sqlalchemy.orm import joinedload

from ticketing.agents import Caller
from ticketing.envelope import HandleKind
from ticketing.errors import InvalidHandle, InvalidInput, NotFound
from ticketing.filters import sees
from ticketing.handles import fold
from ticketing.models import Agent, Mention, Message, Queue, QueueAccess, QueueMember, Role, Ticket
from ticketing.store import db

MAX_MENTIONS = 50
MAX_ADDRESSES = 200  # looked up for one note
_ADDRESS = re.compile(r"(?<!\w)@([^\s@<>()\[\],;:!?\"]{1,64}@[^\s@<>()\[\],;:!?\"]{1,255})")


def mentioned(ticket: Ticket, body: str, ids: Iterable[int], *, by: Agent) -> list[Agent]:
    """Return whom a note mentions, its author left out, in the order of their ids.

    An address that is no agent's is just text. Raises InvalidInput for an id that is none, for somebody who has left,
    and for somebody who does not see the ticket.
    """
    wanted = set(ids)
    agents = [one for one in _find(wanted, _addresses(body)) if one.id != by.id]
    missing = wanted - {one.id for one in agents} - {by.id}
    if missing:
        raise InvalidInput(f"there is no agent {min(missing)} to mention; whoever has left the desk reads no notes")
    if len(agents) > MAX_MENTIONS:
        raise InvalidInput(f"a note mentions at most {MAX_MENTIONS} agents")
    seeing = _who_see(ticket, agents)
    blind = [one for one in agents if one.id not in seeing]
    if blind:
        raise InvalidInput(f"{blind[0].name} does not see ticket {ticket.id} and cannot be mentioned on it")
    return agents


def add_mentions(note: Message, agents: Sequence[Agent], *, at: datetime) -> None:
    """Write down whom a note that is flushed mentions."""
    shared = {"ticket_id": note.ticket_id, "message_id": note.id, "created_at": at}
    if agents:
        db.session().execute(insert(Mention), [{**shared, "agent_id": one.id} for one in agents])


def own_mentions(caller: Caller, *, unseen: bool, before: int, limit: int) -> Sequence[Mention]:
    """Return where the caller is mentioned, newest first, from before the mention `before` (0: from the newest).

    Only on tickets that the caller still sees. The note, its author and its ticket come along.
    """
    query = _seen_by(caller).order_by(Mention.id.desc()).limit(limit)
    if unseen:
        query = query.where(Mention.seen_at.is_(None))
    if before:
        query = query.where(Mention.id < before)
    return db.session().scalars(query).all()


def mark_seen(caller: Caller, mention_id: int, *, at: datetime) -> Mention:
    """Note that the caller has seen that they are mentioned; the first time counts. Raises NotFound."""
    mention = db.session().scalar(_seen_by(caller).where(Mention.id == mention_id))
    if mention is None:
        raise NotFound(f"there is no mention {mention_id} of yours")
    mention.seen_at = mention.seen_at or at
    return mention


def _seen_by(caller: Caller) -> Select[Mention]:
    """Return the query for the caller's mentions. The note says which ticket it is on: it may have been merged."""
    return (
        select(Mention)
        .join(Mention.message)
        .join(Message.ticket)
        .join(Ticket.queue)
        .where(Mention.agent_id == caller.agent_id, sees(caller))
        .options(joinedload(Mention.message).joinedload(Message.author_agent))
    )


def _addresses(body: str) -> list[str]:
    found = []
    for address in islice(dict.fromkeys(_ADDRESS.findall(body)), MAX_ADDRESSES):
        try:
            found.append(fold(HandleKind.EMAIL, address.rstrip(".'*_")))
        except InvalidHandle:
            continue  # looks like one and is none
    return found


def _find(ids: Iterable[int], addresses: Sequence[str]) -> Sequence[Agent]:
    if not ids and not addresses:
        return []
    named = or_(Agent.id.in_(sorted(ids)), Agent.email.in_(addresses))
    return db.session().scalars(select(Agent).where(named, Agent.is_active).order_by(Agent.id)).all()


def _who_see(ticket: Ticket, agents: Sequence[Agent]) -> set[int]:
    """Return who of the agents sees the ticket; the same rule as `ticketing.filters.sees`, for many people at once."""
    ids = [one.id for one in agents]
    if not ids or db.session().get_one(Queue, ticket.queue_id).access is QueueAccess.EVERYONE:
        return set(ids)
    members = select(QueueMember.agent_id).where(QueueMember.queue_id == ticket.queue_id, QueueMember.agent_id.in_(ids))
    admins = {one.id for one in agents if one.role is Role.ADMIN}
    return {*db.session().scalars(members), *admins, ticket.assignee_id or 0}
