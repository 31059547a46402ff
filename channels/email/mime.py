"""Read a raw mail into what the desk needs of it: who, what, which files. Pure; never raises, bounded for any bytes.

Stands between the doors (SMTP, HTTP, IMAP) that bring bytes and the adapter that makes an InboundMessage of them.
"""

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from channels.email.addresses import Address, read_addresses
from channels.email.body import read_body
from channels.email.headers import Headers
from channels.email.structure import Part, read_structure
from ticketing.envelope import IncomingFile

MAX_ID = 998  # RFC 5322, 2.1.1: no line is longer
MAX_IDS = 1_000
MAX_SUBJECT = 2_000

_ID = re.compile(r"<([^<>]{1,996})>")
_BLANKS = re.compile(r"\s+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d[T ][\d:.+Z-]{4,25}")  # which programs write that know no RFC 5322
_LOCAL = re.compile(r"<?([\w.+-]{1,64})>?(?: \(([^()]{1,200})\))?")


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
    text_from_html: bool  # the text is the HTML's, for want of a plain one
    html: str  # sanitised, "" if there is none
    files: tuple[IncomingFile, ...]
    root: Part


def parse(raw: bytes) -> ParsedMail:
    """Read a mail. Any bytes give an answer; what cannot be understood is left empty."""
    root = read_structure(raw)
    headers = replace(root.headers, charset=_charset(root))
    body = read_body(root)
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
        text=body.text,
        text_from_html=body.text_from_html,
        html=body.html,
        files=body.files,
        root=root,
    )


def _charset(root: Part) -> str:
    """Return the charset of the mail's first text that names one, which careless mailers mean for the headers too."""
    declared = (part.type_parameters.get("charset", "") for part in root.walk() if not part.children)
    return next((charset for charset in declared if charset), "")


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
        read = datetime.fromisoformat if _ISO_DATE.fullmatch(value) else parsedate_to_datetime
        at = read(value[:100])
        return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
