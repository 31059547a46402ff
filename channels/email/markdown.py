"""Turn what an agent writes, Markdown or plain text, into the HTML of a mail. Pure; bounded in time.

HTML that stands in it is shown as it was typed, never obeyed. How the text is read stands in `ticketing.markdown`.
"""

import html
import re

from ticketing.markdown import MARKDOWN, MAX_MARKDOWN

_MARKUP = re.compile(r"([!-/:-@\[-`{-~])")


def to_html(text: str) -> str:
    """Return Markdown as HTML."""
    return str(MARKDOWN.render(text)) if len(text) <= MAX_MARKDOWN else as_typed(text)


def as_typed(text: str) -> str:
    """Return text as HTML that shows it as it is; no word of it hides an address behind another."""
    return f"<p>{html.escape(text.strip()).replace(chr(10), '<br>' + chr(10))}</p>\n"


def literally(value: str) -> str:
    """Return words as Markdown that means just these words, on one line."""
    return _MARKUP.sub(r"\\\1", " ".join(value.split()))
