"""Read a raw mail into what the desk needs of it: who, what, which files. Pure; never raises, bounded for any bytes.

Stands between the doors (SMTP, HTTP, IMAP) that bring bytes and the adapter that makes an InboundMessage of them.
"""

import hashlib
import html as entities
import mimetypes
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from channels.email.addresses import Address, read_addresses
from channels.email.charsets import decode, keepable
from channels.email.headers import Headers, read_headers
from channels.email.html import sanitise, to_text
from channels.email.structure import Part, read_structure
from ticketing.envelope import IncomingFile

MAX_TEXT = 1_000_000  # characters; the whole stays in the raw mail
STUB_RATIO = 1.5  # a plain text with so many fewer words than the HTML is no alternative to it
MAX_ID = 998  # RFC 5322, 2.1.1: no line is longer
MAX_IDS = 1_000
MAX_SUBJECT = 2_000

_ID = re.compile(r"<([^<>]{1,996})>")
_BLANKS = re.compile(r"\s+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_LOCAL = re.compile(r"<?([\w.+-]{1,64})>?(?: \(([^()]{1,200})\))?")
_META_CHARSET = re.compile(rb"<meta[^>]{1,200}charset=[\"']?([\w-]{2,30})", re.IGNORECASE)


@dataclass(frozen=True)
class ParsedMail:
    """A mail as it was read. Message ids keep their angle brackets; `date` is UTC, None when absent or nonsense."""

    headers: Headers
    sender: Address | None  # None: nobody is named; a local daemon's address may lack its domain
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    subject: str
    message_id: str  # synthesised from the content when the mail has none
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]  # oldest first
    date: datetime | None
    text: str  # the whole text, quotes included
    html: str  # sanitised, "" if there is none
    files: tuple[IncomingFile, ...]
    root: Part


def parse(raw: bytes) -> ParsedMail:
    """Read a mail. Any bytes give an answer; what cannot be understood is left empty."""
    root = read_structure(raw)
    headers = root.headers
    body = _body(root)
    html = sanitise(body.html) if body.html else ""
    return ParsedMail(
        headers=headers,
        sender=_sender(headers),
        to=read_addresses(headers.undecoded("to")),
        cc=read_addresses(headers.undecoded("cc")),
        reply_to=read_addresses(headers.undecoded("reply-to")),
        subject=_one_line(headers.first("subject"))[:MAX_SUBJECT],
        message_id=_message_id(headers, root),
        in_reply_to=message_ids(headers, "in-reply-to"),
        references=message_ids(headers, "references"),
        date=_date(headers.first("date")),
        text=_text(body),
        html=html,
        files=tuple(_file(part, number) for number, part in enumerate(body.files, 1)),
        root=root,
    )


def _text(body: "_Body") -> str:
    """Return the plain text, or the HTML's where the plain one is a mere "your mailer shows no HTML"."""
    if not body.html:
        return body.text
    shown = to_text(body.html)
    return shown if len(shown.split()) > STUB_RATIO * len(body.text.split()) else body.text


def message_ids(headers: Headers, name: str) -> tuple[str, ...]:
    """Return the message ids in a header, with their angle brackets, each once, in order."""
    found = (f"<{_BLANKS.sub('', inner)}>" for value in headers.undecoded(name) for inner in _ID.findall(value))
    return tuple(dict.fromkeys(found))[-MAX_IDS:]


def _sender(headers: Headers) -> Address | None:
    for name in ("from", "sender"):
        people = read_addresses(headers.undecoded(name))
        if people:
            return people[0]
    local = _LOCAL.fullmatch(headers.first("from"))
    return Address(local[2] or "", local[1]) if local else None


def _one_line(text: str) -> str:
    return _CONTROL.sub("", _BLANKS.sub(" ", text)).strip()


def _message_id(headers: Headers, root: Part) -> str:
    given = message_ids(headers, "message-id")
    if given:
        return given[0]
    bare = _BLANKS.sub("", headers.first("message-id")).strip("<>")
    return f"<{bare}>" if 0 < len(bare) < MAX_ID - 1 else _synthesised(headers, root)


def _synthesised(headers: Headers, root: Part) -> str:
    """Return an id that the same mail gets each time it comes, whatever route it took.

    A mail without a Date cannot be told from one of the same words sent again, so there its route counts as well.
    """
    names = ("from", "to", "cc", "subject", "date") + (() if headers.has("date") else ("received",))
    digest = hashlib.sha256()
    for name in names:
        for value in headers.values.get(name, []):
            digest.update(b"%b:%b\n" % (name.encode(), value))
    digest.update(root.encoded_body.rstrip())
    return f"<{digest.hexdigest()[:32]}@synthesised.invalid>"


def _date(value: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(value[:100])
        return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


@dataclass(frozen=True)
class _Body:
    """What a part adds to the mail: its text, its HTML, and its files."""

    text: str = ""
    html: str = ""
    files: tuple[Part, ...] = ()

    @property
    def as_html(self) -> str:
        if self.html or not self.text.strip():
            return self.html
        return f"<div>{entities.escape(self.text).replace(chr(10), '<br>')}</div>"


def _body(part: Part) -> _Body:
    if part.children:
        bodies = [_body(child) for child in part.children]
        return _alternative(bodies) if part.content_type == "multipart/alternative" else _joined(bodies)
    if _is_file(part):
        return _Body(files=(part,))
    if part.content_type == "text/html":
        return _Body(html=_html(part)[:MAX_TEXT])
    return _Body(text=part.text[:MAX_TEXT])


def _alternative(bodies: list[_Body]) -> _Body:
    """Take the text and the HTML from whichever alternative has them; the last is the richest (RFC 2046, 5.1.4)."""
    return _Body(
        text=next((body.text for body in bodies if body.text.strip()), ""),
        html=next((body.html for body in reversed(bodies) if body.html.strip()), ""),
        files=tuple(file for body in bodies for file in body.files),
    )


def _joined(bodies: list[_Body]) -> _Body:
    """Put the bodies one under the other, as mailers do that place pictures between paragraphs.

    Where one of them has only HTML, the text is left to be made of the whole HTML, once.
    """
    files = tuple(file for body in bodies for file in body.files)
    spoken = [body for body in bodies if body.text.strip() or body.html.strip()]
    if len(spoken) == 1:
        return _Body(spoken[0].text, spoken[0].html, files)
    rich = any(body.html.strip() for body in spoken)
    complete = all(body.text.strip() for body in spoken)
    return _Body(
        text="\n".join(body.text for body in spoken)[:MAX_TEXT] if complete else "",
        html="\n".join(body.as_html for body in spoken)[:MAX_TEXT] if rich else "",
        files=files,
    )


def _is_file(part: Part) -> bool:
    if part.content_type not in {"text/plain", "text/html"}:
        return True
    return part.disposition == "attachment" or bool(_given_name(part))


def _html(part: Part) -> str:
    content = part.content
    declared = part.type_parameters.get("charset", "")
    if not declared:
        meta = _META_CHARSET.search(content, 0, 4_096)
        declared = meta[1].decode("ascii") if meta else ""
    return decode(content, declared)


def _file(part: Part, number: int) -> IncomingFile:
    content_id = part.headers.first("content-id").strip().strip("<>")
    return IncomingFile(
        filename=_filename(part, number),
        content_type=part.content_type,
        content=part.content if part.content_type != "message/rfc822" else part.content.lstrip(b"\r\n"),
        content_id=content_id[:MAX_ID],
        inline=part.disposition == "inline" or (bool(content_id) and part.disposition != "attachment"),
    )


def _given_name(part: Part) -> str:
    return part.disposition_parameters.get("filename", "") or part.type_parameters.get("name", "")


def _filename(part: Part, number: int) -> str:
    """Return a name without folders or control characters, at most 200 characters; made up when none is given."""
    name = keepable(_CONTROL.sub("", _given_name(part))).replace("\\", "/").rpartition("/")[2].strip().strip(".")
    if name:
        stem, dot, suffix = name.rpartition(".")
        return name if len(name) <= 200 else f"{stem[: 190 - len(suffix[:9])]}{dot}{suffix[:9]}"
    if part.content_type == "message/rfc822":
        return _nested_name(part, number)
    return f"part-{number}{mimetypes.guess_extension(part.content_type) or '.bin'}"


def _nested_name(part: Part, number: int) -> str:
    content = part.content
    subject = read_headers(content, 0, len(content))[0].first("subject")
    stem = _one_line(re.sub(r'[\\/:*?"<>|]+', " ", subject))[:100]
    return f"{stem or f'message-{number}'}.eml"
