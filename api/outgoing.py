"""Call an address that somebody typed: a webhook's, a calendar feed's. Only ever one of the public internet.

The host is resolved first, every address that it has must be public, and the connection goes to the very address that
was looked at, so that a name that means something else a moment later (DNS rebinding) leads nowhere. The certificate
and `Host` are still the name's. Redirects are not followed unless asked for, and then each hop is looked at alike.

What is refused: other schemes than http and https, names and passwords in the address, and ports below 1024 but 80 and
443, at which other services listen (SSH, SMTP). HTTP proxies of the environment are not used. Never call this inside
a transaction: it takes as long as `timeout_seconds`, and the look-up of the name comes on top.
"""

import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal, cast
from urllib.parse import SplitResult, urljoin, urlsplit

import config
from api.public_addresses import INTERNET, Network, is_private
from ticketing.errors import InvalidInput, TicketingError

Method = Literal["GET", "POST", "PUT"]

LONGEST_URL = 2000
REDIRECTS = frozenset({301, 302, 303, 307, 308})
CHUNK = 65_536
NOT_FOR_STRANGERS = frozenset({"authorization", "cookie"})  # left out when a redirect leads to another host


class AddressRefused(InvalidInput):
    """That is no address which we call."""

    code = "address_refused"


class CallFailed(TicketingError):
    """The other side could not be reached, did not answer in time, or answered with too much."""

    code = "call_failed"


@dataclass(frozen=True)
class Answer:
    """What the other side said, whatever its status."""

    status: int
    headers: Mapping[str, str]  # by names in lower case
    body: bytes
    url: str  # which answered, after redirects

    @property
    def is_ok(self) -> bool:
        return 200 <= self.status < 300


def fetch(
    url: str,
    *,
    method: Method = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    limit_bytes: int = 1_000_000,
    timeout_seconds: float = 10.0,
    allow_private: bool = False,
    redirects: int = 0,
    network: Network = INTERNET,
) -> Answer:
    """Call a URL and return what it answers, of any status.

    `limit_bytes` is the most that the answer's body may have, `timeout_seconds` the most that everything together may
    take. `redirects` is how many are followed, of a GET only; beyond that the redirect itself is the answer.
    `allow_private` calls addresses of our own network too, with any port, for tests and for desks that say so
    (COMPTOIR_PRIVATE_ADDRESSES). Raises AddressRefused, and CallFailed, which may be tried again.
    """
    ends_at = time.monotonic() + timeout_seconds
    sent = {
        "User-Agent": f"Comptoir/{config.__version__}",
        "Accept-Encoding": "identity",
        "Connection": "close",
        **(headers or {}),
    }
    while True:
        address = check_address(url, allow_private=allow_private)
        answer = _call(address, method, sent, body, limit_bytes, ends_at, allow_private, network)
        if method != "GET" or redirects <= 0 or answer.status not in REDIRECTS or "location" not in answer.headers:
            return answer
        redirects -= 1
        url, sent = _followed(address, answer.headers["location"], sent)


def check_address(url: str, *, allow_private: bool = False) -> SplitResult:
    """Return the parts of a URL that might be called, without looking its host up. Raises AddressRefused.

    For whoever takes a URL from a person; `fetch` looks at it again.
    """
    if len(url) > LONGEST_URL or not url.isascii() or any(ord(one) <= 32 or ord(one) == 127 for one in url):
        raise AddressRefused(f"an address has at most {LONGEST_URL} characters of ASCII, without blanks")
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise AddressRefused(f"{url!r} is no address; write one such as https://example.com/path") from None
    if parts.scheme not in ("http", "https") or not host:
        raise AddressRefused(f"{url!r} is no address to call; write one such as https://example.com/path")
    if "@" in parts.netloc:
        raise AddressRefused("an address holds no name and password; leave out what stands before the @")
    if not allow_private and is_private(host):
        raise AddressRefused(f"{host} is not on the public internet")
    if port is not None and not allow_private and port < 1024 and port not in (80, 443):
        raise AddressRefused(f"port {port} belongs to another service; use 443, 80, or one from 1024")
    return parts


def _call(
    address: SplitResult,
    method: Method,
    headers: Mapping[str, str],
    body: bytes | None,
    limit_bytes: int,
    ends_at: float,
    allow_private: bool,
    network: Network,
) -> Answer:
    targets = _targets(address, network, allow_private)
    try:
        with closing(_connect(address, targets, ends_at)) as sock:
            connection = _connection(address)
            connection.sock = cast(Any, _TimedSocket(sock, ends_at))
            connection.request(method, _path(address), body, dict(headers))
            response = connection.getresponse()
            read = _read(response, limit_bytes)
    except TimeoutError:
        raise CallFailed(f"{address.hostname} did not answer in time") from None
    except (OSError, http.client.HTTPException) as error:
        raise CallFailed(f"{address.hostname} could not be called: {_said(error)}") from None
    answered = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, answered, read, address.geturl())


def _path(address: SplitResult) -> str:
    return (address.path or "/") + (f"?{address.query}" if address.query else "")


def _connection(address: SplitResult) -> http.client.HTTPConnection:
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    return kind(address.hostname or "", address.port)  # for `Host` only: the socket is ours


def _targets(address: SplitResult, network: Network, allow_private: bool) -> list[tuple[str, int]]:
    host, port = address.hostname or "", _port(address)
    try:
        found = network.resolve(host, port)
    except (OSError, UnicodeError):  # UnicodeError: no name that DNS can hold
        raise CallFailed(f"there is no host {host}") from None
    # One private address among public ones is enough to say no: which one answers is not ours to choose.
    if not allow_private and not all(network.is_public(one) for one in found):
        raise AddressRefused(f"{host} is not on the public internet")
    return [(one, port) for one in found]


def _connect(address: SplitResult, targets: list[tuple[str, int]], ends_at: float) -> socket.socket:
    """Connect to the first target that answers, each with an equal share of the time that is left."""
    trouble: OSError = OSError("it has no address")
    for index, target in enumerate(targets):
        try:
            plain = socket.create_connection(target, timeout=_left(ends_at) / (len(targets) - index))
        except OSError as error:
            trouble = error
            continue
        return _secured(plain, address, ends_at)
    raise trouble


def _secured(plain: socket.socket, address: SplitResult, ends_at: float) -> socket.socket:
    if address.scheme != "https":
        return plain
    try:
        plain.settimeout(_left(ends_at))
        return ssl.create_default_context().wrap_socket(plain, server_hostname=address.hostname)
    except BaseException:
        plain.close()
        raise


class _TimedSocket:
    """The part of a socket that http.client uses, with one deadline for all that passes through it.

    A timeout of the socket alone would start anew with every byte that a hostile server lets drip.
    """

    def __init__(self, sock: socket.socket, ends_at: float) -> None:
        self._sock, self._ends_at = sock, ends_at

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(_left(self._ends_at))
        self._sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._sock, self._ends_at))

    def close(self) -> None:
        """Leave the socket open: http.client closes it before the answer is read to its end."""


class _TimedReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, ends_at: float) -> None:
        self._sock, self._ends_at = sock, ends_at

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(_left(self._ends_at))
        return self._sock.recv_into(buffer)


def _left(ends_at: float) -> float:
    left = ends_at - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _read(response: http.client.HTTPResponse, limit_bytes: int) -> bytes:
    """Return the body. Of an answer that is too long nothing more is read."""
    parts, length = [], 0
    while chunk := response.read1(CHUNK):
        length += len(chunk)
        if length > limit_bytes:
            raise CallFailed(f"the answer has more than {limit_bytes} bytes")
        parts.append(chunk)
    if response.length:  # read1 does not mind a body that ends early
        raise http.client.IncompleteRead(b"", response.length)
    return b"".join(parts)


def _followed(address: SplitResult, location: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
    url = urljoin(address.geturl(), location)
    target = check_address(url, allow_private=True)  # for its parts; the next call looks at it properly
    if address.scheme == "https" and target.scheme != "https":
        raise AddressRefused(f"{address.hostname} leads from https to http")
    if (target.hostname, _port(target)) == (address.hostname, _port(address)):
        return url, headers
    return url, {name: value for name, value in headers.items() if name.lower() not in NOT_FOR_STRANGERS}


def _port(address: SplitResult) -> int:
    return address.port or (443 if address.scheme == "https" else 80)


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
