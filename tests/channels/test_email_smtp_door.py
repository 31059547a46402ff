"""Our SMTP listener, spoken to as mail servers do: ours only, 250 after the commit, and never a lost mail."""

import smtplib

import pytest
from flask import Flask
from sqlalchemy import func, select

from channels.models import InboundItem
from config.settings import Settings
from tests import make
from tests.channels import letters
from ticketing.envelope import Channel
from ticketing.models import Inbox, Message, Ticket
from ticketing.store import db


@pytest.fixture
def inbox(desk: Flask) -> Inbox:
    """Our mail address, at a desk that listens."""
    return make.inbox(Channel.EMAIL, address=letters.US)


def door(app: Flask) -> smtplib.SMTP:
    settings: Settings = app.extensions["comptoir.settings"]
    return smtplib.SMTP("127.0.0.1", settings.smtp_port, timeout=20)


def count(model: type) -> int:
    db.session.rollback()
    return db.session().scalar(select(func.count()).select_from(model)) or 0


def test_a_mail_is_a_ticket_once_it_is_accepted(desk: Flask, inbox: Inbox) -> None:
    with door(desk) as smtp:
        smtp.sendmail("lucie@home.example", [letters.US], letters.mail("<1@home.example>", "Kettle", "It drips."))

        assert count(Ticket) == 1


def test_addresses_that_are_not_ours_are_refused_at_once(desk: Flask, inbox: Inbox) -> None:
    with door(desk) as smtp, pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        smtp.sendmail("lucie@home.example", ["other@desk.example"], b"Subject: x\r\n\r\nx")

    assert refused.value.recipients["other@desk.example"][0] == 550
    assert count(InboundItem) == 0


def test_a_mail_to_two_of_our_inboxes_reaches_both_once(desk: Flask, inbox: Inbox) -> None:
    make.inbox(Channel.EMAIL, address="sales@desk.example", queue=make.queue())
    raw = letters.mail("<1@home.example>", "Kettle", "It drips.")

    for _ in range(2):
        with door(desk) as smtp:
            smtp.sendmail("lucie@home.example", [letters.US, "sales@desk.example", "support+x@desk.example"], raw)

    assert (count(Message), count(Ticket)) == (2, 2)


def test_a_mail_with_endless_lines_and_any_bytes_is_kept(desk: Flask, inbox: Inbox) -> None:
    raw = b"From: lucie@home.example\r\nSubject: long\r\n\r\n" + b"x\xff" * 50_000 + b"\r\n.\r\n..dots\r\n"

    with door(desk) as smtp:
        smtp.sendmail("lucie@home.example", [letters.US], raw)

    (item,) = db.session().scalars(select(InboundItem))
    assert item.body.endswith(b"\r\n.\r\n..dots\r\n")


def test_a_mail_that_is_too_large_is_refused_and_the_next_one_taken(desk: Flask, inbox: Inbox) -> None:
    limit = desk.extensions["comptoir.settings"].smtp_max_bytes

    with door(desk) as smtp, pytest.raises(smtplib.SMTPException):
        smtp.sendmail("lucie@home.example", [letters.US], b"Subject: x\r\n\r\n" + b"x" * 78 * (limit // 78 + 2))
    with door(desk) as smtp:
        smtp.sendmail("lucie@home.example", [letters.US], letters.mail("<2@home.example>", "Kettle", "It drips."))

    assert count(Ticket) == 1


def test_a_store_that_is_away_asks_the_sender_to_try_again(desk: Flask, inbox: Inbox) -> None:
    raw = letters.mail("<1@home.example>", "Kettle", "It drips.")
    with db.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE inbound_item RENAME TO elsewhere")

    with door(desk) as smtp, pytest.raises(smtplib.SMTPDataError) as refused:
        smtp.sendmail("lucie@home.example", [letters.US], raw)
    with db.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO inbound_item")
    with door(desk) as smtp:
        smtp.sendmail("lucie@home.example", [letters.US], raw)

    assert refused.value.smtp_code == 451
    assert count(Ticket) == 1
