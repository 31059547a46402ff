"""Make files of the parts of a mail that are no words: named safely, as they came. Pure; nothing here raises."""

import mimetypes
import re

from channels.email.charsets import keepable
from channels.email.headers import Headers
from channels.email.structure import Part
from ticketing.envelope import IncomingFile

MAX_NAME = 200
MAX_NESTED_HEAD = 16_384  # bytes of a nested mail in which its subject is looked for
MAX_CONTENT_ID = 998  # RFC 5322, 2.1.1: no line is longer

NESTED_MAILS = {"message/rfc822", "message/global"}

# What a part without a name is called by the programs that know it.
USUAL_NAMES = {
    "application/ms-tnef": "winmail.dat",
    "application/pgp-encrypted": "pgp-version.txt",
    "application/pgp-signature": "signature.asc",
    "application/pkcs7-mime": "smime.p7m",
    "application/pkcs7-signature": "smime.p7s",
    "application/x-pkcs7-mime": "smime.p7m",
    "application/x-pkcs7-signature": "smime.p7s",
    "message/delivery-status": "delivery-status.txt",
    "message/disposition-notification": "disposition-notification.txt",
    "message/external-body": "external.txt",
    "message/feedback-report": "feedback-report.txt",
    "message/global-delivery-status": "delivery-status.txt",
    "text/calendar": "invitation.ics",
    "text/rfc822-headers": "headers.txt",
}

_BLANKS = re.compile(r"\s+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_NOT_IN_NAMES = re.compile(r'[\\/:*?"<>|]+')
_END_OF_HEAD = re.compile(rb"\n\r?\n")
_SUBJECT = re.compile(rb"^subject[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", re.IGNORECASE | re.MULTILINE)
_LOOKS_LIKE_A_NAME = re.compile(r"[\w() +-][\w.() +-]{0,100}\.[A-Za-z0-9]{2,5}")


def read_file(part: Part, number: int) -> IncomingFile:
    """Return the part as a file. `number` is its place among the mail's files, for a name when it has none."""
    content_id = part.headers.first("content-id").strip().strip("<>")
    return IncomingFile(
        filename=_filename(part, number),
        content_type=part.content_type,
        content=_content(part),
        content_id=content_id[:MAX_CONTENT_ID],
        inline=part.disposition == "inline" or (bool(content_id) and part.disposition != "attachment"),
    )


def uuencoded_file(name: str, content: bytes) -> IncomingFile:
    """Return a file that stood in the text."""
    filename = safe_name(name) or "file.bin"
    return IncomingFile(filename, mimetypes.guess_type(filename)[0] or "application/octet-stream", content)


def given_name(part: Part) -> str:
    """Return the name that the mail gives the part, as it stands there, "" if it gives none."""
    return part.disposition_parameters.get("filename", "") or part.type_parameters.get("name", "")


def safe_name(name: str) -> str:
    """Return a file's name without folders or control characters, at most MAX_NAME characters, "" if none is left."""
    name = keepable(_CONTROL.sub("", name)).replace("\\", "/").rpartition("/")[2].strip().strip(".")
    if len(name) <= MAX_NAME:
        return name
    stem, dot, suffix = name.rpartition(".")
    return f"{stem[: MAX_NAME - 10 - len(suffix[:9])]}{dot}{suffix[:9]}" if dot else name[:MAX_NAME]


def _content(part: Part) -> bytes:
    if part.content_type in NESTED_MAILS:
        return part.content.lstrip(b"\r\n")
    if part.content_type == "message/external-body":  # what it is about stands in the header (RFC 2046, 5.2.3)
        return b"Content-Type: " + part.headers.values["content-type"][0] + b"\n\n" + part.content
    return part.content


def _filename(part: Part, number: int) -> str:
    name = safe_name(given_name(part))
    if part.content_type == "message/external-body":
        return f"{name}.txt" if name else USUAL_NAMES[part.content_type]
    if name:
        # The Macintosh's half of a file: as it is called where only the other half can be kept (RFC 1740).
        return f"._{name}" if part.content_type == "application/applefile" else name
    if part.content_type in NESTED_MAILS:
        return _nested_name(part, number)
    return USUAL_NAMES.get(part.content_type) or _hinted_name(part) or _made_up_name(part, number)


def _hinted_name(part: Part) -> str:
    """Return the name that mailers leave elsewhere: Outlook's cid:image001.png@01DB, or a location (RFC 2557)."""
    for header in ("content-id", "content-location", "content-description"):
        hint = part.headers.first(header).strip().strip("<>").partition("?")[0]
        hint = safe_name(hint.partition("@")[0] if header == "content-id" else hint)
        if _LOOKS_LIKE_A_NAME.fullmatch(hint) and mimetypes.guess_type(hint)[0] is not None:
            return hint
    return ""


def _made_up_name(part: Part, number: int) -> str:
    return f"part-{number}{mimetypes.guess_extension(part.content_type) or '.bin'}"


def _nested_name(part: Part, number: int) -> str:
    head = _END_OF_HEAD.split(part.content.lstrip(b"\r\n")[:MAX_NESTED_HEAD], maxsplit=1)[0]
    found = _SUBJECT.search(head)
    subject = Headers({"subject": [found[1]]}).first("subject") if found else ""
    stem = _CONTROL.sub("", _BLANKS.sub(" ", _NOT_IN_NAMES.sub(" ", subject))).strip().strip(".")[:100]
    return f"{stem or f'message-{number}'}.eml"
