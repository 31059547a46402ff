"""Recognise customers by their handles, and make new ones."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from ticketing.envelope import HandleKind, Sender
from ticketing.errors import InvalidInput, NotFound
from ticketing.handles import fold
from ticketing.models import Customer, Handle
from ticketing.store import db

MAX_NAME = 200


def recognise(senders: Sequence[Sender], *, at: datetime) -> tuple[Customer, list[Handle]]:
    """Return the customer whose handles these are, a new one if nobody's, with the handles in the order given.

    The first known handle decides; unknown ones become that customer's. A handle of somebody else stays theirs.
    Raises InvalidHandle, InvalidInput when there is no handle and no name.
    """
    known = [find_handle(sender.kind, sender.address) for sender in senders]
    owner = next((handle.customer for handle in known if handle is not None), None)
    if owner is None:
        owner = new_customer(next((s.name for s in senders if s.name), ""), at=at)
    name = next((sender.name for sender in senders if sender.name), "")
    if name and not owner.name:
        owner.name = name[:MAX_NAME]
    handles = [
        _claim(owner, sender, at) if handle is None else handle for sender, handle in zip(senders, known, strict=True)
    ]
    return owner, handles


def new_customer(name: str, *, at: datetime) -> Customer:
    """Add a customer without handles; `name` may be "" while nobody told us."""
    customer = Customer(
        name=name[:MAX_NAME], language="", time_zone="", preferred_channels=[], fields={}, created_at=at
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


def find_handle(kind: HandleKind, address: str) -> Handle | None:
    """Return the handle with its customer; None if nobody has that address. Raises InvalidHandle."""
    query = select(Handle).where(Handle.kind == kind, Handle.address == fold(kind, address))
    return db.session().scalar(query.options(joinedload(Handle.customer)))


def _claim(owner: Customer, sender: Sender, at: datetime) -> Handle:
    """Give a new handle to a customer; when another transaction was faster, theirs stands."""
    session = db.session()
    folded = fold(sender.kind, sender.address)
    handle = Handle(kind=sender.kind, address=folded, shown=sender.address.strip(), created_at=at)
    try:
        with session.begin_nested():
            handle.customer = owner
            session.add(handle)
            session.flush()
    except IntegrityError:
        found = find_handle(sender.kind, sender.address)
        if found is None:
            raise
        return found
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
