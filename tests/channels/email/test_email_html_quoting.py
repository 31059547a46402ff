"""What is new in the HTML of a mail, in the ways that mail programs mark what is not."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.html import layout, sanitise
from channels.email.html_quoting import split_html
from channels.email.mime import parse
from channels.email.new_words import new_words
from channels.email.reply_marker import marker
from tests.channels.email.mail_programs import ATTRIBUTIONS, HEADERS

NEW = "<p>It works now.</p>"
WROTE = "On Tue, 3 Nov 2026 at 09:14, Support &lt;help@shop.example&gt; wrote:"
OUTLOOK = "<b>Von:</b> Hilfe<br><b>Gesendet:</b> Dienstag<br><b>An:</b> Ann<br><b>Betreff:</b> Drucker"

ANSWERS = {  # what stands below NEW; none of it is new
    "gmail": (
        f'<br><div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">{WROTE}<br></div>'
        '<blockquote class="gmail_quote" style="margin:0"><div>Have you tried it?</div></blockquote></div>'
    ),
    "gmail, in a language that we do not know": (
        '<div class="gmail_quote"><div class="gmail_attr">Zkribis:<br></div>'
        '<blockquote class="gmail_quote">Have you tried it?</blockquote></div>'
    ),
    "gmail, signature": '<div>--&nbsp;<br></div><div class="gmail_signature" data-smartmail="x">Ann<br>Paris</div>',
    "outlook": (
        '<p class="MsoNormal"><o:p>&nbsp;</o:p></p><div><div style="border:none;border-top:solid #E1E1E1 1.0pt">'
        f'<p class="MsoNormal">{OUTLOOK}</p></div></div><p class="MsoNormal">Geht es?</p>'
    ),
    "outlook on the web, in a language that we do not know": (
        '<div id="appendonsend"></div><hr tabindex="-1" style="width:98%"><div id="divRplyFwdMsg" dir="ltr">'
        "<b>Q'o:</b> Support</div><div>Have you tried it?</div>"
    ),
    "outlook on the web, signature": '<div id="Signature"><p>Ann</p></div>',
    "outlook on a phone": (
        '<div class="ms-outlook-mobile-signature">Get Outlook for iOS</div>'
        '<div id="mail-editor-reference-message-container"><div>Have you tried it?</div></div>'
    ),
    "apple": f'<div><br><blockquote type="cite"><div>{WROTE}</div><br><div>Have you?</div></blockquote></div><br>',
    "iphone": (
        f'<div dir="ltr"><br>Sent from my iPhone</div><div><br><blockquote type="cite">{WROTE}<br></blockquote></div>'
        '<blockquote type="cite"><div>Have you tried it?</div></blockquote>'
    ),
    "thunderbird": f'<div class="moz-cite-prefix">{WROTE}<br></div><blockquote type="cite">Have you?</blockquote>',
    "yahoo": (
        '<div id="ydp1yahoo_quoted_22" class="ydp1yahoo_quoted"><div><div>Q\'o zkribis:</div><div>Old</div></div></div>'
    ),
    "proton": (
        '<div class="protonmail_signature_block"><div>Sent with Proton</div></div>'
        f'<div class="protonmail_quote">{WROTE}<br>'
        '<blockquote class="protonmail_quote" type="cite">Old</blockquote></div>'
    ),
    "yandex": '<div>03.11.2026, 09:14, "Help" &lt;help@shop.example&gt;:</div><blockquote><p>Old</p></blockquote>',
    "qq": "<div>---------------&nbsp;原始邮件&nbsp;---------------</div><div><b>发件人:</b> x</div><div>Old</div>",
    "gmx": f'<div name="quote">{OUTLOOK.replace("<b>Von:</b> Hilfe<br>", "")}<br><b>Von:</b> Hilfe<div>Old</div></div>',
    "text in a pre": f"<pre>\n{WROTE}\n&gt; Have you tried it?\n</pre>",
    "text in lines": f'<div style="white-space: pre-wrap">{WROTE}\n\nHave you tried it?</div>',
    "our own line": f'<p style="color:#999">{marker("de")}</p><p>Old</p>',
    "older mail in a table": f"<table><tr><td>{OUTLOOK}</td></tr><tr><td>Old</td></tr></table>",
}


@pytest.mark.parametrize("below", ANSWERS.values(), ids=ANSWERS.keys())
@pytest.mark.parametrize(
    "around", ["{}", "<html><body><div dir=ltr>{}</div></body></html>", "<table><tr><td>{}</table>"]
)
def test_the_new_part_stands_alone(around, below):
    html = sanitise(around.format(NEW + below))

    new, old = split_html(html)

    assert layout(new) == "It works now."
    assert seen(new + old) == seen(html)
    assert (sanitise(new), sanitise(old)) == (new, old)


def test_a_picture_is_something_new():
    html = sanitise(f'<div><img src="cid:screenshot"></div>{ANSWERS["gmail"]}')

    assert split_html(html)[0] == '<div><img src="cid:screenshot"></div>'


def test_an_answer_below_the_quote_is_new():
    for quote in ('<blockquote type="cite">Which model?</blockquote>', "<blockquote>Which model?</blockquote>"):
        html = sanitise(f"<div>{WROTE}</div>{quote}<p>The X200.</p><div class=moz-signature>-- <br>Ann</div>")

        assert split_html(html)[0] == "<p>The X200.</p>"


def test_answers_between_quotes_keep_the_questions():
    quotes = [f"<blockquote class=gmail_quote>{question}</blockquote>" for question in ("Which model?", "Since when?")]
    html = sanitise(f"<div class=gmail_attr>{WROTE}</div>{quotes[0]}<p>The X200.</p>{quotes[1]}<p>Monday.</p>")

    new, old = split_html(html)

    assert layout(new).split("\n\n") == ["Which model?", "The X200.", "Since when?", "Monday."]
    assert "wrote:" in old


WHOLE = {  # mails in which nothing is old, or nothing else
    "a saying": "<p>He said:</p><blockquote>Less is more</blockquote><p>and I agree</p>",
    "an error quoted": "<p>I get this error:</p><blockquote>Error 17</blockquote>",
    "a quote and nothing else": '<blockquote type="cite">Have you tried it?</blockquote>',
    "a forwarded mail": (
        '<p>Is this true?</p><div class="gmail_quote"><div class="gmail_attr">---------- Q\'o zkribis ---------<br>'
        "From: Bob<br>Subject: Offer<br>To: Ann</div><div>Cheap printers</div></div>"
    ),
    "a forwarded mail of Thunderbird's": '<p>See.</p><div class="moz-forward-container">---- Q ----<p>x</p></div>',
    "an empty signature": '<div class="gmail_signature"></div><p>It works now.</p>',
    "a form": "<p>New message</p><hr><p>Name: Ann</p><hr><p>It drips.</p>",
    "a letter in columns": "<table><tr><td>From: Paris</td><td>To: London</td></tr></table>",
    "nothing": "",
}


@pytest.mark.parametrize("html", WHOLE.values(), ids=WHOLE.keys())
def test_what_only_looks_old_is_kept(html):
    html = sanitise(html)

    assert split_html(html) == (html, "")


def test_a_subject_says_that_outlook_forwards():
    html = sanitise(f"<p>Is this true?</p>{ANSWERS['outlook']}")

    assert split_html(html, forwarded=True) == (html, "")


def test_text_and_html_of_a_mail_are_split_alike():
    for attribution in [*ATTRIBUTIONS.values(), *(one.format("Support") for one in HEADERS.values())]:
        above = attribution.replace("|", " ").replace("&", "&amp;").replace("<", "&lt;").replace("\n", "<br>")
        html = f"<p>It works now.</p><p>{above}</p><blockquote>Have you tried it?</blockquote>"

        new = new_words(parse(b"Content-Type: text/html; charset=utf-8\n\n" + html.encode()))

        if "zkribis" not in above and " by help@" not in above:  # those are known by the quote below them
            assert (new.text, new.html) == ("It works now.", "<p>It works now.</p>")
            assert "Have you tried it?" in new.quoted
            assert "Have you tried it?" in new.quoted_html


def test_text_that_marks_nothing_is_split_as_the_html_is():
    boundary = b'Content-Type: multipart/alternative; boundary="b"\n\n'
    plain = b"--b\nContent-Type: text/plain\n\nIt works now.\n\nZkribis:\nHave you tried it?\n"
    rich = b"--b\nContent-Type: text/html\n\n<p>It works now.</p><div class=yahoo_quoted>Zkribis:<p>Have you?</p></div>"

    new = new_words(parse(boundary + plain + rich))

    assert (new.text, new.html) == ("It works now.", "<p>It works now.</p>")
    assert new.quoted.split() == ["Zkribis:", "Have", "you?"]


def test_a_mail_that_only_repeats_is_shown_whole():
    new = new_words(parse(b"Subject: x\n\n> Have you tried it?"))

    assert (new.text, new.quoted) == ("> Have you tried it?", "")


PIECES = st.sampled_from(
    [
        *("<div>", "</div>", "<p>", "</p>", "<b>", "</b>", "<br>", "<hr>", "words", WROTE, "-- ", "&nbsp;"),
        *("<blockquote type=cite>", "<blockquote>", "</blockquote>", "<table>", "<tr>", "<td>", "</td>", "</table>"),
        *("<div id=appendonsend>", "<div class=gmail_attr>", "<div class=gmail_signature>", "<img src='cid:a'>"),
        *("<ul>", "<li>", "</ul>", "<pre>", "</pre>", "<a href='https://x.example'>", "</a>", OUTLOOK),
    ]
)


@given(st.lists(PIECES, max_size=40).map("".join))
def test_nothing_is_lost_and_either_part_is_whole(html):
    html = sanitise(html)

    new, old = split_html(html)

    assert sorted(seen(new + old)) == sorted(seen(html))
    for part in (new, old):
        tags = re.findall(r"<(/?)(?!br|hr|img)(\w+)", part)
        assert sum(1 for closing, _ in tags if closing) * 2 == len(tags)


def seen(html):
    """What a reader sees of HTML, blanks and rules aside."""
    return "".join(re.sub(r"<[^>]*>|&nbsp;", "", html.replace("<img", "picture<img")).split())
