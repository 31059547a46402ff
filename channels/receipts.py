"""Record what providers say later of the messages that we sent. Words come late, twice and out of order."""

from datetime import datetime

from sqlalchemy import select

from channels.errors import UnsupportedPayload
from channels.events import DeliveryChanged
from channels.protocol import Receipt
from ticketing import journal
from ticketing.envelope import MessageState
from ticketing.erasure import is_erased
from ticketing.events import SYSTEM
from ticketing.lifecycle import lock_ticket_of
from ticketing.models import Message, MessageKind, Ticket
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


def record(receipt: Receipt, *, at: datetime) -> int:
    """Move the message on and return its id. Raises UnsupportedPayload for a message that is not ours."""
    message = _find(receipt)
    ticket = lock_ticket_of(message)
    if message.provider_id is None and not is_erased(message):
        message.provider_id = receipt.provider_id
    advance(ticket, message, receipt.state, reason=receipt.reason, at=at)
    return message.id


def advance(ticket: Ticket, message: Message, state: MessageState, *, reason: str, at: datetime) -> bool:
    """Move a message on, in the journal too; return False if it is as far already. The ticket is locked."""
    before = message.state
    if PROGRESS[state] <= PROGRESS[before]:
        return False
    message.state = state
    message.state_reason = reason or None
    journal.append(ticket, DeliveryChanged(message.id, before, state), by=SYSTEM, at=at)
    return True


def _find(receipt: Receipt) -> Message:
    query = select(Message).where(Message.kind == MessageKind.OUTBOUND, Message.channel == receipt.channel)
    if receipt.message_id is not None:
        query = query.where(Message.id == receipt.message_id)
    else:
        query = query.where(Message.provider_id == receipt.provider_id)
    message = db.session().scalar(query.limit(1))
    if message is None or message.provider_id not in {None, receipt.provider_id}:
        raise UnsupportedPayload("a receipt for a message that this desk did not send")
    return message
