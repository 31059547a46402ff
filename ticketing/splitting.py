"""Make two tickets of one: what does not belong here goes to a new ticket of whoever wrote it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Row, select

from ticketing import journal, lifecycle, participants
from ticketing.agents import Caller
from ticketing.customers import lock_customer
from ticketing.envelope import MessageState
from ticketing.errors import Conflict, InvalidInput
from ticketing.events import Actor, TicketSplit
from ticketing.links import LinkWord, link
from ticketing.merging import move_messages
from ticketing.models import Customer, Message, MessageKind, Ticket
from ticketing.moment import rfc3339
from ticketing.queries import lock_seen, must_see
from ticketing.store import db

Line = Row[int, MessageKind, MessageState, bool, datetime]  # of a message, what tells where it goes
LEAVING = frozenset({MessageState.QUEUED, MessageState.SENDING})


def lock_with_author(caller: Caller, ticket_id: int, message_id: int) -> Ticket:
    """Return a ticket to split, locked, and before it the message's author, as everybody does who locks both.

    Otherwise who merges that customer at this moment would not see the new ticket. Raises NotFound.
    """
    must_see(caller, ticket_id)
    author = select(Customer).join(Message, Message.author_customer_id == Customer.id)
    customer = db.session().scalar(author.where(Message.id == message_id, Message.ticket_id == ticket_id))
    if customer is not None:
        lock_customer(customer)
    return lock_seen(caller, ticket_id)


def split(
    ticket: Ticket, message_id: int, *, by: Actor, at: datetime, following: bool = False, subject: str | None = None
) -> Ticket:
    """Move a customer's message, with `following` all that came after it too, to a new ticket; return that one.

    It is its author's, in the same queue, and opens by the message's channel and inbox. What nobody has answered waits
    on, since the moment at which it came. `ticket` is locked. Raises InvalidInput for a message that is not the
    ticket's, Conflict when it is no customer's, when nothing would be left, or when a reply is just leaving.
    """
    lifecycle.must_not_be_over(ticket, at)
    first, chosen, left = _parted(ticket, message_id, following=following)
    waits = _waiting(ticket, chosen)
    customer = first.author_customer
    if customer is None or first.kind is not MessageKind.INBOUND:
        raise Conflict(f"message {message_id} is not from a customer; a new ticket begins with a customer's words")
    new = lifecycle.open_ticket(
        subject=subject if subject is not None else ticket.subject,
        customer=customer,
        queue=ticket.queue,
        channel=first.channel,
        inbox=first.inbox,
        priority=ticket.priority,
        waiting=waits is not None,
        waiting_since=waits,
        by=by,
        at=at,
    )
    ticket.waiting_since = _waiting(ticket, left)
    moved = move_messages(ticket, new.id, [one.id for one in chosen])
    participants.follow_split(moved, new, at=at)
    since = rfc3339(ticket.waiting_since) if ticket.waiting_since else None
    journal.append(ticket, TicketSplit(new.id, moved, since), by=by, at=at)
    link(ticket, LinkWord.RELATES, new, by=by, at=at)
    return new


def _parted(ticket: Ticket, message_id: int, *, following: bool) -> tuple[Message, Sequence[Line], Sequence[Line]]:
    """Return the message, what goes, and what stays."""
    first = db.session().get(Message, message_id, populate_existing=True)
    if first is None or first.ticket_id != ticket.id:
        raise InvalidInput(f"ticket {ticket.id} has no message {message_id}")
    columns = (Message.id, Message.kind, Message.state, Message.automatic, Message.created_at)
    query = select(*columns).where(Message.ticket_id == ticket.id).order_by(Message.id)
    chosen, left = list[Line](), list[Line]()
    for line in db.session().execute(query).all():
        goes = line.id == message_id or (following and line.id > message_id)
        (chosen if goes else left).append(line)
    if all(line.kind is MessageKind.NOTE for line in left):
        raise Conflict(f"nothing but notes would be left on ticket {ticket.id}; change its subject instead")
    leaving = next((line for line in chosen if line.state in LEAVING), None)
    if leaving is not None:
        raise Conflict(f"message {leaving.id} is on its way to the customer; try again when it is sent")
    return first, chosen, left


def _waiting(ticket: Ticket, lines: Sequence[Line]) -> datetime | None:
    """Return since when one of these messages waits for an answer; a reply answers all that came before it."""
    since = ticket.waiting_since
    if since is None:
        return None
    words = (line.created_at for line in lines if line.kind is MessageKind.INBOUND and not line.automatic)
    return min((moment for moment in words if moment >= since), default=None)
