"""Read a block of mail headers and their parameters from bytes, however broken. Pure; nothing here raises."""

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from channels.email import charsets
from channels.email.encoded_words import decode_words

MAX_HEADERS_BYTES = 262_144
MAX_HEADERS = 2_000
MAX_VALUE = 65_536

_HEADER = re.compile(rb"([!-9;-~]{1,200})[ \t]*:(.*)", re.DOTALL)
_SURELY_HEADER = re.compile(rb"[A-Za-z][A-Za-z0-9-]{1,60}:[ \t]")
_PARAMETER = re.compile(r';\s*([^=;\s]{1,80})\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)', re.DOTALL)
_SECTION = re.compile(r"([^*]+)(?:\*(\d{1,3}))?(\*)?")
_ESCAPED = re.compile(r'\\(["\\])')


@dataclass(frozen=True)
class Headers:
    """The headers of a mail or part: name in lower case -> unfolded raw values in the order in which they stand."""

    values: dict[str, list[bytes]]
    charset: str = ""  # of what is neither UTF-8 nor encoded, as it should be: most likely the one of the text

    def first(self, name: str) -> str:
        """Return the first value of a header, decoded, "" if there is none."""
        return next(iter(self.all(name)), "") if self.has(name) else ""

    def all(self, name: str) -> list[str]:
        """Return every value of a header, decoded."""
        return [decode_words(value) for value in self.undecoded(name)]

    def undecoded(self, name: str) -> list[str]:
        """Return every value as text with its encoded words left alone, for those who must split first."""
        given = self.values.get(name.lower(), [])
        return [charsets.decode(raw[:MAX_VALUE], hint=self.charset).strip() for raw in given]

    def has(self, name: str) -> bool:
        return name.lower() in self.values

    def present(self, names: Set[str]) -> Set[str]:
        """Return those of these names, in lower case, that there are headers of."""
        return self.values.keys() & names


def read_headers(raw: bytes, start: int, end: int, *, most: int = MAX_HEADERS_BYTES) -> tuple[Headers, int]:
    """Return the headers that begin at `start`, and where the body begins.

    The body begins after the first empty line; without one, at the first part's delimiter, or at the first line that
    cannot be a header and after which no header comes. Headers past MAX_HEADERS or the first `most` bytes are left out.
    """
    head_end, body = end_of_head(raw, start, end)
    lines = list(_unfolded(raw[start : min(head_end, start + most)]))
    last_header: int | None = None
    values: dict[str, list[bytes]] = {}
    count = 0
    for offset, line in lines:
        found = _HEADER.fullmatch(line)
        if found:
            values.setdefault(found[1].decode("ascii").lower(), []).append(found[2].strip())
            count += 1
        else:
            if last_header is None:  # looked for once: after every line that is none would take quadratic time
                last_header = max((at for at, other in lines if _SURELY_HEADER.match(other)), default=-1)
            if offset > last_header or _begins_first_part(line, values):
                return Headers(values), start + offset
        if count >= MAX_HEADERS:
            break
    return Headers(values), body


def _begins_first_part(line: bytes, values: dict[str, list[bytes]]) -> bool:
    """Say whether this line is the delimiter that the headers before it announce, without the empty line between."""
    boundary = line.removeprefix(b"--").rstrip()
    announced = values.get("content-type", [b""])[0][:MAX_VALUE]
    return line.startswith(b"--") and len(boundary) > 0 and b"=" + boundary in announced.replace(b'"', b"")


def end_of_head(raw: bytes, start: int, end: int) -> tuple[int, int]:
    """Return where the headers end and where the body begins, going by the first empty line alone."""
    for empty in (b"\r\n", b"\n"):
        if raw.startswith(empty, start, end):
            return start, start + len(empty)
    found = [(at, at + len(gap)) for gap in (b"\n\r\n", b"\n\n") if (at := raw.find(gap, start, end)) >= 0]
    return min(found, default=(end, end))


def _unfolded(head: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, line without its folding). RFC 5322, 2.2.3."""
    begun, pieces, offset = 0, list[bytes](), 0
    for line in head.split(b"\n"):
        content = line.rstrip(b"\r")
        if content[:1] in (b" ", b"\t") and pieces:
            pieces.append(content)
        else:
            if pieces:
                yield begun, b"".join(pieces)
            begun, pieces = offset, [content]
        offset += len(line) + 1
    if pieces and any(pieces):
        yield begun, b"".join(pieces)


def parameters(value: str) -> tuple[str, dict[str, str]]:
    """Return a header's value in lower case and its parameters: `text/plain; name=x` -> ("text/plain", {"name": "x"}).

    Knows the continued and the encoded parameters of RFC 2231, and the encoded words that it forbids.
    """
    value = value[:MAX_VALUE]
    sections: dict[str, dict[int, tuple[str, bool]]] = {}
    for name, given in _PARAMETER.findall(";" + value.partition(";")[2]):
        found = _SECTION.fullmatch(name.lower())
        if found:
            number = int(found[2] or 0)
            section, encoded = sections.setdefault(found[1], {}), bool(found[3])
            if number not in section or (
                encoded and not section[number][1]
            ):  # the encoded one says more (RFC 6266, 4.3)
                section[number] = (_unquoted(given), encoded)
    return value.partition(";")[0].strip().lower(), {name: _joined(parts) for name, parts in sections.items()}


def _unquoted(value: str) -> str:
    value = value.strip()
    if value.startswith('"'):
        return _ESCAPED.sub(r"\1", value[1:].removesuffix('"'))
    return value


def _joined(parts: dict[int, tuple[str, bool]]) -> str:
    ordered = [parts[number] for number in sorted(parts)]
    if not any(encoded for _, encoded in ordered):
        return decode_words("".join(text for text, _ in ordered))
    charset = ""
    if ordered[0][1] and ordered[0][0].count("'") >= 2:
        charset, _, rest = ordered[0][0].split("'", 2)
        ordered[0] = (rest, True)
    raw = b"".join(unquote_to_bytes(text) if encoded else text.encode() for text, encoded in ordered)
    return charsets.decode(raw, charset)
