"""Open a ticket on behalf of a customer, as a program or an agent does who took down what they said."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ticketing import conversation, lifecycle
from ticketing.customers import customer_in_use, new_customer, recognise, senders_of
from ticketing.envelope import HANDLE_KINDS, Channel, HandleKind, InboundMessage, Sender
from ticketing.events import Actor
from ticketing.fields import checked
from ticketing.models import Customer, FieldSubject, Handle, Queue, Ticket
from ticketing.status import Priority


def open_request(
    *,
    subject: str,
    body: str,
    customer: Customer,
    handles: Sequence[Handle],
    queue: Queue,
    by: Actor,
    at: datetime,
    channel: Channel = Channel.API,
    priority: Priority = Priority.NORMAL,
    tags: Iterable[str] = (),
    skills: Iterable[str] = (),
    fields: Mapping[str, Any] | None = None,
) -> Ticket:
    """Open a ticket whose first message is the customer's `body`; the customer waits from now on.

    `by` is who took it down. `handles` are those that the customer gave; without any, a reply goes to those that are
    known. The message came through no inbox of ours, so a reply leaves from one that fits.
    """
    ticket = lifecycle.open_ticket(
        subject=subject,
        customer=customer,
        queue=queue,
        channel=channel,
        priority=priority,
        tags=tags,
        skills=skills,
        fields=checked(FieldSubject.TICKET, fields or {}),
        by=by,
        at=at,
    )
    handle = _handle_on(channel, handles)
    sender = Sender(handle.kind if handle else HandleKind.EMAIL, handle.shown if handle else "", customer.name)
    words = InboundMessage(channel, provider_id="", sender=sender, text=body, received_at=at)
    conversation.receive(ticket, words, customer=customer, handle=handle, inbox=None, files=(), at=at)
    return ticket


def identify(
    *, at: datetime, customer_id: int | None = None, name: str = "", email: str = "", phone: str = ""
) -> tuple[Customer, list[Handle]]:
    """Return the customer that a request is from, known by id or described, with the handles that it names.

    One who was merged into another stands for that one. Raises NotFound, Erased, InvalidHandle, InvalidInput when
    nothing is said of the customer.
    """
    if customer_id is not None:
        return customer_in_use(customer_id), []
    senders = senders_of(name, email, phone)
    if not senders:
        return new_customer(name, at=at), []
    return recognise(senders, at=at)


def _handle_on(channel: Channel, handles: Sequence[Handle]) -> Handle | None:
    """Return the handle that belongs to the channel, else the first one."""
    kind = HANDLE_KINDS.get(channel)
    return next((handle for handle in handles if handle.kind is kind), handles[0] if handles else None)
