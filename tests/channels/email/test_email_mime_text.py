"""Which words of a mail are its text: of several alternatives, folded ones, and programs' clumsy ones."""

import pytest

from channels.email.mime import parse
from tests.channels.email.raw_mails import HTML, PDF, PLAIN, mail, multipart, nested, part

PICTURE = part("image/png", b"PNG", content_id="<logo>", content_disposition="inline")


def test_the_plain_text_is_preferred_and_the_html_kept():
    read = parse(multipart("alternative", PLAIN, HTML))

    assert (read.text, read.html) == ("Hello there", "<p>Hello <b>there</b></p>")


RICH = part("text/html", "<p>Your order of two <b>printers</b> left Köln&nbsp;today</p>".encode())
NO_ALTERNATIVES = {
    "a stub": b"No HTML?",
    "nothing": b" \r\n",
    "entities that were forgotten": b"Your order of two printers left K&ouml;ln&nbsp;today",
}


@pytest.mark.parametrize("text", NO_ALTERNATIVES.values(), ids=NO_ALTERNATIVES.keys())
def test_a_plain_text_that_is_no_alternative_gives_way_to_the_html(text):
    read = parse(multipart("alternative", part("text/plain", text), RICH))

    assert read.text.split() == ["Your", "order", "of", "two", "printers", "left", "Köln", "today"]


def test_entities_that_somebody_writes_about_stay():
    text, html = part("text/plain", b"write &nbsp; there"), part("text/html", b"write <tt>&amp;nbsp;</tt> there")

    assert parse(multipart("alternative", text, html)).text == "write &nbsp; there"


TEXTS = {  # (mail, text)
    "in several parts": (multipart("mixed", PLAIN, PICTURE, PLAIN), "Hello there\nHello there"),
    "alternatives called mixed": (multipart("mixed", PLAIN, HTML), "Hello there"),
    "a signed mail": (multipart("signed", PLAIN, part("application/pgp-signature", b"PGP")), "Hello there"),
    "an alternative with pictures": (
        multipart("alternative", PLAIN, nested("related", HTML, PICTURE)),
        "Hello there",
    ),
    "HTML called plain": (mail(b"<html><body>Hello <b>there</b></body></html>"), "Hello there"),
    "a text with a name": (multipart("mixed", part('text/plain; name="body.txt"', b"Hello there"), PDF), "Hello there"),
    "enriched": (mail(b"<bold>Hello</bold> there", content_type="text/enriched"), "Hello there"),
    "a frame of the HTML": (multipart("related", HTML, part("text/html", b"an advertisement")), "Hello there"),
    "for a program of another kind": (
        multipart("alternative", PLAIN, part("text/x-amp-html", b"<p>lightning</p>")),
        "Hello there",
    ),
}


@pytest.mark.parametrize(("raw", "text"), TEXTS.values(), ids=TEXTS.keys())
def test_the_text_is_what_the_author_wrote(raw, text):
    assert parse(raw).text == text


FLOWED = {  # (parameters, lines, text): RFC 3676
    "a folded paragraph": ("", "It drips \nagain.\nWhy?", "It drips again.\nWhy?"),
    "the blank is not part of the text": ("; delsp=yes", "こんに \nちは", "こんにちは"),
    "a folded quote": ("", "> It drips \n> again.\nWhy?", "> It drips again.\nWhy?"),
    "quotes of different depth": ("", ">> It \n> drips", ">> It\n> drips"),
    "stuffed lines": ("", " > is no quote\n From here", "> is no quote\nFrom here"),
    "a signature": ("", "Bye \n-- \nAnn", "Bye\n-- \nAnn"),
    "an empty quoted line": ("", "> a\n>\n> b", "> a\n>\n> b"),
}


@pytest.mark.parametrize(("parameters", "lines", "text"), FLOWED.values(), ids=FLOWED.keys())
def test_folded_lines_are_joined(parameters, lines, text):
    raw = mail(lines.encode(), content_type=f"text/plain; charset=utf-8; format=flowed{parameters}")

    assert parse(raw).text == text


ECHOES = {
    "an address": ("ask ann@home.example<mailto:ann@home.example>.", "ask ann@home.example."),
    "an address in brackets": ("Ann <ann@a.example<mailto:ann@a.example>> wrote", "Ann <ann@a.example> wrote"),
    "a page": ("see http://shop.example <http://shop.example/> there", "see http://shop.example there"),
    "a page without its scheme": ("WWW.shop.example<https://www.shop.example>", "WWW.shop.example"),
    "words that are no link stay linked": ("our shop<http://shop.example>", "our shop<http://shop.example>"),
    "another page": ("http://a.example<http://b.example>", "http://a.example<http://b.example>"),
    "a link alone": ("<http://a.example>", "<http://a.example>"),
}


@pytest.mark.parametrize(("written", "read"), ECHOES.values(), ids=ECHOES.keys())
def test_a_link_that_repeats_the_word_before_it_is_dropped(written, read):
    assert parse(mail(written.encode())).text == read
