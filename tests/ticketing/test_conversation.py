"""Replies find their way to the customer; notes stay in the house."""

import pytest
from flask import Flask

from tests import make
from tests.conftest import NOON
from ticketing import conversation, lifecycle
from ticketing.envelope import Channel, MessageState
from ticketing.errors import InvalidInput, InvalidTransition, NoReachableChannel
from ticketing.events import SYSTEM
from ticketing.models import Agent, Customer, Ticket
from ticketing.status import Status
from ticketing.store import db
from ticketing.transaction import transaction


def fresh(ticket: Ticket) -> Ticket:
    return db.session().get_one(Ticket, ticket.id, populate_existing=True)


def test_a_reply_goes_out_where_the_customer_last_wrote(app: Flask) -> None:
    make.inbox(Channel.EMAIL)
    ours = make.inbox(Channel.SMS)
    karim = make.customer(email="karim@home.example", phone="+15145550123")
    ticket = make.ticket(channel=Channel.SMS, customer=karim)

    message = make.reply(ticket, make.agent())

    assert (message.channel, message.channel_reason, message.state) == (Channel.SMS, "last_used", MessageState.QUEUED)
    assert (message.inbox_id, message.handle.address) == (ours.id, "+15145550123")


def test_the_customers_preference_comes_first(app: Flask) -> None:
    make.inbox(Channel.EMAIL)
    make.inbox(Channel.SMS)
    karim = make.customer(email="karim@home.example", phone="+15145550123")
    ticket = make.ticket(channel=Channel.SMS, customer=karim)
    with transaction("test") as session:
        session.get_one(Customer, karim.id).preferred_channels = ["chat", "email"]

    message = make.reply(ticket, make.agent())

    assert (message.channel, message.channel_reason) == (Channel.EMAIL, "preferred")


def test_a_request_opened_by_a_program_is_answered_where_the_customer_can_be_reached(app: Flask) -> None:
    make.inbox(Channel.SMS)
    ticket = make.ticket(channel=Channel.API, customer=make.customer(phone="+15145550123"))

    message = make.reply(ticket, make.agent())

    assert (message.channel, message.channel_reason) == (Channel.SMS, "reachable")


def test_who_cannot_be_reached_is_said_so_and_nothing_is_written(app: Flask) -> None:
    ticket = make.ticket(customer=make.customer(email="karim@home.example"))

    with pytest.raises(NoReachableChannel):
        make.reply(ticket, make.agent())
    with pytest.raises(NoReachableChannel):
        make.reply(ticket, make.agent(), channel=Channel.SMS)

    assert fresh(ticket).waiting_since == NOON


def test_whoever_answers_has_the_ticket_and_the_wait_is_over(app: Flask) -> None:
    make.inbox(Channel.EMAIL)
    ada = make.agent()
    ticket = make.ticket()

    make.reply(ticket, ada)

    assert (fresh(ticket).assignee_id, fresh(ticket).status, fresh(ticket).waiting_since) == (ada.id, Status.OPEN, None)


def test_a_customers_answer_to_a_pending_ticket_opens_it(app: Flask) -> None:
    ticket = make.ticket()
    with transaction("test"):
        lifecycle.change_status(lifecycle.lock_ticket(ticket.id), Status.PENDING, by=SYSTEM, at=NOON)

    make.message(ticket)

    assert fresh(ticket).status is Status.OPEN


def test_an_empty_reply_and_one_to_a_closed_ticket_are_refused(app: Flask) -> None:
    make.inbox(Channel.EMAIL)
    ticket, ada = make.ticket(), make.agent()

    with pytest.raises(InvalidInput):
        make.reply(ticket, ada, body=" \n")
    with transaction("test"):
        lifecycle.lock_ticket(ticket.id).status = Status.CLOSED
    with pytest.raises(InvalidTransition):
        make.reply(ticket, ada)


def test_a_note_goes_nowhere(app: Flask) -> None:
    ticket, ada = make.ticket(), make.agent()

    with transaction("test") as session:
        row = lifecycle.lock_ticket(ticket.id)
        note = conversation.note(row, "He sounds angry.", agent=session.get_one(Agent, ada.id), at=NOON)

    assert (note.state, note.handle_id) == (MessageState.RECEIVED, None)
    assert fresh(ticket).waiting_since == NOON
