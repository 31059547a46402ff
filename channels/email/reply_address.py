"""The signed names by which an answer finds its ticket: our Message-IDs and our plus-addresses. Pure.

Whoever has one got it from us, so it threads a mail from any sender; ids without a signature can be guessed, and are
handed on as hints that count only for participants (design, rule 5).
"""

import hmac
import re
from collections.abc import Iterable
from hashlib import sha256

from channels.email.charsets import keepable
from channels.email.mime import ParsedMail
from ticketing.envelope import ThreadHints

MAX_HINTS = 50
MAX_VALUES = 100  # headers in which recipients are looked for
MAX_VALUE = 32_768  # characters of each
MAX_ID_BYTES = 180  # of an id in the store: its index takes no long ones, and the adapter's key adds 17 bytes to it
MAX_LOCAL_PART = 64  # bytes; RFC 5321, 4.5.3.1.1
SIGNATURE_LENGTH = 16  # hex digits, 64 bits

_MESSAGE_ID = re.compile(r"<?t(\d{1,18})\.m(\d{1,18})\.([0-9a-f]{16})@[^<>\s]+>?")
# Bounded, and tried only where an address can begin, for senders write what they like (lengths: RFC 5321, 4.5.3.1).
_PLUS_ADDRESS = re.compile(
    r"""(?<![^\s<>+@,;:()"])[^\s<>+@,;:()"]{1,64}\+t(\d{1,18})(?:\.m(\d{1,18}))?\.([0-9a-f]{16})
        @[^\s<>+@,;:()"]{1,255}""",
    re.IGNORECASE | re.VERBOSE,
)
_SUBJECT_TOKEN = re.compile(r"\[#(\d{1,18})\]")
# Where the address that a mail was really sent to can stand; delivery agents add the last three.
_RECIPIENT_HEADERS = ("to", "cc", "delivered-to", "x-original-to", "envelope-to")


def new_message_id(ticket_id: int, message_id: int, domain: str, key: str) -> str:
    """Return the Message-ID of our message: `<t12.m34.0123456789abcdef@example.com>`. The same each time."""
    return f"<t{ticket_id}.m{message_id}.{_signature(f'message {ticket_id} {message_id}', key)}@{domain}>"


def signed_ids(message_id: str, key: str) -> tuple[int, int] | None:
    """Return the (ticket, message) that a Message-ID of ours names; None when it is not ours or was tampered with."""
    found = _MESSAGE_ID.fullmatch(message_id.strip())
    if found and _is_signed(f"message {found[1]} {found[2]}", found[3], key):
        return int(found[1]), int(found[2])
    return None


def ticket_of(message_id: str, key: str) -> int | None:
    """Return the ticket that a Message-ID of ours belongs to; None when it is not ours or was tampered with."""
    ids = signed_ids(message_id, key)
    return ids[0] if ids else None


def kept_id(message_id: str) -> str:
    """Return the form in which a Message-ID is kept and looked for: one that is too long becomes its digest."""
    written = keepable(message_id)
    raw = written.encode()
    return written if len(raw) <= MAX_ID_BYTES else f"<{sha256(raw).hexdigest()}@long.invalid>"


def plus_address(address: str, ticket_id: int, key: str) -> str:
    """Return the inbox's address with the ticket signed into it: `support+t12.0123456789abcdef@example.com`."""
    local, _, domain = address.rpartition("@")
    return f"{local}+t{ticket_id}.{_signature(f'address {ticket_id}', key)}@{domain}"


def return_path(address: str, ticket_id: int, message_id: int, key: str) -> str:
    """Return the inbox's address with the message signed into it, to which mail servers return it.

    `support+t12.m34.0123456789abcdef@example.com`; the bare address where that is longer than an address may be.
    """
    local, _, domain = address.rpartition("@")
    local = f"{local}+t{ticket_id}.m{message_id}.{_signature(f'return {ticket_id} {message_id}', key)}"
    return f"{local}@{domain}" if len(local.encode()) <= MAX_LOCAL_PART else address


def message_of_address(address: str, key: str) -> int | None:
    """Return the message that is signed into a return path; None when there is none or it was tampered with."""
    found = _PLUS_ADDRESS.fullmatch(address.strip())
    return int(found[2]) if found and found[2] and _address_is_signed(found, key) else None


def ticket_of_address(address: str, key: str) -> int | None:
    """Return the ticket that is signed into a plus-address; None when there is none or it was tampered with."""
    found = _PLUS_ADDRESS.fullmatch(address.strip())
    return int(found[1]) if found and _address_is_signed(found, key) else None


def returned_message(mail: ParsedMail, key: str, *, recipients: Iterable[str] = ()) -> int | None:
    """Return the message of ours to whose return path a mail was sent, None if to none; `recipients` as in `hints`."""
    named = (message_of_address(one, key) for one in [*recipients, *_addresses(mail)])
    return next((one for one in named if one is not None), None)


def _address_is_signed(found: re.Match[str], key: str) -> bool:
    what = f"return {found[1]} {found[2]}" if found[2] else f"address {found[1]}"
    return _is_signed(what, found[3].lower(), key)


def hints(mail: ParsedMail, key: str, *, recipients: Iterable[str] = ()) -> ThreadHints:
    """Return what a mail says of its ticket; `recipients` are those of the SMTP envelope, when the door saw them."""
    known = _thread_ids(mail)
    signed = [ticket_of(one, key) for one in known]
    signed += [ticket_of_address(one, key) for one in [*recipients, *_addresses(mail)]]
    return ThreadHints(
        ticket_ids=tuple(dict.fromkeys(ticket_id for ticket_id in signed if ticket_id is not None)),
        message_ids=tuple(kept_id(one) for one in known),
        subject_ticket_ids=tuple(dict.fromkeys(int(one) for one in _SUBJECT_TOKEN.findall(mail.subject)))[:MAX_HINTS],
    )


def _thread_ids(mail: ParsedMail) -> tuple[str, ...]:
    """Return the ids that the mail answers to, the nearest first. RFC 5322, 3.6.4."""
    return tuple(dict.fromkeys([*mail.in_reply_to, *reversed(mail.references)]))[:MAX_HINTS]


def _addresses(mail: ParsedMail) -> list[str]:
    values = [value[:MAX_VALUE] for name in _RECIPIENT_HEADERS for value in mail.headers.undecoded(name)]
    return [found[0] for value in values[:MAX_VALUES] for found in _PLUS_ADDRESS.finditer(value)][:MAX_HINTS]


def _signature(what: str, key: str) -> str:
    return hmac.new(key.encode(), what.encode(), sha256).hexdigest()[:SIGNATURE_LENGTH]


def _is_signed(what: str, signature: str, key: str) -> bool:
    return hmac.compare_digest(_signature(what, key), signature)
