"""Tell what is new in a mail from what it repeats, alike in its text and in its HTML. Pure."""

from dataclasses import dataclass

from channels.email.html import layout
from channels.email.html_quoting import MAX_SPLIT, split_html
from channels.email.mime import ParsedMail
from channels.email.quoting import is_forward, split_reply


@dataclass(frozen=True)
class NewWords:
    """What is new, as text and as HTML, and what it repeats; either HTML is "" where there is none."""

    text: str
    quoted: str
    html: str
    quoted_html: str


def new_words(mail: ParsedMail) -> NewWords:
    """Return the new words of a mail; one that only repeats is new as a whole, for it has nothing else to show."""
    forwarded = is_forward(mail.subject)
    html, quoted_html = split_html(mail.html, forwarded=forwarded)
    text, quoted = split_reply(mail.text, forwarded=forwarded)
    if mail.text_from_html and len(mail.html) <= MAX_SPLIT:
        text = quoted = ""
    if quoted_html and not (text and quoted):  # programs mark in HTML what nothing in the text tells
        text, quoted = layout(html), layout(quoted_html)
    return NewWords(text, quoted, html, quoted_html) if text or quoted_html else NewWords(mail.text, "", html, "")
