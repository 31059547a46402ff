"""What programs report of our mail moves the message, marks the address and tells the desk, if it proves itself."""

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from flask import Flask

from channels import delivery, gateway, registry
from channels.email.adapter import EmailChannel
from channels.email.reply_address import new_message_id
from channels.models import InboundItem, ItemState
from channels.protocol import RawItem
from config.settings import Settings, derived_key
from tests import make
from tests.channels import letters, reports
from tests.channels.email.test_email_smtp_client import Handler, serving
from tests.conftest import NOON
from ticketing import journal, lifecycle, snoozing
from ticketing.envelope import Channel, MessageState
from ticketing.events import SYSTEM
from ticketing.models import Handle, Message, Ticket
from ticketing.reachability import takes_automatic_mail
from ticketing.status import Status
from ticketing.store import db
from ticketing.transaction import transaction


@dataclass
class Answered:
    """Lucie wrote, we answered, and the mail left under our signed id."""

    ticket_id: int
    message_id: int
    our_id: str

    @property
    def ticket(self) -> Ticket:
        return db.session().get_one(Ticket, self.ticket_id, populate_existing=True)

    @property
    def message(self) -> Message:
        return db.session().get_one(Message, self.message_id, populate_existing=True)

    @property
    def handle(self) -> Handle:
        return db.session().get_one(Handle, self.message.handle_id, populate_existing=True)

    @property
    def events(self) -> list[str]:
        return [row.kind for row in journal.lines(self.ticket_id)]


def receive(raw: bytes, *, sender: str = "", recipient: str = letters.US, at=NOON) -> gateway.Received:
    meta = {"door": "smtp", "recipient": letters.US, "envelope_recipient": recipient, "envelope_sender": sender}
    return gateway.receive(RawItem(Channel.EMAIL, "message", raw, at, meta=meta), at=at)


def answer(app: Flask, ticket_id: int, *, body: str = "We are on it.") -> Answered:
    reply = make.reply(db.session().get_one(Ticket, ticket_id), make.agent(), body)
    key = derived_key(app.extensions["comptoir.settings"].secret_key, "mail threads")
    our_id = new_message_id(ticket_id, reply.id, "desk.example", key)
    with transaction("test") as session:
        row = session.get_one(Message, reply.id)
        row.state, row.provider_id = MessageState.SENT, our_id
    return Answered(ticket_id, reply.id, our_id)


def first_mail() -> int:
    make.inbox(Channel.EMAIL, address=letters.US)
    return receive(letters.mail("<1@home.example>", "Kettle", "It drips."), sender="lucie@home.example").ticket_id or 0


@pytest.fixture
def answered(sqlite_app: Flask) -> Answered:
    return answer(sqlite_app, first_mail())


def go(answered: Answered, status: Status, *, snoozed: bool = False) -> None:
    with transaction("test"):
        ticket = lifecycle.lock_ticket(answered.ticket_id)
        lifecycle.change_status(ticket, status, by=SYSTEM, at=NOON)
        if snoozed:
            snoozing.snooze(ticket, NOON + timedelta(days=3), by=SYSTEM, at=NOON)


def test_a_dead_address_marks_the_handle_tells_the_ticket_and_brings_it_back(app: Flask) -> None:
    answered = answer(app, first_mail())
    go(answered, Status.PENDING, snoozed=True)

    receive(reports.delivery(answered.our_id, reports.NOBODY))

    reason = "The mailbox does not exist (5.1.1): 550 5.1.1 no such user"
    assert (answered.message.state, answered.message.state_reason) == (MessageState.BOUNCED, reason)
    assert (answered.handle.unreachable_at, answered.handle.unreachable_reason) == (NOON, reason)
    assert (answered.ticket.status, answered.ticket.snoozed_until) == (Status.OPEN, None)
    assert answered.events[-4:] == ["delivery_changed", "status_changed", "ticket_woke", "address_unreachable"]


def test_a_solved_ticket_reopens_when_its_answer_comes_back(answered: Answered) -> None:
    go(answered, Status.SOLVED)

    receive(reports.delivery(answered.our_id, reports.FULL))

    assert (answered.message.state, answered.ticket.status) == (MessageState.BOUNCED, Status.OPEN)
    assert answered.handle.unreachable_at is None  # full today


def test_a_bounce_of_what_was_written_again_since_brings_nothing_back(sqlite_app: Flask, answered: Answered) -> None:
    answer(sqlite_app, answered.ticket_id, body="Once more.")
    go(answered, Status.PENDING)

    receive(reports.delivery(answered.our_id, reports.FULL))

    assert (answered.message.state, answered.ticket.status) == (MessageState.BOUNCED, Status.PENDING)


def test_a_ticket_beyond_its_grace_stays_closed(answered: Answered) -> None:
    go(answered, Status.SOLVED)

    receive(reports.delivery(answered.our_id, reports.NOBODY), at=NOON + timedelta(days=60))

    assert (answered.message.state, answered.ticket.status) == (MessageState.BOUNCED, Status.SOLVED)


def test_a_delay_is_shown_and_moves_nothing(answered: Answered) -> None:
    go(answered, Status.PENDING)

    receive(reports.delivery(answered.our_id, reports.TRIED))

    assert answered.message.state is MessageState.SENT
    assert "still tried" in (answered.message.state_reason or "")
    assert (answered.ticket.status, answered.events[-1]) == (Status.PENDING, "delivery_delayed")


def test_a_report_of_arrival_makes_it_delivered_and_a_receipt_says_that_it_was_read(answered: Answered) -> None:
    go(answered, Status.SOLVED)
    receive(reports.delivery(answered.our_id, reports.TRIED, mark="0"))

    receive(reports.delivery(answered.our_id, reports.ARRIVED))
    read = receive(reports.disposition(answered.our_id))

    assert (answered.message.state, answered.message.state_reason) == (MessageState.DELIVERED, None)
    assert (answered.ticket.status, answered.ticket.waiting_since) == (Status.SOLVED, None)
    assert (read.state, answered.events[-1]) == (ItemState.PROCESSED, "message_read")


def test_a_complaint_is_recorded_and_stops_automatic_mail(answered: Answered) -> None:
    receive(reports.complaint(answered.our_id))

    assert (answered.message.state, answered.message.state_reason) == (
        MessageState.DELIVERED,
        "The recipient called this mail spam",
    )
    assert (answered.handle.complained_at, takes_automatic_mail(answered.handle)) == (NOON, False)
    assert (answered.handle.unreachable_at, answered.events[-1]) == (None, "complaint_received")


def test_what_no_person_complained_of_is_no_complaint(answered: Answered) -> None:
    for feedback_type in ("not-spam", "auth-failure", "virus"):
        receive(reports.complaint(answered.our_id, feedback_type, mark=feedback_type))

    assert (answered.handle.complained_at, answered.message.state) == (None, MessageState.SENT)


def test_the_customers_next_words_make_their_address_reachable_and_a_machines_do_not(answered: Answered) -> None:
    receive(reports.delivery(answered.our_id, reports.NOBODY))
    receive(letters.mail("<2@home.example>", "Re: Kettle", "Nobody reads this.", Auto_Submitted="auto-replied"))
    marked = answered.handle.unreachable_at

    receive(letters.mail("<3@home.example>", "Re: Kettle", "I am back."), sender="lucie@home.example")

    assert (marked, answered.handle.unreachable_at, answered.handle.unreachable_reason) == (NOON, None, "")


def test_a_late_bounce_marks_nobody_who_has_written_since(answered: Answered) -> None:
    receive(letters.mail("<3@home.example>", "Re: Kettle", "Here I am."), sender="lucie@home.example")

    receive(reports.delivery(answered.our_id, reports.NOBODY))

    assert (answered.message.state, answered.handle.unreachable_at) == (MessageState.BOUNCED, None)


def test_a_bounce_from_behind_a_forwarding_marks_not_the_address_that_we_wrote_to(answered: Answered) -> None:
    receive(reports.delivery(answered.our_id, reports.NOBODY, recipient="old@elsewhere.example"))

    assert (answered.message.state, answered.handle.unreachable_at) == (MessageState.BOUNCED, None)


def test_a_copy_that_comes_back_is_told_beside_the_message_that_arrived(answered: Answered) -> None:
    bob = make.customer("Bob", email="bob@work.example").handles[0]
    with transaction("test") as session:
        session.get_one(Message, answered.message_id).data = {"cc": [{"name": "Bob", "address": "Bob@work.example"}]}

    receive(reports.delivery(answered.our_id, reports.NOBODY, recipient="bob@work.example"))

    assert (answered.message.state, answered.handle.unreachable_at) == (MessageState.SENT, None)
    assert "not to Bob@work.example: The mailbox does not exist" in (answered.message.state_reason or "")
    assert "copy_returned" in answered.events
    assert db.session().get_one(Handle, bob.id, populate_existing=True).unreachable_at == NOON


FORGED = {
    "another-message": ("m{message}.", "m{other}."),
    "another-ticket": ("<t{ticket}.", "<t999."),
    "an-id-that-nobody-signed": ("{id}", "<1@home.example>"),
    "another-domain": ("@desk.example>", "@x.example>"),
}


def test_a_forged_bounce_changes_nothing(answered: Answered) -> None:
    words = {"message": answered.message_id, "other": answered.message_id + 1, "ticket": 1, "id": answered.our_id}
    for mark, (what, instead) in FORGED.items():
        raw = reports.delivery(answered.our_id, reports.NOBODY, mark=mark).decode()
        receive(raw.replace(what.format(**words), instead.format(**words)).encode())

    assert (answered.message.state, answered.handle.unreachable_at) == (MessageState.SENT, None)


def test_an_unproven_bounce_is_a_ticket_of_its_own_that_suggests_ours(answered: Answered) -> None:
    received = receive(reports.delivery("<lost@desk.example>", reports.NOBODY))

    ticket = db.session().get_one(Ticket, received.ticket_id)
    assert (ticket.suggested_id, ticket.waiting_since) == (answered.ticket_id, None)


def test_a_report_on_somebody_to_whom_we_never_wrote_is_kept_and_ignored(answered: Answered) -> None:
    received = receive(reports.delivery("<spam@desk.example>", reports.NOBODY, recipient="stranger@x.example"))

    item = db.session().get_one(InboundItem, received.item_id)
    assert (item.state, received.ticket_id) == (ItemState.IGNORED, None)
    assert "did not send" in (item.reason or "")


def test_a_customers_words_on_a_bounce_are_read_as_theirs(answered: Answered) -> None:
    words = (
        "See below.\n\nThis message was created automatically by mail delivery software.\nA message that you sent "
        "could not be delivered. The following address(es) failed:\n\n  bob@home.example\n    550 5.1.1 user unknown\n"
    )
    quoted = f"{words}\nMessage-ID: {answered.our_id}\n"
    raw = letters.mail("<4@home.example>", "Re: Undelivered mail", quoted, In_Reply_To=answered.our_id)
    keeper = letters.mail(
        "<5@x.example>", "Re: Undelivered mail", quoted, sender="postmaster@home.example", In_Reply_To=answered.our_id
    )

    received = receive(raw, sender="lucie@home.example")
    keepers = receive(keeper, sender="postmaster@home.example")

    assert [received.ticket_id, keepers.ticket_id] == [answered.ticket_id] * 2
    assert {received.message_id, keepers.message_id}.isdisjoint({answered.message_id})
    assert (answered.message.state, answered.ticket.waiting_since) == (MessageState.SENT, NOON)


def test_an_absence_lies_on_its_ticket_and_changes_nothing(answered: Answered) -> None:
    go(answered, Status.SOLVED)
    raw = letters.mail(
        "<5@home.example>", "Abwesenheitsnotiz: Re: Kettle", "Back on Monday.", In_Reply_To=answered.our_id
    )

    received = receive(raw, sender="lucie@home.example")

    assert (received.ticket_id, answered.ticket.status) == (answered.ticket_id, Status.SOLVED)
    assert (answered.ticket.waiting_since, answered.ticket.due_at) == (None, None)
    assert db.session().get_one(Message, received.message_id).automatic


def test_a_bounce_without_a_copy_is_known_by_the_return_path_that_the_mail_left_with(sqlite_app: Flask) -> None:
    ticket_id, handler = first_mail(), Handler()
    reply = make.reply(db.session().get_one(Ticket, ticket_id), make.agent())
    settings: Settings = sqlite_app.extensions["comptoir.settings"]
    with serving(handler) as url:
        registry.install(sqlite_app, {Channel.EMAIL: EmailChannel(replace(settings, smtp_url=url))})
        delivery.deliver(ticket_id, now=lambda: NOON)
    (return_path,) = handler.senders

    receive(reports.delivery("<gone@desk.example>", reports.NOBODY), recipient=str(return_path))

    message = db.session().get_one(Message, reply.id, populate_existing=True)
    assert str(return_path).startswith(f"support+t{ticket_id}.m{reply.id}.")
    assert message.state is MessageState.BOUNCED
