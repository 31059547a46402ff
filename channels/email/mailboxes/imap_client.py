"""imapclient within bounds: no answer may be larger than what was asked for, and waiting reads nothing by halves.

imapclient is untyped and leans on imaplib; what we had to know of their insides stands here and nowhere else.
"""

import contextlib
import imaplib
import logging
import select
import socket
import ssl
import threading
import time

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import CapabilityError
from imapclient.imap4 import IMAP4WithTimeout
from imapclient.tls import IMAP4_TLS

CONNECT_SECONDS, READ_SECONDS = 15.0, 30.0
SMALL_ANSWER = 4_000_000  # bytes; imaplib takes no line beyond a million
SLICE = 0.5  # seconds; how soon somebody who waits hears that it is over

logging.getLogger("imapclient").setLevel(logging.WARNING)  # what it says besides names users, and more


class _Bounded(imaplib.IMAP4):
    """Reads no more than was allowed since the last command."""

    allowed = SMALL_ANSWER

    def read(self, size: int) -> bytes:
        self._spend(size)  # before a byte of it is in memory
        return super().read(size)

    def readline(self) -> bytes:
        line = super().readline()
        self._spend(len(line))
        return line

    def _spend(self, size: int) -> None:
        self.allowed -= size
        if self.allowed < 0:
            raise self.abort("the answer is larger than anything that was asked for")


class _Plain(_Bounded, IMAP4WithTimeout):  # type: ignore[misc]  # imapclient is untyped
    pass


class _OverTLS(_Bounded, IMAP4_TLS):  # type: ignore[misc]  # imapclient is untyped
    pass


class BoundedClient(IMAPClient):  # type: ignore[misc]  # imapclient is untyped
    """One connection to an IMAP server."""

    def __init__(self, host: str, port: int, *, tls: ssl.SSLContext | None) -> None:
        """Connect; with a TLS context, over TLS from the first byte."""
        timeout = SocketTimeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        super().__init__(host, port=port, ssl=tls is not None, ssl_context=tls, timeout=timeout)
        self._imap.debug = 0  # else it spells every mail out for its log, whether anybody reads that or not
        self.normalise_times = False

    def _create_IMAP4(self) -> imaplib.IMAP4:  # noqa: N802 - imapclient's name
        if self.ssl:
            return _OverTLS(self.host, self.port, self.ssl_context, self._timeout.connect)  # type: ignore[call-arg]
        return _Plain(self.host, self.port, self._timeout.connect)

    def allow(self, size: int) -> None:
        """Let the next command's answer have this many bytes."""
        self._imap.allowed = size

    def offered_before_login(self) -> frozenset[str]:
        """Return the server's capabilities as it said them first."""
        return frozenset(one.upper() for one in self._imap.capabilities)

    def idle(self) -> None:
        """Begin IDLE (RFC 2177). Raises CapabilityError when the server will not."""
        # imapclient stumbles when the server has something to say before its `+`.
        self._idle_tag = self._imap._command("IDLE")
        while self._imap._get_response() is not None:
            if self._imap.tagged_commands[self._idle_tag]:
                self._imap.tagged_commands.pop(self._idle_tag)
                raise CapabilityError("the server refuses IDLE")

    def await_word(self, seconds: float, stop: threading.Event) -> None:
        """Return when the server says something, hangs up, or the time is over; reads nothing.

        imapclient's `idle_check` would read without waiting, and give up on a line of which half is there.
        """
        until = time.monotonic() + seconds
        if self._has_unread():  # read from the socket together with an earlier line: no poll tells of it
            return
        poller = select.poll()
        poller.register(self.socket().fileno(), select.POLLIN)
        while not stop.is_set() and (left := until - time.monotonic()) > 0:
            if poller.poll(1000 * min(left, SLICE)) and (not self._over_tls() or self._has_unread(hung_up=True)):
                return

    def _has_unread(self, *, hung_up: bool = False) -> bool:
        """Say whether a byte of the server's waits; `hung_up` is the answer when it has gone.

        TLS has records of its own (tickets, new keys), which make the socket readable and mean nothing.
        """
        sock = self.socket()
        sock.setblocking(False)
        try:
            return bool(self._imap.file.peek(1)) or hung_up
        except ssl.SSLWantReadError:
            return False
        except OSError:
            return True  # whoever reads next learns what it is
        finally:
            sock.settimeout(READ_SECONDS)

    def _over_tls(self) -> bool:
        return isinstance(self.socket(), ssl.SSLSocket)

    def patience(self, seconds: float) -> None:
        """Wait for the server no longer than this from now on."""
        self.socket().settimeout(seconds)

    def cut(self) -> None:
        """Break the connection, from another thread: whoever reads from it hears of that at once."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.socket(), socket.SHUT_RDWR)  # an SSLSocket's own would disturb its reader
