"""Read what an agent writes, Markdown or plain text, and say it in plain words where nothing shows Markdown. Pure;
bounded in time.

What people type into a plain letter stays what it is: a line break is one, a line of dashes makes no heading, an
indented line no program, HTML is words like any others. Mail shows the same reading (`channels.email.markdown`).
"""

import re
from collections.abc import Callable, Sequence

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.tree import SyntaxTreeNode

MAX_MARKDOWN = 20_000  # characters; what is longer stays as it was typed, for some of it takes quadratic time

_SCHEME = re.compile(r"(?:^|[^a-zA-Z0-9.+-])(https?)$", re.IGNORECASE)
# Up to the first blank, quote or angle bracket; a letter's punctuation behind an address is not part of it.
_ADDRESS = re.compile(r"://[^\s<>\"'`\\\x00-\x1f\x7f]{1,2000}")
_PUNCTUATION = ".,;:!?*_~'\"…。，、！？"
_SPELLED = re.compile(r"\\[!-/:-@\[-`{-~]|&#?\w+;")  # a character that is written as something else
_SPOKEN_FOR = ("mailto:", "tel:", "sms:")  # what follows says enough
_PLAIN = frozenset({"root", "paragraph", "inline", "text", "softbreak", "hardbreak"})


def to_plain(text: str) -> str:
    """Return Markdown as plain words: no emphasis, links as `text (url)`, lists with dashes. Plain text stays to the
    letter.
    """
    if len(text) > MAX_MARKDOWN:
        return text
    tree = SyntaxTreeNode(MARKDOWN.parse(text))
    if not _SPELLED.search(text) and all(node.type in _PLAIN or _is_bare(node) for node in tree.walk()):
        return text
    return _blocks(tree.children, text.split("\n")) or text


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
        opened = state.push("link_open", "a", 1)
        opened.attrs, opened.info = {"href": url}, BARE
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


BARE = "bare"  # a link that is an address as it stands in the text
MARKDOWN = _made()


def _is_bare(node: SyntaxTreeNode) -> bool:
    return node.type == "link" and node.info == BARE


def _blocks(nodes: Sequence[SyntaxTreeNode], lines: Sequence[str]) -> str:
    """Return blocks one below the other, with a blank line between them where one was typed."""
    said = ""
    for node in nodes:
        first = node.map[0] if node.map else 0
        between = "\n\n" if first > 0 and not lines[first - 1].strip("> \t\r") else "\n"
        words = _BLOCKS.get(node.type, _inline_of)(node, lines)
        said = f"{said}{between}{words}" if said else words
    return said


def _inline_of(node: SyntaxTreeNode, _lines: Sequence[str]) -> str:
    return "".join(_inline(one) for one in node.children)


def _bullets(node: SyntaxTreeNode, lines: Sequence[str]) -> str:
    return "\n".join(_indented("- ", _blocks(item.children, lines)) for item in node.children)


def _numbers(node: SyntaxTreeNode, lines: Sequence[str]) -> str:
    return "\n".join(_indented(f"{one.info}{one.markup} ", _blocks(one.children, lines)) for one in node.children)


def _indented(mark: str, words: str) -> str:
    return mark + words.replace("\n", "\n" + " " * len(mark))


def _quoted(node: SyntaxTreeNode, lines: Sequence[str]) -> str:
    return "\n".join(f"> {line}".rstrip() for line in _blocks(node.children, lines).split("\n"))


def _program(node: SyntaxTreeNode, _lines: Sequence[str]) -> str:
    return node.content.rstrip("\n")


def _rule(node: SyntaxTreeNode, _lines: Sequence[str]) -> str:
    return node.markup


def _table(node: SyntaxTreeNode, lines: Sequence[str]) -> str:
    rows = [row for part in node.children for row in part.children]
    return "\n".join(" | ".join(_inline_of(cell, lines) for cell in row.children) for row in rows)


_BLOCKS: dict[str, Callable[[SyntaxTreeNode, Sequence[str]], str]] = {
    "bullet_list": _bullets,
    "ordered_list": _numbers,
    "blockquote": _quoted,
    "fence": _program,
    "hr": _rule,
    "table": _table,
}


def _inline(node: SyntaxTreeNode) -> str:
    if node.type in {"softbreak", "hardbreak"}:
        return "\n"
    if node.type == "image":
        return _with_address(node.content, str(node.attrs.get("src", "")))
    if not node.children:
        return node.content
    words = "".join(_inline(one) for one in node.children)
    if node.type == "link":
        return words if _is_bare(node) else _with_address(words, str(node.attrs.get("href", "")))
    return f"~~{words}~~" if node.type == "s" else words  # without them, it would say what was struck out


def _with_address(words: str, url: str) -> str:
    """Say where a link leads, unless its words do."""
    shown = next((url.removeprefix(scheme) for scheme in _SPOKEN_FOR if url.startswith(scheme)), url)
    return words if words in {url, shown} or not shown else f"{words} ({shown})" if words else shown
