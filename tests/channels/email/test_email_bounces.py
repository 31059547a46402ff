"""Mail that says that our mail did not arrive."""

import pytest

from channels.email.bounces import read_bounce
from channels.email.mime import parse

OURS = "<t1.m2.0123456789abcdef@shop.example>"


def report(fields: str, words: str = "Sorry, it did not work.", original: str = f"Message-ID: {OURS}\r\n") -> bytes:
    return (
        "From: Mail Delivery System <MAILER-DAEMON@mx.example>\r\nSubject: Undelivered Mail\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="x"\r\n\r\n'
        f"--x\r\n\r\n{words}\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\n"
        f"Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; ann@home.example\r\n{fields}\r\n"
        f"--x\r\nContent-Type: text/rfc822-headers\r\n\r\n{original}\r\n--x--\r\n"
    ).encode()


REPORTS = {  # fields of the report -> status, hard
    "nobody there": (
        "Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 User unknown\r\n",
        "5.1.1",
        True,
    ),
    "nobody there, in words only": (
        "Action: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; 550 No such user\r\n",
        "5.0.0",
        True,
    ),
    "no such domain": ("Action: failed\r\nStatus: 5.1.2\r\nDiagnostic-Code: smtp; Host not found\r\n", "5.1.2", True),
    "full": ("Action: failed\r\nStatus: 5.2.2\r\nDiagnostic-Code: smtp; 552 5.2.2 Mailbox full\r\n", "5.2.2", False),
    "full, says the server, unknown, says the relay": (
        "Action: failed\r\nStatus: 5.1.0\r\nDiagnostic-Code: smtp; 550 '5.2.2 Mailbox full'\r\n",
        "5.1.0",
        False,
    ),
    "spam": ("Action: failed\r\nStatus: 5.7.1\r\nDiagnostic-Code: smtp; 554 5.7.1 Blocked as spam\r\n", "5.7.1", False),
    "late": ("Action: delayed\r\nStatus: 4.4.1\r\n", "4.4.1", False),
    "too late": ("Action: failed\r\nStatus: 4.4.7\r\nDiagnostic-Code: smtp; delivery time expired\r\n", "4.4.7", False),
}


@pytest.mark.parametrize(("fields", "status", "hard"), REPORTS.values(), ids=REPORTS.keys())
def test_a_delivery_report_names_recipient_message_and_cause(fields, status, hard):
    bounce = read_bounce(parse(report(fields)))

    assert bounce is not None
    assert (bounce.recipient, bounce.message_id) == ("ann@home.example", OURS)
    assert (bounce.status, bounce.hard) == (status, hard)


def test_the_recipient_is_whom_we_wrote_to_before_any_forwarding():
    bounce = read_bounce(
        parse(report("Original-Recipient: rfc822; ann@old.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"))
    )

    assert bounce is not None
    assert bounce.recipient == "ann@old.example"


WORDS = {
    "qmail": (
        "failure notice",
        "Hi. This is the qmail-send program at mx.example.\r\nI'm afraid I wasn't able to deliver your message to the "
        "following addresses.\r\nThis is a permanent error; I've given up. Sorry it didn't work out.\r\n\r\n"
        "<ann@home.example>:\r\n192.0.2.1 does not like recipient.\r\nRemote host said: 550 no such user\r\n\r\n"
        f"--- Below this line is a copy of the message.\r\n\r\nMessage-ID: {OURS}\r\n",
        True,
    ),
    "a server of its own": (
        "Delivery failure",
        f"Your mail to ann@home.example could not be delivered: mailbox full.\r\n\r\nMessage-ID: {OURS}\r\n",
        False,
    ),
}


@pytest.mark.parametrize(("subject", "words", "hard"), WORDS.values(), ids=WORDS.keys())
def test_a_bounce_in_a_servers_own_words_is_understood(subject, words, hard):
    bounce = read_bounce(parse(f"From: MAILER-DAEMON@mx.example\r\nSubject: {subject}\r\n\r\n{words}".encode()))

    assert bounce is not None
    assert (bounce.recipient, bounce.message_id, bounce.hard) == ("ann@home.example", OURS, hard)


NONE = {
    "a customer": b"From: ann@home.example\r\nSubject: Printer\r\n\r\nMy mail to bob@home.example: 550 user unknown",
    "out of office": b"From: ann@home.example\r\nReturn-Path: <>\r\nSubject: Out of office\r\n\r\nBack on Monday.",
    "arrived": report("Action: delivered\r\nStatus: 2.1.5\r\n"),
    "a complaint": report("Action: failed\r\n").replace(b"delivery-status;", b"feedback-report;"),
}


@pytest.mark.parametrize("raw", NONE.values(), ids=NONE.keys())
def test_what_is_no_bounce_is_none(raw):
    assert read_bounce(parse(raw)) is None
