"""A mail that somebody passes on is read as the customer's who wrote it, whatever program passed it on."""

import pytest

from channels.email.forwards import read_forward
from channels.email.mime import parse

GMAIL = """Please help her.

---------- Forwarded message ---------
From: Lucie Tremblay <lucie@home.example>
Date: Wed, 18 Nov 2026 at 12:00
Subject: My kettle
To: <ada@desk.example>

It leaks.

From: here to there.
"""
OUTLOOK = """Please help her.

________________________________
De : Lucie Tremblay [mailto:lucie@home.example]
Envoyé : mercredi 18 novembre 2026 12:00
À : Ada
Objet : My kettle

It leaks.

From: here to there.
"""
APPLE = """Please help her.

Anfang der weitergeleiteten Nachricht:

> Von: Lucie Tremblay <lucie@home.example>
> Betreff: My kettle
> Datum: 18. November 2026 um 12:00:00 MEZ
> An: ada@desk.example
>
> It leaks.
>
> From: here to there.
"""
BOLD = GMAIL.replace("From: Lucie", "*From:* Lucie").replace("Date:", "*Date:*").replace("Subject:", "*Subject:*")


def forwarded(subject: str, text: str) -> bytes:
    return f"From: ada@desk.example\nSubject: {subject}\nContent-Type: text/plain; charset=utf-8\n\n{text}".encode()


@pytest.mark.parametrize(
    ("subject", "text"),
    [("Fwd: My kettle", GMAIL), ("TR: My kettle", OUTLOOK), ("WG: My kettle", APPLE), ("FW: My kettle", BOLD)],
)
def test_the_author_the_words_and_the_comment_are_told_apart(subject: str, text: str) -> None:
    found = read_forward(parse(forwarded(subject, text)))

    assert found is not None
    assert (found.author.name, found.author.address) == ("Lucie Tremblay", "lucie@home.example")
    assert found.text == "It leaks.\n\nFrom: here to there."
    assert found.comment == "Please help her."


def test_a_mail_passed_on_as_a_file_is_read_too() -> None:
    raw = (
        b"From: ada@desk.example\nSubject: Fwd: My kettle\nContent-Type: multipart/mixed; boundary=b\n\n"
        b"--b\nContent-Type: text/plain\n\nPlease help her.\n--b\nContent-Type: message/rfc822\n\n"
        b"From: Lucie <lucie@home.example>\nSubject: My kettle\n\nIt leaks.\n\n--b--\n"
    )

    found = read_forward(parse(raw))

    assert found is not None
    assert (found.author.address, found.text, found.comment) == ("lucie@home.example", "It leaks.", "Please help her.")


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Re: My kettle", GMAIL),
        ("Forwarding agents", GMAIL),
        ("Fwd: My kettle", "It leaks.\n"),
        ("Fwd: My kettle", "From: Lucie <lucie@home.example>\n\nIt leaks.\n"),  # a line, not headers
        ("Fwd: My kettle", "From: Lucie\nSubject: My kettle\n\nIt leaks.\n"),  # nobody's address
        ("Fwd: My kettle", "From: Lucie <lucie@home.example>\nSubject: My kettle\n\n"),  # no words
    ],
)
def test_what_passes_nothing_on_is_its_senders(subject: str, text: str) -> None:
    assert read_forward(parse(forwarded(subject, text))) is None


@pytest.mark.parametrize("text", ["From: " * 50_000, "From: a@b.c\n" * 50_000, "> From: a@b.c [mailto:" * 20_000])
def test_odd_input_is_read_within_bounds(text: str) -> None:
    assert read_forward(parse(forwarded("Fwd: x", text))) is None
