"""Mail made to keep us busy: each of these took from seconds to minutes, or all memory, with some program or other."""

import time
import tracemalloc

import pytest

from channels.email.description import describe
from channels.email.mime import parse
from channels.email.reply_address import hints

SIZE = 10_000_000
SECONDS = 2
FROM = b"From: a@b.example\nSubject: x\n"
MIXED = FROM + b"Content-Type: multipart/mixed; boundary=b\n\n"
DAEMON = b"From: MAILER-DAEMON@x.example\nSubject: failure notice\n\n"
TRIGGERS = (  # each wakes one of the scanner's patterns
    b"A message that you sent could not be delivered\nfailed addresses follow:\nYour message\n"
    b"did not reach the following recipient\nMessage not delivered to the following addresses\n"
    b"Invalid final delivery userid:\nA message that you sent was rejected\n"
)


def filled(head: bytes, piece: bytes, size: int = SIZE) -> bytes:
    """Return `head` and then the piece again and again."""
    return head + piece * ((size - len(head)) // len(piece))


HOSTILE = {  # each (head, piece) of SIZE
    "endless nesting": (b"", b"Content-Type: multipart/mixed; boundary=b\n\n--b\n"),
    "mails in mails": (b"", b"Content-Type: message/rfc822\n\n"),
    "many mails": (MIXED, b"--b\nContent-Type: message/rfc822\n\nSubject: q\n\nhi\n"),
    "a million headers": (b"", b"X: y\n"),
    "a folded header": (b"Subject: x", b"\n x"),
    "one recipient after the other": (b"To: ", b"a@b.example, "),
    "recipients that are none": (b"To: ", b"a,"),
    "brackets": (b"To: ", b"<"),
    "quotes and comments": (b"To: ", b'"((\\'),
    "encoded words": (b"Subject: ", b"=?utf-8?Q?a?= "),
    "encoded words without end": (b"Subject: ", b"=?a?b?"),
    "parameters without end": (b"Content-Type: text/plain", b'; a*0*="b'),
    "a million parts": (MIXED, b"--b\n\nhi\n"),
    "parts of headers": (MIXED, b"--b\n" + b"X: y\n" * 4_000 + b"\nhi\n"),
    "parts without headers": (MIXED, b"--b\n" + b"x\n" * 10_000 + b"\nhi\n"),
    "parts with long names": (MIXED, b'--b\nContent-Type: a/b; name="' + b"=?utf-8?Q?a?= " * 1_000 + b'"\n\nx\n'),
    "delimiters that are none": (MIXED, b"--bb\n"),
    "HTML in parts": (MIXED, b"--b\nContent-Type: text/html\n\n<p>x\n"),
    "lines of 100 kB": (FROM + b"\n", b"x " * 50_000 + b"\n"),
    "one line": (FROM + b"\n", b"x "),
    "folded lines": (FROM + b"Content-Type: text/plain; format=flowed\n\n", b"> x \n"),
    "links": (FROM + b"\n", b"a<http://a>"),
    "links without end": (FROM + b"\n", b"<http://"),
    "files in the text": (FROM + b"\n", b"begin 644 a\n!80  \n`\nend\n"),
    "files without end": (FROM + b"\n", b"begin 644 a\nM" + b"A" * 60 + b"\n"),
    "base64": (FROM + b"Content-Transfer-Encoding: base64\n\n", b"QUJD" * 19 + b"\n"),
    "base64 that is none": (FROM + b"Content-Transfer-Encoding: base64\n\n", b"?Q=="),
    "UTF-7": (FROM + b"Content-Type: text/plain; charset=utf-7\n\n", b"+AAA"),
    "Japanese and back": (FROM + b"\n\x1b$B-!", b"\x1b$B!!\x1b(B"),
    "bytes of no charset": (FROM + b"\n", b"\xff\xc0 "),
    "a calendar": (FROM + b"Content-Type: text/calendar\n\nBEGIN:VEVENT\nSUMMARY", b';X="a"'),
    "NULs": (b"", b"\x00"),
    "blank lines": (FROM + b"\n", b" \r\n"),
}


@pytest.mark.parametrize(("head", "piece"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_mail_of_ten_megabytes_takes_little_time(head, piece):
    raw = filled(head, piece)
    started = time.process_time()

    describe("x.eml", raw)

    assert time.process_time() - started < SECONDS


GREEDY = ("endless nesting", "a million headers", "a million parts", "one recipient after the other", "links")


@pytest.mark.parametrize("name", GREEDY)
def test_a_mail_of_ten_megabytes_takes_little_memory(name):
    raw = filled(*HOSTILE[name])
    tracemalloc.start()

    parse(raw)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * SIZE


SLOW = {
    "lines that are no headers, then one": b"From: a@b.example\n" + b"x\n" * 60_000 + b"Subject: hi\n\n",
    "long recipients": b"".join(b"Delivered-To: " + b"a" * 9_000 + b"\n" for _ in range(20)) + b"\nHi",
    "almost our address": b"To: " + b"a+t1." * 12_000 + b"\n\nHi",
    "a signature of dots": b"From: a@b.example\n\nHi\n\nsent from my " + b"." * 60,
    "a page of blanks": b"Content-Type: text/html; charset=utf-8\n\n<p>" + "\u00a0".encode() * 400_000,
    "four long lists of letters": (b"To: " + b"a," * 30_000 + b"\n") * 4 + b"\nHi",
    "the same, twice": MIXED + b"--b\n\n" + b"x " * 999_999 + b"\n--b\nContent-Type: text/html\n\n" + b"x " * 999_999,
    "nesting of many names": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(99_999)
    ),
    "a bounce in bounces": b"From: MAILER-DAEMON@x.example\n" + b"Content-Type: message/rfc822\n\n" * 100_000,
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

    assert time.process_time() - started < 2 * SECONDS
