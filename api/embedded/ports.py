"""The addresses that a machine of one's own needs: listening, finding a free port, asking whether somebody answers."""

import contextlib
import random
import socket

LOOPBACK = "127.0.0.1"
# Below 32768, where systems take the ports of outgoing connections from: one of those might be in our way at a restart.
FREE_PORTS = range(20_000, 32_000)
BACKLOG = 2048
EVERYWHERE = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104 - addresses to listen on, and where we then reach ourselves


class AddressTaken(Exception):
    """Somebody listens there already, or the address is not ours to listen on."""


def listen(host: str, port: int, *, variable: str) -> socket.socket:
    """Return a socket that listens on that address; raise AddressTaken, naming the `variable` that chose the port."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise AddressTaken(f"cannot listen on {host}: {error.strerror}") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise AddressTaken(
            f"cannot listen on port {port} of {host}: {error.strerror}; end what uses it, or choose another {variable}"
        ) from None
    return listener


def free_port() -> int:
    """Return a port of the loopback interface on which nobody listens."""
    for _ in range(100):
        port = random.SystemRandom().choice(FREE_PORTS)
        with socket.socket() as attempt, contextlib.suppress(OSError):
            attempt.bind((LOOPBACK, port))
            return port
    raise AddressTaken(f"no free port between {FREE_PORTS.start} and {FREE_PORTS.stop} on {LOOPBACK}")


def accepts(host: str, port: int) -> bool:
    """Say whether somebody accepts connections there."""
    try:
        with socket.create_connection((EVERYWHERE.get(host, host), port), timeout=1.0):
            return True
    except OSError:
        return False


def http_status(host: str, port: int, path: str) -> int | None:
    """Return the status of a GET; None when no answer came within a second.

    By hand, because http.client brings TLS along, for which the small parent has no use.
    """
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answer = converse(EVERYWHERE.get(host, host), port, request.encode(), until=b"\n")
    words = answer.split(maxsplit=2)
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else None


def converse(host: str, port: int, words: bytes, *, until: bytes) -> bytes:
    """Send `words` and return what came back up to `until`, or what came before a failure or a second of silence."""
    heard = b""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1.0) as connection:
        connection.sendall(words)
        while until not in heard and (chunk := connection.recv(4096)):
            heard += chunk
    return heard
