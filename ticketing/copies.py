"""Who else gets a reply by mail: checked while the agent is still there to hear of it."""

import re
from collections.abc import Sequence

from ticketing.envelope import Channel, HandleKind, Sender
from ticketing.errors import InvalidInput
from ticketing.handles import MAX_LENGTH
from ticketing.participants import our_addresses, without_tag
from ticketing.reach import Route

MAX_COPIES = 20

_ADDRESS = re.compile(r"[^\s<>()\",;:\\@\[\]\x00-\x1f\x7f]{1,64}@[^\s<>()\",;:\\@\[\]\x00-\x1f\x7f]+", re.ASCII)


def checked_copies(addresses: Sequence[str], route: Route) -> list[Sender]:
    """Return who gets a copy, each once and without who gets the reply itself.

    Raises InvalidInput for a channel that has no copies, for what is no address, and for an address of our own.
    """
    if not addresses:
        return []
    if route.channel is not Channel.EMAIL:
        raise InvalidInput(f"copies go by email only, and this reply goes by {route.channel}; leave cc out")
    if len(addresses) > MAX_COPIES:
        raise InvalidInput(f"a reply has at most {MAX_COPIES} copies")
    found = {one.casefold(): one for one in map(_checked, reversed(addresses))}
    ours = our_addresses(list(found))
    for folded, shown in found.items():
        if folded in ours or without_tag(folded) in ours:
            raise InvalidInput(f"{shown} is an address of ours: the copy would come back as a mail")
    found.pop(route.handle.address, None)
    return [Sender(HandleKind.EMAIL, shown) for shown in reversed(found.values())]


def _checked(address: str) -> str:
    """Return an address that every mail server on the way can carry; a domain goes as DNS knows it."""
    local, _, domain = address.strip().rpartition("@")
    try:
        written = f"{local}@{domain.lower().encode('idna').decode('ascii')}"
    except UnicodeError:
        written = ""
    if not local.isascii() or len(written) > MAX_LENGTH or not _ADDRESS.fullmatch(written):
        raise InvalidInput(f"{address[:80]!r} is no address to which a copy could be sent")
    return written
