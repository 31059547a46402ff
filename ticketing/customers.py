"""Recognise customers by their handles, and make new ones."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from ticketing.envelope import HandleKind, Sender
from ticketing.errors import InvalidInput, NotFound
from ticketing.folding import handle_key, name_key
from ticketing.handles import fold
from ticketing.models import Customer, Handle
from ticketing.store import db

MAX_NAME = 200


def recognise(senders: Sequence[Sender], *, at: datetime) -> tuple[Customer, list[Handle]]:
    """Return the customer whose handles these are, a new one if nobody's, with the handles in the order given.

    The first known handle decides; unknown ones become that customer's. A handle of somebody else stays theirs.
    The customer is locked, so that two first messages at once find one another. Raises InvalidHandle.
    """
    while True:
        try:
            with db.session().begin_nested():
                return _recognise(senders, at)
        except IntegrityError:
            # Another transaction took one of these handles meanwhile; it is committed, so now we find it.
            continue


def _recognise(senders: Sequence[Sender], at: datetime) -> tuple[Customer, list[Handle]]:
    name = next((sender.name for sender in senders if sender.name), "")[:MAX_NAME]
    handles = find_handles(senders)
    owner = next((handle.customer for handle in handles if handle is not None), None)
    if owner is None:
        owner = new_customer(name, at=at)
    else:
        lock_customer(owner)
        if name and not owner.name:
            owner.name, owner.name_key = name, name_key(name)
    found = [handle or _new_handle(owner, sender, at) for sender, handle in zip(senders, handles, strict=True)]
    db.session().flush()
    return owner, found


def new_customer(name: str, *, at: datetime) -> Customer:
    """Add a customer without handles; `name` may be "" while nobody told us."""
    name = name[:MAX_NAME]
    customer = Customer(
        name=name,
        name_key=name_key(name),
        language="",
        time_zone="",
        preferred_channels=[],
        fields={},
        notes="",
        created_at=at,
    )
    db.session().add(customer)
    db.session().flush()
    return customer


def find_customer(customer_id: int) -> Customer:
    """Return a customer by id. Raises NotFound."""
    customer = db.session().get(Customer, customer_id)
    if customer is None:
        raise NotFound(f"there is no customer {customer_id}")
    return customer


def lock_customer(customer: Customer) -> None:
    """Hold everybody else off this person until the transaction ends."""
    db.session().execute(select(Customer.id).where(Customer.id == customer.id).with_for_update(key_share=True))


def find_handles(senders: Sequence[Sender]) -> list[Handle | None]:
    """Return for each sender the handle with its customer, None if nobody has that address. Raises InvalidHandle."""
    wanted = [(sender.kind, fold(sender.kind, sender.address)) for sender in senders]
    if not wanted:
        return []
    matches = or_(*(and_(Handle.kind == kind, Handle.address == address) for kind, address in wanted))
    rows = db.session().scalars(select(Handle).where(matches).options(joinedload(Handle.customer)))
    known = {(row.kind, row.address): row for row in rows}
    return [known.get(one) for one in wanted]


def _new_handle(owner: Customer, sender: Sender, at: datetime) -> Handle:
    folded = fold(sender.kind, sender.address)
    shown, key = sender.address.strip(), handle_key(sender.kind, folded)
    handle = Handle(customer=owner, kind=sender.kind, address=folded, shown=shown, key=key, created_at=at)
    db.session().add(handle)
    return handle


def senders_of(name: str, email: str, phone: str) -> list[Sender]:
    """Return what a form's three fields say of a person. Raises InvalidInput when they say nothing."""
    senders = [
        Sender(kind, address, name)
        for kind, address in ((HandleKind.EMAIL, email), (HandleKind.PHONE, phone))
        if address.strip()
    ]
    if not senders and not name.strip():
        raise InvalidInput("a customer needs a name, an email address or a phone number")
    return senders
