"""Our SMTP listener, spoken to as mail servers do: ours only, 250 after the commit, and never a lost mail."""

import smtplib
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from api.embedded import ports
from channels.email.mail_session import Patience
from channels.email.smtp_server import MailDoors
from channels.models import InboundItem, ItemState
from config.settings import Settings, SettingsError
from tests import make
from tests.channels import certificates, letters, live_desk
from tests.channels.smtp_line import Line
from ticketing.envelope import Channel
from ticketing.models import Inbox, Ticket
from ticketing.store import db

LIMIT = 100_000  # bytes of a mail, at the desk with a certificate


@pytest.fixture
def inbox(desk: Flask) -> Inbox:
    """Our mail address, at a desk that listens."""
    return make.inbox(Channel.EMAIL, address=letters.US)


@pytest.fixture
def secured(base_settings: Settings, sqlite_template: Path, tmp_path: Path) -> Iterator[Flask]:
    """A desk with a certificate that takes no mail without it."""
    files = certificates.write(tmp_path, "localhost")
    base = replace(base_settings, mail_certificate=files, smtp_starttls="required", smtp_max_bytes=LIMIT)
    with live_desk.running(base, sqlite_template, tmp_path) as app:
        make.inbox(Channel.EMAIL, address=letters.US)
        yield app


def port(app: Flask) -> int:
    settings: Settings = app.extensions["comptoir.settings"]
    return settings.smtp_port


def door(app: Flask) -> smtplib.SMTP:
    return smtplib.SMTP("127.0.0.1", port(app), timeout=60)


def count(model: type) -> int:
    db.session.rollback()
    return db.session().scalar(select(func.count()).select_from(model)) or 0


def test_a_mail_is_a_ticket_once_it_is_accepted(desk: Flask, inbox: Inbox) -> None:
    with door(desk) as smtp:
        smtp.sendmail("lucie@home.example", [letters.US], letters.mail("<1@home.example>", "Kettle", "It drips."))

        assert count(Ticket) == 1


def test_what_the_listener_can_do_is_said(desk: Flask) -> None:
    with door(desk) as smtp:
        smtp.ehlo("home.example")

        assert set(smtp.esmtp_features) == {"size", "8bitmime", "smtputf8", "pipelining", "enhancedstatuscodes"}
        assert smtp.esmtp_features["size"] == "26214400"


def test_addresses_that_are_not_ours_are_refused_at_once(desk: Flask, inbox: Inbox) -> None:
    others = [
        "other@desk.example",
        "support@other.example",
        "support%other.example@desk.example",
        "@desk.example:other@other.example",
        "support@[127.0.0.1]",
        f"{'a' * 400}@desk.example",
        "pöbel@desk.example",
    ]
    with Line(port(desk)) as line:
        line.say("EHLO home.example")
        line.say("MAIL FROM:<lucie@home.example>")

        answers = {one: line.say(f"RCPT TO:<{one}>") for one in others}

        assert {answer[:3] for answer in answers.values()} <= {"550", "553"}, answers
        assert answers["other@desk.example"] == "550 5.1.1 There is no such inbox here"
        assert line.say("DATA").startswith("503 5.5.1")
        assert line.say("RCPT TO:<Support+t12.whatever@DESK.example>") == "250 2.1.5 OK"


def test_a_mail_to_two_of_our_inboxes_reaches_both_once(desk: Flask, inbox: Inbox) -> None:
    make.inbox(Channel.EMAIL, address="sales@desk.example", queue=make.queue())
    raw = letters.mail("<1@home.example>", "Kettle", "It drips.")

    for _ in range(2):
        with door(desk) as smtp:
            smtp.sendmail("lucie@home.example", [letters.US, "sales@desk.example", "support+x@desk.example"], raw)

    items = {item.inbox_address: item.meta for item in db.session().scalars(select(InboundItem))}
    assert items.keys() == {letters.US, "sales@desk.example"}
    assert items[letters.US] == {
        "door": "smtp",
        "recipient": letters.US,
        "envelope_sender": "lucie@home.example",
        "envelope_recipient": f"{letters.US} support+x@desk.example",
        "our_inboxes": f"{letters.US} sales@desk.example",
    }


def test_a_mail_with_endless_lines_and_any_bytes_is_kept(desk: Flask, inbox: Inbox) -> None:
    raw = b"From: lucie@home.example\r\nSubject: long\r\n\r\n" + b"x\xff\x00" * 700_000 + b"\r\n.\r\n..dots\r\n"

    with door(desk) as smtp:
        smtp.sendmail("", [letters.US], raw)

    (item,) = db.session().scalars(select(InboundItem))
    assert item.body == raw
    assert item.meta["envelope_sender"] == ""


def test_a_mail_that_nobody_can_read_is_taken_and_set_aside(desk: Flask, inbox: Inbox) -> None:
    with door(desk) as smtp:
        smtp.sendmail("lucie@home.example", [letters.US], b"\r\n\r\n")

    (item,) = db.session().scalars(select(InboundItem))
    assert item.state is ItemState.QUARANTINED


def test_a_mail_that_is_too_large_is_refused_and_the_next_one_taken(secured: Flask) -> None:
    with Line(port(secured)) as line, ExitStack() as stack:
        line.say("EHLO home.example")
        line.say("STARTTLS")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        line.socket = stack.enter_context(context.wrap_socket(line.socket))
        line._file = stack.enter_context(line.socket.makefile("rb"))
        line.say("EHLO home.example")
        envelope = b"MAIL FROM:<lucie@home.example>\r\nRCPT TO:<support@desk.example>\r\nDATA"

        assert line.say(f"MAIL FROM:<lucie@home.example> SIZE={LIMIT + 1}").startswith("552")
        assert [line.say(envelope), line.hear(), line.hear()][-1].startswith("354")
        assert line.say(b"x" * LIMIT + b"\r\n.\r\nNOOP").startswith("552 5.3.4")
        assert line.hear().startswith("250")  # the NOOP
        assert [line.say(envelope), line.hear(), line.hear()][-1].startswith("354")
        assert line.say(letters.mail("<2@home.example>", "Kettle", "It drips.") + b"\r\n.").startswith("250 2.0.0")

    assert count(Ticket) == 1


def test_without_tls_nobody_brings_mail_where_it_is_required(secured: Flask) -> None:
    with door(secured) as smtp:
        assert smtp.ehlo("home.example")[0] == 250
        assert smtp.mail("lucie@home.example")[0] == 530
        context = ssl.create_default_context(
            cafile=str(secured.extensions["comptoir.settings"].data_dir / "certificate.pem")
        )
        smtp._host = "localhost"
        smtp.starttls(context=context)
        smtp.sendmail("lucie@home.example", [letters.US], letters.mail("<1@home.example>", "Kettle", "It drips."))

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


def test_a_hidden_mail_is_refused_and_nothing_of_it_is_done(desk: Flask, inbox: Inbox) -> None:
    hidden = (
        b"Subject: x\r\n\r\nx\n.\r\nMAIL FROM:<boss@desk.example>\r\nRCPT TO:<support@desk.example>\r\nDATA\r\nx\r\n."
    )

    with Line(port(desk)) as line:
        for words in ("EHLO home.example", "MAIL FROM:<lucie@home.example>", "RCPT TO:<support@desk.example>", "DATA"):
            line.say(words)

        assert line.say(hidden).startswith("550 5.6.0")
        assert line.say("NOOP").startswith("250")  # and no answer to a MAIL came before

    assert count(InboundItem) == 0


def test_whatever_is_said_gets_an_answer_and_no_traceback(desk: Flask, inbox: Inbox) -> None:
    odd = {
        "MAIL FROM:<>": "503",  # before the greeting
        "EHLO": "501",
        "EHLO home.example": "250",
        "AUTH PLAIN AGEAYg==": "502",
        "RCPT TO:<support@desk.example>": "503",
        "DATA": "503",
        "MAIL FROM:": "501",
        "MAIL FROM:<a@b> BODY=BINARYMIME": "501",
        "MAIL FROM:<a@b> SIZE=99999999999999999999": "552",
        "MAIL FROM:<a@b> RET=HDRS": "555",
        "MAIL FROM:<\"": "5",
        "MAIL FROM:<a@b> BODY=8BITMIME SMTPUTF8": "250",
        "MAIL FROM:<c@d>": "503",
        "RCPT TO:support@desk.example\x00": "55",
        "RCPT TO:<\"a b\"@desk.example>": "553",
        "RCPT TO:<<<<": "5",
        "DATA now": "50",
        "x" * 9000: "500",
        "VRFY support": "252",
        "STARTTLS": "454",
        "\x00\x01": "500",
        "QUIT": "221",
    }  # fmt: skip

    with Line(port(desk)) as line:
        answers = {words: line.say(words) for words in odd}

    assert {words: answers[words] for words in odd if not answers[words].startswith(odd[words])} == {}


def test_who_speaks_http_is_sent_away(desk: Flask) -> None:
    with Line(port(desk)) as line:
        assert line.say("POST / HTTP/1.1").startswith("421")
        assert line.hear() == ""


@pytest.fixture
def narrow(sqlite_app: Flask, base_settings: Settings) -> Iterator[Settings]:
    """Settings of doors with room for two, of whom nobody may dawdle."""
    settings = replace(
        base_settings, smtp_port=ports.free_port(), smtp_max_connections=2, smtp_max_bytes=65_536, sandbox=False
    )
    doors = MailDoors(settings, patience=Patience(idle=4, idle_in_a_crowd=4, block=2))
    doors.open_all(sqlite_app, settings)
    make.inbox(Channel.EMAIL, address=letters.US)
    yield settings
    doors.stop()


def test_who_finds_no_room_or_dawdles_is_asked_to_come_again(narrow: Settings) -> None:
    with Line(narrow.smtp_port) as first, Line(narrow.smtp_port) as second, Line(narrow.smtp_port) as third:
        for words in ("EHLO home.example", "MAIL FROM:<lucie@home.example>", "RCPT TO:<support@desk.example>", "DATA"):
            second.say(words)
        second.send(b"Subject: a word at a ti")

        assert third.greeting.startswith("421 4.7.0")
        assert (first.hear()[:9], second.hear()[:9]) == ("421 4.4.2", "421 4.4.2")
    with Line(narrow.smtp_port) as fourth:
        assert fourth.greeting.startswith("220")


def test_an_address_that_is_taken_stops_the_start_with_a_sentence(narrow: Settings, sqlite_app: Flask) -> None:
    doors = MailDoors(narrow)

    with pytest.raises(SettingsError, match=f"COMPTOIR_SMTP_PORT: cannot listen on 127.0.0.1, port {narrow.smtp_port}"):
        doors.open_all(sqlite_app, narrow)
    doors.stop()


def test_a_mail_that_is_here_is_kept_although_we_are_asked_to_end(base_settings: Settings, sqlite_app: Flask) -> None:
    settings = replace(base_settings, smtp_port=ports.free_port(), sandbox=False)
    make.inbox(Channel.EMAIL, address=letters.US)
    doors = MailDoors(settings)
    doors.open_all(sqlite_app, settings)
    db.session.rollback()
    with Line(settings.smtp_port) as line, Line(settings.smtp_port) as idle:
        for words in ("EHLO home.example", "MAIL FROM:<lucie@home.example>", "RCPT TO:<support@desk.example>", "DATA"):
            line.say(words)
        with db.engine.connect() as writer:  # the mail has to wait for it
            writer.exec_driver_sql("UPDATE inbox SET name = name")
            line.send(letters.mail("<1@home.example>", "Kettle", "It drips.") + b"\r\n.\r\n")
            patient_until = time.monotonic() + 60
            while not any(one.is_at_work for one in doors._house.sessions):
                assert time.monotonic() < patient_until, "nobody reads the mail"
                time.sleep(0.01)
            ending = threading.Thread(target=doors.stop)
            ending.start()
            assert idle.hear().startswith("421 4.3.2")
            writer.rollback()
        assert line.hear().startswith("250 2.0.0")
        assert line.hear().startswith("421 4.3.2")
        ending.join()

    assert count(Ticket) == 1
