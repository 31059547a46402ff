"""How much comes in at once: connections, altogether and from one address, and bytes of mails that are not kept yet.

Whoever comes on top is asked to come again (421, 452), rather than all of them waiting for a machine that is out of
memory. Lives on the event loop's thread.
"""

import ipaddress
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Crowd:
    """Who is there, and how much they have brought."""

    most: int  # connections
    most_of_one: int  # of them from one address
    most_bytes: int
    _there: int = 0
    _of_one: Counter[str] = field(default_factory=Counter)
    _bytes: int = 0

    def enter(self, address: str) -> bool:
        """Let a connection in; False: there is no room. "" is nobody's address: a socket on this machine."""
        group = _group(address)
        if self._there >= self.most or (group and self._of_one[group] >= self.most_of_one):
            return False
        self._there += 1
        self._of_one[group] += 1
        return True

    def leave(self, address: str) -> None:
        """Take note that a connection which was let in has ended."""
        self._there -= 1
        group = _group(address)
        self._of_one[group] -= 1
        if not self._of_one[group]:
            del self._of_one[group]

    @property
    def is_dense(self) -> bool:
        """Say whether there is little room left, so that nobody may dawdle."""
        return self._there * 4 >= self.most * 3

    def hold(self, amount: int) -> bool:
        """Make room for so many bytes; False: there is none."""
        if self._bytes + amount > self.most_bytes:
            return False
        self._bytes += amount
        return True

    def release(self, amount: int) -> None:
        """Give so many bytes back."""
        self._bytes -= amount


def _group(address: str) -> str:
    """Return what counts as one address: of IPv6 the first half, for the other half is anybody's to choose."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))
    except ValueError:
        return address
