"""Leave word with a customer whom we could not reach: spoken, for their mailbox, and as a text message."""

from datetime import datetime

from sqlalchemy import case, select

from channels.phone.leaving import takes_texts
from channels.phone.models import Callback
from channels.phone.phrases import in_language
from ticketing import automatic_answers
from ticketing.envelope import Channel, HandleKind
from ticketing.models import Handle, Inbox, Ticket
from ticketing.reach import withheld_channels
from ticketing.store import db


def leave(ticket: Ticket, callback: Callback, *, at: datetime) -> None:
    """Say and write that we have tried, where the number is known to be the customer's and they want that."""
    handle = _handle(ticket, callback.number)
    if handle is None:
        return
    withheld = withheld_channels(ticket.customer_id)
    for inbox in _inboxes(ticket, callback):
        if takes_texts(handle) if inbox.channel is Channel.SMS else inbox.channel not in withheld:
            words = in_language(callback.language).callback_missed.format(desk=inbox.name)
            automatic_answers.tell(ticket, inbox, handle, words, at=at)


def _handle(ticket: Ticket, number: str) -> Handle | None:
    """Return the customer's number: to one that an agent typed for this call we leave no word, whoever's it is."""
    same = (Handle.kind == HandleKind.PHONE, Handle.address == number, Handle.customer_id == ticket.customer_id)
    usable = (Handle.detached_at.is_(None), Handle.unreachable_at.is_(None), Handle.blocked_at.is_(None))
    return db.session().scalar(select(Handle).where(*same, *usable))


def _inboxes(ticket: Ticket, callback: Callback) -> list[Inbox]:
    """Return our number that called, and the one that writes: the same, else one of the queue, else the oldest."""
    caller = db.session().get_one(Inbox, callback.inbox_id)
    rank = case((Inbox.address == caller.address, 0), (Inbox.queue_id == ticket.queue_id, 1), else_=2)
    writer = db.session().scalar(select(Inbox).where(Inbox.channel == Channel.SMS).order_by(rank, Inbox.id).limit(1))
    return [caller] if writer is None else [caller, writer]
