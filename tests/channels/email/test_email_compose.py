"""The mail that carries a reply."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from channels.email.compose import compose, reply_subject
from channels.email.mime import parse
from channels.email.quoting import split_reply
from channels.email.reply_address import hints, ticket_of_address
from channels.email.smtp_client import as_bytes
from channels.errors import PermanentFailure
from channels.protocol import Named, Outgoing
from ticketing.envelope import Channel

KEY = "a" * 64
MESSAGE_ID = "<t12.m34.0123456789abcdef@shop.example>"


@dataclass(frozen=True)
class File:
    """A file whose bytes need no store."""

    filename: str
    content_type: str
    held: bytes

    def content(self) -> bytes:
        return self.held


REPLY = Outgoing(
    message_id=34,
    ticket_id=12,
    channel=Channel.EMAIL,
    sender="help@shop.example",
    sender_name="Zoé from Shop",
    recipient="ann@home.example",
    recipient_name="Ann Lee",
    subject="Printer",
    text="Dear Ann,\n\nit is fixed — try again.\n",
    html="",
    automatic=False,
    written_at=datetime(2026, 11, 3, 9, 14, tzinfo=UTC),
    in_reply_to="<two@home.example>",
    references=("<one@home.example>", "<two@home.example>"),
)


def composed(**changes):
    return compose(replace(REPLY, **changes), message_id=MESSAGE_ID, key=KEY)


def test_a_reply_reads_back_as_it_was_written():
    read = parse(composed().as_bytes())

    assert read.sender is not None
    assert (read.sender.name, read.sender.address) == ("Zoé from Shop", "help@shop.example")
    assert [(one.name, one.address) for one in read.to] == [("Ann Lee", "ann@home.example")]
    assert (read.subject, read.message_id, read.date) == ("Re: Printer", MESSAGE_ID, REPLY.written_at)
    assert (read.in_reply_to, read.references) == (("<two@home.example>",), REPLY.references)
    assert split_reply(read.text) == (REPLY.text.strip(), "")


def test_answers_go_to_an_address_that_names_the_ticket():
    mail = composed()

    assert ticket_of_address(mail["Reply-To"].addresses[0].addr_spec, KEY) == 12


def test_an_answer_to_the_reply_finds_its_ticket():
    answer = f"From: x@y.example\r\nTo: {composed()['Reply-To']}\r\n\r\nThanks"

    assert hints(parse(answer.encode()), KEY).ticket_ids == (12,)


def test_a_reply_carries_html_and_files():
    read = parse(composed(html="<p>Fixed</p>", files=(File("größe.pdf", "application/pdf", b"PDF"),)).as_bytes())

    assert (read.html.strip(), read.text.strip()) == ("<p>Fixed</p>", REPLY.text.strip())
    assert [(file.filename, file.content) for file in read.files] == [("größe.pdf", b"PDF")]


def test_an_html_page_cannot_pass_for_another_part():
    (file,) = parse(composed(files=(File("a.eml", "message/rfc822\r\nX: y", b"Hi"),)).as_bytes()).files

    assert (file.filename, file.content_type, file.content) == ("a.eml", "application/octet-stream", b"Hi")


def test_automatic_mail_says_so_and_other_mail_does_not():
    assert composed(automatic=True)["Auto-Submitted"] == "auto-replied"
    assert composed()["Auto-Submitted"] is None


def test_nothing_unsubscribes_from_an_answer():
    assert not any(name.lower().startswith("list-") for name, _ in composed(automatic=True).items())


def test_copies_are_named():
    mail = composed(copies=(Named("bob@x.example", "Bob"), Named("zoe@bücher.example")))

    assert str(mail["Cc"]) == "Bob <bob@x.example>, zoe@xn--bcher-kva.example"


ODD = {
    "long lines": {"text": "x" * 5000, "html": "<p>" + "y" * 5000 + "</p>"},
    "a long subject": {"subject": "Größe 📏 " * 60},
    "long names": {"sender_name": 'Zoé "the, boss" <x> ' * 20, "recipient_name": "張 " * 100},
    "many references": {"references": tuple(f"<{'a' * 150}{n}@home.example>" for n in range(50))},
    "a file's name": {"files": (File('größe "1"; x=y\u202e.pdf' + "n" * 300, "application/pdf", bytes(range(256))),)},
    "lone carriage returns and dots": {"text": "a\rb\r\n.\n..c\x00\x0b"},
}


@pytest.mark.parametrize("changes", ODD.values(), ids=ODD.keys())
def test_every_mail_is_seven_bit_and_its_lines_are_short(changes):
    raw = as_bytes(composed(**changes), addresses=[])

    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert parse(raw).message_id == MESSAGE_ID


@pytest.mark.parametrize("field", ["subject", "sender_name", "recipient_name"])
def test_a_line_break_adds_no_header(field):
    raw = composed(**{field: "Hi\r\nBcc: eve@evil.example\r\n\r\nbody"}).as_bytes()

    assert b"\nbcc:" not in raw.lower()


@pytest.mark.parametrize(
    "address",
    ["", "ann", "ann@", "@home.example", "a b@home.example", "a@b.example\r\nBcc: c@d.example", "a@" + "b" * 300],
)
def test_what_is_no_address_is_refused(address):
    with pytest.raises(PermanentFailure):
        composed(recipient=address)


def test_ids_of_others_that_are_broken_are_left_out():
    mail = composed(
        in_reply_to="<broken", references=("<a b@x.example>", "<one@home.example>\r\nBcc: eve@evil.example")
    )

    assert mail["In-Reply-To"] is None
    assert mail["References"] is None


def test_a_long_thread_keeps_its_first_and_its_last_references():
    ids = tuple(f"<{number}@home.example>" for number in range(50))

    kept = composed(references=ids, in_reply_to=ids[-1])["References"].split()

    assert len(kept) == 20
    assert (kept[0], kept[-1]) == (ids[0], ids[-1])


def test_an_international_domain_goes_out_in_ascii():
    assert composed(recipient="ann@bücher.example")["To"].addresses[0].domain == "xn--bcher-kva.example"


SUBJECTS = {
    "none yet": ("Printer", "Re: Printer"),
    "one": ("Re: Printer", "Re: Printer"),
    "many languages": ("AW: RE: Sv: Re[2]: Printer", "Re: Printer"),
    "a word that begins so": ("Reset my printer", "Re: Reset my printer"),
    "two lines": ("Printer\r\nBcc: x", "Re: Printer Bcc: x"),
    "empty": ("", "Re:"),
}


@pytest.mark.parametrize(("subject", "expected"), SUBJECTS.values(), ids=SUBJECTS.keys())
def test_prefixes_do_not_pile_up(subject, expected):
    assert reply_subject(subject) == expected


def test_the_same_reply_gives_the_same_headers_at_every_attempt():
    first, second = composed(), composed()

    assert first.items() == second.items()
