"""All that was said to and by a customer, over all their tickets and channels, newest first."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.orm import contains_eager, joinedload, selectinload

from ticketing.agents import Caller
from ticketing.filters import sees
from ticketing.models import Customer, Message, Ticket
from ticketing.store import db


def timeline(
    caller: Caller, customer: Customer, *, limit: int, after: tuple[datetime, int] | None = None
) -> Sequence[Message]:
    """Return up to `limit` + 1 messages and notes of the customer's tickets that the caller may see.

    `after` is the moment and the id of the last one of the page before. Two statements, whatever the page's size.
    """
    query = (
        select(Message)
        .join(Message.ticket)
        .join(Ticket.queue)
        .where(Ticket.customer_id == customer.id, sees(caller))
        .order_by(Message.created_at.desc(), Message.id.desc())
        .limit(limit + 1)
    )
    if after is not None:
        query = query.where(tuple_(Message.created_at, Message.id) < tuple_(*after))
    return db.session().scalars(query.options(*_with_names())).all()


def _with_names() -> Sequence[Any]:
    return (
        contains_eager(Message.ticket).load_only(Ticket.id, Ticket.subject, Ticket.status),
        joinedload(Message.author_agent),
        joinedload(Message.author_customer),
        selectinload(Message.attachments),
    )
