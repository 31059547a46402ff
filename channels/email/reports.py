"""Take apart what programs report of a mail of ours (multipart/report, RFC 6522): their fields, the mail itself. Pure.

Delivery reports (RFC 3464), complaints (RFC 5965) and read receipts (RFC 8098) are built alike; the international forms
of RFC 6533 are read with them.
"""

import re
from collections.abc import Iterator

from channels.email.headers import Headers, read_headers
from channels.email.mime import ParsedMail

MAX_REPORT_BYTES = 65_536  # a report says what it has to say at its beginning
MAX_BLOCKS = 50

DELIVERY = ("message/delivery-status", "message/global-delivery-status")
COMPLAINT = ("message/feedback-report",)
DISPOSITION = ("message/disposition-notification", "message/global-disposition-notification")
_ORIGINALS = {
    "message/rfc822",
    "message/global",
    "text/rfc822-headers",
    "message/rfc822-headers",
    "message/global-headers",
}

ADDRESS = re.compile(r"[\w.+=!#$%&'*/?^{|}~-]{1,64}@[\w.-]{1,255}")
_BLOCKS = re.compile(rb"\n[ \t]*\n")
_ORIGINAL_ID = re.compile(r"^[> \t]*Message-ID:\s*(<[^<>\s]{1,996}>)", re.IGNORECASE | re.MULTILINE)
_ESCAPED = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")


def report_type(mail: ParsedMail) -> str:
    """Return what the mail calls itself (delivery-status, feedback-report, …), "" if it is no report."""
    return mail.root.type_parameters.get("report-type", "").strip().lower()


def blocks(mail: ParsedMail, content_types: tuple[str, ...]) -> Iterator[Headers]:
    """Yield the blocks of fields of the parts of these types, at most MAX_BLOCKS; the first may be about the mail."""
    for part in mail.root.walk():
        if part.content_type in content_types:
            content = part.content[:MAX_REPORT_BYTES].replace(b"\r\n", b"\n").strip()
            for block in _BLOCKS.split(content, maxsplit=MAX_BLOCKS)[:MAX_BLOCKS]:
                yield read_headers(block, 0, len(block))[0]


def address_in(field: str) -> str:
    """Return the address of a field like `rfc822; ann@home.example`, "" if there is none.

    RFC 3464, 2.3; RFC 6533, 3 for addresses beyond ASCII.
    """
    kind, _, given = field.partition(";")
    value = given or kind
    if kind.strip().lower() == "utf-8":
        value = _ESCAPED.sub(_character, value)
    found = ADDRESS.search(value[:1_000])
    return found[0].strip("'") if found else ""


def returned_id(mail: ParsedMail) -> str | None:
    """Return the Message-ID of the mail that came back: from its copy, or from the headers that are quoted in words."""
    for part in mail.root.walk():
        if part.content_type in _ORIGINALS:
            found = _ORIGINAL_ID.search(part.content[:MAX_REPORT_BYTES].decode("utf-8", "replace"))
            if found:
                return found[1]
    found = _ORIGINAL_ID.search(mail.text[:MAX_REPORT_BYTES])
    return found[1] if found else None


def _character(escape: re.Match[str]) -> str:
    number = int(escape[1], 16)
    return chr(number) if number < 0xD800 or 0xE000 <= number <= 0x10FFFF else escape[0]
