"""Forget a person who asks for it (GDPR, article 17): who they are and all that was said, not that it was said.

Tickets, times, clocks, statuses, channels and assignments stay, for the statistics. What channels hold besides (raw
items, deliveries, chats, calls) goes by the journal's TicketErased; files go after the commit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, or_, select, update

from ticketing import attachments, audit, claims, journal, participants
from ticketing.customers import find_customer, lock_customers, same_person
from ticketing.envelope import HandleKind, MessageState
from ticketing.errors import Conflict, NotFound
from ticketing.events import (
    Actor,
    TicketErased,
    TicketMerged,
)
from ticketing.files import file_store
from ticketing.known import must_be_changeable
from ticketing.models import (
    Attachment,
    Consent,
    Customer,
    CustomerMerge,
    Draft,
    Handle,
    JournalEntry,
    KeptAnswer,
    Message,
    OptOut,
    Ticket,
)
from ticketing.store import db
from ticketing.traces import chunks, forget_drafts, forget_journal, forget_tags, merged_into

ERASED = "[erased]"
UNDELIVERED = (MessageState.QUEUED, MessageState.SENDING)


@dataclass(frozen=True)
class _Said:
    """What is to be forgotten: messages and files of one ticket, and whether the ticket is the person's own."""

    messages: list[int]
    files: list[str]
    own: bool


def addresses_of(customer_id: int) -> list[str]:
    """Return all addresses of a person, as they are folded and as they were written."""
    query = select(Handle.address, Handle.shown).where(Handle.customer_id.in_(same_person(customer_id)))
    return sorted({address for row in db.session().execute(query) for address in row})


def erase(customer_id: int, *, by: Actor, at: datetime) -> Customer:
    """Forget a customer, with all who were merged into them; nothing happens if that is done.

    Raises NotFound, Merged, and Conflict while they are on the line, or a reply to them has not left yet.
    """
    persons = same_person(find_customer(customer_id).id)
    customer = lock_customers(persons)[customer_id]
    if customer.erased_at is not None:
        return customer
    must_be_changeable(customer)
    if set(same_person(customer_id)) != set(persons):
        raise Conflict(f"somebody merged customer {customer_id} with another at this moment, or parted them; try again")
    own = db.session().scalars(select(Ticket.id).where(Ticket.customer_id.in_(persons))).all()
    addresses = _folded(persons)
    elsewhere = participants.tickets_naming(addresses)
    tickets = {ticket.id: ticket for ticket in _locked(sorted({*_said(persons, own), *elsewhere}))}
    said = _said(persons, own)  # once more: somebody may have written while we waited for the locks
    if not said.keys() <= tickets.keys():
        raise Conflict(f"words of customer {customer.id} were moved to another ticket at this moment; try again")
    _must_be_quiet(customer, own, said)
    for ticket_id, words in said.items():
        _forget_words(tickets[ticket_id], words)
    joined = merged_into(own)
    participants.forget(own, elsewhere, addresses)
    claims.forget(persons, addresses)
    forget_drafts(own, joined)
    forget_tags(persons, own, joined)
    forget_journal(own)
    _forget_persons(persons, at)
    db.session().flush()
    for ticket_id, words in said.items():
        event = TicketErased(messages=words.messages, files=words.files)
        journal.append(tickets[ticket_id], event, by=by, at=at)
    data = {"tickets": len(own), "customers": len(persons)}
    audit.record("customer_erased", subject="customer", subject_id=customer.id, by=by, at=at, data=data)
    db.session().refresh(customer)
    return customer


def _folded(persons: Sequence[int]) -> list[tuple[HandleKind, str]]:
    query = select(Handle.kind, Handle.address).where(Handle.customer_id.in_(persons))
    return [(row.kind, row.address) for row in db.session().execute(query)]


def is_erased(message: Message) -> bool:
    """Say whether the message was the person's, or to them, and is forgotten."""
    return message.body == ERASED and message.handle_id is None


def forget_files(digests: Sequence[str], *, now: datetime) -> bool:
    """Remove the bytes that no row names any more, outside any transaction; return whether all of them are gone.

    Those that somebody kept in the last minutes stay a while longer: a row that names them may be on its way.
    """
    attachments.discard(digests, now=now)
    named = set(db.session().scalars(select(Attachment.sha256).where(Attachment.sha256.in_(digests))))
    return not any(_is_kept(digest) for digest in digests if digest not in named)


def _is_kept(digest: str) -> bool:
    try:
        file_store().open(digest).close()
    except NotFound:
        return False
    return True


def _said(persons: Sequence[int], own: Sequence[int]) -> dict[int, _Said]:
    """Return by ticket what was said to, by or about the person, on others' tickets too where they took part."""
    session = db.session()
    handles = session.scalars(select(Handle.id).where(Handle.customer_id.in_(persons))).all()
    elsewhere = or_(Message.author_customer_id.in_(persons), Message.handle_id.in_(handles))
    rows: list[Any] = list(session.execute(select(Message.ticket_id, Message.id).where(elsewhere)))
    for some in chunks(own):
        rows += session.execute(select(Message.ticket_id, Message.id).where(Message.ticket_id.in_(some)))
    for some in chunks(_merged_away(own)):
        # Of what went to another's ticket, words of and to the person are known by their author and address; these not.
        notes = (Message.id.in_(some), Message.author_customer_id.is_(None), Message.handle_id.is_(None))
        rows += session.execute(select(Message.ticket_id, Message.id).where(*notes))
    mine = set(own)
    said = {one: _Said([], [], own=one in mine) for one in sorted(mine | {ticket_id for ticket_id, _ in rows})}
    for ticket_id, message_id in sorted({tuple(row) for row in rows}):
        said[ticket_id].messages.append(message_id)
    for words in said.values():
        for some in chunks(words.messages):
            query = select(Attachment.sha256).where(Attachment.message_id.in_(some)).distinct()
            words.files.extend(session.scalars(query.order_by(Attachment.sha256)))
    for some in chunks(own):
        drafted = select(Attachment.draft_ticket_id, Attachment.sha256).where(Attachment.draft_ticket_id.in_(some))
        for ticket_id, digest in session.execute(drafted):
            said[ticket_id].files.append(digest)
    return said


def _merged_away(own: Sequence[int]) -> list[int]:
    """Return the messages that stood on the person's tickets until these were merged into others."""
    found = list[int]()
    for some in chunks(own):
        merges = (JournalEntry.ticket_id.in_(some), JournalEntry.kind == TicketMerged.kind())
        for data in db.session().scalars(select(JournalEntry.data).where(*merges)):
            found += data["messages"]
    return found


def _locked(ticket_ids: Sequence[int]) -> Iterator[Ticket]:
    """Lock the tickets, whose ids are in order."""
    for some in chunks(ticket_ids):
        query = select(Ticket).where(Ticket.id.in_(some)).order_by(Ticket.id)
        query = query.with_for_update(of=Ticket, key_share=True).execution_options(populate_existing=True)
        yield from db.session().scalars(query)


def _must_be_quiet(customer: Customer, own: Sequence[int], said: dict[int, _Said]) -> None:
    """Refuse while words of theirs, or for them, are still on their way: they would be back a moment later."""
    session = db.session()
    for some in chunks(own):
        live = session.scalar(select(Ticket.id).where(Ticket.id.in_(some), Ticket.live).limit(1))
        if live is not None:
            raise Conflict(f"customer {customer.id} is on the line on ticket {live}; erase them when that is over")
    for ticket_id, words in said.items():
        for some in chunks(words.messages):
            if session.scalar(select(exists().where(Message.id.in_(some), Message.state.in_(UNDELIVERED)))):
                raise Conflict(f"a reply on ticket {ticket_id} has not left yet; erase them when it is delivered")


def _forget_words(ticket: Ticket, words: _Said) -> None:
    session = db.session()
    blank: dict[str, Any] = {
        "body": ERASED,
        "html": "",
        "quoted": "",
        "quoted_html": "",
        "provider_id": None,
        "state_reason": None,
        "data": {},
    }
    for some in chunks(words.messages):
        session.execute(delete(Attachment).where(Attachment.message_id.in_(some)))
        session.execute(update(Message).where(Message.id.in_(some)).values(**blank, handle_id=None))
    if words.own:
        ticket.subject, ticket.fields, ticket.sla_state = ERASED, {}, None
        session.execute(delete(Draft).where(Draft.ticket_id == ticket.id))
        session.execute(delete(Attachment).where(Attachment.draft_ticket_id == ticket.id))


def _forget_persons(persons: Sequence[int], at: datetime) -> None:
    session = db.session()
    session.execute(delete(Consent).where(Consent.customer_id.in_(persons)))
    theirs = select(Handle.id).where(Handle.customer_id.in_(persons))
    session.execute(delete(OptOut).where(OptOut.handle_id.in_(theirs)).execution_options(synchronize_session=False))
    session.execute(delete(Handle).where(Handle.customer_id.in_(persons)))
    merges = or_(CustomerMerge.kept_id.in_(persons), CustomerMerge.merged_id.in_(persons))
    session.execute(update(CustomerMerge).where(merges).values(before={}))
    blank = {"name": "", "name_key": "", "language": "", "time_zone": "", "preferred_channels": [], "fields": {}}
    session.execute(update(Customer).where(Customer.id.in_(persons)).values(**blank, notes="", erased_at=at))
    # Answers kept for repeated requests may show the person; without them it is still known that the work is done.
    session.execute(update(KeptAnswer).where(KeptAnswer.body.is_not(None)).values(status=None, headers={}, body=None))
