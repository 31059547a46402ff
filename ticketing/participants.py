"""Who takes part in a ticket: its customer, whoever has written to it, and whom these or an agent have named there.

Only they thread by what can be guessed (see ticketing.matching). To take part shows nobody anything and sends nobody
anything: that is each reply's own business.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, bindparam, delete, exists, or_, select, tuple_, update

from ticketing.envelope import Channel, HandleKind, MessageState, Sender
from ticketing.errors import Conflict, InvalidHandle
from ticketing.fetching import fetch_one
from ticketing.handles import fold
from ticketing.inserting import insert_lines
from ticketing.models import Customer, Handle, Inbox, Message, MessageKind, Participant, Ticket
from ticketing.store import db

MOST_NAMED = 50  # by one message
MOST = 200  # named on one ticket
MAX_NAME = 200
CHUNK = 500
LEAVING = frozenset({MessageState.QUEUED, MessageState.SENDING})

Address = tuple[HandleKind, str]  # folded


class Part(StrEnum):
    """How somebody came to take part."""

    CUSTOMER = "customer"  # it is their ticket
    AUTHOR = "author"  # they have written to it
    NAMED = "named"  # somebody who takes part, or an agent, has named them there


@dataclass(frozen=True)
class TakesPart:
    """Somebody who takes part. `address` is "" for one who wrote without; `customer` None: nobody whom we know."""

    part: Part
    kind: HandleKind | None
    address: str
    name: str
    customer: Customer | None


def takes_part(customer: Customer, ticket: Ticket) -> bool:
    """Say whether the ticket is the customer's, they have written to it, or one of their addresses was named there."""
    if ticket.customer_id == customer.id:
        return True
    return bool(fetch_one(_TAKES_PART, {"ticket": ticket.id, "customer": customer.id})[0])


def _taking_part() -> Select[Any]:
    ticket, customer = bindparam("ticket", type_=Ticket.id.type), bindparam("customer", type_=Customer.id.type)
    wrote = exists().where(Message.ticket_id == ticket, Message.author_customer_id == customer)
    named = exists().where(
        Participant.ticket_id == ticket,
        Handle.kind == Participant.kind,
        Handle.address == Participant.address,
        Handle.customer_id == customer,
        Handle.detached_at.is_(None),
    )
    return select(or_(wrote, named))


_TAKES_PART = _taking_part()


def name(ticket: Ticket, people: Iterable[Sender], *, at: datetime) -> None:
    """Let those take part in a ticket whom somebody who does, or an agent, has named there, such as in a mail's Cc.

    The ticket is locked, or new. Our own addresses are nobody, nor is what makes no sense as an address.
    """
    named = _folded(people)
    ours = our_addresses([address for kind, address in named if kind is HandleKind.EMAIL])
    others = {one: person for one, person in named.items() if without_tag(one[1]) not in ours and one[1] not in ours}
    if not others:
        return
    there = select(Participant.kind, Participant.address).where(Participant.ticket_id == ticket.id).limit(MOST)
    known = {(row.kind, row.address) for row in db.session().execute(there)}
    new = [one for one in others if one not in known][: MOST - len(known)]
    lines = [
        {
            "ticket_id": ticket.id,
            "kind": kind,
            "address": address,
            "shown": others[kind, address].address.strip(),
            "name": others[kind, address].name[:MAX_NAME],
            "created_at": at,
        }
        for kind, address in new
    ]
    for _ in insert_lines(Participant, lines):
        pass


def without_tag(address: str) -> str:
    """Return a mail address without what stands behind a plus sign, by which mail to us finds its ticket."""
    local, _, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def _folded(people: Iterable[Sender]) -> dict[Address, Sender]:
    found: dict[Address, Sender] = {}
    for person in people:
        with suppress(InvalidHandle):
            found.setdefault((person.kind, fold(person.kind, person.address)), person)
        if len(found) == MOST_NAMED:
            break
    return found


def our_addresses(addresses: Sequence[str]) -> set[str]:
    """Return the addresses of our inboxes to which these lead, whatever stands behind a plus sign."""
    if not addresses:
        return set()
    spelt = {*addresses, *map(without_tag, addresses)}
    query = select(Inbox.address).where(Inbox.channel == Channel.EMAIL, Inbox.address.in_(spelt))
    return set(db.session().scalars(query))


def participants_of(ticket: Ticket) -> list[TakesPart]:
    """Return all who take part in a ticket, its customer first; whoever asks may see the ticket.

    Somebody who wrote from several addresses is there once, with the newest.
    """
    found = [_author(Part.CUSTOMER, ticket.customer, None)]
    query = (
        select(Customer, Handle)
        .join(Message, Message.author_customer_id == Customer.id)
        .outerjoin(Handle, Handle.id == Message.handle_id)
        .where(Message.ticket_id == ticket.id, Message.kind == MessageKind.INBOUND)
        .order_by(Message.id)
    )
    authors: dict[int, TakesPart] = {}
    for customer, handle in db.session().execute(query.limit(10 * MOST)):
        part = Part.CUSTOMER if customer.id == ticket.customer_id else Part.AUTHOR
        authors[customer.id] = _author(part, customer, handle)
    found[0] = authors.pop(ticket.customer_id, found[0])
    found += list(authors.values())[:MOST]
    wrote = {(one.kind, fold(one.kind, one.address)) for one in found if one.kind is not None}
    return found + [one for one in _named(ticket.id) if (one.kind, one.address.casefold()) not in wrote]


def _author(part: Part, customer: Customer, handle: Handle | None) -> TakesPart:
    if handle is None:
        return TakesPart(part, None, "", customer.name, customer)
    return TakesPart(part, handle.kind, handle.shown, customer.name, customer)


def _named(ticket_id: int) -> list[TakesPart]:
    same = (Handle.kind == Participant.kind) & (Handle.address == Participant.address) & Handle.detached_at.is_(None)
    query = (
        select(Participant, Customer)
        .outerjoin(Handle, same)
        .outerjoin(Customer, Customer.id == Handle.customer_id)
        .where(Participant.ticket_id == ticket_id)
        .order_by(Participant.id)
        .limit(MOST)
    )
    rows: list[Any] = list(db.session().execute(query))
    return [
        TakesPart(Part.NAMED, row.kind, row.shown, row.name or (customer.name if customer else ""), customer)
        for row, customer in rows
    ]


def follow_merge(source: Ticket, target: Ticket) -> None:
    """Give those who were named on a ticket to the one into which it is merged. Both are locked."""
    session = db.session()
    there = select(Participant.kind, Participant.address).where(Participant.ticket_id == target.id)
    known = set(map(tuple, session.execute(there)))
    mine = session.execute(
        select(Participant.id, Participant.kind, Participant.address)
        .where(Participant.ticket_id == source.id)
        .order_by(Participant.id)
    ).all()
    moving = [one.id for one in mine if (one.kind, one.address) not in known][: max(0, MOST - len(known))]
    if moving:
        session.execute(update(Participant).where(Participant.id.in_(moving)).values(ticket_id=target.id))
    if mine:
        session.execute(delete(Participant).where(Participant.ticket_id == source.id))


def follow_split(messages: Sequence[int], new: Ticket, *, at: datetime) -> None:
    """Let those take part in a new ticket who are named in the messages that went there."""
    query = select(Message.data).where(Message.id.in_(messages)).order_by(Message.id).limit(CHUNK)
    people = [person for data in db.session().scalars(query) for person in named_in(data)]
    if people:
        name(new, people, at=at)


def addressed(to: Iterable[Sender], cc: Iterable[Sender]) -> dict[str, Any]:
    """Return what a message keeps in its `data` of whom it was addressed to; nothing where it says nothing."""
    told = {
        key: [{"name": one.name[:MAX_NAME], "address": one.address} for one in list(people)[:MOST_NAMED]]
        for key, people in (("to", to), ("cc", cc))
    }
    return {key: people for key, people in told.items() if people}


def named_in(data: Mapping[str, Any]) -> list[Sender]:
    """Return the people whom a message was addressed to, by its `data`."""
    people = [*data.get("to", ()), *data.get("cc", ())]
    return [Sender(HandleKind.EMAIL, one["address"], one["name"]) for one in people]


def tickets_naming(addresses: Sequence[Address]) -> list[int]:
    """Return the tickets on which one of these addresses was named, by id."""
    if not addresses:
        return []
    query = select(Participant.ticket_id).where(tuple_(Participant.kind, Participant.address).in_(addresses))
    return sorted(set(db.session().scalars(query)))


def forget(own: Sequence[int], elsewhere: Sequence[int], addresses: Sequence[Address]) -> None:
    """Forget who takes part in the person's own tickets, and the person where others have named them.

    `addresses` are theirs, `elsewhere` what `tickets_naming` found; all these tickets are locked. Part of
    ticketing.erasure. Raises Conflict while a copy for them has not left yet.
    """
    session = db.session()
    for start in range(0, len(own), CHUNK):
        session.execute(delete(Participant).where(Participant.ticket_id.in_(own[start : start + CHUNK])))
    if addresses:
        session.execute(delete(Participant).where(tuple_(Participant.kind, Participant.address).in_(addresses)))
    for start in range(0, len(elsewhere), CHUNK):
        _forget_mentions(elsewhere[start : start + CHUNK], {address for _, address in addresses})


def _forget_mentions(tickets: Sequence[int], addresses: set[str]) -> None:
    """Take the person out of what others' messages say of whom they were addressed to, and who got them."""
    session = db.session()
    columns = (Message.id, Message.ticket_id, Message.state, Message.state_reason, Message.data)
    query = select(*columns).where(Message.ticket_id.in_(tickets), Message.kind != MessageKind.NOTE)
    changed = []
    for row in session.execute(query):
        data = {key: _without(value, addresses) for key, value in row.data.items()}
        if data == row.data:
            continue
        if row.state in LEAVING:
            raise Conflict(f"a copy for them on ticket {row.ticket_id} has not left yet; erase them when it has")
        told = row.state_reason if not any(one in (row.state_reason or "").casefold() for one in addresses) else None
        changed.append({"id": row.id, "data": data, "state_reason": told})
    if changed:
        session.execute(update(Message), changed)


def _without(value: Any, addresses: set[str]) -> Any:
    """Return a list of people or addresses, or what was said of addresses, without these."""
    if isinstance(value, list):
        return [one for one in value if _address_in(one) not in addresses]
    if isinstance(value, dict):
        return {key: one for key, one in value.items() if key.strip().casefold() not in addresses}
    return value


def _address_in(one: Any) -> str:
    address = one.get("address", "") if isinstance(one, dict) else one
    return address.strip().casefold() if isinstance(address, str) else ""
