"""Record what providers say later of the messages that we sent. Words come late, twice and out of order."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select

from channels.errors import UnsupportedPayload
from channels.events import ComplaintReceived, CopyReturned, DeliveryChanged, DeliveryDelayed, MessageRead
from channels.protocol import News, Receipt, Undelivered
from ticketing import journal, opt_outs, reachability, undelivered
from ticketing.envelope import HandleKind, MessageState
from ticketing.erasure import is_erased
from ticketing.events import SYSTEM
from ticketing.lifecycle import lock_ticket_of
from ticketing.models import Handle, Message, MessageKind, Ticket
from ticketing.store import db

PROGRESS = {  # a message only ever moves on; a bounce may follow what looked delivered
    MessageState.QUEUED: 0,
    MessageState.SENDING: 1,
    MessageState.UNKNOWN: 2,
    MessageState.SENT: 3,
    MessageState.FAILED: 4,
    MessageState.DELIVERED: 4,
    MessageState.BOUNCED: 5,
}
MAX_REASON = 2_000  # characters
LOST_AS = "lost_as"  # in a message's data: ids under which the provider had it, and lost it for now
AGAIN_AFTER = [timedelta(minutes=m) for m in (1, 5, 15, 60)]  # by how often it was tried; then it has failed
UNDER_WAY = frozenset({MessageState.SENDING, MessageState.SENT, MessageState.UNKNOWN})

Handles = dict[str, Handle]  # by address, as `_key` spells it; the one that the message went to also as _OWN
_OWN = ""


def record(receipt: Receipt, *, at: datetime) -> int:
    """Move the message on and return its id. Raises UnsupportedPayload for a message that is not ours."""
    message = _find(receipt)
    handles = _held(message, receipt)
    ticket = lock_ticket_of(message)
    if is_erased(message):
        advance(ticket, message, receipt.state, reason="", at=at)
        return message.id
    if message.provider_id is None and receipt.provider_id:
        message.provider_id = receipt.provider_id
    _RECORDED[receipt.news](ticket, message, receipt, handles, at)
    return message.id


def advance(ticket: Ticket, message: Message, state: MessageState, *, reason: str, at: datetime) -> bool:
    """Move a message on, in the journal too; return False if it is as far already. The ticket is locked.

    A ticket whose newest reply did not arrive is the desk's turn again.
    """
    before = message.state
    if PROGRESS[state] <= PROGRESS[before]:
        return False
    message.state = state
    message.state_reason = reason or None
    journal.append(ticket, DeliveryChanged(message.id, before, state), by=SYSTEM, at=at)
    if state in undelivered.LOST:
        undelivered.bring_back(ticket, message, at=at)
    return True


def not_to(refused: Mapping[str, str]) -> str:
    """Return who does not have a message, and why not, for the agent to read; "" when everybody has it."""
    return "; ".join(f"not to {address}: {words}" for address, words in refused.items())[:MAX_REASON]


def _moved(ticket: Ticket, message: Message, receipt: Receipt, handles: Handles, at: datetime) -> None:
    if receipt.may_go_again and _goes_again(ticket, message, receipt, at):
        return
    copies = _copies(message)
    own = [one for one in receipt.undelivered if _key(one.address) not in copies]
    if own or not receipt.undelivered:
        advance(ticket, message, receipt.state, reason=own[0].reason if own else receipt.reason, at=at)
    for one in receipt.undelivered:
        if one not in own:
            _copy_returned(ticket, message, one, copies[_key(one.address)], at)
        # Not where the customer's mail goes on to another address, which is the dead one: they may have it themselves.
        handle = handles.get(_key(one.address)) if one.address else handles.get(_OWN)
        if one.dead and handle is not None:
            reachability.mark(handle, ticket, message, reason=one.reason, at=at)
    theirs = handles.get(_OWN)
    if receipt.opted_out and theirs is not None and message.inbox is not None:
        opt_outs.opt_out(theirs, message.inbox, reason="the provider refuses them", ticket=ticket, at=at)


def _goes_again(ticket: Ticket, message: Message, receipt: Receipt, at: datetime) -> bool:
    """Have a message sent once more that surely did not arrive; return False when that has been done often enough."""
    if message.state not in UNDER_WAY or not 0 < message.attempts <= len(AGAIN_AFTER):
        return False
    message.data = {**message.data, LOST_AS: [*message.data.get(LOST_AS, ()), receipt.provider_id]}
    message.provider_id, message.state_reason = None, receipt.reason
    if message.state is MessageState.SENDING:
        return True  # whoever sends it hears the id in a moment, and knows it again
    before, message.state = message.state, MessageState.QUEUED
    message.next_attempt_at = at + AGAIN_AFTER[message.attempts - 1]
    journal.append(ticket, DeliveryChanged(message.id, before, message.state), by=SYSTEM, at=at)
    return True


def _copy_returned(ticket: Ticket, message: Message, lost: Undelivered, address: str, at: datetime) -> None:
    refused = message.data.get("refused", {})
    if address in refused:
        return
    message.data = {**message.data, "refused": {**refused, address: lost.reason}}
    told = [message.state_reason, not_to({address: lost.reason})]
    message.state_reason = "; ".join(one for one in told if one)[:MAX_REASON]
    journal.append(ticket, CopyReturned(message.id), by=SYSTEM, at=at)


def _delayed(ticket: Ticket, message: Message, receipt: Receipt, _handles: Handles, at: datetime) -> None:
    advance(ticket, message, MessageState.SENT, reason=receipt.reason, at=at)
    if message.state is MessageState.SENT:
        message.state_reason = receipt.reason[:MAX_REASON] or None
        journal.append(ticket, DeliveryDelayed(message.id), by=SYSTEM, at=at)


def _read(ticket: Ticket, message: Message, _receipt: Receipt, _handles: Handles, at: datetime) -> None:
    advance(ticket, message, MessageState.DELIVERED, reason="", at=at)
    journal.append(ticket, MessageRead(message.id), by=SYSTEM, at=at)


def _complained(ticket: Ticket, message: Message, receipt: Receipt, handles: Handles, at: datetime) -> None:
    advance(ticket, message, MessageState.DELIVERED, reason="", at=at)
    message.state_reason = receipt.reason[:MAX_REASON] or None
    handle = handles.get(_OWN)
    if handle is not None:
        handle.complained_at = at
    journal.append(ticket, ComplaintReceived(message.id, message.handle_id), by=SYSTEM, at=at)


_RECORDED: dict[News, Callable[[Ticket, Message, Receipt, Handles, datetime], None]] = {
    News.MOVED: _moved,
    News.DELAYED: _delayed,
    News.READ: _read,
    News.COMPLAINT: _complained,
}


def _copies(message: Message) -> dict[str, str]:
    """Return who got a copy: as compared, and as written."""
    return {_key(one["address"]): one["address"] for one in message.data.get("cc", ())}


def _held(message: Message, receipt: Receipt) -> Handles:
    """Lock the addresses that the receipt may change, in the order of their ids: persons, addresses, tickets."""
    dead = [one.address for one in receipt.undelivered if one.dead]
    if not dead and receipt.news is not News.COMPLAINT and not receipt.opted_out:
        return {}
    copies = _copies(message)
    named = [copies[_key(one)].strip().casefold() for one in dead if _key(one) in copies]
    theirs = and_(Handle.kind == HandleKind.EMAIL, Handle.address.in_(named))
    query = select(Handle).where(or_(Handle.id == message.handle_id, theirs)).order_by(Handle.id)
    query = query.with_for_update(of=Handle, key_share=True).execution_options(populate_existing=True)
    rows = db.session().scalars(query).all()
    held = {_key(row.address): row for row in rows}
    return held | {_OWN: row for row in rows if row.id == message.handle_id}  # noqa: B035 - there is one at most


def _key(address: str) -> str:
    """Return an address as it is compared: mail servers spell domains beyond ASCII in one way or the other."""
    local, at, domain = address.strip().casefold().rpartition("@")
    with suppress(UnicodeError):
        domain = domain.encode("idna").decode("ascii")
    return local + at + domain


def _find(receipt: Receipt) -> Message:
    query = select(Message).where(Message.kind == MessageKind.OUTBOUND, Message.channel == receipt.channel)
    if receipt.message_id is not None:
        query = query.where(Message.id == receipt.message_id)
    else:
        query = query.where(Message.provider_id == receipt.provider_id)
    message = db.session().scalar(query.limit(1))
    if message is None or message.provider_id not in {None, receipt.provider_id or message.provider_id}:
        raise UnsupportedPayload("a receipt for a message that this desk did not send")
    if receipt.provider_id in message.data.get(LOST_AS, ()):
        raise UnsupportedPayload("a receipt for an attempt that was followed by another")
    return message
