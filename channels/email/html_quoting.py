"""Split the HTML of a mail as `quoting` splits text: what is new, and what it repeats. Pure; time is linear.

It reads the lines that the HTML shows, knows quotes by the marks that mail programs leave (`html_roles`) as well as by
their words, and cuts between the lines, so that either part is whole HTML again.
"""

import html as entities
import re
from dataclasses import dataclass, field

from channels.email.html_roles import Role, role_of
from channels.email.html_tags import TAG, VOID
from channels.email.quoting import new_lines
from channels.email.reply_lines import Kind, kinds_of

MAX_SPLIT = 250_000  # characters; what is longer stays in one piece
PICTURE = "\ufffc"  # stands in a line for a picture, which says something too
RULE = "-" * 10

_BLOCKS = {
    *("address", "article", "aside", "blockquote", "caption", "center", "dd", "details", "div", "dl", "dt", "figure"),
    *("footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "li", "main", "nav", "ol", "p", "pre", "section"),
    *("summary", "table", "tbody", "tfoot", "thead", "tr", "ul"),
}
_KINDS = {  # what a program says of a line is believed, whatever the line's words
    Role.ATTRIBUTION: Kind.ATTRIBUTION,
    Role.HISTORY: Kind.OLDER,
    Role.FORWARD: Kind.FORWARDED,
    Role.SIGNATURE: Kind.SIGNATURE_MARK,
}
_SAYS_NOTHING = frozenset({Kind.EMPTY, Kind.RULE, Kind.ORNAMENT})


def split_html(sanitised: str, *, forwarded: bool = False) -> tuple[str, str]:
    """Return (the new part, the rest) of what came out of `sanitise`; either is HTML of its own.

    A mail that only repeats, or that has nothing old, is returned whole: (all of it, ""). `forwarded` is as in
    `split_reply`.
    """
    if len(sanitised) > MAX_SPLIT:
        return sanitised, ""
    lines = _Reader().read(sanitised)
    kinds = _kinds(lines)
    is_new = new_lines(kinds, forwarded=forwarded)
    says = [kind not in _SAYS_NOTHING for kind in kinds]
    if not _any(says, is_new, True) or not _any(says, is_new, False):
        return sanitised, ""
    return _part(sanitised, lines, _runs(kinds, is_new, True)), _part(sanitised, lines, _runs(kinds, is_new, False))


@dataclass(frozen=True)
class _Element:
    """An element that is open, and those around it."""

    tag: str  # as it was written
    name: str
    role: Role | None
    is_quote: bool  # it or one around it says so
    is_block_quote: bool  # which an author may use for anything
    keeps_lines: bool  # a line break in its text is one for the reader too
    outer: "_Element | None"


@dataclass
class _Line:
    """A line as the reader sees it, and where in the HTML it starts; it ends where the next one starts."""

    start: int
    inside: _Element | None  # what is open at its start
    words: list[str] = field(default_factory=list)
    said_in: _Element | None = None  # where its first words stand
    role: Role | None = None

    @property
    def is_quote(self) -> bool:
        return self.said_in is not None and self.said_in.is_quote

    @property
    def text(self) -> str:
        text = " ".join(entities.unescape("".join(self.words)).split())
        return f"> {text}" if self.is_quote else text


class _Reader:
    """Reads HTML into lines. A line's closing tags are its own, the opening ones the next line's."""

    def __init__(self) -> None:
        self._inside: _Element | None = None
        self._line = _Line(0, None)
        self._lines = [self._line]

    def read(self, html: str) -> list[_Line]:
        end = 0
        for tag in TAG.finditer(html):
            if tag.start() > end:
                self._text(html, end, tag.start())
            end = tag.end()
            if tag[2] in VOID:
                self._void(tag[2], end)
            elif tag[1]:
                self._close(tag[2], end)
            else:
                self._open(tag)
        self._text(html, end, len(html))
        self._begin(len(html))  # so that every line has one behind it
        return self._lines

    def _text(self, html: str, start: int, end: int) -> None:
        if self._inside is not None and self._inside.keeps_lines:
            while (at := html.find("\n", start, end)) >= 0:
                self._say(html[start:at])
                start = at + 1
                self._begin(start)
        self._say(html[start:end])

    def _say(self, words: str) -> None:
        is_blank = not words.strip()
        if self._line.words or not is_blank:
            self._line.words.append(words)
        if not is_blank and self._line.said_in is None:
            self._line.said_in = self._inside

    def _begin(self, at: int) -> None:
        self._line = _Line(at, self._inside)
        self._lines.append(self._line)

    def _void(self, name: str, end: int) -> None:
        if name == "img":
            self._say(PICTURE)
        elif name == "hr":
            self._say(RULE)
        if name in {"br", "hr"}:
            self._begin(end)

    def _open(self, tag: re.Match[str]) -> None:
        name, attributes, outer = tag[2], tag[3], self._inside
        if name in _BLOCKS and self._line.words:
            self._begin(tag.start())
        role = None
        if ' class="' in attributes:
            role = role_of(attributes.partition(' class="')[2].partition('"')[0], name)
        quotes = role is Role.QUOTE or (name == "blockquote" and ' type="cite"' in attributes)
        self._inside = _Element(
            tag[0],
            name,
            role,
            quotes or (outer is not None and outer.is_quote),
            name == "blockquote" or (outer is not None and outer.is_block_quote),
            name == "pre" or "white-space:pre" in attributes or (outer is not None and outer.keeps_lines),
            outer,
        )
        if role in _KINDS and not self._line.words:
            self._line.role = role

    def _close(self, name: str, end: int) -> None:
        closed, line = self._inside, self._line
        self._inside = closed.outer if closed is not None else None
        if line.words and name in _BLOCKS:
            self._begin(end)
        elif line.words and name in {"td", "th"}:
            line.words.append(" ")
        elif not line.words and closed is not None and closed.role is line.role is not Role.HISTORY:
            line.role = None  # it was empty, and says nothing of what follows; Outlook's history follows such a one


def _kinds(lines: list[_Line]) -> list[Kind]:
    kinds = kinds_of([line.text for line in lines])
    above = Kind.EMPTY
    for at, line in enumerate(lines):
        if line.role is not None and not line.is_quote and kinds[at] is not Kind.FORWARDED:
            # Gmail marks the lines above what it forwards like those above what it answers.
            dashed = line.role is Role.ATTRIBUTION and line.text.startswith("-----")
            kinds[at] = Kind.FORWARDED if dashed else _KINDS[line.role]
        elif above in {Kind.ATTRIBUTION, Kind.QUOTE} and line.said_in is not None and line.said_in.is_block_quote:
            kinds[at] = Kind.QUOTE
        above = kinds[at] if kinds[at] is not Kind.EMPTY else above
    return kinds


def _any(says: list[bool], is_new: list[bool], wanted: bool) -> bool:
    return any(said and new is wanted for said, new in zip(says, is_new, strict=True))


def _runs(kinds: list[Kind], is_new: list[bool], wanted: bool) -> list[tuple[int, int]]:
    """Return the runs of lines, (first, behind the last), that are new or are not, without empty ends."""
    runs: list[tuple[int, int]] = []
    start: int | None = None
    for at, kind in enumerate(kinds):
        if is_new[at] is not wanted:
            start = None
        elif kind is not Kind.EMPTY:
            if start is None:
                start = at
                runs.append((at, at + 1))
            runs[-1] = (start, at + 1)
    return runs


def _part(html: str, lines: list[_Line], runs: list[tuple[int, int]]) -> str:
    pieces: list[str] = []
    for first, behind in runs:
        pieces += [element.tag for element in reversed(_around(lines[first].inside))]
        pieces.append(html[lines[first].start : lines[behind].start])
        pieces += [f"</{element.name}>" for element in _around(lines[behind].inside)]
    return "".join(pieces)


def _around(inside: _Element | None) -> list[_Element]:
    """Return the open elements, the innermost first."""
    found = []
    while inside is not None:
        found.append(inside)
        inside = inside.outer
    return found
