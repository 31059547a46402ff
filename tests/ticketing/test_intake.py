"""Every message finds its person and its ticket; strangers never find somebody else's."""

from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests import make
from tests.conftest import NOON
from ticketing import intake, lifecycle
from ticketing.envelope import Channel, HandleKind, InboundMessage, MessageState, Sender, ThreadHints
from ticketing.events import SYSTEM
from ticketing.intake import Taken
from ticketing.models import Customer, Handle, Inbox, Ticket
from ticketing.status import Status
from ticketing.store import db
from ticketing.transaction import transaction

LUCIE = Sender(HandleKind.EMAIL, "Lucie@Home.example", "Lucie")


def mail(text: str = "The kettle leaks.", *, sender: Sender = LUCIE, **values: object) -> InboundMessage:
    values = {"subject": "Kettle", "received_at": NOON, **values}
    return InboundMessage(Channel.EMAIL, f"<{text}>", sender, text=text, **values)


def take_in(message: InboundMessage, inbox: Inbox) -> Taken:
    with transaction("test") as session:
        return intake.take_in(message, session.get_one(Inbox, inbox.id), files=(), at=message.received_at)


def close(ticket: Ticket) -> None:
    with transaction("test"):
        row = lifecycle.lock_ticket(ticket.id)
        lifecycle.resolve(row, by=SYSTEM, at=NOON)
        row.status = Status.CLOSED


def test_a_first_message_makes_customer_handle_and_ticket(app: Flask) -> None:
    inbox = make.inbox(Channel.EMAIL)

    taken = take_in(mail(), inbox)

    assert taken.opened
    assert (taken.ticket.subject, taken.ticket.channel, taken.ticket.status) == ("Kettle", Channel.EMAIL, Status.NEW)
    assert taken.ticket.customer.name == "Lucie"
    assert [one.address for one in taken.ticket.customer.handles] == ["lucie@home.example"]
    assert taken.ticket.waiting_since == NOON
    assert taken.message.state is MessageState.RECEIVED


def test_a_person_is_known_by_any_spelling_of_their_address(app: Flask) -> None:
    inbox = make.inbox(Channel.EMAIL)
    first = take_in(mail("one"), inbox)

    second = take_in(mail("two", sender=Sender(HandleKind.EMAIL, "LUCIE@home.EXAMPLE")), inbox)

    assert second.ticket.customer_id == first.ticket.customer_id
    assert db.session().scalar(select(func.count()).select_from(Handle)) == 1


def test_a_signed_token_threads_from_any_address_and_keeps_the_ticket_its_customers(app: Flask) -> None:
    inbox = make.inbox(Channel.EMAIL)
    first = take_in(mail("one"), inbox)
    stranger = Sender(HandleKind.EMAIL, "boss@work.example", "The boss")

    second = take_in(mail("two", sender=stranger, hints=ThreadHints(ticket_ids=(first.ticket.id,))), inbox)

    assert second.ticket.id == first.ticket.id
    assert second.ticket.customer_id == first.ticket.customer_id
    assert second.message.author_customer_id != first.ticket.customer_id


def test_a_participant_threads_by_a_known_message_id(app: Flask) -> None:
    inbox = make.inbox(Channel.EMAIL)
    first = take_in(mail("one"), inbox)

    second = take_in(mail("two", hints=ThreadHints(message_ids=("<one>",))), inbox)

    assert second.ticket.id == first.ticket.id


@pytest.mark.parametrize(
    "guess", [{"message_ids": ("<one>",)}, {"subject_ticket_ids": (1,)}], ids=["a message id", "a subject token"]
)
def test_a_stranger_who_guesses_gets_a_new_ticket_with_a_suggested_link(app: Flask, guess: dict[str, object]) -> None:
    inbox = make.inbox(Channel.EMAIL)
    first = take_in(mail("one"), inbox)
    stranger = Sender(HandleKind.EMAIL, "mallory@elsewhere.example")

    second = take_in(mail("two", sender=stranger, hints=ThreadHints(**guess)), inbox)

    assert second.opened
    assert second.ticket.suggested_id == first.ticket.id


def test_a_reply_to_a_solved_ticket_reopens_it(app: Flask) -> None:
    inbox = make.inbox(Channel.EMAIL)
    first = take_in(mail("one"), inbox)
    with transaction("test"):
        lifecycle.resolve(lifecycle.lock_ticket(first.ticket.id), by=SYSTEM, at=NOON)

    second = take_in(mail("two", hints=ThreadHints(ticket_ids=(first.ticket.id,))), inbox)

    assert (second.ticket.id, second.ticket.status, second.ticket.solved_at) == (first.ticket.id, Status.OPEN, None)
    assert second.ticket.waiting_since == NOON


def test_a_reply_after_closing_opens_a_linked_ticket(app: Flask) -> None:
    inbox = make.inbox(Channel.EMAIL)
    first = take_in(mail("one"), inbox)
    close(first.ticket)

    second = take_in(mail("two", hints=ThreadHints(ticket_ids=(first.ticket.id,))), inbox)

    assert second.opened
    assert second.ticket.follows_id == first.ticket.id


def test_a_machines_answer_lies_on_the_ticket_and_reopens_nothing(app: Flask) -> None:
    inbox = make.inbox(Channel.EMAIL)
    first = take_in(mail("one"), inbox)
    with transaction("test"):
        lifecycle.resolve(lifecycle.lock_ticket(first.ticket.id), by=SYSTEM, at=NOON)

    second = take_in(mail("away", automatic=True, hints=ThreadHints(ticket_ids=(first.ticket.id,))), inbox)

    assert second.ticket.id == first.ticket.id
    assert (second.ticket.status, second.ticket.waiting_since) == (Status.SOLVED, None)


def test_a_text_continues_the_newest_conversation_within_its_window(app: Flask) -> None:
    inbox = make.inbox(Channel.SMS)
    sender = Sender(HandleKind.PHONE, "+1 514 555 0123")
    first = take_in(InboundMessage(Channel.SMS, "SM1", sender, text="Hello?", received_at=NOON), inbox)

    soon = take_in(
        InboundMessage(Channel.SMS, "SM2", sender, text="Anybody?", received_at=NOON + timedelta(days=3)), inbox
    )
    late = take_in(
        InboundMessage(Channel.SMS, "SM3", sender, text="A new thing", received_at=NOON + timedelta(days=30)), inbox
    )

    assert soon.ticket.id == first.ticket.id
    assert late.opened


def test_merged_tickets_lead_to_where_they_went(app: Flask) -> None:
    inbox = make.inbox(Channel.EMAIL)
    first, second = take_in(mail("one"), inbox), take_in(mail("two"), inbox)
    with transaction("test"):
        lifecycle.lock_ticket(first.ticket.id).merged_into_id = second.ticket.id

    third = take_in(mail("three", hints=ThreadHints(ticket_ids=(first.ticket.id,))), inbox)

    assert third.ticket.id == second.ticket.id


def test_a_withheld_number_is_a_person_all_the_same(app: Flask) -> None:
    inbox = make.inbox(Channel.PHONE)
    call = InboundMessage(Channel.PHONE, "CA1", Sender(HandleKind.PHONE, ""), text="", received_at=NOON, live=True)

    first, second = take_in(call, inbox), take_in(replace(call, provider_id="CA2"), inbox)

    assert first.ticket.live
    assert first.ticket.subject == "Phone call"
    assert first.ticket.customer_id != second.ticket.customer_id
    assert db.session().scalar(select(func.count()).select_from(Customer)) == 2
