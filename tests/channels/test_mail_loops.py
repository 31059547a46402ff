"""Two programs that answer each other, and a mailer daemon: it ends after one automatic answer of ours."""

import itertools
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from channels import gateway
from channels.email.adapter import EmailChannel
from channels.email.compose import compose
from channels.email.inboxes import inbox_address
from channels.email.reply_address import kept_id, new_message_id
from channels.models import ItemState
from channels.protocol import Accepted, Outgoing, RawItem
from channels.registry import install
from config.settings import derived_key
from tests import make
from tests.channels import letters
from tests.conftest import NOON
from ticketing.envelope import Channel, MessageState
from ticketing.models import Message, MessageKind, Ticket
from ticketing.status import Status
from ticketing.store import db

Responder = Callable[[EmailMessage, int], EmailMessage]
ROUNDS = 5


class Posting(EmailChannel):
    """Our mail channel, whose mails are composed as ever and then lie here."""

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.key = derived_key(settings.secret_key, "mail threads")
        self.sent: list[EmailMessage] = []

    def send(self, outgoing: Outgoing) -> Accepted:
        message_id = new_message_id(outgoing.ticket_id, outgoing.message_id, "desk.example", self.key)
        self.sent.append(compose(outgoing, message_id=message_id, key=self.key))
        return Accepted(kept_id(message_id))


@pytest.fixture
def post(sqlite_app: Flask) -> Posting:
    """A desk that acknowledges mail at every chance that it has."""
    make.inbox(settings={"acknowledge": {"enabled": True, "window_seconds": 60}})
    channel = Posting(sqlite_app.extensions["comptoir.settings"])
    install(sqlite_app, {Channel.EMAIL: channel})
    return channel


def receive(mail: bytes, *, recipient: str = letters.US, sender: str = "lucie@home.example") -> gateway.Received:
    inbox = inbox_address(recipient)
    assert inbox is not None
    meta = {"door": "smtp", "recipient": inbox, "envelope_recipient": recipient, "envelope_sender": sender}
    received = gateway.receive(RawItem(Channel.EMAIL, "message", mail, NOON, meta=meta), at=NOON)
    make.work_off()
    return received


def answer(mail: EmailMessage, number: int, *, to: str, subject: str = "Thank you for your mail") -> EmailMessage:
    reply = EmailMessage()
    reply["From"] = letters.LUCIE
    reply["To"] = to
    reply["Date"] = f"Wed, 18 Nov 2026 12:00:{number:02} +0000"
    reply["Message-ID"] = f"<auto-{number}@home.example>"
    reply["Subject"] = subject
    reply.set_content("We have your mail and will answer soon.")
    return reply


def polite(mail: EmailMessage, number: int) -> EmailMessage:
    """As RFC 3834 asks for."""
    reply = answer(mail, number, to=mail["Reply-To"], subject=f"Auto: {mail['Subject']}")
    reply["Auto-Submitted"] = "auto-replied"
    reply["In-Reply-To"] = mail["Message-ID"]
    return reply


def polite_without_thread(mail: EmailMessage, number: int) -> EmailMessage:
    reply = answer(mail, number, to=mail["From"])
    reply["Auto-Submitted"] = "auto-replied"
    return reply


def rude(mail: EmailMessage, number: int) -> EmailMessage:
    """Says nothing of being a program, and answers to where answers go."""
    return answer(mail, number, to=mail["Reply-To"])


def rude_without_thread(mail: EmailMessage, number: int) -> EmailMessage:
    return answer(mail, number, to=mail["From"])


def rude_with_new_addresses(mail: EmailMessage, number: int) -> EmailMessage:
    reply = answer(mail, number, to=mail["From"])
    reply.replace_header("From", f"Desk <lucie+{number}@home.example>")
    return reply


def daemon(mail: EmailMessage, number: int) -> EmailMessage:
    """A mail server of before RFC 3464."""
    reply = answer(mail, number, to=mail["From"], subject="Returned mail: see below")
    reply.replace_header("From", "MAILER-DAEMON")
    return reply


RESPONDERS = [polite, polite_without_thread, rude, rude_without_thread, rude_with_new_addresses, daemon]


@pytest.mark.parametrize("responder", RESPONDERS, ids=lambda one: one.__name__)
def test_a_ping_pong_ends_after_one_answer_of_ours(post: Posting, responder: Responder) -> None:
    first = receive(letters.mail("<1@home.example>", "My kettle", "It drips."))
    ticket_id = first.ticket_id

    for number in itertools.count(1):
        if len(post.sent) < number or number > ROUNDS:
            break
        reply = responder(post.sent[number - 1], number)
        received = receive(
            reply.as_bytes(),
            recipient=reply["To"].addresses[0].addr_spec if hasattr(reply["To"], "addresses") else str(reply["To"]),
            sender="" if responder is daemon else "lucie@home.example",
        )
        assert received.state is ItemState.PROCESSED

    assert len(post.sent) == 1
    assert post.sent[0]["Auto-Submitted"] == "auto-replied"
    ours = select(func.count()).where(Message.kind == MessageKind.OUTBOUND)
    assert db.session().scalar(ours) == 1
    opened = db.session().get_one(Ticket, ticket_id, populate_existing=True)
    assert (opened.status, opened.waiting_since) == (Status.NEW, NOON)
    assert db.session().scalar(select(Message.state).where(Message.kind == MessageKind.OUTBOUND)) is MessageState.SENT


def test_an_absence_is_noted_on_the_ticket_and_changes_nothing(post: Posting) -> None:
    first = receive(letters.mail("<1@home.example>", "My kettle", "It drips."))
    before = db.session().get_one(Ticket, first.ticket_id)
    stood = (before.status, before.waiting_since, before.due_at, before.assignee_id)

    away = [receive(one(post.sent[0], 1 + at).as_bytes()) for at, one in enumerate((polite, polite_without_thread))]

    after = db.session().get_one(Ticket, first.ticket_id, populate_existing=True)
    assert [one.ticket_id for one in away] == [first.ticket_id] * 2
    assert (after.status, after.waiting_since, after.due_at, after.assignee_id) == stood
