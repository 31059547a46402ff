"""Keep the index of words true: what a transaction says is gathered in memory and written with its journal entries.

So a ticket is found from the moment of the commit, and what is said costs one statement, without reading it back.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ticketing.events import (
    Entry,
    MessageReceived,
    NoteWritten,
    ReplyWritten,
    SubjectChanged,
    TicketOpened,
    TicketSplit,
)
from ticketing.models import Attachment, Customer, Message, Ticket
from ticketing.models.journal import WRITTEN
from ticketing.search import postgresql, sqlite
from ticketing.store import db

LONGEST_MESSAGE = 100_000  # letters of a message that are looked at
BATCH = 100  # tickets that are read again at once
GATHERED = "words to index"  # of the transaction under way, in the session's info

Row = dict[str, Any]


@dataclass(frozen=True)
class Gathered:
    """Something to index. `behind`: how many journal entries there were, for a savepoint that is rolled back."""

    behind: int
    ticket_id: int
    opened: Ticket | None = None
    subject: str | None = None  # a new one
    message: Message | None = None  # a new one; without anything, the whole ticket is read again


def observe(ticket: Ticket, entry: Entry) -> None:
    """Gather the words that an event brings; one that moves or takes away words has the whole ticket read again."""
    match entry.event:
        case TicketOpened():
            _gather(ticket.id, opened=ticket)
        case SubjectChanged(after=subject):
            _gather(ticket.id, subject=subject)
        case MessageReceived(message_id=said) | ReplyWritten(message_id=said) | NoteWritten(message_id=said):
            _gather(ticket.id, message=db.session().get_one(Message, said))
        case TicketSplit(into=other):
            reindex([ticket.id, other])
        case _:
            reindex([ticket.id])


def reindex(ticket_ids: Iterable[int]) -> None:
    """Have these tickets' words read again when the transaction ends: after a merge, an erasure, a new name."""
    for ticket_id in ticket_ids:
        _gather(ticket_id)


def forget(session: Session, *, since: int = 0) -> None:
    """Drop what was gathered behind so many journal entries: it is rolled back."""
    session.info[GATHERED] = [one for one in session.info.get(GATHERED, ()) if since and one.behind <= since]


def write(session: Session) -> None:
    """Write what this transaction has gathered; it is flushed."""
    gathered: list[Gathered] = session.info.pop(GATHERED, [])
    if not gathered:
        return
    again = {one.ticket_id for one in gathered if not (one.opened or one.message or one.subject is not None)}
    opened: dict[int, Row] = {}
    changed: dict[int, Row] = {}
    for one in gathered:
        if one.ticket_id in again:
            continue
        if one.opened is not None:
            opened[one.ticket_id] = _row(one.ticket_id, one.opened.subject, one.opened.customer)
        row = opened.get(one.ticket_id) or changed.setdefault(one.ticket_id, _row(one.ticket_id, None, None))
        row["subject"] = row["subject"] if one.subject is None else one.subject
        row["said"] += [] if one.message is None else [_words_of(one.message)]
    if opened:
        _index().add(session, list(opened.values()))
    if changed:
        _index().change(session, [changed[one] for one in sorted(changed)])
    for batch in _batches(sorted(again)):
        read_again(batch)


def read_again(ticket_ids: Sequence[int]) -> None:
    """Index these tickets from what is stored of them."""
    session = db.session()
    _index().lock(session, ticket_ids)  # or what is added meanwhile would be lost
    tickets = select(Ticket.id, Ticket.subject, Customer.id, Customer.name).join(Ticket.customer)
    rows: dict[int, Row] = {
        ticket_id: {"ticket": ticket_id, "subject": subject, "customer": customer_id, "name": name, "said": []}
        for ticket_id, subject, customer_id, name in session.execute(tickets.where(Ticket.id.in_(ticket_ids)))
    }
    said = select(Message.ticket_id, func.substr(Message.body, 1, LONGEST_MESSAGE))
    files = select(Message.ticket_id, Attachment.filename).join(Message, Message.id == Attachment.message_id)
    for query in (said.order_by(Message.ticket_id, Message.id), files.order_by(Attachment.id)):
        for ticket_id, words in session.execute(query.where(Message.ticket_id.in_(ticket_ids))):
            rows[ticket_id]["said"].append(words)
    if rows:
        _index().add(session, list(rows.values()))


def drop_deleted(*, first: bool) -> bool:
    """Do a part of taking words that were deleted out of the index for good; return whether there is more to do."""
    return bool(_index().drop_deleted(db.session(), first=first))


def ticket_batches() -> Iterator[list[int]]:
    """Return the ids of all tickets, the newest first, in batches."""
    last = None
    while True:
        query = select(Ticket.id).order_by(Ticket.id.desc()).limit(BATCH)
        batch = list(db.session().scalars(query if last is None else query.where(Ticket.id < last)))
        if not batch:
            return
        yield batch
        last = batch[-1]


def _gather(ticket_id: int, **words: Any) -> None:
    session = db.session()
    if "source" not in session.info:
        raise RuntimeError("words are indexed inside transaction() only")
    behind = len(session.info.get(WRITTEN, ()))
    session.info.setdefault(GATHERED, []).append(Gathered(behind, ticket_id, **words))


def _row(ticket_id: int, subject: str | None, customer: Customer | None) -> Row:
    known = {"customer": customer.id, "name": customer.name} if customer else {}
    return {"ticket": ticket_id, "subject": subject, "said": [], **known}


def _words_of(message: Message) -> str:
    return " ".join([message.body[:LONGEST_MESSAGE], *(f"\n{file.filename}" for file in message.attachments)])


def _index() -> ModuleType:
    return sqlite if db.engine.dialect.name == "sqlite" else postgresql


def _batches(ticket_ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ticket_ids[start : start + BATCH] for start in range(0, len(ticket_ids), BATCH))
