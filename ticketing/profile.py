"""What is known of a customer, as the desk writes it down: name, addresses, language, consent, custom fields."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, or_, select
from sqlalchemy.exc import IntegrityError

from ticketing import audit
from ticketing.agents import Caller
from ticketing.customers import MAX_NAME, find_handles, new_customer, taken_handle
from ticketing.envelope import HANDLE_KINDS, Channel, HandleKind, MessageState, Sender
from ticketing.errors import Conflict, InvalidInput, NotFound
from ticketing.events import Actor
from ticketing.fields import checked, must_be_complete
from ticketing.folding import name_key
from ticketing.known import knows
from ticketing.languages import language_tag, zone_name
from ticketing.models import Consent, Customer, FieldSubject, Handle, Message, OptOut, Ticket
from ticketing.renaming import index_again
from ticketing.store import db

MAX_HANDLES = 50
MAX_REASON = 500
UNDELIVERED = (MessageState.QUEUED, MessageState.SENDING)


def create_customer(caller: Caller, *, name: str, handles: Sequence[Sender], at: datetime, **profile: Any) -> Customer:
    """Add a person whom nobody has heard of. Raises InvalidInput, InvalidHandle, Conflict for a taken address."""
    if not name.strip() and not handles:
        raise InvalidInput("a customer needs a name or an address")
    customer = new_customer(name if name.strip() else "", at=at)
    change_customer(customer, {"fields": {}, **profile}, at=at)
    add_handles(caller, customer, handles, at=at)
    audit.record("customer_made", subject="customer", subject_id=customer.id, by=Actor.agent(caller.agent_id), at=at)
    return customer


def change_customer(customer: Customer, wanted: Mapping[str, Any], *, at: datetime) -> list[str]:
    """Set what is named; return the names of what has changed. The customer is locked, or new. Raises InvalidInput."""
    after = {name: CLEANED[name](customer, value) for name, value in wanted.items()}
    changed = [name for name, value in after.items() if getattr(customer, name) != value]
    for name in changed:
        setattr(customer, name, after[name])
    must_be_complete(FieldSubject.CUSTOMER, customer.fields)
    if "name" in changed:
        customer.name_key = name_key(customer.name)
        _find_by_name(customer, at)
    db.session().flush()
    return changed


def _fields(customer: Customer, values: Mapping[str, Any]) -> dict[str, Any]:
    both = {**customer.fields, **checked(FieldSubject.CUSTOMER, values)}
    return {name: value for name, value in both.items() if value is not None}


CLEANED = {  # what a client sends -> what is kept
    "name": lambda _customer, value: value[:MAX_NAME] if value.strip() else "",
    "language": lambda _customer, value: language_tag(value),
    "time_zone": lambda _customer, value: zone_name(value),
    "preferred_channels": lambda _customer, value: [Channel(one).value for one in dict.fromkeys(value)],
    "notes": lambda _customer, value: value,
    "fields": _fields,
}


def add_handles(caller: Caller, customer: Customer, senders: Iterable[Sender], *, at: datetime) -> list[Handle]:
    """Give the customer addresses; those that they have already stay. The customer is locked, or new.

    Raises InvalidHandle, and Conflict for an address of somebody else: who it belongs to is decided by a merge.
    """
    senders = list(senders)
    session = db.session()
    try:
        with session.begin_nested():
            added = [_add_handle(caller, customer, sender, at) for sender in senders]
    except IntegrityError:
        raise Conflict("one of these addresses has just become somebody's; look again") from None
    session.refresh(customer, ["handles"])
    if len(customer.handles) > MAX_HANDLES:
        raise Conflict(f"a customer has at most {MAX_HANDLES} addresses")
    return added


def _add_handle(caller: Caller, customer: Customer, sender: Sender, at: datetime) -> Handle:
    (known,) = find_handles([sender])
    handle = taken_handle(customer, sender, known, at=at)
    if handle.customer_id not in {None, customer.id}:
        raise Conflict(_somebody_elses(caller, handle, customer))
    db.session().flush()
    return handle


def _somebody_elses(caller: Caller, handle: Handle, customer: Customer) -> str:
    owner = handle.customer_id
    if db.session().scalar(select(Customer.id).where(Customer.id == owner, knows(caller))) is None:
        return f"{handle.address} belongs to a customer who is not yours to see; ask a colleague who may merge them"
    return f"{handle.address} belongs to customer {owner}; if that is the same person, merge {customer.id} into {owner}"


def drop_handle(customer: Customer, handle_id: int, *, at: datetime) -> None:
    """Take an address from the customer. Messages that went there keep saying so: then it is only detached.

    Raises NotFound, and Conflict while something is still under way there.
    """
    session = db.session()
    # Whoever writes to this address at the moment holds it: we wait, and then find their message.
    handle = session.get(Handle, handle_id, with_for_update={"of": Handle}, populate_existing=True)
    if handle is None or handle.customer_id != customer.id or handle.detached_at is not None:
        raise NotFound(f"customer {customer.id} has no address {handle_id}")
    under_way = exists().where(Message.handle_id == handle_id, Message.state.in_(UNDELIVERED))
    if session.scalar(select(under_way)):
        raise Conflict(f"a reply to address {handle_id} is still on its way; wait until it is delivered or has failed")
    if session.scalar(select(_live_there(handle))):
        raise Conflict(f"the customer is in a call or a chat with address {handle_id}; wait until it is over")
    # What it said of further messages counts when it comes back.
    said = exists().where(OptOut.handle_id == handle_id)
    if session.scalar(select(or_(exists().where(Message.handle_id == handle_id), said))):
        handle.detached_at = at
    else:
        session.delete(handle)
    session.flush()
    session.refresh(customer, ["handles"])


def _live_there(handle: Handle) -> Any:
    kinds = [channel for channel, kind in HANDLE_KINDS.items() if kind is handle.kind]
    return exists().where(Ticket.customer_id == handle.customer_id, Ticket.live, Ticket.channel.in_(kinds))


def give_consent(customer: Customer, channel: Channel, *, given: bool, reason: str, by: Actor, at: datetime) -> None:
    """Note whether the customer lets us write to them on a channel. The customer is locked."""
    session = db.session()
    session.execute(delete(Consent).where(Consent.customer_id == customer.id, Consent.channel == channel))
    session.add(Consent(customer_id=customer.id, channel=channel, given=given, reason=reason, at=at))
    session.flush()
    data = {"channel": channel, "given": given}
    audit.record("consent_changed", subject="customer", subject_id=customer.id, by=by, at=at, data=data)


def consents_of(customer_ids: Sequence[int]) -> dict[int, list[Consent]]:
    """Return what each of these customers has said, by channel."""
    query = select(Consent).where(Consent.customer_id.in_(customer_ids)).order_by(Consent.channel)
    found: dict[int, list[Consent]] = {one: [] for one in customer_ids}
    for row in db.session().scalars(query.execution_options(populate_existing=True)):
        found[row.customer_id].append(row)
    return found


def senders_from(handles: Iterable[Mapping[str, Any]], name: str) -> list[Sender]:
    """Return what a body says of addresses, each once."""
    return list(dict.fromkeys(Sender(HandleKind(one["kind"]), one["address"], name) for one in handles))


def _find_by_name(customer: Customer, at: datetime) -> None:
    tickets = select(Ticket.id).where(Ticket.customer_id == customer.id)
    index_again(db.session().scalars(tickets).all(), at=at)
