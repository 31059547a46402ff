"""Cut a raw mail into its tree of parts, in bounded time and memory whatever the bytes. Pure; nothing here raises.

The standard library's parser takes seconds on endless nesting, because it compares every line with every boundary that
is open. This one works on offsets into the one bytes object, never goes deeper than MAX_DEPTH and never makes more
than MAX_PARTS parts; what lies deeper stays whole, as a file.
"""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from channels.email.encoded_words import decode_base64
from channels.email.headers import MAX_HEADERS_BYTES, Headers, end_of_head, parameters, read_headers

MAX_DEPTH = 20
MAX_PARTS = 500
MAX_DELIMITERS = 10_000
MAX_PART_HEADERS_BYTES = 16_384
MAX_PARTS_HEADERS_BYTES = 500_000
LEAST_HEADERS_BYTES = 1_024

_SNIFFED_BOUNDARY = re.compile(rb"^--([^\s]{1,70})[ \t]*\r?$", re.MULTILINE)
# Words, which a careless program calls base64: blanks between letters in the very first line.
_NO_BASE64 = re.compile(rb"\s{0,100}[A-Za-z]{1,40}(?:[,.!?']? [A-Za-z,.!?']{1,40}){2}")
_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+", re.ASCII)


@dataclass(frozen=True)
class Part:
    """One part of a mail: a leaf, or a multipart with children."""

    headers: Headers
    content_type: str  # lower case, always type/subtype
    type_parameters: dict[str, str]
    disposition: str  # lower case: inline, attachment, or "" when it does not say
    disposition_parameters: dict[str, str]
    raw: bytes = field(repr=False)  # the whole mail
    start: int  # where this part's body lies in it
    end: int
    children: tuple["Part", ...] = ()

    @property
    def encoded_body(self) -> bytes:
        """Return the body's bytes as they travelled."""
        return self.raw[self.start : self.end]

    @property
    def content(self) -> bytes:
        """Return the body's bytes with the transfer encoding undone."""
        encoding = self.headers.first("content-transfer-encoding").partition(";")[0].strip().lower()
        body = self.encoded_body
        if encoding == "base64":
            return body if _NO_BASE64.match(body) else decode_base64(body)
        if encoding == "quoted-printable":
            return binascii.a2b_qp(body)
        if encoding in {"x-uuencode", "uuencode", "x-uue", "uue"}:
            return b"".join(_uudecoded(body))
        return body

    def walk(self) -> Iterator["Part"]:
        """Yield this part and all below it, in the order in which they stand."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass
class _Budget:
    """What is left to spend on one mail."""

    parts: int = MAX_PARTS
    delimiters: int = MAX_DELIMITERS  # lines that look like one
    header_bytes: int = MAX_PARTS_HEADERS_BYTES  # of all parts but the root

    def for_headers(self, wanted: int, depth: int) -> int:
        """Return how many of the `wanted` bytes of headers to read of the next part, a little in any case."""
        if depth == 0:
            return MAX_HEADERS_BYTES
        given = min(wanted, max(LEAST_HEADERS_BYTES, min(MAX_PART_HEADERS_BYTES, self.header_bytes)))
        self.header_bytes -= given
        return given


def read_structure(raw: bytes) -> Part:
    """Return the mail's root part; an mbox line, a BOM and empty lines before the mail are skipped."""
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    start = len(raw) - len(raw.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n"))
    if raw.startswith((b"From ", b">From "), start):
        start = _after_line(raw, start, len(raw))
    return _part(raw, start, len(raw), depth=0, default="text/plain", budget=_Budget())


def _part(raw: bytes, start: int, end: int, *, depth: int, default: str, budget: _Budget) -> Part:
    headers, body = read_headers(
        raw, start, end, most=budget.for_headers(end_of_head(raw, start, end)[0] - start, depth)
    )
    content_type, type_parameters = parameters(next(iter(headers.undecoded("content-type")), ""))
    disposition, disposition_parameters = parameters(next(iter(headers.undecoded("content-disposition")), ""))
    if not _TYPE.fullmatch(content_type):
        content_type = "text/plain" if content_type in {"text", ""} and default != "message/rfc822" else default
    children: tuple[Part, ...] = ()
    if content_type.startswith("multipart/") and depth < MAX_DEPTH:
        inner = "message/rfc822" if content_type == "multipart/digest" else "text/plain"
        boundary = type_parameters.get("boundary", "")
        spans = list(_spans(raw, body, end, boundary, budget)) or list(_spans(raw, body, end, "", budget))
        children = tuple(_part(raw, *span, depth=depth + 1, default=inner, budget=budget) for span in spans)
        if not children:  # a multipart that never begins is what stands there
            content_type = "text/plain"
            end = next((before for before, _, _ in _delimiters(raw, body, end, boundary, budget)), end)
    return Part(headers, content_type, type_parameters, disposition, disposition_parameters, raw, body, end, children)


def _spans(raw: bytes, start: int, end: int, boundary: str, budget: _Budget) -> Iterator[tuple[int, int]]:
    """Yield where the parts between the delimiters lie. RFC 2046, 5.1.1.

    A closing delimiter that is missing is taken to be at the end; parts that come after it are still read.
    """
    opened: int | None = None
    for at, after, closes in _delimiters(raw, start, end, boundary, budget):
        if opened is not None and budget.parts > 0:
            budget.parts -= 1
            yield opened, max(opened, at)
        opened = None if closes else after
        if budget.parts <= 1:
            break
    if opened is not None and opened < end:
        budget.parts -= 1
        yield opened, end


def _delimiters(raw: bytes, start: int, end: int, boundary: str, budget: _Budget) -> Iterator[tuple[int, int, bool]]:
    """Yield (end of what stands before, start of what stands after, whether it closes) per delimiter line.

    `boundary` "" is the first line's that looks like one.
    """
    mark = b"--" + (boundary.rstrip().encode("utf-8", "replace") or _sniffed(raw, start, end))
    if mark == b"--":
        return
    at = start if raw.startswith(mark, start, end) else _next(raw, mark, start, end)
    while at >= 0 and budget.delimiters > 0:
        budget.delimiters -= 1
        after = _after_line(raw, at, end)
        rest = raw[at + len(mark) : after][:200]
        if not rest.removeprefix(b"--").strip():
            before = at - 1 if at > start else at
            yield (before - 1 if raw[before - 1 : before] == b"\r" else before), after, rest.startswith(b"--")
        at = _next(raw, mark, max(at, after - 1), end)


def _next(raw: bytes, mark: bytes, start: int, end: int) -> int:
    found = raw.find(b"\n" + mark, start, end)
    return found + 1 if found >= 0 else -1


def _sniffed(raw: bytes, start: int, end: int) -> bytes:
    found = _SNIFFED_BOUNDARY.search(raw, start, min(end, start + 10_000))
    return found[1] if found else b""


def _after_line(raw: bytes, start: int, end: int) -> int:
    found = raw.find(b"\n", start, end)
    return found + 1 if found >= 0 else end


def _uudecoded(body: bytes) -> Iterator[bytes]:
    for line in body.splitlines():
        if line.startswith((b"begin ", b"end")) or not line:
            continue
        try:
            yield binascii.a2b_uu(line)
        except binascii.Error:
            continue
