"""The tags in use, for whoever is about to write one: by how they begin, with how often they occur."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, literal, select

from ticketing.agents import Caller
from ticketing.filters import sees
from ticketing.folding import fold_tag
from ticketing.models import Ticket, TicketTag
from ticketing.store import db

MOST_COUNTED = 1000  # tickets of a tag; beyond that it is popular, whatever the number
AT_ONCE = 100
MOST_LOOKED_AT = 2000  # names; a caller who sees few tickets must not make us look through all


@dataclass(frozen=True)
class TagInUse:
    """A tag and on how many tickets the caller sees it; `more` says that it is on more than were counted."""

    name: str
    tickets: int
    more: bool


def tags_in_use(caller: Caller, prefix: str, *, after: str, limit: int) -> Sequence[TagInUse]:
    """Return tags that begin like this, in order, from behind the name `after`; only those that the caller sees."""
    found = list[TagInUse]()
    for name, count in _counted(caller, fold_tag(prefix), after):
        if count:
            found.append(TagInUse(name, min(count, MOST_COUNTED), more=count > MOST_COUNTED))
        if len(found) == limit:
            break
    return found


def _counted(caller: Caller, prefix: str, after: str) -> Iterator[tuple[str, int]]:
    for _ in range(0, MOST_LOOKED_AT, AT_ONCE):
        rows = _names_with_counts(caller, prefix, after)
        yield from rows
        if len(rows) < AT_ONCE:
            return
        after = rows[-1][0]


def _names_with_counts(caller: Caller, prefix: str, after: str) -> list[tuple[str, int]]:
    """Walk the index from name to name, passing over the tickets of each, and count no further than needed."""
    begins = _begins(prefix)
    first = select(func.min(TicketTag.name).label("name")).where(begins, TicketTag.name > after)
    names = first.cte("names", recursive=True)
    behind = select(func.min(TicketTag.name)).where(begins, TicketTag.name > names.c.name).scalar_subquery()
    names = names.union_all(select(behind).where(names.c.name.is_not(None)))
    seen = (
        select(literal(1))
        .select_from(TicketTag)
        .join(Ticket, Ticket.id == TicketTag.ticket_id)
        .join(Ticket.queue)
        .where(TicketTag.name == names.c.name, sees(caller))
        .limit(MOST_COUNTED + 1)
        .correlate(names)
        .subquery()
    )
    count = select(func.count()).select_from(seen).scalar_subquery()
    query = select(names.c.name, count).where(names.c.name.is_not(None)).limit(AT_ONCE)
    return [(name, number) for name, number in db.session().execute(query).all()]


def _begins(prefix: str) -> ColumnElement[bool]:
    if not prefix:
        return literal(value=True)
    return and_(TicketTag.name >= prefix, TicketTag.name < prefix + "\U0010ffff")
