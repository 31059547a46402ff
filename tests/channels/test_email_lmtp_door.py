"""LMTP (RFC 2033): every recipient is answered by itself, on a port or on a socket in the file system."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from api.embedded import ports
from channels.email.smtp_server import MailDoors
from channels.models import InboundItem
from config.settings import Settings, SettingsError
from tests import make
from tests.channels import letters
from tests.channels.smtp_line import Line
from ticketing.envelope import Channel
from ticketing.store import db

SALES = "sales@desk.example"


@pytest.fixture
def listening(sqlite_app: Flask, base_settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """A desk with two inboxes that takes mail by LMTP."""
    settings = replace(
        base_settings,
        smtp_port=ports.free_port(),
        lmtp_port=ports.free_port(),
        lmtp_socket=tmp_path / "lmtp",
        smtp_max_bytes=65_536,
        sandbox=False,
    )
    make.inbox(Channel.EMAIL, address=letters.US)
    make.inbox(Channel.EMAIL, address=SALES, queue=make.queue())
    doors = MailDoors(settings)
    doors.open_all(sqlite_app, settings)
    yield settings
    doors.stop()


def bring(line: Line, raw: bytes) -> list[str]:
    """Bring a mail to both inboxes, by three addresses, and return the answers to it."""
    line.say("MAIL FROM:<lucie@home.example>")
    for address in (letters.US, SALES, "support+x@desk.example"):
        assert line.say(f"RCPT TO:<{address}>").startswith("250")
    assert line.say("DATA").startswith("354")
    return [line.say(raw + b"\r\n."), line.hear(), line.hear()]


def test_every_recipient_is_answered_by_itself(listening: Settings) -> None:
    db.session.rollback()
    with db.engine.begin() as connection:  # sales cannot keep anything
        connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON inbound_item WHEN NEW.inbox_address = 'sales@desk.example'"
            " BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
    assert listening.lmtp_port is not None
    with Line(listening.lmtp_port) as line:
        assert line.say("EHLO postfix.desk.example").startswith("500")
        assert line.say("LHLO postfix.desk.example").startswith("250")
        assert line.say("RCPT TO:<nobody@desk.example>").startswith("503")

        answers = bring(line, letters.mail("<1@home.example>", "Kettle", "It drips."))

        assert [answer[:9] for answer in answers] == ["250 2.0.0", "451 4.3.0", "250 2.0.0"]
        assert [answer[:9] for answer in bring(line, b"x" * 70_000)] == ["552 5.3.4"] * 3
        assert line.say("DATA").startswith("503")

    assert [item.inbox_address for item in db.session().scalars(select(InboundItem))] == [letters.US]


def test_mail_comes_by_a_socket_in_the_file_system_and_a_forgotten_one_is_no_obstacle(
    listening: Settings, sqlite_app: Flask
) -> None:
    assert listening.lmtp_socket is not None
    with Line(listening.lmtp_socket) as line:
        line.say("LHLO postfix.desk.example")
        answers = bring(line, letters.mail("<1@home.example>", "Kettle", "It drips."))
    assert {answer[:3] for answer in answers} == {"250"}
    again = replace(listening, smtp_port=ports.free_port(), lmtp_port=None)
    second, third = MailDoors(again), MailDoors(again)

    with pytest.raises(SettingsError, match="COMPTOIR_LMTP_SOCKET"):
        second.open_all(sqlite_app, again)

    second.stop()
    forgotten = replace(again, lmtp_socket=listening.lmtp_socket.with_name("forgotten"))
    assert forgotten.lmtp_socket is not None
    make_forgotten(forgotten.lmtp_socket)
    third.open_all(sqlite_app, forgotten)
    with Line(forgotten.lmtp_socket) as line:
        assert line.greeting.startswith("220")
    third.stop()


def make_forgotten(path: Path) -> None:
    """Leave a socket behind on which nobody listens."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
