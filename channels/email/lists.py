"""Find who wrote a mail in whose From a mailing list put itself. Pure.

Lists do so where the author's domain lets nobody else send in its name (DMARC). Google Groups then tells the author in
X-Original-From and X-Original-Sender, Mailman in Reply-To or Cc
(https://docs.mailman3.org/projects/mailman/en/latest/src/mailman/handlers/docs/dmarc-mitigations.html, 2026-11).
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from channels.email.addresses import Address, read_addresses
from channels.email.mime import ParsedMail

MAX_POST = 2_000  # characters of List-Post

_MAILTO = re.compile(r"<mailto:([^<>?\s]{3,254})", re.IGNORECASE)
_VIA = re.compile(r"\s+via\s.*", re.IGNORECASE | re.DOTALL)


def author_of(mail: ParsedMail, *, our_address: str) -> Address | None:
    """Return who wrote the mail: who stands in From, unless that is a list of our domain by which it came.

    Others' lists are not believed: a mail in a swindler's own name passes every check on the way, and could then be
    anybody's here.
    """
    sender = mail.sender
    if sender is None or not mail.headers.has("list-id") or sender.address.casefold() not in set(_posts(mail)):
        return sender
    if _domain(sender.address) != _domain(our_address):
        return sender
    name = _VIA.sub("", sender.name[:300]).strip(" '\"")
    found = next((one for one in _told(mail, name) if one.address.casefold() != sender.address.casefold()), None)
    return replace(found, name=found.name or name) if found is not None else sender


def _domain(address: str) -> str:
    return address.rpartition("@")[2].casefold()


def _posts(mail: ParsedMail) -> Iterator[str]:
    """Return the list's addresses. RFC 2369, 3.4."""
    for value in mail.headers.undecoded("list-post")[:3]:
        yield from (address.casefold() for address in _MAILTO.findall(value[:MAX_POST]))


def _told(mail: ParsedMail, name: str) -> Iterator[Address]:
    """Return who may be the author, the likeliest first; of those in Cc only a namesake of the one in From."""
    for header in ("x-original-from", "x-original-sender"):
        yield from read_addresses(mail.headers.undecoded(header)[:1])[:1]
    yield from mail.reply_to[:3]
    yield from (one for one in mail.cc[:50] if name and one.name.casefold() == name.casefold())
