"""Mail that says that our mail did not arrive."""

import pytest

from channels.email.bounces import Arrival, read_arrival, read_bounce, read_bounces
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


def test_each_recipient_has_a_cause_of_its_own_and_those_who_are_lost_come_first():
    bounces = read_bounces(
        parse(
            report(
                "Action: delayed\r\nStatus: 4.2.2\r\n\r\nFinal-Recipient: rfc822; bob@home.example\r\n"
                "Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n\r\n"
                "Final-Recipient: rfc822; cleo@home.example\r\nAction: relayed\r\nStatus: 2.0.0\r\n"
            )
        )
    )

    assert [(one.recipient, one.delayed, one.hard) for one in bounces] == [
        ("bob@home.example", False, True),
        ("ann@home.example", True, False),
    ]


@pytest.mark.parametrize(
    "written",
    ["utf-8; jürgen@bücher.example", r"utf-8; j\x{FC}rgen@b\x{FC}cher.example", "rfc822; jürgen@bücher.example"],
)
def test_an_international_report_names_an_address_beyond_ascii(written):
    raw = report("Action: failed\r\nStatus: 5.1.1\r\n").decode()
    raw = raw.replace("message/delivery-status", "message/global-delivery-status").replace(
        "text/rfc822-headers", "message/global-headers"
    )

    bounce = read_bounce(parse(raw.replace("rfc822; ann@home.example", written).encode()))

    assert bounce is not None
    assert (bounce.recipient, bounce.message_id) == ("jürgen@bücher.example", OURS)


EXPLAINED = {  # fields of the report -> what an agent reads
    "Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n": (
        "The mailbox does not exist (5.1.1): 550 5.1.1 no such user"
    ),
    "Action: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; 550 No such user\r\n": (
        "There is nobody at this address (5.0.0): 550 No such user"
    ),
    "Action: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; 552 Quota exceeded\r\n": (
        "The mailbox is full (5.0.0): 552 Quota exceeded"
    ),
    "Action: failed\r\nStatus: 5.7.26\r\nDiagnostic-Code: smtp; 550 5.7.26 no SPF, no DKIM\r\n": (
        "The other mail server does not believe that the mail is ours (SPF, DKIM) (5.7.26): 550 5.7.26 no SPF, no DKIM"
    ),
    "Action: failed\r\nStatus: 5.6.9\r\n": "The other mail server cannot take a mail of this form (5.6.9)",
    "Action: delayed\r\nStatus: 4.2.2\r\n": "The mailbox is full (4.2.2); it is still tried",
    "Action: failed\r\n": "The mail could not be delivered",
}


def test_the_cause_is_said_in_words_for_the_agent_before_the_servers_own():
    read = {fields: read_bounce(parse(report(fields))) for fields in EXPLAINED}

    assert {fields: one and one.reason for fields, one in read.items()} == EXPLAINED


def test_a_mailbox_that_rejects_mail_by_a_filter_is_a_soft_bounce():
    raw = (
        "From: Mail Delivery Subsystem <postmaster@home.example>\r\nSubject: Automatically rejected mail\r\n"
        'Content-Type: multipart/report; report-type=disposition-notification; boundary="x"\r\n\r\n'
        "--x\r\n\r\nYour message to <ann@home.example> was automatically rejected:\r\nQuota exceeded\r\n"
        "--x\r\nContent-Type: message/disposition-notification\r\n\r\nFinal-Recipient: rfc822; ann@home.example\r\n"
        f"Original-Message-ID: {OURS}\r\nDisposition: automatic-action/MDN-sent-automatically; deleted\r\n--x--\r\n"
    )

    bounce = read_bounce(parse(raw.encode()))

    assert bounce is not None
    assert (bounce.recipient, bounce.message_id, bounce.hard) == ("ann@home.example", OURS, False)


def test_a_report_of_arrival_names_the_mail_once_everybody_has_it():
    arrived = "Action: delivered\r\nStatus: 2.1.5\r\n"
    bob = "\r\nFinal-Recipient: rfc822; bob@home.example\r\nAction: {}\r\n"

    assert read_arrival(parse(report(arrived))) == Arrival(by_all=True, message_id=OURS)
    assert read_arrival(parse(report(arrived + bob.format("relayed")))) == Arrival(by_all=False, message_id=OURS)
    assert read_arrival(parse(report(arrived + bob.format("failed")))) is None


VERDICTS = {  # what a server said -> hard
    "550 5.4.1 Recipient address rejected: Access denied": True,  # Microsoft 365
    "550 5.2.1 <ann@home.example>... User unknown": True,
    "550 5.2.1 The mailbox is disabled": False,
    "556 5.1.10 Recipient address has null MX": True,
    "550 5.1.1 Refused due to recipient preferences": False,
    "554 The domain is not reachable. Please check it and try again": True,
    "550 user unknown. Command output: procmail could not write": False,
    "550 : User unknown (in reply to end of DATA command)": False,
    "421 4.7.0 Too many messages": False,
    "554 5.7.1 Relay access denied": False,
    "550 mailbox unavailable": True,
}


def test_only_what_is_said_of_the_address_itself_is_hard():
    read = {
        said: read_bounce(parse(report(f"Action: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; {said}\r\n")))
        for said in VERDICTS
    }

    assert {said: one and one.hard for said, one in read.items()} == VERDICTS


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


BOUNCE_IN_WORDS = (
    "This message was created automatically by mail delivery software.\r\n\r\nA message that you sent could not be "
    "delivered to one or more of its recipients. The following address(es) failed:\r\n\r\n  bob@home.example\r\n    "
    "550 5.1.1 user unknown\r\n"
)


def persons(subject: str, words: str, headers: str = "") -> bytes:
    head = f"From: Ann <ann@home.example>\r\nReturn-Path: <ann@home.example>\r\nSubject: {subject}\r\n{headers}"
    return f"{head}\r\n{words}".encode()


ATTACHED = (
    "--y\r\n\r\nI get this all day.\r\n--y\r\nContent-Type: {type}\r\nContent-Disposition: attachment\r\n\r\n"
    "{content}\r\n--y--\r\n"
)
MIXED = 'Content-Type: multipart/mixed; boundary="y"\r\n'
FIELDS = (
    "Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; bob@home.example\r\nAction: failed\r\nStatus: 5.1.1"
)

NONE = {
    "a person who passes a bounce on": persons("Fwd: Undelivered Mail Returned to Sender", BOUNCE_IN_WORDS),
    "a person who passes one on in Danish, or answers in Finnish": persons("VS: Undelivered Mail", BOUNCE_IN_WORDS),
    "a person who passes one on in Russian": persons("Пересл: Undelivered Mail", BOUNCE_IN_WORDS),
    "a person who answers one": persons(
        "Re: Undelivered Mail", BOUNCE_IN_WORDS, f"In-Reply-To: {OURS}\r\nReferences: {OURS}\r\n"
    ),
    "a person who quotes one": persons(
        "Mail delivery failed", "Why?\r\n\r\n> " + BOUNCE_IN_WORDS.replace("\n", "\n> ")
    ),
    "a person who tells of one": persons("Delivery failed", "My mail to bob@home.example could not be delivered."),
    "a person who attaches one": persons(
        "Undeliverable", ATTACHED.format(type="message/rfc822", content=report("Action: failed\r\n").decode()), MIXED
    ),
    "a person whose program attaches its parts": persons(
        "Undeliverable", ATTACHED.format(type="message/delivery-status", content=FIELDS), MIXED
    ),
    "a person's absence, on a bounce": persons(
        "Automatic reply: Mail delivery failed",
        BOUNCE_IN_WORDS,
        f"Auto-Submitted: auto-replied\r\nIn-Reply-To: {OURS}\r\n",
    ),
    "a customer": b"From: ann@home.example\r\nSubject: Printer\r\n\r\nMy mail to bob@home.example: 550 user unknown",
    "out of office": b"From: ann@home.example\r\nReturn-Path: <>\r\nSubject: Out of office\r\n\r\nBack on Monday.",
    "arrived": report("Action: delivered\r\nStatus: 2.1.5\r\n"),
    "a complaint": report("Action: failed\r\n").replace(b"delivery-status;", b"feedback-report;"),
}


@pytest.mark.parametrize("raw", NONE.values(), ids=NONE.keys())
def test_what_is_no_bounce_is_none(raw):
    assert read_bounce(parse(raw)) is None
