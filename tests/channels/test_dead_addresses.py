"""A provider's word at the door that nobody is there marks the address, and no other refusal does."""

from flask import Flask

from channels import delivery
from channels.errors import PermanentFailure
from tests import fakes, make
from tests.conftest import NOON
from ticketing import journal, lifecycle
from ticketing.envelope import Channel, MessageState
from ticketing.events import SYSTEM
from ticketing.models import Handle, Message, Ticket
from ticketing.status import Status
from ticketing.store import db
from ticketing.transaction import transaction

NOBODY = PermanentFailure("550 5.1.1 no such user", status="5.1.1", dead_address=True)


def refused(app: Flask, failure: PermanentFailure) -> tuple[Ticket, Message, Handle]:
    fake = fakes.FakeChannel()
    fakes.plug_in(app, fake)
    make.inbox(Channel.SMS)
    ticket = make.ticket(channel=Channel.SMS, customer=make.customer(phone="+15145550123"))
    reply = make.reply(ticket, make.agent())
    with transaction("test"):
        lifecycle.change_status(lifecycle.lock_ticket(ticket.id), Status.PENDING, by=SYSTEM, at=NOON)
    fake.outcomes = [failure]

    delivery.deliver(ticket.id, now=lambda: NOON)

    session = db.session()
    message = session.get_one(Message, reply.id, populate_existing=True)
    ticket = session.get_one(Ticket, ticket.id, populate_existing=True)
    return ticket, message, session.get_one(Handle, message.handle_id, populate_existing=True)


def test_a_dead_address_is_marked_and_the_ticket_is_back(app: Flask) -> None:
    ticket, message, handle = refused(app, NOBODY)

    assert (message.state, ticket.status) == (MessageState.FAILED, Status.OPEN)
    assert (handle.unreachable_at, handle.unreachable_reason) == (NOON, "550 5.1.1 no such user")
    assert "address_unreachable" in [row.kind for row in journal.lines(ticket.id)]


def test_a_refusal_of_the_message_marks_nobody(sqlite_app: Flask) -> None:
    ticket, message, handle = refused(sqlite_app, PermanentFailure("554 5.7.1 looks like spam", status="5.7.1"))

    assert (message.state, ticket.status, handle.unreachable_at) == (MessageState.FAILED, Status.OPEN, None)
