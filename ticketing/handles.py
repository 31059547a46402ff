"""Fold customers' addresses, so that one person's handle is found however it is written."""

import re

import phonenumbers

from ticketing.envelope import HandleKind
from ticketing.errors import InvalidHandle

MAX_LENGTH = 254  # RFC 5321, 4.5.3.1.3: a path is at most 256 octets with its brackets
_MAIL = re.compile(r"[^\s@<>\x00-\x1f\x7f]+@[^\s@<>\x00-\x1f\x7f]+")
_SHORT_CODE = re.compile(r"\d{3,8}")


def fold(kind: HandleKind, address: str) -> str:
    """Return the one spelling under which a handle is kept. Raises InvalidHandle."""
    return _FOLDERS[kind](address.strip())


def _fold_mail(address: str) -> str:
    # The local part could be case-sensitive by RFC 5321; no provider that people use makes it so.
    if len(address) > MAX_LENGTH or not _MAIL.fullmatch(address):
        raise InvalidHandle(f"{address[:80]!r} is no email address")
    return address.casefold()


def _fold_phone(address: str) -> str:
    if _SHORT_CODE.fullmatch(address):
        return address  # a short code (SMS) has no international form
    try:
        number = phonenumbers.parse(address, None)
    except phonenumbers.NumberParseException:
        raise InvalidHandle(f"{address[:40]!r} is no phone number with its country code (+…)") from None
    if not phonenumbers.is_possible_number(number):
        raise InvalidHandle(f"{address[:40]!r} has not the length of a phone number of its country")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _fold_visitor(address: str) -> str:
    if not address or len(address) > MAX_LENGTH:
        raise InvalidHandle("a chat visitor needs an id")
    return address


_FOLDERS = {
    HandleKind.EMAIL: _fold_mail,
    HandleKind.PHONE: _fold_phone,
    HandleKind.VISITOR: _fold_visitor,
}
