"""What a program's mail says of a message of ours, and what proves it."""

import time

import pytest

from channels.email.mime import parse
from channels.email.news import Unproven, news_of
from channels.email.reply_address import (
    MAX_LOCAL_PART,
    new_message_id,
    plus_address,
    return_path,
    ticket_of_address,
)
from channels.errors import UnsupportedPayload
from channels.protocol import News, Receipt, Undelivered
from tests.channels import reports
from ticketing.envelope import MessageState

KEY = "k" * 64
OURS = new_message_id(12, 34, "desk.example", KEY)
BACK = return_path("support@desk.example", 12, 34, KEY)
NOBODY = "The mailbox does not exist (5.1.1): 550 5.1.1 no such user"


def news(
    raw: bytes, *, recipients: tuple[str, ...] = (), envelope_sender: str | None = ""
) -> Receipt | Unproven | None:
    return news_of(parse(raw), KEY, envelope_sender=envelope_sender, recipients=recipients)


def test_a_bounce_that_returns_our_signed_id_tells_who_was_lost_and_why():
    found = news(
        reports.delivery(
            OURS, reports.NOBODY, reports.FULL.replace("Action", "Final-Recipient: rfc822; b@x.example\nAction", 1)
        )
    )

    assert isinstance(found, Receipt)
    assert (found.message_id, found.provider_id, found.state) == (34, OURS, MessageState.BOUNCED)
    assert found.undelivered == (
        Undelivered("lucie@home.example", NOBODY, dead=True),
        Undelivered("b@x.example", "The mailbox is full (5.2.2): 552 5.2.2 mailbox full", dead=False),
    )


def test_a_bounce_to_the_messages_own_return_path_needs_no_copy():
    raw = reports.delivery("<gone@desk.example>", reports.NOBODY)

    by_envelope, by_header = news(raw, recipients=(BACK,)), news(b"Delivered-To: " + BACK.encode() + b"\r\n" + raw)

    assert isinstance(by_envelope, Receipt)
    assert by_envelope == by_header
    assert (by_envelope.message_id, by_envelope.provider_id) == (34, "")


def test_a_return_path_that_nobody_signed_proves_nothing():
    raw = reports.delivery("<gone@desk.example>", reports.NOBODY)
    tampered = (BACK.replace("m34", "m35"), BACK.replace("t12", "t13"), plus_address("support@desk.example", 12, KEY))

    assert [news(raw, recipients=(one,)) for one in tampered] == [Unproven("lucie@home.example", is_standard=True)] * 3


def test_an_absence_sent_to_the_return_path_finds_its_ticket():
    assert ticket_of_address(BACK, KEY) == 12
    assert ticket_of_address(BACK.replace("m34", "m35"), KEY) is None


def test_an_address_too_long_to_sign_stays_as_it_is():
    long = f"{'a' * (MAX_LOCAL_PART - 5)}@desk.example"

    assert return_path(long, 12, 34, KEY) == long


def test_a_report_that_somebody_passed_on_is_none_by_the_standards():
    raw = b"Resent-From: ann@home.example\r\n" + reports.delivery("<x@y.example>", reports.NOBODY)

    assert news(raw) == Unproven("lucie@home.example", is_standard=False)


def test_complaints_and_receipts_are_told_apart():
    told = {
        what: one.news if isinstance(one := news(raw), Receipt) else None
        for what, raw in {
            "abuse": reports.complaint(OURS),
            "opt-out": reports.complaint(OURS, "Opt-Out"),
            "displayed": reports.disposition(OURS),
            "of another desk": reports.complaint("<x@other.example>"),
        }.items()
    }

    assert told == {
        "abuse": News.COMPLAINT,
        "opt-out": News.COMPLAINT,
        "displayed": News.READ,
        "of another desk": None,
    }


NOTHING = {
    "no spam after all": reports.complaint(OURS, "not-spam"),
    "a check that failed": reports.complaint(OURS, "auth-failure"),
    "deleted unread": reports.disposition(OURS, "deleted"),
    "passed on": reports.delivery(OURS, "Action: relayed\nStatus: 2.0.0\n"),
}


@pytest.mark.parametrize("raw", NOTHING.values(), ids=NOTHING.keys())
def test_a_report_on_our_mail_that_tells_nothing_opens_no_ticket(raw):
    with pytest.raises(UnsupportedPayload):
        news(raw)


HOSTILE = {
    "a million recipients": reports.delivery(
        OURS, *["Final-Recipient: rfc822; a@x.example\nAction: failed\n"] * 100_000
    ),
    "a report of blanks": reports.report("delivery-status", "message/delivery-status", "\n \n" * 300_000, OURS),
    "an endless address": reports.delivery(OURS, reports.NOBODY, recipient="a." * 200_000 + "@x.example"),
    "an endless diagnosis": reports.delivery(
        OURS, f"Action: failed\nDiagnostic-Code: smtp; {'5.2.1 user ' * 40_000}\n"
    ),
    "escapes without an end": reports.delivery(
        OURS, "Final-Recipient: utf-8; " + r"\x{41}" * 50_000 + "\nAction: failed\n"
    ),
    "an impossible escape": reports.delivery(
        OURS, r"Final-Recipient: utf-8; \x{D800}\x{FFFFFF}@x.example" + "\nAction: failed\n"
    ),
    "quotes of quotes": b"From: MAILER-DAEMON@x.example\nSubject: failure notice\n\n" + b"> " * 200_000,
    "ids without an end": reports.report("delivery-status", "text/plain", "", "<x>") + b"Message-ID:" + b"\n" * 200_000,
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_report_made_to_keep_us_busy_is_read_in_time(raw):
    started = time.process_time()

    news(raw)

    assert time.process_time() - started < 5
