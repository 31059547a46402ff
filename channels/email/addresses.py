"""Read the people in From, To and Cc, however badly quoted. Pure; nothing here raises."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from channels.email.encoded_words import decode_words

MAX_ADDRESSES = 1_000

_BLANKS = re.compile(r"\s+")
_BARE = re.compile(r"(?:\"[^\"@]{1,100}\"|(?<![^\s<>\"',;:()])[^\s<>\"',;:()]{1,256})@[^\s<>\"',;:()]{1,256}")
_QUOTED = re.compile(r'"[^"]{1,200}"')
_BLANKS_AT_DOTS = re.compile(r"\s{0,20}(\.)\s{0,20}")
_GLUED = re.compile(r"(?<=>)\s{1,20}(?=[^\s()])")
_ENDS_NAME = re.compile(r"[@:<]")
_COMMENT = re.compile(r"\(([^()]*)\)")
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True)
class Address:
    """A person in a header; `name` "" if none is given, `address` as it was written."""

    name: str
    address: str


def read_addresses(values: Iterable[str]) -> tuple[Address, ...]:
    """Return the people in header values whose encoded words are not yet decoded; who has no address is left out."""
    found: list[Address] = []
    for value in values:
        for mailbox in _mailboxes(value):
            if "@" in mailbox.address and len(found) < MAX_ADDRESSES:
                found.append(mailbox)
    return tuple(found)


def _mailboxes(value: str) -> list[Address]:
    found: list[Address] = []
    waiting = ""  # an unquoted comma in a name: Doe, Jane <jane@example.com>
    chunks = (piece for chunk in _split(value) for piece in _unglued(chunk))
    for chunk in islice(chunks, 2 * MAX_ADDRESSES):
        mailbox = _mailbox(f"{waiting}, {chunk}" if waiting else chunk)
        if not mailbox.address and not _ENDS_NAME.search(chunk) and len(waiting) < 200:
            waiting = f"{waiting}, {chunk}" if waiting else chunk
        else:
            waiting = ""
            found.append(mailbox)
    return found


def _split(value: str) -> list[str]:
    """Cut at the commas and semicolons that stand in no quotes, comment or angle brackets."""
    if "," not in value and ";" not in value:
        return [value.strip()] if value.strip() else []
    chunks, current = list[str](), list[str]()
    quoted, depth, in_angle, escaped = False, 0, False, False
    for char in value:
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == '"' and not depth:
            quoted = not quoted
        elif not quoted:
            depth = max(0, depth + (char == "(") - (char == ")"))
            in_angle = char == "<" or (in_angle and char != ">")
            if char in ",;" and not depth and not in_angle:
                chunks.append("".join(current))
                current = []
                continue
        current.append(char)
    return [chunk.strip() for chunk in [*chunks, "".join(current)] if chunk.strip()]


def _unglued(chunk: str) -> list[str]:
    """Cut where somebody forgot the comma: Ann <ann@home.example> Bob <bob@home.example>."""
    pieces = _GLUED.split(chunk)
    whole = all("<" in piece and "@" in piece and piece.count('"') % 2 == 0 for piece in pieces)
    return pieces if whole else [chunk]


def _mailbox(chunk: str, *, decoded: bool = False) -> Address:
    before, angle, rest = chunk.rpartition("<")
    if angle and "@" in rest:
        return Address(_name(before), _address(rest.partition(">")[0]))
    bare = _BARE.search(chunk)
    if bare:
        return Address(_name(chunk[: bare.start()] + chunk[bare.end() :]), _address(bare[0]))
    again = decode_words(chunk)
    if again != chunk and not decoded:  # somebody encoded the address too
        return _mailbox(again, decoded=True)
    return Address(_name(chunk), "")


def _name(text: str) -> str:
    text = text.strip().strip("<>").strip()
    if text.startswith('"') and '"' in text[1:]:
        text = _ESCAPED.sub(r"\1", text[1 : text.rindex('"')])
    elif "(" in text:
        text = _COMMENT.sub("", text).strip() or " ".join(_COMMENT.findall(text))
    elif ":" in text and not text.startswith("=?"):
        text = text.rpartition(":")[2]  # a group's name is nobody's (RFC 5322, 3.4)
    return _BLANKS.sub(" ", decode_words(text)).strip().strip("'\"")[:500]


def _address(text: str) -> str:
    """Return the address without what stands around it; blanks go only where they mean nothing (RFC 5322, 4.4)."""
    text = decode_words(text).strip().removeprefix("mailto:").strip("' ")
    if text.startswith("@") and ":" in text:
        text = text.partition(":")[2]  # a source route, obsolete (RFC 5322, 4.4)
    local, _, domain = text.rpartition("@")
    if not _QUOTED.fullmatch(local.strip()):
        local, domain = _BLANKS_AT_DOTS.sub(r"\1", local).strip('" '), domain.strip('" ')
    return f"{local.strip()}@{_BLANKS.sub('', domain)}"[:320]
