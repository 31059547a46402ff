"""Whether a customer's address still takes what we send: what came back for good, and who called our mail spam.

An address is marked by proof only (see channels.receipts and channels.delivery), and left out of the choice of a
reply's route (ticketing.reach) until the customer writes from it, or an agent knows better. A phone number's mark is
about text messages alone: a landline can be called, and may have WhatsApp.
"""

from datetime import datetime

from sqlalchemy import exists, select

from ticketing import audit, journal
from ticketing.envelope import Channel
from ticketing.errors import NotFound
from ticketing.events import SYSTEM, Actor, AddressUnreachable
from ticketing.models import Customer, Handle, Message, MessageKind, Ticket
from ticketing.store import db

MAX_REASON = 500
PROVEN_BY = frozenset({Channel.EMAIL, Channel.SMS, Channel.CHAT})  # on which an address is found unreachable, or not


def takes_nothing(handle: Handle, channel: Channel) -> bool:
    """Say whether what we send to the address on the channel comes back."""
    return handle.unreachable_at is not None and channel in PROVEN_BY


def takes_automatic_mail(handle: Handle) -> bool:
    """Say whether a program of ours may write there unasked: not where mail came back or was called spam."""
    return handle.unreachable_at is None and handle.complained_at is None


def hold(handle_id: int | None) -> Handle | None:
    """Return an address, locked; before its ticket is locked, as everywhere: persons, addresses, tickets."""
    if handle_id is None:
        return None
    session = db.session()
    session.flush()  # what this transaction has changed already must not be read over
    locked = {"of": Handle, "key_share": True}
    return session.get(Handle, handle_id, with_for_update=locked, populate_existing=True)


def mark(handle: Handle, ticket: Ticket, message: Message, *, reason: str, at: datetime) -> None:
    """Note that nothing arrives at the address any more; the journal tells the ticket. Both are locked.

    Nothing happens if that is known, or if the customer has written from there since the message left.
    """
    if handle.unreachable_at is not None or _was_heard_from_since(handle, message):
        return
    handle.unreachable_at, handle.unreachable_reason = at, reason[:MAX_REASON]
    journal.append(ticket, AddressUnreachable(handle.id, message.id), by=SYSTEM, at=at)


def _was_heard_from_since(handle: Handle, message: Message) -> bool:
    came = (Message.handle_id == handle.id, Message.kind == MessageKind.INBOUND, Message.automatic.is_(False))
    later = (Message.id > message.id, Message.channel == message.channel)
    return bool(db.session().scalar(select(exists().where(*came, *later))))


def clear(handle: Handle) -> None:
    """Note that the address takes what we send, for all we know. It is locked."""
    handle.unreachable_at, handle.unreachable_reason = None, ""


def heard_from(handle: Handle, channel: Channel, *, at: datetime) -> None:
    """Note that the customer has written from the address: there is somebody, whatever came back before."""
    if handle.away_since is not None:
        handle.away_since = None
    if takes_nothing(handle, channel) and handle.unreachable_at is not None and handle.unreachable_at <= at:
        clear(handle)


def clear_by_hand(customer: Customer, handle_id: int, *, by: Actor, at: datetime) -> None:
    """Use an address again that mail came back from; nothing happens if none did. The customer is locked.

    Raises NotFound.
    """
    handle = hold(handle_id)
    if handle is None or handle.customer_id != customer.id or handle.detached_at is not None:
        raise NotFound(f"customer {customer.id} has no address {handle_id}")
    if handle.unreachable_at is not None:
        clear(handle)
        data = {"handle": handle.id}
        audit.record("handle_reachable", subject="customer", subject_id=customer.id, by=by, at=at, data=data)
