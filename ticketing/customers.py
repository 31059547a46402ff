"""Recognise customers by their handles, and make new ones."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, and_, bindparam, delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.attributes import set_committed_value

from ticketing.envelope import HandleKind, Sender
from ticketing.errors import Erased, InvalidInput, NotFound
from ticketing.folding import handle_key, name_key
from ticketing.handles import fold
from ticketing.inserting import fresh, insert_now, insert_unless_taken
from ticketing.models import Customer, Handle
from ticketing.reading import read, read_one, whole
from ticketing.store import db

MAX_NAME = 200
MAX_MERGE_CHAIN = 100


class MovedMeanwhile(Exception):
    """While we waited for the person, their handles went to somebody else."""


def recognise(senders: Sequence[Sender], *, at: datetime) -> tuple[Customer, list[Handle]]:
    """Return the customer whose handles these are, a new one if nobody's, with the handles in the order given.

    The first known handle decides; unknown ones become that customer's. A handle of somebody else stays theirs.
    The customer is locked, so that two first messages at once find one another. Raises InvalidHandle.
    """
    while True:
        known = _find(senders, locked=len(senders) == 1)
        try:
            if not any(known):
                return _newcomer(senders, at)
            with _may_be_undone(known):
                return _recognise(senders, known, at)
        except (IntegrityError, MovedMeanwhile):
            # Another transaction took one of these handles meanwhile; it is committed, so now we find it.
            continue


def _newcomer(senders: Sequence[Sender], at: datetime) -> tuple[Customer, list[Handle]]:
    """Return a new customer with handles that nobody had. Without a savepoint: most first messages meet no other."""
    owner = new_customer(_name_of(senders), at=at)
    handles = [_handle(owner, sender, at) for sender in senders]
    if all(insert_unless_taken(handle) for handle in handles):
        return owner, handles
    session = db.session()
    for model, key in ((Handle, Handle.customer_id), (Customer, Customer.id)):
        session.execute(delete(model).where(key == owner.id).execution_options(synchronize_session=False))
    session.expunge(owner)
    raise MovedMeanwhile


def _may_be_undone(known: Sequence[Handle | None]) -> AbstractContextManager[Any]:
    """Open a savepoint where an address is to be written that somebody else may take before we do."""
    has_all = all(handle is not None and handle.detached_at is None for handle in known)
    return nullcontext() if has_all else db.session().begin_nested()


def _name_of(senders: Sequence[Sender]) -> str:
    return next((sender.name for sender in senders if sender.name), "")[:MAX_NAME]


def _recognise(
    senders: Sequence[Sender], handles: Sequence[Handle | None], at: datetime
) -> tuple[Customer, list[Handle]]:
    name = _name_of(senders)
    owner = next((handle.customer for handle in handles if handle is not None and handle.detached_at is None), None)
    if owner is None:
        owner = new_customer(name, at=at)
    else:
        if len(handles) > 1:  # or they are locked already
            lock_customer(owner)
        if owner.merged_into_id is not None or owner.erased_at is not None:
            raise MovedMeanwhile
        if name and not owner.name:
            owner.name, owner.name_key = name, name_key(name)
    found = [taken_handle(owner, sender, known, at=at) for sender, known in zip(senders, handles, strict=True)]
    db.session().flush()
    return owner, found


def new_customer(name: str, *, at: datetime) -> Customer:
    """Add a customer without handles; `name` may be "" while nobody told us."""
    name = name[:MAX_NAME]
    customer = fresh(
        Customer,
        name=name,
        name_key=name_key(name),
        language="",
        time_zone="",
        preferred_channels=[],
        fields={},
        notes="",
        created_at=at,
    )
    insert_now(customer)
    return customer


def find_customer(customer_id: int) -> Customer:
    """Return a customer by id. Raises NotFound."""
    customer = db.session().get(Customer, customer_id)
    if customer is None:
        raise NotFound(f"there is no customer {customer_id}")
    return customer


def customer_in_use(customer_id: int) -> Customer:
    """Return a customer to work for, locked: where this one was merged into another, that one. Raises NotFound, Erased.

    The lock lasts until the transaction ends, so that nobody merges the person away meanwhile.
    """
    while True:
        try:
            with db.session().begin_nested():
                customer = _lock_current(customer_id)
        except MovedMeanwhile:
            continue
        if customer.erased_at is not None:
            raise Erased(f"customer {customer.id} asked to be forgotten; describe the person anew")
        return customer


def _lock_current(customer_id: int) -> Customer:
    """Lock the one at the end of the chain, and nobody on the way: who merges or parts locks in the order of ids.

    Raises NotFound; and MovedMeanwhile, for which the savepoint lets go of the lock.
    """
    current = current_id(customer_id)
    locked = lock_customers([current])
    if not locked:
        raise NotFound(f"there is no customer {customer_id}")
    if current_id(customer_id) != current:
        raise MovedMeanwhile
    return locked[current]


def current_id(customer_id: int) -> int:
    """Return who this customer is now: the end of the chain of merges."""
    for _ in range(MAX_MERGE_CHAIN):
        into = db.session().scalar(select(Customer.merged_into_id).where(Customer.id == customer_id))
        if into is None:
            break
        customer_id = into
    return customer_id


def same_person(customer_id: int) -> list[int]:
    """Return the customer and all who were merged into them, and into these."""
    found, newest = [customer_id], [customer_id]
    while newest:
        newest = list(db.session().scalars(select(Customer.id).where(Customer.merged_into_id.in_(newest))))
        found += newest
    return found


def lock_customer(customer: Customer) -> None:
    """Hold everybody else off this person until the transaction ends; the row is then in its newest state."""
    session = db.session()
    session.flush()
    read_one(_LOCKED, Customer, {"customer": customer.id})


_LOCKED = (
    whole(Customer)
    .where(Customer.id == bindparam("customer", type_=Customer.id.type))
    .with_for_update(of=Customer, key_share=True)
)


def lock_customers(customer_ids: Iterable[int]) -> dict[int, Customer]:
    """Lock several, in the order of their ids; return them by id, each in its newest state."""
    session = db.session()
    session.flush()
    query = select(Customer).where(Customer.id.in_(customer_ids)).order_by(Customer.id)
    query = query.with_for_update(of=Customer, key_share=True).execution_options(populate_existing=True)
    return {one.id: one for one in session.scalars(query)}


def find_handles(senders: Sequence[Sender]) -> list[Handle | None]:
    """Return for each sender the handle with its customer, None if nobody ever had that address.

    One that is detached is nobody's any more. Raises InvalidHandle.
    """
    return _find(senders, locked=False)


def _find(senders: Sequence[Sender], *, locked: bool) -> list[Handle | None]:
    """Find handles; `locked` locks their customers too, which only one may ask for: several are locked in order."""
    wanted = [(sender.kind, fold(sender.kind, sender.address)) for sender in senders]
    if not wanted:
        return []
    db.session().flush()
    values = {name: value for number, one in enumerate(wanted) for name, value in zip(_bound(number), one, strict=True)}
    known: dict[tuple[HandleKind, str], Handle] = {}
    for handle, customer in read(_matching(len(wanted), locked), [Handle, Customer], values):
        set_committed_value(handle, "customer", customer)
        known[handle.kind, handle.address] = handle
    return [known.get(one) for one in wanted]


@cache
def _matching(count: int, locked: bool) -> Select[Any]:
    """Return the statement that finds so many handles by kind and address."""
    bound = [_bound(number) for number in range(count)]
    matches = (and_(Handle.kind == bindparam(kind), Handle.address == bindparam(address)) for kind, address in bound)
    found = whole(Handle, Customer).join(Customer, Customer.id == Handle.customer_id).where(or_(*matches))
    return found.with_for_update(of=Customer, key_share=True) if locked else found


def _bound(number: int) -> tuple[str, str]:
    return f"kind_{number}", f"address_{number}"


def taken_handle(owner: Customer, sender: Sender, known: Handle | None, *, at: datetime) -> Handle:
    """Return the handle for this address, made the customer's if it is nobody's; somebody else's stays theirs.

    `known` is what `find_handles` found. When the address has just become somebody's, the flush raises IntegrityError.
    """
    if known is None:
        known = _handle(owner, sender, at)
        known.customer = owner  # among whose handles it then is
        insert_now(known)
    if known.detached_at is not None:
        _attach_again(owner, known)
    return known


def _handle(owner: Customer, sender: Sender, at: datetime) -> Handle:
    folded = fold(sender.kind, sender.address)
    shown, key = sender.address.strip(), handle_key(sender.kind, folded)
    return fresh(Handle, customer_id=owner.id, kind=sender.kind, address=folded, shown=shown, key=key, created_at=at)


def _attach_again(owner: Customer, handle: Handle) -> None:
    session = db.session()
    still = (Handle.id == handle.id, Handle.detached_at.is_not(None))
    mine = update(Handle).where(*still).values(customer_id=owner.id, detached_at=None).returning(Handle.id)
    if session.scalar(mine.execution_options(synchronize_session=False)) is None:
        raise MovedMeanwhile
    session.refresh(handle)


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
