"""Mail threads by what we signed, a mail is taken in once, and nobody's mail is lost for an odd sender."""

import pytest
from flask import Flask

from channels import gateway
from channels.email.inboxes import inbox_address, inbox_for_secret
from channels.email.reply_address import plus_address
from channels.errors import InvalidSignature
from channels.models import InboundItem, ItemState
from channels.protocol import RawItem
from config.settings import Settings, derived_key
from tests import make
from tests.channels import letters
from tests.conftest import NOON
from ticketing.envelope import Channel, MessageState
from ticketing.models import Inbox, Message, Ticket
from ticketing.secrets import encrypt
from ticketing.store import db
from ticketing.transaction import transaction


@pytest.fixture
def inbox(app: Flask) -> Inbox:
    """Our mail address."""
    return make.inbox(Channel.EMAIL, address=letters.US)


def receive(raw: bytes, *, recipient: str = letters.US, sender: str = "") -> gateway.Received:
    meta = {"door": "smtp", "recipient": letters.US, "envelope_recipient": recipient, "envelope_sender": sender}
    item = RawItem(Channel.EMAIL, "message", raw, NOON, meta=meta)
    return gateway.receive(item, at=NOON)


def message(received: gateway.Received) -> Message:
    return db.session().get_one(Message, received.message_id)


def test_a_mail_reads_as_what_its_author_newly_wrote(app: Flask, inbox: Inbox) -> None:
    words = "It still drips.\n\nOn Mon, 16 Nov 2026 at 12:00, Agnes <support@desk.example> wrote:\n> We are on it.\n"

    found = message(receive(letters.mail("<1@home.example>", "Re: Kettle", words)))

    assert found.body == "It still drips."
    assert "We are on it." in found.quoted


def test_a_mail_that_only_quotes_is_shown_whole(app: Flask, inbox: Inbox) -> None:
    found = message(receive(letters.mail("<1@home.example>", "Fwd", "> The kettle leaks.\n")))

    assert "The kettle leaks." in found.body


def test_an_answer_to_the_signed_address_threads_from_anywhere(app: Flask, inbox: Inbox, settings: Settings) -> None:
    first = receive(letters.mail("<1@home.example>", "Kettle", "It drips."))
    address = plus_address(letters.US, first.ticket_id or 0, derived_key(settings.secret_key, "mail threads"))

    second = receive(
        letters.mail("<2@work.example>", "Kettle again", "And at work too.", sender="lucie@work.example"),
        recipient=address,
    )

    assert second.ticket_id == first.ticket_id
    assert inbox_address(address) == inbox.address


def test_a_stranger_with_a_subject_token_gets_a_ticket_of_their_own(app: Flask, inbox: Inbox) -> None:
    first = receive(letters.mail("<1@home.example>", "Kettle", "It drips."))

    second = receive(letters.mail("<2@x.example>", f"[#{first.ticket_id}]", "Give me.", sender="mallory@x.example"))

    assert second.ticket_id != first.ticket_id
    assert db.session().get_one(Ticket, second.ticket_id).suggested_id == first.ticket_id


def test_the_same_mail_by_two_routes_is_one_message(app: Flask, inbox: Inbox) -> None:
    raw = letters.mail("<1@home.example>", "Kettle", "It drips.")

    first, second = receive(raw), receive(b"Received: from elsewhere by here\r\n" + raw)

    assert second.duplicate
    assert second.message_id == first.message_id


def test_a_scanner_that_reuses_its_message_id_loses_nothing(app: Flask, inbox: Inbox) -> None:
    raw = letters.mail("<scan@printer.example>", "Scan", "Page 1")
    later = raw.replace(b"12:00:00", b"13:00:00")

    first, second = receive(raw), receive(later)

    assert not second.duplicate
    assert second.message_id != first.message_id


@pytest.mark.parametrize("sender", ["MAILER-DAEMON", "not an address at all", '"Bob" <bob at home>'])
def test_a_mail_whose_author_has_no_usable_address_is_a_ticket_all_the_same(
    app: Flask, inbox: Inbox, sender: str
) -> None:
    raw = f"From: {sender}\r\nSubject: Odd\r\nMessage-ID: <odd@x.example>\r\n\r\nHello.\r\n".encode()

    received = receive(raw)

    assert received.state is ItemState.PROCESSED
    assert message(received).body == "Hello."


def test_mail_from_our_own_address_is_no_customers(app: Flask, inbox: Inbox) -> None:
    received = receive(letters.mail("<1@desk.example>", "Loop", "Hello us", sender=f"Us <{letters.US.upper()}>"))

    assert received.state is ItemState.IGNORED


def test_an_automatic_answer_starts_no_wait(app: Flask, inbox: Inbox) -> None:
    received = receive(letters.mail("<1@home.example>", "Out of office", "I am away.", Auto_Submitted="auto-replied"))

    ticket = db.session().get_one(Ticket, received.ticket_id)
    assert (ticket.waiting_since, ticket.due_at) == (None, None)


def test_a_bounce_tells_the_agent_and_opens_no_ticket(app: Flask, inbox: Inbox) -> None:
    first = receive(letters.mail("<1@home.example>", "Kettle", "It drips."))
    reply = make.reply(db.session().get_one(Ticket, first.ticket_id), make.agent())
    with transaction("test") as session:
        row = session.get_one(Message, reply.id)
        row.state, row.provider_id = MessageState.SENT, _our_id(app, first.ticket_id or 0, reply.id)
        provider_id = row.provider_id

    bounced = receive(letters.bounce(provider_id))

    found = db.session().get_one(Message, reply.id, populate_existing=True)
    assert bounced.message_id == reply.id
    assert found.state is MessageState.BOUNCED
    assert "5.1.1" in (found.state_reason or "")


@pytest.mark.parametrize("state", [MessageState.UNKNOWN, MessageState.SENDING])
def test_a_bounce_is_believed_before_the_sending_is_written_down(app: Flask, inbox: Inbox, state: MessageState) -> None:
    first = receive(letters.mail("<1@home.example>", "Kettle", "It drips."))
    reply = make.reply(db.session().get_one(Ticket, first.ticket_id), make.agent())
    with transaction("test") as session:
        row = session.get_one(Message, reply.id)
        row.state, row.provider_id = state, None
    provider_id = _our_id(app, first.ticket_id or 0, reply.id)

    receive(letters.bounce(provider_id))

    found = db.session().get_one(Message, reply.id, populate_existing=True)
    assert (found.state, found.provider_id) == (MessageState.BOUNCED, provider_id)


def _our_id(app: Flask, ticket_id: int, message_id: int) -> str:
    from channels.email.reply_address import new_message_id

    key = derived_key(app.extensions["comptoir.settings"].secret_key, "mail threads")
    return new_message_id(ticket_id, message_id, "desk.example", key)


def test_a_full_mailbox_is_a_bounce_and_a_delay_is_none(app: Flask, inbox: Inbox) -> None:
    first = receive(letters.mail("<1@home.example>", "Kettle", "It drips."))
    reply = make.reply(db.session().get_one(Ticket, first.ticket_id), make.agent())
    with transaction("test") as session:
        row = session.get_one(Message, reply.id)
        row.state, row.provider_id = MessageState.SENT, _our_id(app, first.ticket_id or 0, reply.id)
        provider_id = row.provider_id

    receive(letters.delay(provider_id))
    waiting = db.session().get_one(Message, reply.id, populate_existing=True)
    assert (waiting.state, waiting.state_reason) == (
        MessageState.SENT,
        "The other mail server does not answer (4.4.1); it is still tried: 451 4.4.1 connection timed out",
    )
    receive(letters.full(provider_id))

    found = db.session().get_one(Message, reply.id, populate_existing=True)
    assert (found.state, "mailbox full" in (found.state_reason or "")) == (MessageState.BOUNCED, True)


LONG_ID = f"<{'長' * 950}@home.example>"


def test_a_mail_with_an_endless_message_id_is_kept_once_and_threads(app: Flask, inbox: Inbox) -> None:
    raw = letters.odd(LONG_ID, "Kettle")

    first, again = receive(raw), receive(raw)
    answer = receive(letters.odd("<2@home.example>", "And more", f"In-Reply-To: {LONG_ID}\n"))

    assert (first.state, again.duplicate) == (ItemState.PROCESSED, True)
    assert answer.ticket_id == first.ticket_id
    assert len((message(first).provider_id or "").encode()) <= 200
    assert len(db.session().get_one(InboundItem, first.item_id).key.encode()) <= 200


# NULs and halves of characters: as bytes that are no UTF-8, and as UTF-7 and UTF-16, which can spell them.
UNKEEPABLE = {
    "NUL": "\x00",
    "half a character": "\ud800",
    "NUL, encoded": "=?utf-8?q?=00?=",
    "half a character, encoded": "=?utf-7?q?+2AA-?=",
    "half a character in UTF-16": "=?utf-16-be?b?2AA=?=",
}


@pytest.mark.parametrize("mark", UNKEEPABLE.values(), ids=UNKEEPABLE.keys())
def test_what_no_store_can_keep_costs_nobody_their_mail(app: Flask, inbox: Inbox, mark: str) -> None:
    raw = letters.unkeepable(mark)

    received = receive(raw)

    found = message(received)
    kept = [found.body, found.quoted, found.html, found.provider_id or "", *(one.filename for one in found.attachments)]
    assert received.state is ItemState.PROCESSED
    assert "It drips" in found.body
    assert len(found.attachments) == 1
    assert not any("\x00" in text or any("\ud800" <= char <= "\udfff" for char in text) for text in kept)


def test_a_ticket_number_beyond_all_numbers_is_none(app: Flask, inbox: Inbox) -> None:
    received = receive(letters.mail("<1@home.example>", f"[#{'9' * 18}] [#{'9' * 30}]", "It drips."))

    assert received.state is ItemState.PROCESSED


NOBODY = [
    "",
    "@",
    "support\x00@desk.example",
    "support@desk.example\n",
    "support\ud800@desk.example",
    "a" * 5_000 + "@x",
]


@pytest.mark.parametrize("address", NOBODY, ids=ascii)
def test_an_address_that_can_be_nobodys_is_no_inbox(app: Flask, inbox: Inbox, address: str) -> None:
    assert inbox_address(address) is None


HEADERS = ["", "Bearer", "Bearer \x00", "Bearer \ud800", "Basic abc", "Bearer " + "a" * 100_000, "Bearer é 長"]


@pytest.mark.parametrize("header", HEADERS, ids=lambda header: ascii(header[:20]))
def test_a_header_without_our_secret_is_refused(app: Flask, settings: Settings, header: str) -> None:
    make.inbox(Channel.EMAIL, address=letters.US, secret=encrypt("the secret", settings.secret_key))

    with pytest.raises(InvalidSignature):
        inbox_for_secret(header, settings)
