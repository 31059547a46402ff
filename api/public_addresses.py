"""Which addresses a URL that somebody typed may lead to: the public internet's, none of our own network."""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

_NEVER_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.0.0.0/24",  # protocol assignments (RFC 6890), of which Python knows only some
            "192.88.99.0/24",  # 6to4 relays (RFC 7526)
            "2001::/23",  # protocol assignments, Teredo among them (RFC 4380)
            "2002::/16",  # 6to4 (RFC 3056): an IPv4 address in disguise
            "3fff::/20",  # documentation (RFC 9637)
        ),
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are the IPv4 address that is reached
_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that IANA has handed out
_ISATAP = (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe")  # RFC 5214: the IPv4 address follows


def resolve(host: str, port: int) -> Sequence[str]:
    """Return the IP addresses of a host, as the system finds them. Raises OSError when there are none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


def is_public(text: str) -> bool:
    """Say whether an IP address belongs to the public internet."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return _is_public_v4(address) if isinstance(address, IPv4Address) else _is_public_v6(address)


def is_private(text: str) -> bool:
    """Say whether this is an IP address that is not public; a name is neither, before it has been looked up."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return not is_public(text)


@dataclass(frozen=True)
class Network:
    """What names mean, and which addresses are anybody's: the internet, but in tests."""

    resolve: Callable[[str, int], Sequence[str]] = resolve  # host, port -> IP addresses, in the order to try them
    is_public: Callable[[str], bool] = is_public


INTERNET = Network()


def _is_public_v4(address: IPv4Address) -> bool:
    return address.is_global and not address.is_multicast and not _is_special(address)


def _is_public_v6(address: IPv6Address) -> bool:
    if address.ipv4_mapped is not None:  # the kernel connects to the IPv4 address
        return _is_public_v4(address.ipv4_mapped)
    if address in _NAT64:
        return _is_public_v4(IPv4Address(address.packed[12:]))
    if address.packed[8:12] in _ISATAP and not _is_public_v4(IPv4Address(address.packed[12:])):
        return False
    return address in _UNICAST and address.is_global and not _is_special(address) and address.scope_id is None


def _is_special(address: IPv4Address | IPv6Address) -> bool:
    return any(address in network for network in _NEVER_PUBLIC if network.version == address.version)
