"""Whole mails, read: which words, what date, which ids, and what is made of the broken ones."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.description import describe
from channels.email.mime import parse
from tests.channels.email.raw_mails import PDF, PLAIN, mail, multipart

BROKEN = {
    "no closing delimiter": multipart("mixed", PLAIN).replace(b"--frontier--", b""),
    "no boundary named": multipart("mixed", PLAIN).replace(b'; boundary="frontier"', b""),
    "another boundary than the one named": multipart("mixed", PLAIN).replace(b'"frontier"', b'"Frontier"'),
    "no empty line before the parts": multipart("mixed", PLAIN).replace(b"\r\n\r\n--frontier", b"\r\n--frontier"),
    "LF only": multipart("mixed", PLAIN).replace(b"\r\n", b"\n"),
    "CR only": multipart("mixed", PLAIN).replace(b"\r\n", b"\r"),
    "an mbox line before it": b"From ann@home.example Mon Nov  2 2026\n" + multipart("mixed", PLAIN),
    "empty lines before it": b"\r\n\r\n" + multipart("mixed", PLAIN),
    "a line that is no header": multipart("mixed", PLAIN).replace(b"subject:", b"what is this\r\nsubject:"),
    "no empty line": b"Subject: Printer\r\nHello there",
    "a multipart without parts": mail(b"Hello there", content_type="multipart/mixed; boundary=x"),
    "a multipart that only ends": mail(b"Hello there\r\n--x--\r\n", content_type="multipart/mixed; boundary=x"),
    "a NUL in every header": mail(b"Hello there", subject="Prin\x00ter"),
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN.keys())
def test_broken_mails_are_read_all_the_same(raw):
    read = parse(raw)

    assert (read.subject, read.text.strip()) == ("Printer", "Hello there")


def test_the_parts_of_a_part_that_does_not_end_are_its_own():
    inner = b"Content-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\n\r\none\r\n"

    assert parse(multipart("mixed", inner, PLAIN)).text.split() == ["one", "Hello", "there"]


@pytest.mark.parametrize("date", ["Tue, 3 Nov 2026 09:14:00 +0100", "3 Nov 26 08:14 GMT", "2026-11-03T09:14:00+01:00"])
def test_the_date_is_utc(date):
    assert parse(mail(date=date)).date == datetime(2026, 11, 3, 8, 14, tzinfo=UTC)


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
        b"Content-Type: multipart/related; boundary=x\n",
        b"\n",
        b"--x\n",
        b"--x--\n",
        b"Content-Type: text/html\n",
        b"Content-Type: text/calendar\n",
        b"Content-Type: message/external-body; name=a\n",
        b"Content-Type: text/plain; format=flowed; delsp=yes\n",
        b"> a \n",
        b"begin 644 a\n",
        b"end\n",
        b"BEGIN:VEVENT\n",
        b"DTSTART:2026\n",
        b"<p>",
        b"\xff",
        b"\x1b$B-!",
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


def test_the_description_has_the_shape_that_operators_rely_on():
    described = describe("a.eml", multipart("mixed", PLAIN, PDF))

    assert list(described) == [
        *(
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
        ),
        *("text", "reply", "quoted", "html", "attachments", "is_auto_reply", "is_bounce", "bounce"),
    ]
    assert described["from"] == {"name": "Ann", "address": "ann@home.example"}
    assert [(a["filename"], a["size"], a["inline"]) for a in described["attachments"]] == [("bill.pdf", 3, False)]
