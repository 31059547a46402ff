"""All that we hold of a person, for the person (GDPR, article 15): read in pieces, as plain values.

Internal notes and the journal are in it, for they are about the person as well; notes are marked as what they are.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.sql import ColumnElement

from ticketing.agents import Caller
from ticketing.customers import same_person
from ticketing.errors import NotAllowed
from ticketing.filters import sees
from ticketing.models import (
    Agent,
    Attachment,
    Consent,
    Customer,
    Handle,
    Inbox,
    JournalEntry,
    Message,
    MessageKind,
    OptOut,
    Participant,
    Queue,
    Ticket,
    TicketTag,
)
from ticketing.store import db

PIECE = 200  # rows in memory at once


class Dossier:
    """What we hold of a person and of all who were merged into them."""

    def __init__(self, caller: Caller, customer: Customer) -> None:
        """Raises NotAllowed when the caller does not see all of it: half an answer would be a wrong one."""
        self.persons = same_person(customer.id)
        self._own = Ticket.customer_id.in_(self.persons)
        wrote = select(Message.ticket_id).where(Message.author_customer_id.in_(self.persons))
        every = select(func.count()).select_from(Ticket).join(Ticket.queue).where(or_(self._own, Ticket.id.in_(wrote)))
        counts = [db.session().scalar(one) or 0 for one in (every, every.where(sees(caller)))]
        if counts[0] > counts[1]:
            hidden = counts[0] - counts[1]
            raise NotAllowed(f"{hidden} of their tickets are in queues that you do not work; ask an admin to export")

    def profiles(self) -> list[dict[str, Any]]:
        """Return who the person is to us, those who were merged into them after them."""
        rows = _plain(select(*Customer.__table__.c).where(Customer.id.in_(self.persons)).order_by(Customer.id))
        return sorted(({k: v for k, v in row.items() if k != "name_key"} for row in rows), key=self._place)

    def handles(self) -> list[dict[str, Any]]:
        """Return their addresses, those that are no longer theirs too."""
        columns = [Handle.__table__.c[name] for name in HANDLE_COLUMNS]
        return list(_plain(select(*columns).where(Handle.customer_id.in_(self.persons)).order_by(Handle.id)))

    def consents(self) -> list[dict[str, Any]]:
        """Return what they said of being written to."""
        return list(_plain(select(*Consent.__table__.c).where(Consent.customer_id.in_(self.persons))))

    def opt_outs(self) -> list[dict[str, Any]]:
        """Return which of our addresses they told to write no more."""
        columns = (OptOut.handle_id, Inbox.channel, Inbox.address, OptOut.reason, OptOut.at)
        query = select(*columns).join(Handle, Handle.id == OptOut.handle_id).join(Inbox, Inbox.id == OptOut.inbox_id)
        return list(_plain(query.where(Handle.customer_id.in_(self.persons)).order_by(OptOut.handle_id, Inbox.id)))

    def named_on(self) -> list[dict[str, Any]]:
        """Return the tickets on which others have named them, such as in a mail's Cc."""
        columns = (Participant.ticket_id, Participant.shown, Participant.name, Participant.created_at)
        same = (Handle.kind == Participant.kind) & (Handle.address == Participant.address)
        query = select(*columns).join(Handle, same).where(Handle.customer_id.in_(self.persons))
        return list(_plain(query.order_by(Participant.id)))

    def tickets(self) -> Iterator[dict[str, Any]]:
        """Return their tickets, oldest first, each with its tags and its journal."""
        columns = [Ticket.__table__.c[name] for name in TICKET_COLUMNS]
        query = select(*columns, Queue.name.label("queue"), Agent.name.label("assignee")).select_from(Ticket)
        query = query.join(Queue, Queue.id == Ticket.queue_id).outerjoin(Agent, Agent.id == Ticket.assignee_id)
        for rows in _pieces(query.where(self._own), Ticket.id):
            ids = [row["id"] for row in rows]
            tags = _by_ticket(select(TicketTag.ticket_id, TicketTag.name).where(TicketTag.ticket_id.in_(ids)))
            events = _by_ticket(_journal(ids))
            for row in rows:
                named = [tag["name"] for tag in tags.get(row["id"], [])]
                yield {**row, "tags": sorted(named), "events": events.get(row["id"], [])}

    def messages(self) -> Iterator[dict[str, Any]]:
        """Return what was said on their tickets, and by them on others' tickets, in the order of its arrival."""
        columns = [Message.__table__.c[name] for name in MESSAGE_COLUMNS]
        query = select(*columns, Agent.name.label("agent"), Customer.name.label("customer"))
        query = query.outerjoin(Agent, Agent.id == Message.author_agent_id)
        query = query.outerjoin(Customer, Customer.id == Message.author_customer_id)
        for rows in _pieces(query.where(self._theirs()), Message.id):
            for row in rows:
                yield {**row, "is_internal": row["kind"] is MessageKind.NOTE}

    def files(self) -> Iterator[dict[str, Any]]:
        """Return the files of these messages."""
        columns = (Attachment.id, Attachment.message_id, Attachment.filename, Attachment.size, Attachment.sha256)
        query = select(*columns).join(Message, Message.id == Attachment.message_id).where(self._theirs())
        for rows in _pieces(query, Attachment.id):
            yield from rows

    def _theirs(self) -> ColumnElement[bool]:
        own = select(Ticket.id).where(self._own)
        return or_(Message.ticket_id.in_(own), Message.author_customer_id.in_(self.persons))

    def _place(self, row: dict[str, Any]) -> int:
        return self.persons.index(row["id"])


HANDLE_COLUMNS = (
    *("id", "kind", "address", "shown", "created_at", "detached_at"),
    *("unreachable_at", "unreachable_reason", "complained_at", "auto_answered_at"),
)
TICKET_COLUMNS = (
    *("id", "subject", "status", "priority", "channel", "fields", "created_at", "updated_at", "waiting_since"),
    *("solved_at", "closed_at", "merged_into_id"),
)
MESSAGE_COLUMNS = (
    *("id", "ticket_id", "kind", "channel", "body", "html", "quoted", "automatic", "state", "provider_id"),
    *("quoted_html", "created_at"),
)


def _journal(ticket_ids: Sequence[int]) -> Select[*tuple[Any, ...]]:
    columns = (JournalEntry.ticket_id, JournalEntry.kind, JournalEntry.actor_type, JournalEntry.data, JournalEntry.at)
    return select(*columns).where(JournalEntry.ticket_id.in_(ticket_ids)).order_by(JournalEntry.id)


def _by_ticket(query: Select[*tuple[Any, ...]]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for row in _plain(query):
        found.setdefault(row.pop("ticket_id"), []).append(row)
    return found


def _pieces(query: Select[*tuple[Any, ...]], row_id: Any) -> Iterator[list[dict[str, Any]]]:
    """Return the rows in the order of their ids, some at a time; nothing stays open in between."""
    after = 0
    while rows := list(_plain(query.where(row_id > after).order_by(row_id).limit(PIECE))):
        after = rows[-1]["id"]
        db.session().rollback()  # ends the read: writing the piece down takes as long as it takes
        yield rows


def _plain(query: Select[*tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    return (dict(row) for row in db.session().execute(query).mappings())
