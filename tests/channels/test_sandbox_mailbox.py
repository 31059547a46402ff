"""The mail that we send arrives in the sandbox's outbox."""

import smtplib
from email.message import EmailMessage
from urllib.parse import urlsplit

from flask import Flask

from channels.sandbox.mailbox import read_mail
from channels.sandbox.store import SandboxStore
from config.settings import Settings


def test_a_mail_arrives_once_per_recipient(desk: Flask) -> None:
    settings: Settings = desk.extensions["comptoir.settings"]
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Desk <support@desk.example>", "karim@home.example", "Ready: ☕"
    mail["Message-ID"], mail["In-Reply-To"] = "<1@desk.example>", "<0@home.example>"
    mail.set_content("It is ready.\n")
    mail.add_alternative("<p>It is ready.</p>", subtype="html")
    out = urlsplit(str(settings.smtp_url))

    with smtplib.SMTP(out.hostname or "", out.port or 0, timeout=60) as server:
        server.send_message(mail, to_addrs=["karim@home.example", "lea@home.example"])

    items = SandboxStore(settings).arrived(channel="email", limit=10)
    assert [item["to"] for item in items] == ["karim@home.example", "lea@home.example"]
    assert items[0]["from"] == "Desk <support@desk.example>"
    assert items[0]["subject"] == "Ready: ☕"
    assert items[0]["body"] == "It is ready.\n"
    assert items[0]["message_id"] == "<1@desk.example>"
    assert items[0]["headers"]["In-Reply-To"] == "<0@home.example>"


def test_an_odd_mail_is_kept_as_far_as_it_can_be_read() -> None:
    content = b"Content-Type: text/plain; charset=klingon\r\n\r\nnuqneH \xff\r\n"

    arrived = read_mail(content, "a@desk.example", "b@home.example")

    assert "nuqneH" in arrived.body
    assert arrived.sender == "a@desk.example"
