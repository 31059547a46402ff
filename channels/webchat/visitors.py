"""Which customer a visitor is: the one whom their site vouches for, else whoever wrote in this session.

Persons are locked first, in the order of their ids, then sessions; whoever holds persons may write to their sessions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select

from channels.models import ChatSession
from channels.webchat.identity import Vouched
from channels.webchat.sessions import hold_unwritten
from ticketing import claims, customer_merge
from ticketing.customers import current_id, find_handles, lock_customers, new_customer, taken_handle
from ticketing.envelope import HandleKind, Sender
from ticketing.errors import Conflict
from ticketing.events import SYSTEM
from ticketing.folding import name_key
from ticketing.models import Customer, CustomerMerge, Handle, Inbox
from ticketing.store import db

MOST_TYPED = 5  # addresses of a kind that a customer has, after which what is typed is theirs no more


class OtherIdentity(Conflict):
    """The session is somebody else's already."""

    code = "other_identity"


@dataclass(frozen=True)
class Changed:
    """What a visitor now says of themselves; None: nothing new."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None
    page: str | None = None
    language: str | None = None


def change(visitor: str, says: Changed, who: Vouched | None, *, at: datetime) -> ChatSession:
    """Note what a visitor says of themselves, and whom their site vouches for, None for nobody.

    Raises NotFound, OtherIdentity, Conflict.
    """
    session = hold_unwritten(visitor)
    known_id = None if who is None else _known(session, who)
    known, own = _locked(session, known_id)
    db.session().refresh(session)
    if who is not None:  # and before the session is written to: it comes behind tickets, which a merge locks
        own = _vouch(session, who, known, own, at=at)
    for name in ("name", "email", "phone", "page", "language"):
        value = getattr(says, name)
        if value is not None:
            setattr(session, name, value)
    session.name = session.name or (who.name if who is not None else "")
    if own is not None:
        settle(session, own, at=at)
    db.session().flush()
    return session


def settle(session: ChatSession, customer: Customer, *, at: datetime) -> None:
    """Let the customer, who is locked, have what the visitor typed: their name, and addresses that nobody has."""
    if session.name and not customer.name:
        customer.name, customer.name_key = session.name, name_key(session.name)
    claims.own_or_claim(customer, typed(session), most=MOST_TYPED, at=at)


def typed(session: ChatSession) -> list[Sender]:
    """Return the addresses that the visitor typed."""
    said = ((HandleKind.EMAIL, session.email), (HandleKind.PHONE, session.phone))
    return [Sender(kind, address, session.name) for kind, address in said if address]


def _vouch(
    session: ChatSession, who: Vouched, known: Customer | None, own: Customer | None, *, at: datetime
) -> Customer:
    """Let the session be the customer's whom the site vouches for, and so what they have written in it."""
    if session.identity not in {"", who.subject}:
        raise OtherIdentity("this chat is somebody else's by an identity of before; start a new session")
    customer = known or new_customer(who.name, at=at)
    if who.name and not customer.name:
        customer.name, customer.name_key = who.name, name_key(who.name)
    claims.own_or_claim(customer, who.senders(), proven=True, at=at)
    found = _one_person(session, customer, own, at=at)
    session.identity, session.customer_id = who.subject, customer.id
    return found


def _one_person(session: ChatSession, customer: Customer, own: Customer | None, *, at: datetime) -> Customer:
    """Return whose the visitor's words are: the customer's, unless somebody has to judge."""
    visitor = Sender(HandleKind.VISITOR, session.visitor, customer.name)
    if own is None:
        taken_handle(customer, visitor, find_handles([visitor])[0], at=at)
    elif own.id != customer.id:
        if not _is_but_this_visitor(own, session):
            # An agent, or another site, has said who that is.
            claims.own_or_claim(customer, [visitor], at=at)
            return own
        db.session().flush()
        customer_merge.join(own.id, customer.id, by=SYSTEM, at=at)
        db.session().refresh(customer)
    return customer


def _known(session: ChatSession, who: Vouched) -> int | None:
    """Return who this is to us by the site's own name for them, else by an address of theirs; None: nobody yet.

    Then the widget is locked, so that of two tabs of somebody new the second finds whom the first has made.
    """
    found = _find(session, who)
    if found is None:
        lock = select(Inbox.id).where(Inbox.id == session.inbox_id).with_for_update(key_share=True)
        db.session().execute(lock)
        found = _find(session, who)
    return found


def _find(session: ChatSession, who: Vouched) -> int | None:
    same = (ChatSession.identity == who.subject, ChatSession.inbox_id == session.inbox_id)
    newest = select(ChatSession.customer_id).where(*same, ChatSession.customer_id.is_not(None))
    by_name = db.session().scalar(newest.order_by(ChatSession.id.desc()).limit(1))
    if by_name is not None:
        return current_id(by_name)
    handles = [one for one in find_handles(who.senders()) if one is not None and one.detached_at is None]
    own_id = _owner(session)  # what somebody else has typed is not theirs by that, and what they type next least of all
    return next((one.customer_id for one in handles if not one.typed or one.customer_id == own_id), None)


def _locked(session: ChatSession, known_id: int | None) -> tuple[Customer | None, Customer | None]:
    """Lock who is known and whose the visitor's words are, in the order of their ids; None: there is no such person."""
    own_id = _owner(session)
    locked = lock_customers({one for one in (known_id, own_id) if one is not None})
    moved = any(one.merged_into_id is not None or one.erased_at is not None for one in locked.values())
    if moved or _owner(session) != own_id:
        raise Conflict("somebody changes who this visitor is at this moment; try again")
    return locked.get(known_id or 0), locked.get(own_id or 0)


def _owner(session: ChatSession) -> int | None:
    mine = (Handle.kind == HandleKind.VISITOR, Handle.address == session.visitor, Handle.detached_at.is_(None))
    return db.session().scalar(select(Handle.customer_id).where(*mine))


def _is_but_this_visitor(customer: Customer, session: ChatSession) -> bool:
    """Say whether nothing is known of a customer but what was said in this session."""
    said = {(handle.kind, handle.address) for handle in find_handles(typed(session)) if handle is not None}
    query = select(Handle.kind, Handle.address).where(Handle.customer_id == customer.id, Handle.detached_at.is_(None))
    theirs: Sequence[tuple[HandleKind, str]] = [(row.kind, row.address) for row in db.session().execute(query)]
    others = {one for one in theirs if one not in said and one != (HandleKind.VISITOR, session.visitor)}
    vouched = exists().where(ChatSession.customer_id == customer.id, ChatSession.id != session.id)
    merged = exists().where(CustomerMerge.kept_id == customer.id, CustomerMerge.undone_at.is_(None))
    return not others and not db.session().scalar(select(vouched | merged))
