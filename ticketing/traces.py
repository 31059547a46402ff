"""What is left of a person on tickets besides what was said: tags, drafts, and what the journal repeats.

Part of `ticketing.erasure`. `own` are the ids of their tickets, `joined` those of others that some were merged into.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, TypeVar

from sqlalchemy import and_, delete, exists, func, select, update
from sqlalchemy.sql import ColumnElement

from ticketing.events import (
    FieldsChanged,
    SubjectChanged,
    TagsChanged,
    TicketAssigned,
    TicketOpened,
    TicketReleased,
)
from ticketing.models import Attachment, Draft, JournalEntry, Ticket, TicketTag
from ticketing.store import db

Key = TypeVar("Key", int, str)

CHUNK = 500
WORDS: dict[str, tuple[str, ...]] = {  # kind of journal entry -> what in it repeats people's words
    SubjectChanged.kind(): ("before", "after"),
    FieldsChanged.kind(): ("before", "after"),
    TicketOpened.kind(): ("fields", "customer_fields"),
    TicketAssigned.kind(): ("reason",),
    TicketReleased.kind(): ("reason",),
}
TAGS: dict[str, tuple[str, ...]] = {  # and what in it names tags
    TicketOpened.kind(): ("tags",),
    TagsChanged.kind(): ("added", "removed"),
}
CODES_OR_NONE: tuple[Any, ...] = (None, "", "agent_left", "caller_waits")  # reasons that are ours, not somebody's words


def forget_drafts(own: Sequence[int], joined: Sequence[int]) -> None:
    """Drop what was begun before a merge brought it to somebody else's ticket: whom it is about, nobody can tell."""
    session = db.session()
    merged = [session.scalar(select(func.max(Ticket.closed_at)).where(_is_merged(some))) for some in chunks(own)]
    last = max((at for at in merged if at is not None), default=None)
    if last is None:
        return
    for some in chunks(joined):
        session.execute(delete(Draft).where(Draft.ticket_id.in_(some), Draft.updated_at <= last))
        theirs = (Attachment.draft_ticket_id.in_(some), Attachment.created_at <= last)
        session.execute(update(Attachment).where(*theirs).values(draft_ticket_id=None))  # swept like any unused upload


def _is_merged(tickets: Sequence[int]) -> ColumnElement[bool]:
    return and_(Ticket.id.in_(tickets), Ticket.merged_into_id.is_not(None))


def forget_tags(persons: Sequence[int], own: Sequence[int], joined: Sequence[int]) -> None:
    """Take off the tags that nobody else's tickets have: such a tag may be a name. The others are the desk's words.

    A merge gives tags to the ticket that survives; there they go too, and wherever the journal repeats them.
    """
    session = db.session()
    reached = [*own, *joined]
    told = [row for some in chunks(reached) for row in session.execute(_told(some, TAGS))]
    mine = set(own)
    known = {tag for _, on, kind, data in told if on in mine for name in TAGS[kind] for tag in data.get(name, ())}
    for some in chunks(own):
        known.update(session.scalars(select(TicketTag.name).where(TicketTag.ticket_id.in_(some)).distinct()))
    theirs = sorted(tag for tag in known if not _others_have(tag, persons, joined))
    for some in chunks(reached):
        for tags in chunks(theirs):
            session.execute(delete(TicketTag).where(TicketTag.ticket_id.in_(some), TicketTag.name.in_(tags)))
    _rewrite({entry_id: _without(kind, data, set(theirs)) for entry_id, _, kind, data in told})
    for some in chunks(joined):  # the timekeeper remembers tags too, and reads the journal again
        session.execute(update(Ticket).where(Ticket.id.in_(some)).values(sla_state=None))


def merged_into(own: Sequence[int]) -> list[int]:
    """Return the tickets of others into which these were merged, and on from there."""
    found, newest = set(own), list(own)
    while newest:
        into = [
            one
            for some in chunks(newest)
            for one in db.session().scalars(select(Ticket.merged_into_id).where(Ticket.id.in_(some)))
        ]
        newest = sorted({one for one in into if one is not None} - found)
        found.update(newest)
    return sorted(found.difference(own))


def _others_have(tag: str, persons: Sequence[int], but: Sequence[int]) -> bool:
    others = (Ticket.customer_id.not_in(persons), Ticket.id.not_in(but))
    tagged = exists().where(TicketTag.name == tag, Ticket.id == TicketTag.ticket_id, *others)
    return bool(db.session().scalar(select(tagged)))


def _without(kind: str, data: dict[str, Any], tags: Set[str]) -> dict[str, Any]:
    left = {name: [tag for tag in data[name] if tag not in tags] for name in TAGS[kind] if name in data}
    return {**data, **left}


def forget_journal(own: Sequence[int]) -> None:
    """Blank what the journal repeats of subjects, fields and reasons. That it happened, and when, stays."""
    for some in chunks(own):
        told = db.session().execute(_told(some, WORDS))
        _rewrite({entry_id: _blank(kind, data) for entry_id, _, kind, data in told})


def _told(tickets: Sequence[int], kinds: Iterable[str]) -> Any:
    """Return the query for the entries of these kinds: id, ticket, kind and data."""
    columns = (JournalEntry.id, JournalEntry.ticket_id, JournalEntry.kind, JournalEntry.data)
    return select(*columns).where(JournalEntry.ticket_id.in_(tickets), JournalEntry.kind.in_(kinds))


def _rewrite(entries: Mapping[int, dict[str, Any]]) -> None:
    if entries:
        db.session().execute(update(JournalEntry), [{"id": one, "data": data} for one, data in entries.items()])


def _blank(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return the entry's data without words: texts are blank, fields are none."""
    return {
        name: ({} if isinstance(value, dict) else "") if name in WORDS[kind] and value not in CODES_OR_NONE else value
        for name, value in data.items()
    }


def chunks(ids: Sequence[Key]) -> Iterator[Sequence[Key]]:
    """Return as many at a time as a statement takes."""
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))
