"""The letter around a reply: Markdown, signature, and what it answers."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from channels.email.history import CUT, MAX_HISTORY, WROTE, wrote
from channels.email.html import sanitise, to_text
from channels.email.letter import letter
from channels.email.markdown import to_html
from channels.email.quoting import split_reply
from channels.email.reply_marker import MARKERS, marker
from channels.protocol import Said
from tests.channels.email.test_email_compose import REPLY
from ticketing.markdown import MAX_MARKDOWN

SAID = Said("Ann Lee", datetime(2026, 11, 3, 8, 5, tzinfo=UTC), "It drips.\n> Which kettle?\nThe red one.")
WHOLE = replace(
    REPLY,
    signature="{{agent.name|The team}}\n**Kettle support**, https://kettle.example",
    values={"agent.name": "Zoé"},
    history=(SAID,),
)

MARKDOWN = {
    "a line break is one": ("Dear Ann,\nit works.", "<p>Dear Ann,<br />\nit works.</p>\n"),
    "emphasis": ("**now** and ~~then~~", "<p><strong>now</strong> and <s>then</s></p>\n"),
    "a link": ("[here](https://a.example/?b=1&c)", '<p><a href="https://a.example/?b=1&amp;c">here</a></p>\n'),
    "an address in the text": (
        "See https://a.example/x_y_z.",
        '<p>See <a href="https://a.example/x_y_z">https://a.example/x_y_z</a>.</p>\n',
    ),
    "an address in brackets": ("(https://a.example/a_(b))", "a_(b)</a>)</p>\n"),
    "an address in a link's words": (
        "[https://b.example](https://a.example)",
        '"https://a.example">https://b.example<',
    ),
    "no address": ("At 12:30://x, http://", "<p>At 12:30://x, http://</p>\n"),
    "HTML is shown, not obeyed": (
        "<b>x</b><script>1</script>",
        "<p>&lt;b&gt;x&lt;/b&gt;&lt;script&gt;1&lt;/script&gt;</p>\n",
    ),
    "a link that would run": ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>\n"),
    "a line of dashes": ("Bye\n---\nAnn", "<p>Bye</p>\n<hr />\n<p>Ann</p>\n"),
    "an indented line": ("Steps:\n\n    unplug it", "<p>Steps:</p>\n<p>unplug it</p>\n"),
    "a table": ("|a|\n|-|\n|1|", "<table>\n<thead>\n<tr>\n<th>a</th>"),
}


@pytest.mark.parametrize(("written", "html"), MARKDOWN.values(), ids=MARKDOWN.keys())
def test_markdown_and_plain_text_become_html(written, html):
    assert html in to_html(written)


def test_what_is_too_long_for_markdown_is_shown_as_it_was_typed():
    assert to_html("**a** <b>\n" * MAX_MARKDOWN).startswith("<p>**a** &lt;b&gt;<br>\n**a**")


def test_a_machines_mail_dresses_up_no_link_that_a_stranger_wrote():
    html = letter(replace(WHOLE, text="Dear [you won](https://evil.example),", automatic=True)).html

    assert html.startswith("<p>Dear [you won](https://evil.example),</p>\n")
    assert "<strong>Kettle support</strong>" in html


HOSTILE = {
    "pictures": "![" * (MAX_MARKDOWN // 2),
    "quotes": ">" * MAX_MARKDOWN,
    "emphasis": "*_" * (MAX_MARKDOWN // 2),
    "addresses": ("https://a.example/" + ")" * 1900 + " ") * 10,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_markdown_ends(text):
    assert to_html(text)


def test_a_letter_is_the_words_then_the_signature_then_what_it_answers():
    assert letter(WHOLE).text == (
        "Dear Ann,\n\nit is fixed — try again.\n\n"
        "-- \nZoé\n**Kettle support**, https://kettle.example\n\n"
        f"{marker('')}\n\nOn 2026-11-03 at 08:05 UTC, Ann Lee wrote:\n\n> It drips.\n>> Which kettle?\n> The red one.\n"
    )


def test_the_html_says_the_same():
    html = letter(WHOLE).html

    assert "<strong>Kettle support</strong>" in html
    assert html.index("it is fixed") < html.index("Zoé") < html.index(marker("")) < html.index("It drips.")


def test_html_that_was_given_is_taken_as_it_is():
    assert letter(replace(WHOLE, html="<h1>Fixed</h1>")).html.startswith("<h1>Fixed</h1>\n")


def test_what_fills_a_signature_is_no_markup():
    name = "[click](https://evil.example) <b>*x*</b> https://evil.example"

    html = letter(replace(WHOLE, values={"agent.name": name})).html

    assert "evil.example)" in html
    assert 'href="https://evil.example' not in html
    assert "<b>" not in html


def test_without_a_signature_and_history_there_is_nothing_below_the_words():
    plain = replace(REPLY, text="Fixed.")

    assert (letter(plain).text, letter(plain).html) == ("Fixed.\n", "<p>Fixed.</p>\n")


def test_a_long_history_is_cut_and_says_so():
    long = tuple(replace(SAID, text="drip drip\n" * 700) for _ in range(3))

    text = letter(replace(WHOLE, history=long)).text

    assert len(text) < 1.5 * MAX_HISTORY
    assert f"> {CUT}" in text
    assert text.count("wrote:") == 2


def test_a_hostile_author_and_text_stay_within_their_lines():
    said = replace(
        SAID, author="Eve\r\n<script>\u2028wrote: {at}" + "x" * 500, text="a\u2028b\r\n</blockquote><script>"
    )

    whole = letter(replace(WHOLE, history=(said,)))

    assert "<script>" not in whole.html
    assert all(line.startswith(">") for line in whole.text.partition("wrote:\n\n")[2].splitlines())


def test_the_line_above_a_quote_is_in_the_readers_zone():
    said = replace(SAID, at=SAID.at.astimezone(ZoneInfo("Europe/Paris")))

    assert wrote(said, "fr-CA") == "Le 03/11/2026 à 09:05 CET, Ann Lee a écrit :"


def test_every_language_that_has_a_marker_can_say_who_wrote():
    assert WROTE.keys() == MARKERS.keys()


@pytest.mark.parametrize("language", [*WROTE, "zh-TW", "xx", ""])
@pytest.mark.parametrize("form", ["text", "html"])
def test_an_answer_that_quotes_a_letter_splits_cleanly(language, form):
    sent = letter(replace(WHOLE, language=language))
    words = sent.text if form == "text" else to_text(sent.html)
    quoted = "".join(f"> {line}\n" for line in words.splitlines())

    below = split_reply(f"Thank you!\n\n{wrote(SAID, language)}\n\n{quoted}")
    bare = split_reply(f"Thank you!\n\n{wrote(SAID, language)}\n\n{words}")
    in_itself = split_reply(words)

    assert (below[0], bare[0]) == ("Thank you!", "Thank you!")
    assert in_itself[0] == "Dear Ann,\n\nit is fixed — try again."


def test_pictures_that_the_agent_put_into_the_html_are_shown():
    html = sanitise('<p><img src="https://a.example/arrow.png"></p>')

    assert ' src="https://a.example/arrow.png"' in letter(replace(WHOLE, html=html)).html
