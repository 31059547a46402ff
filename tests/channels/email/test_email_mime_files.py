"""Parts that are files: which they are, what they are called, and that their bytes stay as they came."""

import binascii

import pytest

from channels.email.mime import parse
from tests.channels.email.raw_mails import HTML, PDF, PLAIN, mail, multipart, nested, part

FILES = {  # (part, name, content type, content, inline)
    "an attachment": (PDF, "bill.pdf", "application/pdf", b"PDF", False),
    "a picture in the text": (
        part("image/png", b"PNG", content_id="<logo>", content_disposition="inline"),
        "part-1.png",
        "image/png",
        b"PNG",
        True,
    ),
    "a picture of Outlook's": (
        part("image/png", b"PNG", content_id="<image001.png@01DB2E55.7F2B>"),
        "image001.png",
        "image/png",
        b"PNG",
        True,
    ),
    "a picture by its place": (
        part("image/png", b"PNG", content_location="http://shop.example/img/logo.png?v=2"),
        "logo.png",
        "image/png",
        b"PNG",
        False,
    ),
    "a mail": (
        part("message/rfc822", b"Subject: Old: mail\r\n\r\nHi"),
        "Old mail.eml",
        "message/rfc822",
        b"Subject: Old: mail\r\n\r\nHi",
        False,
    ),
    "a mail in base64": (
        part("message/rfc822", b"U3ViamVjdDogT2xkCgpIaQ==", content_transfer_encoding="base64"),
        "Old.eml",
        "message/rfc822",
        b"Subject: Old\n\nHi",
        False,
    ),
    "a mail without a subject": (
        part("message/rfc822", b"From: a@b.example\r\n\r\nSubject: no"),
        "message-1.eml",
        "message/rfc822",
        b"From: a@b.example\r\n\r\nSubject: no",
        False,
    ),
    "an invitation": (part("text/calendar", b"BEGIN:"), "invitation.ics", "text/calendar", b"BEGIN:", False),
    "TNEF": (part("application/ms-tnef", b"\x78\x9f"), "winmail.dat", "application/ms-tnef", b"\x78\x9f", False),
    "an encrypted mail": (part("application/pkcs7-mime", b"CMS"), "smime.p7m", "application/pkcs7-mime", b"CMS", False),
    "a report": (
        part("message/delivery-status", b"Action: failed"),
        "delivery-status.txt",
        "message/delivery-status",
        b"Action: failed",
        False,
    ),
    "a file that is elsewhere": (
        part("message/external-body; access-type=URL; URL=http://a.example/b", b"Content-Type: image/png"),
        "external.txt",
        "message/external-body",
        b"Content-Type: message/external-body; access-type=URL; URL=http://a.example/b\n\nContent-Type: image/png",
        False,
    ),
    "a text": (
        part("text/plain", b"remember", content_disposition="attachment; filename=notes.txt"),
        "notes.txt",
        "text/plain",
        b"remember",
        False,
    ),
    "a type that nobody knows": (part("x-a/x-b", b"?"), "part-1.bin", "x-a/x-b", b"?", False),
}


@pytest.mark.parametrize(("given", "name", "content_type", "content", "inline"), FILES.values(), ids=FILES.keys())
def test_files_are_kept_as_they_came(given, name, content_type, content, inline):
    (file,) = parse(multipart("mixed", PLAIN, given)).files

    assert (file.filename, file.content_type, file.content, file.inline) == (name, content_type, content, inline)


TOGETHER = {
    "a signature": (multipart("signed", PLAIN, part("application/pkcs7-signature", b"CMS")), ["smime.p7s"]),
    "an encrypted mail": (
        multipart(
            "encrypted",
            part("application/pgp-encrypted", b"Version: 1"),
            part("application/octet-stream; name=encrypted.asc", b"PGP"),
        ),
        ["pgp-version.txt", "encrypted.asc"],
    ),
    "a Macintosh's two halves": (
        multipart(
            "mixed",
            PLAIN,
            nested(
                "appledouble",
                part("application/applefile; name=bill.pdf", b"MAC"),
                part("application/pdf; name=bill.pdf", b"PDF"),
            ),
        ),
        ["._bill.pdf", "bill.pdf"],
    ),
    "a frame of the HTML": (multipart("related", HTML, part("text/html", b"frame")), ["part-1.html"]),
    "mails one by one": (
        multipart("digest", b"\r\nSubject: One\r\n\r\n1", b"\r\nSubject: Two\r\n\r\n2"),
        ["One.eml", "Two.eml"],
    ),
    "a mail that is a file": (mail(b"UERG", content_type="application/pdf; name=bill.pdf"), ["bill.pdf"]),
}


@pytest.mark.parametrize(("raw", "names"), TOGETHER.values(), ids=TOGETHER.keys())
def test_what_belongs_together_is_kept_together(raw, names):
    assert [file.filename for file in parse(raw).files] == names


FILE_NAMES = {
    "RFC 2231": ("filename*=utf-8''Gr%C3%B6%C3%9Fe.pdf", "Größe.pdf"),
    "RFC 2231, continued": ("filename*0*=iso-8859-1''Gr%F6; filename*1=sse.pdf", "Grösse.pdf"),
    "an encoded word": ('filename="=?utf-8?B?R3LDtsOfZS5wZGY=?="', "Größe.pdf"),
    "blanks without quotes": ("filename=my bill.pdf", "my bill.pdf"),
    "RFC 2231, a charset and cut bytes": ("filename*0*=utf-8''Gr%C3%B6%C3; filename*1*=%9Fe.pdf", "Größe.pdf"),
    "several encoded words": ('filename="=?utf-8?Q?Gr=C3=B6?=\r\n =?utf-8?Q?=C3=9Fe=2Epdf?="', "Größe.pdf"),
    "RFC 2231 in quotes": ("filename*=\"utf-8''Gr%C3%B6%C3%9Fe.pdf\"", "Größe.pdf"),
    "raw bytes": ("filename=Größe.pdf", "Größe.pdf"),
    "both ways": ("filename=Grosse.pdf; filename*=utf-8''Gr%C3%B6%C3%9Fe.pdf", "Größe.pdf"),
    "a semicolon in quotes": ('filename="a;b.pdf"', "a;b.pdf"),
    "no closing quote": ('filename="bill.pdf', "bill.pdf"),
    "a very long name": (f"filename={'n' * 400}.pdf", f"{'n' * 187}.pdf"),
    "only dots": ("filename=...", "part-1.pdf"),
    "a folder": (r'filename="C:\bills\june.pdf"', "june.pdf"),
    "a climb": ("filename=../../etc/passwd", "passwd"),
    "a control character": ('filename="a\x07b.pdf"', "ab.pdf"),
    "a name that turns round": ("filename*=utf-8''fdp%E2%80%AEexe.pdf", "fdpexe.pdf"),
}


@pytest.mark.parametrize(("disposition", "name"), FILE_NAMES.values(), ids=FILE_NAMES.keys())
def test_file_names_are_safe_and_as_they_were_meant(disposition, name):
    part = f"Content-Type: application/pdf\r\nContent-Disposition: attachment; {disposition}\r\n\r\nPDF".encode()

    assert [file.filename for file in parse(multipart("mixed", part)).files] == [name]


def uuencoded(name: str, content: bytes) -> bytes:
    lines = [binascii.b2a_uu(content[at : at + 45]).rstrip(b"\n") for at in range(0, len(content), 45)]
    return b"\r\n".join([b"begin 644 " + name.encode(), *lines, b"`", b"end"])


def test_a_file_in_the_text_is_taken_out():
    read = parse(mail(b"Look:\r\n" + uuencoded("../bill.pdf", b"PDF" * 100) + b"\r\nBye"))

    assert read.text == "Look:\nBye"
    assert [(file.filename, file.content_type) for file in read.files] == [("bill.pdf", "application/pdf")]
    assert read.files[0].content == b"PDF" * 100


NOT_WHOLE = {
    "words": b"begin 644 times\r\nand then stop\r\nend",
    "no end": uuencoded("bill.pdf", b"PDF").replace(b"end", b"Bye"),
    "nothing": b"begin 644 bill.pdf\r\nend",
}


@pytest.mark.parametrize("body", NOT_WHOLE.values(), ids=NOT_WHOLE.keys())
def test_what_only_begins_like_a_file_stays_text(body):
    read = parse(mail(body))

    assert (read.text, read.files) == (body.decode().replace("\r\n", "\n"), ())


def test_a_picture_that_the_html_shows_is_inline_whatever_it_is_called():
    html = part("text/html", b'<p>Look: <img src="cid:kettle%40home"></p>')
    picture = part("image/png", b"PNG", content_id="<kettle@home>", content_disposition="attachment; filename=k.png")
    other = part("image/png", b"PNG", content_id="<pot@home>", content_disposition="attachment; filename=p.png")

    assert [file.inline for file in parse(multipart("related", html, picture, other)).files] == [True, False]


def test_a_text_that_is_all_there_is_can_be_read_and_saved():
    notes = part("text/plain", b"remember", content_disposition="inline; filename=notes.txt")
    read = parse(multipart("mixed", PDF, notes))

    assert (read.text, [file.filename for file in read.files]) == ("remember", ["bill.pdf", "notes.txt"])
