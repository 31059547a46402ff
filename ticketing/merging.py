"""Make one ticket of two: everything moves to the one that survives, and the other points there for good."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update

from ticketing import journal, lifecycle, links, participants, snoozing
from ticketing.agents import Caller
from ticketing.errors import Conflict, InvalidInput, InvalidTransition, NotFound
from ticketing.events import Actor, TicketAbsorbed, TicketMerged
from ticketing.lifecycle import MAX_TAGS
from ticketing.matching import follow_merges
from ticketing.models import Attachment, Draft, Mention, Message, Onlooker, Ticket
from ticketing.moment import rfc3339
from ticketing.queries import lock_all_seen, read_ticket
from ticketing.status import Status
from ticketing.store import db


def lock_pair(caller: Caller, source_id: int, into_id: int) -> tuple[Ticket, Ticket]:
    """Return the ticket to merge and the one that survives, both locked; the latter is where `into_id` was merged to.

    Raises NotFound for a source, InvalidInput for a target that the caller may not see; Conflict for circles, and when
    somebody merges one of them at the same moment.
    """
    source = read_ticket(caller, source_id)
    try:
        read_ticket(caller, into_id)
        target = read_ticket(caller, follow_merges(db.session().get_one(Ticket, into_id)).id)
    except NotFound:
        raise InvalidInput(f"there is no ticket {into_id} to merge into") from None
    if source.merged_into_id is not None:
        raise InvalidTransition(f"ticket {source.id} is merged into {source.merged_into_id} already")
    if target.id == source.id:
        raise Conflict(
            f"ticket {source.id} cannot be merged into itself"
            if into_id == source_id
            else f"ticket {into_id} is part of ticket {source.id}; they are one already"
        )
    locked = lock_all_seen(caller, [source.id, target.id])
    for one in locked.values():
        if one.merged_into_id is not None:
            raise Conflict(f"ticket {one.id} was merged into {one.merged_into_id} at this moment; look at it again")
    return locked[source.id], locked[target.id]


def merge(source: Ticket, target: Ticket, *, by: Actor, at: datetime) -> Ticket:
    """Move everything of `source` to `target` and close it for good; return `target`. Both are locked.

    The target keeps its customer, its queue and whoever has it; authors of the source take part by their messages. If
    the source's customer waits, the target waits since the older moment, and is opened again if it was solved or put
    off. Raises InvalidTransition when one of them is closed.
    """
    for one in (source, target):
        lifecycle.must_not_be_over(one, at)
    moved, waited, line = move_messages(source, target.id), source.waiting_since, (source.live, source.on_phone)
    _move_belongings(source, target)
    links.rewrite(source, target, by=by, at=at)
    snoozing.wake(source, why="merged", by=by, at=at)
    source.status, source.merged_into_id, source.closed_at = Status.CLOSED, target.id, at
    source.waiting_since, source.live, source.on_phone = None, False, False
    journal.append(source, TicketMerged(target.id, moved), by=by, at=at)
    _wait_on(target, waited, by=by, at=at)
    target.live, target.on_phone = target.live or line[0], target.on_phone or line[1]
    since = rfc3339(target.waiting_since) if target.waiting_since else None
    journal.append(target, TicketAbsorbed(source.id, moved, since), by=by, at=at)
    tags = [*target.tags, *(tag for tag in source.tags if tag not in target.tags)]
    lifecycle.change_tags(target, tags[:MAX_TAGS], by=by, at=at)
    return target


def move_messages(source: Ticket, into_id: int, only: Sequence[int] | None = None) -> list[int]:
    """Give the ticket's messages, or `only` these, to another ticket; return their ids in order.

    Attachments and deliveries hang on the message and go with it. It keeps its id, and by that its place in time.
    """
    session = db.session()
    session.flush()
    query = select(Message.id).where(Message.ticket_id == source.id).order_by(Message.id)
    moved = list(session.scalars(query if only is None else query.where(Message.id.in_(only))))
    if moved:
        session.execute(update(Message).where(Message.id.in_(moved)).values(ticket_id=into_id))
        session.execute(update(Mention).where(Mention.message_id.in_(moved)).values(ticket_id=into_id))
    return moved


def _move_belongings(source: Ticket, target: Ticket) -> None:
    """Move drafts, but never onto another of the same agent: that one stays where it is. Nobody looks on any more."""
    session = db.session()
    writers = set(session.scalars(select(Draft.agent_id).where(Draft.ticket_id == source.id)))
    writers -= set(session.scalars(select(Draft.agent_id).where(Draft.ticket_id == target.id)))
    if writers:
        theirs = update(Draft).where(Draft.ticket_id == source.id, Draft.agent_id.in_(writers))
        held = update(Attachment).where(Attachment.draft_ticket_id == source.id, Attachment.uploaded_by_id.in_(writers))
        session.execute(theirs.values(ticket_id=target.id))
        session.execute(held.values(draft_ticket_id=target.id))
    session.execute(delete(Onlooker).where(Onlooker.ticket_id == source.id))
    participants.follow_merge(source, target)


def _wait_on(target: Ticket, since: datetime | None, *, by: Actor, at: datetime) -> None:
    if since is None:
        return
    if target.status is Status.SOLVED:
        lifecycle.reopen(target, by=by, at=at)
    elif target.status in {Status.PENDING, Status.ON_HOLD}:
        lifecycle.change_status(target, Status.OPEN, by=by, at=at)
    snoozing.wake(target, why="merged", by=by, at=at)
    target.waiting_since = min(target.waiting_since or since, since)
