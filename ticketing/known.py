"""Who may know a customer, in one place: an agent who sees a ticket of theirs; anybody, while they have no ticket.

The latter so that whoever makes a customer can go on with them. Who was merged into another is known with that one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import exists, not_, or_, select, true, union
from sqlalchemy.orm import selectinload
from sqlalchemy.sql import ColumnElement

from ticketing.agents import Caller
from ticketing.customers import current_id, lock_customer
from ticketing.envelope import HandleKind
from ticketing.errors import Erased, Merged, NotFound
from ticketing.filters import sees
from ticketing.folding import fold_words
from ticketing.handles import fold
from ticketing.models import Customer, Handle, Role, Ticket
from ticketing.store import db


@dataclass(frozen=True)
class Wanted:
    """Which customers; an empty field filters nothing. `words`: beginnings of words of the name, or of an address."""

    words: str = ""
    email: str = ""
    phone: str = ""


def knows(caller: Caller) -> ColumnElement[bool]:
    """Return the SQL condition that the caller may know a customer who is not merged away."""
    if caller.role is Role.ADMIN:
        return true()
    theirs = select(Ticket.id).join(Ticket.queue).where(Ticket.customer_id == Customer.id)
    return or_(theirs.where(sees(caller)).exists(), not_(exists().where(Ticket.customer_id == Customer.id)))


def must_know(caller: Caller, customer_id: int) -> None:
    """Raise NotFound unless the caller may know the customer: ids can be counted through, persons may not."""
    if db.session().scalar(select(Customer.id).where(Customer.id == current_id(customer_id), knows(caller))) is None:
        raise NotFound(f"there is no customer {customer_id}")


def read_customer(caller: Caller, customer_id: int) -> Customer:
    """Return a customer with their handles. Raises NotFound, also for one whom the caller may not know."""
    must_know(caller, customer_id)
    query = select(Customer).where(Customer.id == customer_id).options(selectinload(Customer.handles))
    return db.session().scalars(query.execution_options(populate_existing=True)).one()


def lock_known(caller: Caller, customer_id: int) -> Customer:
    """Return a customer whom the caller may know and change, locked. Raises NotFound, Merged, Erased."""
    must_know(caller, customer_id)
    customer = db.session().get_one(Customer, customer_id)
    lock_customer(customer)
    must_be_changeable(customer)
    return customer


def must_be_changeable(customer: Customer) -> None:
    """Raise Merged or Erased where nothing is to be changed any more."""
    if customer.merged_into_id is not None:
        into = customer.merged_into_id
        raise Merged(f"customer {customer.id} is merged into {into}; change that one, or part them by /unmerge")
    if customer.erased_at is not None:
        raise Erased(f"customer {customer.id} asked to be forgotten; there is nothing left to change")


def list_customers(caller: Caller, wanted: Wanted, *, after: int, limit: int) -> Sequence[Customer]:
    """Return up to `limit` + 1 customers whom the caller may know, by id, with their handles. Raises InvalidHandle."""
    query = select(Customer).where(Customer.merged_into_id.is_(None), Customer.id > after, knows(caller))
    for kind, address in ((HandleKind.EMAIL, wanted.email), (HandleKind.PHONE, wanted.phone)):
        if address:
            has_it = select(Handle.customer_id).where(Handle.kind == kind, Handle.address == fold(kind, address))
            query = query.where(Customer.id.in_(has_it.where(Handle.detached_at.is_(None))))
    if wanted.words.strip():
        query = query.where(_begins_with(wanted.words))
    query = query.order_by(Customer.id).limit(limit + 1).options(selectinload(Customer.handles))
    return db.session().scalars(query).all()


def _begins_with(text: str) -> ColumnElement[bool]:
    """Return the condition that every word begins a word of the name, or that the whole begins an address."""
    words, whole = fold_words(text).split(), text.strip().casefold()
    named = select(Customer.id)
    for word in words:
        first, later = Customer.name_key.startswith(word, autoescape=True), f" {word}"
        named = named.where(or_(first, Customer.name_key.contains(later, autoescape=True)))
    reached = select(Handle.customer_id).where(
        Handle.detached_at.is_(None),
        or_(Handle.address.startswith(whole, autoescape=True), Handle.key.startswith(whole, autoescape=True)),
    )
    found = union(named, reached) if words else reached
    return Customer.id.in_(found)
