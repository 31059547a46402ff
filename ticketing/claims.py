"""Addresses that somebody says are theirs. One that nobody has becomes theirs; of another's we keep that they said so.

Nobody is merged by what they say: `ticketing.duplicates` shows it to agents, who judge.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.exc import IntegrityError

from ticketing.customers import MovedMeanwhile, find_handles, taken_handle
from ticketing.envelope import HandleKind, Sender
from ticketing.handles import fold
from ticketing.models import Claim, Customer, Handle
from ticketing.store import db

MOST = 20  # of one person, of a kind


def own_or_claim(
    customer: Customer, said: Sequence[Sender], *, most: int = MOST, proven: bool = False, at: datetime
) -> None:
    """Make addresses the customer's that nobody has; keep a claim to those of somebody else. The customer is locked.

    One that is not `proven` says nothing of who they are. Who has `most` addresses gets no more of them: nobody takes
    what others may have one day. Raises InvalidHandle.
    """
    for sender in said:
        if not _made_theirs(customer, sender, most, proven, at):
            _claim(customer, sender, at)


def _made_theirs(customer: Customer, sender: Sender, most: int, proven: bool, at: datetime) -> bool:
    """Make an address theirs that nobody has, unless they have enough; return False if it is somebody else's."""
    known = find_handles([sender])[0]
    if known is None or known.detached_at is not None:
        if _count(customer, sender.kind) >= most:
            return True
        try:
            with db.session().begin_nested():
                taken_handle(customer, sender, known, at=at).typed = not proven
                db.session().flush()
        except (IntegrityError, MovedMeanwhile):
            known = find_handles([sender])[0]  # another was faster, and is committed
        else:
            return True
    is_theirs = known is not None and known.customer_id == customer.id
    if known is not None and is_theirs and proven:
        known.typed = False
    return is_theirs


def _count(customer: Customer, kind: HandleKind) -> int:
    theirs = (Handle.customer_id == customer.id, Handle.kind == kind, Handle.detached_at.is_(None))
    return db.session().scalar(select(func.count()).select_from(Handle).where(*theirs)) or 0


def _claim(customer: Customer, sender: Sender, at: datetime) -> None:
    address = fold(sender.kind, sender.address)
    theirs = select(Claim.kind, Claim.address).where(Claim.customer_id == customer.id).limit(MOST)
    claimed = {(row.kind, row.address) for row in db.session().execute(theirs)}
    if (sender.kind, address) not in claimed and len(claimed) < MOST:
        db.session().add(Claim(customer_id=customer.id, kind=sender.kind, address=address, created_at=at))
        db.session().flush()


def forget(persons: Sequence[int], addresses: Sequence[tuple[HandleKind, str]]) -> None:
    """Forget what these persons claimed, and that others claimed these addresses. Part of ticketing.erasure."""
    session = db.session()
    session.execute(delete(Claim).where(Claim.customer_id.in_(persons)))
    if addresses:
        session.execute(delete(Claim).where(tuple_(Claim.kind, Claim.address).in_(addresses)))
