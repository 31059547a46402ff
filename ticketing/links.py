"""How tickets have to do with one another. A link is kept once and read from both sides."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import case, or_, select
from sqlalchemy.exc import IntegrityError

from ticketing import journal
from ticketing.agents import Caller
from ticketing.errors import Conflict, NotFound
from ticketing.events import Actor, LinkAdded, LinkRemoved
from ticketing.filters import sees
from ticketing.models import LinkKind, Ticket, TicketLink
from ticketing.queries import lock_all_seen
from ticketing.store import db

MOST = 200  # links of one ticket


class LinkWord(StrEnum):
    """What the other ticket is to this one."""

    PARENT = "parent"
    CHILD = "child"
    RELATES = "relates"
    DUPLICATES = "duplicates"  # this one says the same as the other
    DUPLICATED_BY = "duplicated_by"


KEPT = {  # word -> how it is kept, and whether the other ticket comes first
    LinkWord.PARENT: (LinkKind.PARENT, False),
    LinkWord.CHILD: (LinkKind.PARENT, True),
    LinkWord.RELATES: (LinkKind.RELATES, False),
    LinkWord.DUPLICATES: (LinkKind.DUPLICATES, False),
    LinkWord.DUPLICATED_BY: (LinkKind.DUPLICATES, True),
}
MIRRORED = {
    LinkWord.PARENT: LinkWord.CHILD,
    LinkWord.CHILD: LinkWord.PARENT,
    LinkWord.RELATES: LinkWord.RELATES,
    LinkWord.DUPLICATES: LinkWord.DUPLICATED_BY,
    LinkWord.DUPLICATED_BY: LinkWord.DUPLICATES,
}


@dataclass(frozen=True)
class Link:
    """A link as one of its two tickets shows it: `ticket` is the other one."""

    id: int
    kind: LinkWord
    ticket: Ticket
    created_at: datetime


def link(ticket: Ticket, word: LinkWord, other: Ticket, *, by: Actor, at: datetime) -> Link:
    """Link two locked tickets. Raises Conflict for a ticket with itself, a link that is there, a circle of parents."""
    row = _row(ticket.id, word, other.id, at)
    if ticket.id == other.id:
        raise Conflict(f"ticket {ticket.id} cannot be linked to itself")
    if _is_there(row):
        raise Conflict(f"ticket {ticket.id} and ticket {other.id} are linked like that already")
    if _closes_circle(row):
        raise Conflict(f"ticket {row.other_id} is below ticket {row.ticket_id} already; it cannot be its parent too")
    if max(_count(ticket.id), _count(other.id)) >= MOST:
        raise Conflict(f"a ticket has at most {MOST} links")
    db.session().add(row)
    db.session().flush()
    journal.append(ticket, LinkAdded(word, other.id), by=by, at=at)
    journal.append(other, LinkAdded(MIRRORED[word], ticket.id), by=by, at=at)
    return Link(row.id, word, other, at)


def unlink(caller: Caller, ticket_id: int, link_id: int, *, by: Actor, at: datetime) -> None:
    """Remove a link of a ticket. Raises NotFound, also when the caller may not see both."""
    row = db.session().get(TicketLink, link_id)
    if row is None or ticket_id not in {row.ticket_id, row.other_id}:
        raise NotFound(f"ticket {ticket_id} has no link {link_id}")
    try:
        tickets = lock_all_seen(caller, [row.ticket_id, row.other_id])
    except NotFound:  # which names the other ticket
        raise NotFound(f"ticket {ticket_id} has no link {link_id}") from None
    row = db.session().get(TicketLink, link_id, populate_existing=True)
    if row is None or {row.ticket_id, row.other_id} != tickets.keys():
        raise NotFound(f"ticket {ticket_id} has no link {link_id}")
    word = LinkWord(row.kind)
    journal.append(tickets[row.ticket_id], LinkRemoved(word, row.other_id), by=by, at=at)
    journal.append(tickets[row.other_id], LinkRemoved(MIRRORED[word], row.ticket_id), by=by, at=at)
    db.session().delete(row)


def links_of(caller: Caller, ticket: Ticket, *, after: int, limit: int) -> Sequence[Link]:
    """Return the ticket's links in the order in which they were made; those to tickets that the caller may not see
    are left out.
    """
    other_id = case((TicketLink.ticket_id == ticket.id, TicketLink.other_id), else_=TicketLink.ticket_id)
    rows = db.session().execute(
        select(TicketLink, Ticket)
        .join(Ticket, Ticket.id == other_id)
        .join(Ticket.queue)
        .where(
            or_(TicketLink.ticket_id == ticket.id, TicketLink.other_id == ticket.id),
            TicketLink.id > after,
            sees(caller),
        )
        .order_by(TicketLink.id)
        .limit(limit)
    )
    return [Link(row.id, _word(row, ticket.id), linked, row.created_at) for row, linked in rows.all()]


def rewrite(source: Ticket, target: Ticket, *, by: Actor, at: datetime) -> None:
    """Give the source's links to the target; what would link it to itself, twice or in a circle goes.

    The tickets at the other ends are not locked, nor do they get a new version: their journal says what has become of
    the link. Two who move the same link at once are told apart by its row, two who make the same one by its key.
    """
    session = db.session()
    session.flush()
    rows = session.scalars(
        select(TicketLink).where(or_(TicketLink.ticket_id == source.id, TicketLink.other_id == source.id))
    ).all()
    for row in rows:
        word, other_id = _word(row, source.id), row.ticket_id + row.other_id - source.id
        session.delete(row)
        session.flush()
        if other_id == target.id:
            continue
        journal.note([other_id], LinkRemoved(MIRRORED[word], source.id), by=by, at=at)
        if _moved(_row(target.id, word, other_id, row.created_at)):
            journal.note([other_id], LinkAdded(MIRRORED[word], target.id), by=by, at=at)


def _moved(row: TicketLink) -> bool:
    """Add a link unless it is there or closes a circle; say whether it was added."""
    if _is_there(row) or _closes_circle(row):
        return False
    try:
        with db.session().begin_nested():
            db.session().add(row)
    except IntegrityError:  # somebody has just made the same link
        return False
    return True


def _row(ticket_id: int, word: LinkWord, other_id: int, at: datetime) -> TicketLink:
    kind, other_first = KEPT[word]
    if other_first or (kind is LinkKind.RELATES and other_id < ticket_id):
        ticket_id, other_id = other_id, ticket_id
    return TicketLink(ticket_id=ticket_id, kind=kind, other_id=other_id, created_at=at)


def _word(row: TicketLink, seen_from: int) -> LinkWord:
    word = LinkWord(row.kind)
    return word if row.ticket_id == seen_from else MIRRORED[word]


def _is_there(row: TicketLink) -> bool:
    same = select(TicketLink.id).where(TicketLink.kind == row.kind)
    ways = [(row.ticket_id, row.other_id)]
    if row.kind is LinkKind.DUPLICATES:
        ways.append((row.other_id, row.ticket_id))  # one of the two is the duplicate
    either = or_(*((TicketLink.ticket_id == one) & (TicketLink.other_id == other) for one, other in ways))
    return db.session().scalar(same.where(either).limit(1)) is not None


def _closes_circle(row: TicketLink) -> bool:
    """Say whether the parent-to-be is below the child already."""
    if row.kind is not LinkKind.PARENT:
        return False
    parents = select(TicketLink.other_id.label("id")).where(
        TicketLink.kind == LinkKind.PARENT, TicketLink.ticket_id == row.other_id
    )
    above = parents.cte("above", recursive=True)
    further = select(TicketLink.other_id).join(above, TicketLink.ticket_id == above.c.id)
    above = above.union(further.where(TicketLink.kind == LinkKind.PARENT))
    found = select(above.c.id).where(above.c.id == row.ticket_id).limit(1)
    return db.session().scalar(found) is not None


def _count(ticket_id: int) -> int:
    either = or_(TicketLink.ticket_id == ticket_id, TicketLink.other_id == ticket_id)
    return len(db.session().scalars(select(TicketLink.id).where(either).limit(MOST)).all())
