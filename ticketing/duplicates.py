"""Suggest who may be the same person as a customer. Only suggest: nobody is ever merged by likeness."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import aliased, selectinload

from ticketing.agents import Caller
from ticketing.envelope import HandleKind
from ticketing.known import knows
from ticketing.models import Claim, Customer, Handle
from ticketing.store import db

MOST = 20
LOOKED_AT = 200  # of each reason: a name that hundreds have says nothing

# Where anybody gets an address: that two namesakes are there says nothing.
PROVIDERS = """
aol.com bk.ru bluewin.ch free.fr freenet.de gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.net googlemail.com
hey.com hotmail.co.uk hotmail.com hotmail.de hotmail.fr hotmail.it icloud.com inbox.ru laposte.net libero.it
list.ru live.com live.fr mac.com mail.com mail.ru mailbox.org me.com msn.com naver.com orange.fr outlook.com
outlook.de outlook.fr pm.me posteo.de proton.me protonmail.com qq.com rocketmail.com seznam.cz sfr.fr sina.com
t-online.de tuta.com tutanota.com videotron.ca wanadoo.fr web.de wp.pl yahoo.ca yahoo.co.jp yahoo.co.uk
yahoo.com yahoo.de yahoo.fr yandex.com yandex.ru ymail.com zoho.com 126.com 163.com
"""
FREEMAIL = frozenset(PROVIDERS.split())


class Likeness(StrEnum):
    """What two customers have in common."""

    SAME_NUMBER = "same_number"  # the last digits: one with, one without its country code
    SAME_ADDRESS = "same_address"  # but for what is before a plus, and dots where they mean nothing
    SAME_NAME_AND_DOMAIN = "same_name_and_domain"  # namesakes at one mail domain of their own
    CLAIMED_ADDRESS = "claimed_address"  # one of them has said that an address of the other is theirs


@dataclass(frozen=True)
class Suggestion:
    """A customer who may be the same person, and why."""

    customer: Customer
    reasons: Sequence[Likeness]


def duplicates_of(caller: Caller, customer: Customer) -> list[Suggestion]:
    """Return the likeliest duplicates whom the caller may know, those with most reasons first."""
    reasons: dict[int, list[Likeness]] = {}
    for likeness, query in _queries(customer):
        if query is not None:
            for other_id in db.session().scalars(query.where(knows(caller)).order_by(Customer.id).limit(LOOKED_AT)):
                reasons.setdefault(other_id, []).append(likeness)
    likeliest = sorted(reasons, key=lambda one: (-len(reasons[one]), one))[:MOST]
    rows = select(Customer).where(Customer.id.in_(likeliest)).options(selectinload(Customer.handles))
    found = {one.id: one for one in db.session().scalars(rows)}
    return [Suggestion(found[one], reasons[one]) for one in likeliest]


def _queries(customer: Customer) -> Sequence[tuple[Likeness, Select[int] | None]]:
    return (
        (Likeness.SAME_NUMBER, _same_key(customer, HandleKind.PHONE)),
        (Likeness.SAME_ADDRESS, _same_key(customer, HandleKind.EMAIL)),
        (Likeness.SAME_NAME_AND_DOMAIN, _namesakes(customer)),
        (Likeness.CLAIMED_ADDRESS, _claimed(customer)),
    )


def _others(customer: Customer) -> Select[int]:
    return select(Customer.id).where(
        Customer.id != customer.id, Customer.merged_into_id.is_(None), Customer.erased_at.is_(None)
    )


def _same_key(customer: Customer, kind: HandleKind) -> Select[int] | None:
    """Whose addresses have a key like one of the customer's. None: the customer has no such address."""
    keys = {handle.key for handle in customer.handles if handle.kind is kind}
    alike = select(Handle.customer_id).where(Handle.kind == kind, Handle.key.in_(keys), Handle.detached_at.is_(None))
    return _others(customer).where(Customer.id.in_(alike)) if keys else None


def _namesakes(customer: Customer) -> Select[int] | None:
    """Whose name is the same, with an address at a mail domain of the customer's. None: there is none to share."""
    mail = [handle.address for handle in customer.handles if handle.kind is HandleKind.EMAIL]
    domains = {address.rpartition("@")[2] for address in mail} - FREEMAIL
    if not customer.name_key or not domains:
        return None
    theirs = aliased(Handle)
    there = or_(*(theirs.address.endswith(f"@{domain}", autoescape=True) for domain in sorted(domains)))
    at_home = select(theirs.id).where(
        and_(theirs.customer_id == Customer.id, theirs.kind == HandleKind.EMAIL, theirs.detached_at.is_(None), there)
    )
    return _others(customer).where(Customer.name_key == customer.name_key, at_home.exists())


def _claimed(customer: Customer) -> Select[int]:
    """Who has an address that the customer says is theirs, or says so of one of the customer's."""
    same = (Claim.kind == Handle.kind) & (Claim.address == Handle.address) & Handle.detached_at.is_(None)
    theirs = select(Handle.customer_id).join(Claim, same).where(Claim.customer_id == customer.id)
    claimants = select(Claim.customer_id).join(Handle, same).where(Handle.customer_id == customer.id)
    return _others(customer).where(Customer.id.in_(theirs.union(claimants)))
