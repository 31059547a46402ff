"""Who has told which inbox of ours to write no more (STOP), and takes that back (START).

It holds for the address and the inbox, and for every inbox that sends by the same messaging service, for the provider
keeps one list for all of its numbers. Calls, and other channels, are not concerned.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from ticketing import audit, closing, conversation, intake, journal, reachability
from ticketing.customers import recognise
from ticketing.envelope import Channel, InboundMessage, Opting
from ticketing.errors import NotFound
from ticketing.events import SYSTEM, Actor, OptedIn, OptedOut
from ticketing.inserting import INSERT
from ticketing.models import Customer, Handle, Inbox, Message, OptOut, Ticket
from ticketing.status import Status
from ticketing.store import db, dialect

MAX_REASON = 200
LONGEST_WORD = 20
SERVICE = "messaging_service"  # the inbox's setting


@dataclass(frozen=True)
class Heard:
    """What became of such a word; `message` None: there is no conversation on which it could lie."""

    message: Message | None


@dataclass(frozen=True)
class Shown:
    """An opt-out as it is told."""

    handle_id: int
    inbox_id: int
    channel: Channel
    address: str  # the inbox's
    reason: str
    at: datetime


def hear(message: InboundMessage, inbox: Inbox, *, at: datetime) -> Heard | None:
    """Note what the customer says of further messages; None: it is a message like any other.

    The word lies on the conversation that it belongs to, if there is one, for an agent to see; it opens no ticket,
    reopens none, and nobody awaits an answer. Raises InvalidHandle.
    """
    customer, (handle,) = recognise([message.sender], at=at)
    if message.opting is Opting.IN_IF_OUT and not is_out(handle, inbox):
        return None
    by = Actor.customer(customer.id)
    ticket = _conversation(message, customer, handle, inbox, at)
    row = None
    if ticket is not None:
        silent = replace(message, automatic=True, answerable=False)
        row = conversation.receive(
            ticket, silent, customer=customer, handle=handle, inbox=inbox, files=(), at=message.received_at
        )
    if message.opting is Opting.OUT:
        opt_out(handle, inbox, reason=f"wrote {message.text.strip()[:LONGEST_WORD]}", ticket=ticket, by=by, at=at)
    else:
        reachability.heard_from(handle, message.channel, at=message.received_at)
        opt_in(handle, inbox, ticket=ticket, by=by, at=at)
    return Heard(row)


def _conversation(
    message: InboundMessage, customer: Customer, handle: Handle, inbox: Inbox, at: datetime
) -> Ticket | None:
    if handle.blocked_at is not None:
        return None
    ticket = intake.locked_match(message, customer, inbox, at).ticket
    if ticket is None:
        return None
    closing.close_if_over(ticket, at=message.received_at)
    return ticket if ticket.status is not Status.CLOSED else None


def opt_out(
    handle: Handle, inbox: Inbox, *, reason: str, ticket: Ticket | None, by: Actor = SYSTEM, at: datetime
) -> None:
    """Note that nothing shall go from the inbox to the address; nothing happens if that is known.

    Handle and ticket are locked.
    """
    rows = [{"handle_id": handle.id, "inbox_id": one, "reason": reason[:MAX_REASON], "at": at} for one in _alike(inbox)]
    new = INSERT[dialect()](OptOut).values(rows).on_conflict_do_nothing().returning(OptOut.inbox_id)
    if db.session().scalars(new).all():
        _tell(handle, inbox, "handle_opted_out", OptedOut(handle.id, inbox.id), ticket, by, at)


def opt_in(handle: Handle, inbox: Inbox, *, ticket: Ticket | None, by: Actor, at: datetime) -> None:
    """Note that the address takes messages from the inbox again; nothing happens if it always did."""
    out = delete(OptOut).where(OptOut.handle_id == handle.id, OptOut.inbox_id.in_(_alike(inbox)))
    gone = db.session().scalars(out.returning(OptOut.inbox_id).execution_options(synchronize_session=False)).all()
    if gone:
        _tell(handle, inbox, "handle_opted_in", OptedIn(handle.id, inbox.id), ticket, by, at)


def lift_by_hand(customer: Customer, handle_id: int, inbox_id: int, *, by: Actor, at: datetime) -> None:
    """Write to an address again that had told an inbox not to, for the customer has said so. The customer is locked.

    The provider may keep a list of its own, and refuse all the same. Raises NotFound.
    """
    handle = reachability.hold(handle_id)
    inbox = db.session().get(Inbox, inbox_id)
    if handle is None or handle.customer_id != customer.id or inbox is None or not is_out(handle, inbox):
        raise NotFound(f"address {handle_id} of customer {customer.id} has not opted out of inbox {inbox_id}")
    opt_in(handle, inbox, ticket=None, by=by, at=at)


def is_out(handle: Handle, inbox: Inbox) -> bool:
    """Say whether nothing shall go from the inbox to the address."""
    return db.session().get(OptOut, (handle.id, inbox.id), populate_existing=True) is not None


def of_customers(customer_ids: Sequence[int]) -> dict[int, list[Shown]]:
    """Return the opt-outs of these customers' addresses, by customer."""
    columns = (Handle.customer_id, OptOut.handle_id, OptOut.inbox_id, Inbox.channel, Inbox.address, OptOut.reason)
    query = (
        select(*columns, OptOut.at)
        .join(Handle, Handle.id == OptOut.handle_id)
        .join(Inbox, Inbox.id == OptOut.inbox_id)
        .where(Handle.customer_id.in_(customer_ids), Handle.detached_at.is_(None))
        .order_by(OptOut.handle_id, OptOut.inbox_id)
    )
    found: dict[int, list[Shown]] = {one: [] for one in customer_ids}
    for row in db.session().execute(query):
        shown = Shown(row.handle_id, row.inbox_id, row.channel, row.address, row.reason, row.at)
        found[row.customer_id].append(shown)
    return found


def _alike(inbox: Inbox) -> list[int]:
    """Return the inboxes for which one word counts: this one, and those of the same messaging service."""
    service: Any = inbox.settings.get(SERVICE)
    if not service:
        return [inbox.id]
    same = (Inbox.channel == inbox.channel, Inbox.settings[SERVICE].as_string() == service)
    return sorted({inbox.id, *db.session().scalars(select(Inbox.id).where(*same))})


def _tell(
    handle: Handle,
    inbox: Inbox,
    kind: str,
    event: OptedOut | OptedIn,
    ticket: Ticket | None,
    by: Actor,
    at: datetime,
) -> None:
    if ticket is not None:
        journal.append(ticket, event, by=by, at=at)
    data = {"handle": handle.id, "inbox": inbox.id}
    audit.record(kind, subject="customer", subject_id=handle.customer_id, by=by, at=at, data=data)
