"""Our mail doors: SMTP and LMTP for our inboxes only, 250 after the commit, and in the sandbox the world's mailboxes.

Sessions live on one event loop; the database is asked in a few threads, so a burst waits in line instead of taking
the machine.
"""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from aiosmtpd.smtp import SMTP
from flask import Flask

from channels.email.certificate import Certificate
from channels.email.crowd import Crowd
from channels.email.letting_in import let_in
from channels.email.mail_intake import Intake
from channels.email.mail_session import House, LocalMailSession, MailSession, Patience
from channels.sandbox.mailbox import SandboxMailHandler
from config.settings import SANDBOX_MAILBOX, Settings, SettingsError

THREADS = 4
ROOM_FOR = 40  # of the largest mails at once, on their way in or waiting for the store
GRACE = 7.0  # seconds for the mails under way when we are asked to end; the supervisor kills after ten
BACKLOG = 128
PATIENCE = Patience()

Speaks = Literal["smtp", "lmtp", "sandbox"]
Sessions = Callable[[], SMTP]


@dataclass(frozen=True)
class Listener:
    """A socket that listens, and what is spoken there."""

    speaks: Speaks
    socket: socket.socket


def start_doors(app: Flask, settings: Settings, listeners: Sequence[Listener] | None = None) -> "MailDoors":
    """Let mail in: customers', and in the sandbox the mail that we send. `listeners` are shared with other processes.

    Raises SettingsError when an address is taken, or the certificate of no use.
    """
    doors = MailDoors(settings)
    try:
        doors.open_all(app, settings, listeners)
    except BaseException:
        doors.stop()
        raise
    return doors


def listen(settings: Settings) -> list[Listener]:
    """Listen at every address that the settings name. Raises SettingsError when one is taken."""
    found: list[Listener] = []
    try:
        for speaks, open_it in _addresses(settings):
            found += [Listener(speaks, one) for one in open_it()]
    except SettingsError:
        for one in found:
            one.socket.close()
        raise
    return found


def _addresses(settings: Settings) -> Iterator[tuple[Speaks, Callable[[], Sequence[socket.socket]]]]:
    yield "smtp", lambda: _listen(settings.smtp_host, settings.smtp_port, "COMPTOIR_SMTP_PORT")
    if (port := settings.lmtp_port) is not None:
        yield "lmtp", lambda: _listen(settings.smtp_host, port, "COMPTOIR_LMTP_PORT")
    if (path := settings.lmtp_socket) is not None:
        yield "lmtp", lambda: [_listen_at(path)]
    sandbox = urlsplit(settings.smtp_url or "")
    if settings.sandbox and sandbox.path == SANDBOX_MAILBOX and sandbox.hostname and sandbox.port:
        host, at = sandbox.hostname, sandbox.port
        yield "sandbox", lambda: _listen(host, at, "COMPTOIR_SMTP_URL")


class MailDoors:
    """All our mail doors, on one event loop in a thread of its own."""

    def __init__(self, settings: Settings, *, patience: Patience = PATIENCE) -> None:
        crowd = Crowd(
            settings.smtp_max_connections,
            settings.smtp_max_connections_per_address,
            ROOM_FOR * settings.smtp_max_bytes,
        )
        threads = ThreadPoolExecutor(THREADS, thread_name_prefix="smtp")
        self._house = House(crowd, threads, settings.smtp_max_bytes, patience)
        self._doors: list[tuple[socket.socket, asyncio.Task[None]]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mail doors", daemon=True)
        self._thread.start()

    def open_all(self, app: Flask, settings: Settings, listeners: Sequence[Listener] | None = None) -> None:
        """Open every door that the settings name."""
        house, loop = self._house, self._loop
        smtp, lmtp = Intake(app, "smtp"), Intake(app, "lmtp")
        tls = starttls(settings)
        sandbox = SandboxMailHandler(settings) if settings.sandbox else None
        options: dict[str, Any] = {"enable_SMTPUTF8": True, "data_size_limit": settings.smtp_max_bytes, "timeout": 60}
        sessions: dict[str, Sessions] = {
            "smtp": lambda: MailSession(house, smtp, loop=loop, **tls()),
            "lmtp": lambda: LocalMailSession(house, lmtp, loop=loop),
            "sandbox": lambda: SMTP(sandbox, hostname="sandbox", loop=loop, **options),
        }
        for listener in listen(settings) if listeners is None else listeners:
            asyncio.run_coroutine_threadsafe(self._open(sessions[listener.speaks], listener.socket), loop).result()

    async def _open(self, sessions: Sessions, listener: socket.socket) -> None:
        listener.listen(BACKLOG)
        senders = self._house.sessions
        self._doors.append((listener, asyncio.create_task(let_in(listener, sessions, lambda: len(senders)))))

    def stop(self) -> None:
        """Let nobody in any more, send those away who have nothing under way, and wait for the others' mails."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._house.threads.shutdown(wait=False, cancel_futures=True)

    async def _close(self) -> None:
        house, latest = self._house, time.monotonic() + GRACE
        house.is_closing = True
        for listener, door in self._doors:
            door.cancel()
            await asyncio.gather(door, return_exceptions=True)
            listener.close()
        for session in [one for one in house.sessions if not one.is_at_work]:
            session.say_goodbye("421 4.3.2 We are closing, please come again")
        while house.sessions and time.monotonic() < latest:
            await asyncio.sleep(0.02)
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


def starttls(settings: Settings) -> Callable[[], dict[str, Any]]:
    """Return what says how the next session speaks TLS. Raises SettingsError."""
    if settings.mail_certificate is None:
        return dict
    certificate, required = Certificate(settings.mail_certificate), settings.smtp_starttls == "required"
    return lambda: {"tls_context": certificate.context(), "require_starttls": required}


def _listen(host: str, port: int, variable: str) -> Sequence[socket.socket]:
    """Listen on every address that the name stands for. Raises SettingsError."""
    listeners: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, address in dict.fromkeys(found):
            listeners.append(socket.create_server(address[:2], family=family, backlog=BACKLOG))
    except OSError as error:
        for listener in listeners:
            listener.close()
        raise SettingsError(f"{variable}: cannot listen on {host}, port {port}: {error.strerror or error}") from None
    return listeners


def _listen_at(path: Path) -> socket.socket:
    """Listen on a socket in the file system; one that nobody listens on any more is replaced. Raises SettingsError."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket() and not _answers(path):
            path.unlink()
        listener.bind(str(path))
        path.chmod(0o666)  # who may come near is the folder's to say
    except OSError as error:
        listener.close()
        raise SettingsError(f"COMPTOIR_LMTP_SOCKET: cannot listen at {path}: {error.strerror or error}") from None
    return listener


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller, contextlib.suppress(OSError):
        caller.connect(str(path))
        return True
    return False
