"""Mails of every kind, read."""

import base64
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.addresses import Address
from channels.email.description import describe
from channels.email.mime import parse


def mail(body: bytes = b"Hello", **headers: str) -> bytes:
    """Return a small mail; header names are given with _ for -."""
    given = {"from": "Ann <ann@home.example>", "to": "help@shop.example", "subject": "Printer"} | headers
    lines = [f"{name.replace('_', '-')}: {value}".encode() for name, value in given.items() if value]
    return b"\r\n".join([*lines, b"", body])


SUBJECTS = {
    "plain": ("Printer", "Printer"),
    "base64": ("=?utf-8?B?RHLDvGNrZXI=?=", "Drücker"),
    "quoted-printable": ("=?iso-8859-1?Q?Dr=FCcker_kaputt?=", "Drücker kaputt"),
    "two words make one text": ("=?utf-8?Q?Dr=C3=BC?= =?utf-8?Q?cker?=", "Drücker"),
    "a character cut in two": ("=?utf-8?B?RHLD?= =?utf-8?B?vGNrZXI=?=", "Drücker"),
    "blanks inside the word": ("=?utf-8?Q?Dr=C3=BCcker ist kaputt?=", "Drücker ist kaputt"),
    "a question mark inside": ("=?utf-8?Q?Wo ist er??=", "Wo ist er?"),
    "missing padding": ("=?utf-8?B?RHLDvGNrZXI?=", "Drücker"),
    "an unknown charset": ("=?x-martian?Q?Printer?=", "Printer"),
    "raw UTF-8": ("Drücker", "Drücker"),
    "UTF-8 that says Latin-1": ("=?iso-8859-1?Q?Dr=C3=BCcker?=", "Drücker"),
    "folded": ("Printer\r\n is broken", "Printer is broken"),
    "Japanese": ("=?iso-2022-jp?B?GyRCJVclaiVzJT8bKEI=?=", "プリンタ"),
    "not a word": ("=?utf-8?Q?unfinished", "=?utf-8?Q?unfinished"),
}


@pytest.mark.parametrize(("written", "read"), SUBJECTS.values(), ids=SUBJECTS.keys())
def test_a_subject_reads_as_it_was_meant(written, read):
    assert parse(mail(subject=written)).subject == read


PEOPLE = {
    "name and address": ("Ann Lee <ann@home.example>", [("Ann Lee", "ann@home.example")]),
    "quoted comma": ('"Lee, Ann" <ann@home.example>', [("Lee, Ann", "ann@home.example")]),
    "unquoted comma": ("Lee, Ann <ann@home.example>", [("Lee, Ann", "ann@home.example")]),
    "bare": ("ann@home.example", [("", "ann@home.example")]),
    "comment": ("ann@home.example (Ann Lee)", [("Ann Lee", "ann@home.example")]),
    "encoded": ("=?utf-8?Q?Ann_L=C3=A9e?= <ann@home.example>", [("Ann Lée", "ann@home.example")]),
    "all encoded": ("=?utf-8?Q?Ann_=3Cann=40home.example=3E?=", [("Ann", "ann@home.example")]),
    "two": ("Ann <ann@home.example>, bob@home.example", [("Ann", "ann@home.example"), ("", "bob@home.example")]),
    "semicolons": ("ann@home.example; bob@home.example", [("", "ann@home.example"), ("", "bob@home.example")]),
    "a group": ("Friends: ann@home.example, bob@home.example;", [("", "ann@home.example"), ("", "bob@home.example")]),
    "an empty group": ("undisclosed-recipients:;", []),
    "no closing bracket": ("Ann <ann@home.example", [("Ann", "ann@home.example")]),
    "address as name": ('"ann@home.example" <ann@home.example>', [("ann@home.example", "ann@home.example")]),
}


@pytest.mark.parametrize(("written", "people"), PEOPLE.values(), ids=PEOPLE.keys())
def test_people_are_found(written, people):
    assert parse(mail(to=written)).to == tuple(Address(*one) for one in people)


BODIES = {  # (content type, transfer encoding, bytes, text)
    "UTF-8": ("text/plain; charset=utf-8", "8bit", "Größe".encode(), "Größe"),
    "Latin-1": ("text/plain; charset=iso-8859-1", "8bit", "Größe".encode("latin-1"), "Größe"),
    "Windows quotes called Latin-1": ("text/plain; charset=iso-8859-1", "8bit", b"\x93Hi\x94", "“Hi”"),
    "no charset": ("text/plain", "8bit", "Größe".encode("latin-1"), "Größe"),
    "unknown charset": ("text/plain; charset=x-martian", "8bit", "Größe".encode(), "Größe"),
    "a charset that is a codec": ("text/plain; charset=zip", "8bit", b"Hi", "Hi"),
    "quoted-printable": ("text/plain; charset=utf-8", "quoted-printable", b"Gr=C3=B6=\r\n=C3=9Fe", "Größe"),
    "base64": ("text/plain; charset=utf-8", "base64", base64.b64encode("Größe".encode()), "Größe"),
    "base64 with a footer": ("text/plain", "base64", b"SGk=\r\n-- \r\na list", "Hi"),
    "one broken byte": ("text/plain; charset=utf-8", "8bit", "Größe".encode() + b"\xff", "Größe�"),
    "HTML only": ("text/html; charset=utf-8", "8bit", "<p>Größe</p>".encode(), "Größe"),
    "HTML that says its own charset": ("text/html", "8bit", b'<meta charset="koi8-r"><p>\xf0\xf2\xe9</p>', "ПРИ"),
    "a NUL": ("text/plain", "8bit", b"H\x00i", "Hi"),
    "nonsense type": ("plain", "8bit", b"Hi", "Hi"),
}


@pytest.mark.parametrize(("content_type", "encoding", "body", "text"), BODIES.values(), ids=BODIES.keys())
def test_a_body_reads_as_it_was_meant(content_type, encoding, body, text):
    raw = mail(body, content_type=content_type, content_transfer_encoding=encoding)

    assert parse(raw).text.strip() == text


def multipart(kind: str, *parts: bytes) -> bytes:
    body = b"".join(b"--frontier\r\n" + part + b"\r\n" for part in parts) + b"--frontier--\r\n"
    return mail(body, content_type=f'multipart/{kind}; boundary="frontier"')


PLAIN = b"Content-Type: text/plain\r\n\r\nHello there"
HTML = b"Content-Type: text/html\r\n\r\n<p>Hello <b>there</b></p>"
PDF = b"Content-Type: application/pdf; name=bill.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nUERG"
INLINE = b"Content-Type: image/png\r\nContent-ID: <logo>\r\nContent-Disposition: inline\r\n\r\nPNG"
NESTED = b"Content-Type: message/rfc822\r\n\r\nSubject: Old: mail\r\n\r\nHi"
INVITATION = b"Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR"
TNEF = b"Content-Type: application/ms-tnef; name=winmail.dat\r\n\r\n\x78\x9f\x3e\x22"
NOTES = b"Content-Type: text/plain\r\nContent-Disposition: attachment; filename=notes.txt\r\n\r\nremember"


def test_the_plain_text_is_preferred_and_the_html_kept():
    read = parse(multipart("alternative", PLAIN, HTML))

    assert (read.text, read.html) == ("Hello there", "<p>Hello <b>there</b></p>")


def test_a_plain_text_that_is_a_stub_gives_way_to_the_html():
    stub = b"Content-Type: text/plain\r\n\r\nNo HTML?"
    rich = b"Content-Type: text/html\r\n\r\n<p>Your order of two printers has left our house</p>"

    assert parse(multipart("alternative", stub, rich)).text == "Your order of two printers has left our house"


def test_a_body_in_several_parts_is_one_text():
    assert parse(multipart("mixed", PLAIN, INLINE, PLAIN)).text == "Hello there\nHello there"


FILES = {  # (part, name, content type, content, inline)
    "an attachment": (PDF, "bill.pdf", "application/pdf", b"PDF", False),
    "a picture in the text": (INLINE, "part-1.png", "image/png", b"PNG", True),
    "a mail": (NESTED, "Old mail.eml", "message/rfc822", b"Subject: Old: mail\r\n\r\nHi", False),
    "an invitation": (INVITATION, "part-1.ics", "text/calendar", b"BEGIN:VCALENDAR", False),
    "TNEF": (TNEF, "winmail.dat", "application/ms-tnef", b"\x78\x9f\x3e\x22", False),
    "a text": (NOTES, "notes.txt", "text/plain", b"remember", False),
}


@pytest.mark.parametrize(("part", "name", "content_type", "content", "inline"), FILES.values(), ids=FILES.keys())
def test_files_are_kept_as_they_came(part, name, content_type, content, inline):
    (file,) = parse(multipart("mixed", PLAIN, part)).files

    assert (file.filename, file.content_type, file.content, file.inline) == (name, content_type, content, inline)


FILE_NAMES = {
    "RFC 2231": ("filename*=utf-8''Gr%C3%B6%C3%9Fe.pdf", "Größe.pdf"),
    "RFC 2231, continued": ("filename*0*=iso-8859-1''Gr%F6; filename*1=sse.pdf", "Grösse.pdf"),
    "an encoded word": ('filename="=?utf-8?B?R3LDtsOfZS5wZGY=?="', "Größe.pdf"),
    "blanks without quotes": ("filename=my bill.pdf", "my bill.pdf"),
    "a folder": (r'filename="C:\bills\june.pdf"', "june.pdf"),
    "a climb": ("filename=../../etc/passwd", "passwd"),
    "a control character": ('filename="a\x07b.pdf"', "ab.pdf"),
    "a name that turns round": ("filename*=utf-8''fdp%E2%80%AEexe.pdf", "fdpexe.pdf"),
}


@pytest.mark.parametrize(("disposition", "name"), FILE_NAMES.values(), ids=FILE_NAMES.keys())
def test_file_names_are_safe_and_as_they_were_meant(disposition, name):
    part = f"Content-Type: application/pdf\r\nContent-Disposition: attachment; {disposition}\r\n\r\nPDF".encode()

    assert [file.filename for file in parse(multipart("mixed", part)).files] == [name]


BROKEN = {
    "no closing delimiter": multipart("mixed", PLAIN).replace(b"--frontier--", b""),
    "no boundary named": multipart("mixed", PLAIN).replace(b'; boundary="frontier"', b""),
    "LF only": multipart("mixed", PLAIN).replace(b"\r\n", b"\n"),
    "CR only": multipart("mixed", PLAIN).replace(b"\r\n", b"\r"),
    "an mbox line before it": b"From ann@home.example Mon Nov  2 2026\n" + multipart("mixed", PLAIN),
    "empty lines before it": b"\r\n\r\n" + multipart("mixed", PLAIN),
    "a line that is no header": multipart("mixed", PLAIN).replace(b"subject:", b"what is this\r\nsubject:"),
    "no empty line": b"Subject: Printer\r\nHello there",
    "a multipart without parts": mail(b"Hello there", content_type="multipart/mixed; boundary=x"),
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN.keys())
def test_broken_mails_are_read_all_the_same(raw):
    read = parse(raw)

    assert (read.subject, read.text.strip()) == ("Printer", "Hello there")


def test_the_date_is_utc():
    assert parse(mail(date="Tue, 3 Nov 2026 09:14:00 +0100")).date == datetime(2026, 11, 3, 8, 14, tzinfo=UTC)


@pytest.mark.parametrize("date", ["", "yesterday", "Tue, 99 Nov 2026 09:14:00 +9999", "1" * 5_000])
def test_a_date_that_is_none_is_none(date):
    assert parse(mail(date=date)).date is None


def test_a_missing_message_id_is_the_same_whatever_route_the_mail_took():
    raw = mail(date="Tue, 3 Nov 2026 09:14:00 +0100")
    first, again = (parse(b"Received: from %b\r\n%b" % (host, raw)).message_id for host in (b"a.example", b"b.example"))

    assert first == again
    assert first.endswith("@synthesised.invalid>")
    assert parse(raw + b"!").message_id != first


def test_references_are_ids_whatever_stands_between():
    read = parse(mail(references="<a@x.example>\r\n <b@x.example>, <a@x.example>", in_reply_to="your <b@x.example>"))

    assert read.references == ("<a@x.example>", "<b@x.example>")
    assert read.in_reply_to == ("<b@x.example>",)


@given(st.binary(max_size=2_000))
def test_any_bytes_give_an_answer(raw):
    assert describe("x.eml", raw)["error"] is None


PIECES = st.sampled_from(
    [
        b"Content-Type: multipart/mixed; boundary=x\n",
        b"\n",
        b"--x\n",
        b"--x--\n",
        b"Content-Type: text/html\n",
        b"<p>",
        b"\xff",
        b"Subject: =?utf-8?B?",
        b"?=",
        b"From: ",
        b"<a@b>",
        b",",
        b'"',
        b"Content-Transfer-Encoding: base64\n",
        b"QQ=",
        b" ",
        b"\r",
        b"Content-Type: message/delivery-status\n",
        b"Status: 5.1.1\n",
        b"Action: failed\n",
        b"Content-Disposition: attachment; ",
        b"filename*0*=",
        b"utf-7''+AGE",
        b"From: MAILER-DAEMON@x.example\n",
        b"Date: ",
        b"Content-Type: text/plain; charset=utf-16\n",
    ]
)


@given(st.lists(PIECES, max_size=40).map(b"".join))
def test_any_pieces_of_a_mail_give_an_answer(raw):
    assert describe("x.eml", raw)["error"] is None


HOSTILE = {
    "endless nesting": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(100_000)
    ),
    "a million headers": b"X: y\n" * 1_000_000 + b"\nHi",
    "one recipient after the other": b"To: " + b"a@b.example, " * 500_000 + b"\n\nHi",
    "lines of 100 kB": b"Subject: x\n\n" + (b"x " * 50_000 + b"\n") * 50,
    "delimiters that are none": b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--ab\n" * 1_000_000,
    "parts without end": b"Content-Type: multipart/mixed; boundary=a\n\n"
    + b"--a\nContent-Type: text/html\n\n<p>x\n" * 100_000,
    "encoded words without end": b"Subject: " + b"=?a?b?" * 1_000_000,
    "parameters without end": b"Content-Type: text/plain" + b"; a*0*=b" * 500_000,
    "a bounce in bounces": b"From: MAILER-DAEMON@x.example\n" + b"Content-Type: message/rfc822\n\n" * 100_000,
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_mail_takes_little_time(raw):
    started = time.process_time()

    describe("x.eml", raw)

    assert time.process_time() - started < 2


def test_the_description_has_the_shape_that_operators_rely_on():
    described = describe("a.eml", multipart("mixed", PLAIN, PDF))

    assert list(described) == (
        [
            "file",
            "error",
            "from",
            "to",
            "cc",
            "reply_to",
            "subject",
            "message_id",
            "in_reply_to",
            "references",
            "date",
            "text",
            "reply",
            "quoted",
            "html",
            "attachments",
            "is_auto_reply",
            "is_bounce",
            "bounce",
        ]
    )
    assert described["from"] == {"name": "Ann", "address": "ann@home.example"}
    assert [(a["filename"], a["size"], a["inline"]) for a in described["attachments"]] == [("bill.pdf", 3, False)]
