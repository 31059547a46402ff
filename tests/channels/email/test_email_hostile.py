"""Mail made to keep us busy: each of these took from ten seconds to minutes."""

import time

import pytest

from channels.email.description import describe
from channels.email.mime import parse
from channels.email.reply_address import hints

DAEMON = b"From: MAILER-DAEMON@x.example\nSubject: failure notice\n\n"
TRIGGERS = (  # each wakes one of the scanner's patterns
    b"A message that you sent could not be delivered\nfailed addresses follow:\nYour message\n"
    b"did not reach the following recipient\nMessage not delivered to the following addresses\n"
    b"Invalid final delivery userid:\nA message that you sent was rejected\n"
)
SLOW = {
    "lines that are no headers, then one": b"From: a@b.example\n" + b"x\n" * 60_000 + b"Subject: hi\n\n",
    "long recipients": b"".join(b"Delivered-To: " + b"a" * 9_000 + b"\n" for _ in range(20)) + b"\nHi",
    "a list of letters": b"To: " + b"a," * 30_000 + b"\n\nHi",
    "almost our address": b"To: " + b"a+t1." * 12_000 + b"\n\nHi",
    "a signature of dots": b"From: a@b.example\n\nHi\n\nsent from my " + b"." * 60,
    "a page of blanks": b"Content-Type: text/html; charset=utf-8\n\n<p>" + "\u00a0".encode() * 400_000,
    "four long lists of letters": (b"To: " + b"a," * 30_000 + b"\n") * 4 + b"\nHi",
    "a bounce of dashes": DAEMON + b"-" * 20_000,
    "a bounce in one long line": DAEMON + TRIGGERS + b"x" * 60_000,
    "a bounce of commas": DAEMON + TRIGGERS + b"," * 60_000,
    "a bounce of tabs": DAEMON + TRIGGERS + b"\t" * 60_000,
}


@pytest.mark.parametrize("raw", SLOW.values(), ids=SLOW.keys())
def test_a_mail_made_to_be_slow_is_read_in_time(raw):
    started = time.process_time()

    describe("x.eml", raw)
    hints(parse(raw), "a" * 64, recipients=["a" * 100_000])

    assert time.process_time() - started < 5


def test_a_line_that_is_no_header_hides_none_after_it():
    read = parse(b"From: ann@home.example\nnonsense\nmore of it\nSubject: Kettle\nnothing but words\nand words\n")

    assert (read.subject, read.text.startswith("nothing but words")) == ("Kettle", True)
