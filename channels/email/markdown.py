"""Turn what an agent writes, Markdown or plain text, into the HTML of a mail. Pure; bounded in time.

HTML that stands in it is shown as it was typed, never obeyed. What people type into a plain letter stays what it is:
a line break is one, a line of dashes makes no heading, an indented line no program.
"""

import html
import re

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

MAX_MARKDOWN = 20_000  # characters; what is longer is shown as it was typed, for some of it takes quadratic time

_SCHEME = re.compile(r"(?:^|[^a-zA-Z0-9.+-])(https?)$", re.IGNORECASE)
# Up to the first blank, quote or angle bracket; a letter's punctuation behind an address is not part of it.
_ADDRESS = re.compile(r"://[^\s<>\"'`\\\x00-\x1f\x7f]{1,2000}")
_PUNCTUATION = ".,;:!?*_~'\"…。，、！？"
_MARKUP = re.compile(r"([!-/:-@\[-`{-~])")


def to_html(text: str) -> str:
    """Return Markdown as HTML."""
    return str(_MARKDOWN.render(text)) if len(text) <= MAX_MARKDOWN else as_typed(text)


def as_typed(text: str) -> str:
    """Return text as HTML that shows it as it is; no word of it hides an address behind another."""
    return f"<p>{html.escape(text.strip()).replace(chr(10), '<br>' + chr(10))}</p>\n"


def literally(value: str) -> str:
    """Return words as Markdown that means just these words, on one line."""
    return _MARKUP.sub(r"\\\1", " ".join(value.split()))


def _link_address(state: StateInline, silent: bool) -> bool:
    """Make a link of an address that stands in the text. markdown-it asks this at every colon."""
    if state.linkLevel > 0 or not state.src.startswith("://", state.pos):
        return False
    scheme, rest = _SCHEME.search(state.pending[-20:]), _ADDRESS.match(state.src, state.pos, state.posMax)
    if scheme is None or rest is None:
        return False
    behind = _trimmed(rest[0])
    url = state.md.normalizeLink(scheme[1] + behind)
    if len(behind) <= len("://") or not state.md.validateLink(url):
        return False
    if not silent:
        state.pending = state.pending[: -len(scheme[1])]
        state.push("link_open", "a", 1).attrs = {"href": url}
        state.push("text", "", 0).content = scheme[1] + behind
        state.push("link_close", "a", -1)
    state.pos += len(behind)
    return True


def _trimmed(address: str) -> str:
    """Return an address without the punctuation behind it; a bracket is part of it only if it was opened in it."""
    while address:
        last = address[-1]
        opened = {")": "(", "]": "["}.get(last)
        if last not in _PUNCTUATION and (opened is None or address.count(opened) >= address.count(last)):
            return address
        address = address[:-1]
    return address


def _made() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": 20})
    markdown.enable(["table", "strikethrough"]).disable(["code", "lheading", "reference"])
    markdown.inline.ruler.before("emphasis", "address", _link_address)
    return markdown


_MARKDOWN = _made()
