"""A mail server of one's own: Dovecot for IMAP, an SMTP server that fills its mailbox, a bad line in front of them."""

import imaplib
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from api.embedded.ports import accepts, free_port

USER, PASSWORD = "support", "correct horse"
UNPRIVILEGED = "nobody"  # Dovecot's login process refuses to run as root
LOOPBACK = "127.0.0.1"
CONFIGURATION = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
ssl = no
disable_plaintext_auth = no
auth_failure_delay = 1 secs
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
mail_location = maildir:{folder}/mail/%u
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
"""


@dataclass
class MailServer:
    """A mailbox at a real mail server. `sent` is what came in by SMTP for others: who to, and the mail."""

    folder: Path
    imap_port: int
    smtp_port: int
    owner: int
    group: int
    sent: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def maildir(self) -> Path:
        return self.folder / "mail" / USER

    def set_password(self, password: str) -> None:
        (self.folder / "users").write_text(f"{USER}:{{PLAIN}}{password}\n")

    def deliver(self, raw: bytes, *, age_seconds: float = 0) -> None:
        """Put a mail into the mailbox as a delivery agent does."""
        name = f"{time.time():.6f}.{os.getpid()}.host"
        path = self.maildir / "tmp" / name
        path.write_bytes(raw)
        path.chmod(0o666)
        came_at = time.time() - age_seconds
        os.utime(path, (came_at, came_at))
        path.rename(self.maildir / "new" / name)

    @contextmanager
    def logged_in(self) -> Iterator[imaplib.IMAP4]:
        """Another client of the same mailbox, which changes things."""
        with imaplib.IMAP4(LOOPBACK, self.imap_port, timeout=60) as client:
            client.login(USER, PASSWORD)
            client.select("INBOX")
            yield client

    def flags(self) -> set[str]:
        """What flags any mail of the mailbox has."""
        with imaplib.IMAP4(LOOPBACK, self.imap_port, timeout=60) as client:
            client.login(USER, PASSWORD)
            client.select("INBOX", readonly=True)
            told = b" ".join(one for one in client.fetch("1:*", "(FLAGS)")[1] if isinstance(one, bytes)).decode()
        return set(re.findall(r"\\\w+", told)) - {"\\Recent"}

    def expunge(self, words: str) -> None:
        """Delete the mails with these words in their subject."""
        with self.logged_in() as client:
            numbers = client.search(None, "SUBJECT", f'"{words}"')[1][0].split()
            assert numbers, words
            for number in numbers:
                client.store(number.decode(), "+FLAGS", r"(\Deleted)")
            client.expunge()

    def number_anew(self) -> None:
        """Lose what the server knows of its numbers; only while nobody is logged in."""
        for path in self.maildir.glob("dovecot*"):
            path.unlink()


class SMTPHandler:
    """Delivers what is for our mailbox, and keeps what is for others."""

    def __init__(self, server: MailServer) -> None:
        self.server = server

    async def handle_DATA(self, _server: Any, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.original_content or b""
        for recipient in envelope.rcpt_tos:
            if recipient.partition("@")[0].partition("+")[0] == USER:
                self.server.deliver(content)
            else:
                self.server.sent.append((recipient, content))
        return "250 2.0.0 taken"


def _knows(_server: object, _session: object, _envelope: object, _mechanism: str, given: Any) -> AuthResult:
    known = isinstance(given, LoginPassword) and (given.login, given.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=True)


class BadLine:
    """A TCP proxy in front of an IMAP server, which can be cut."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._listener = socket.create_server((LOOPBACK, free_port()))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._carrying: list[threading.Thread] = []
        self.cut_after: int | None = None  # bytes of the server's, from now on
        self.before_fetch: Callable[[], None] | None = None  # called once, while the fetch of a body is on its way
        self.is_down = self.has_idled = False
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def cut(self) -> None:
        """Break every connection."""
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join(10)
        self._listener.close()
        self.cut()
        for thread in self._carrying:
            thread.join(10)
        for one in self._sockets:
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.is_down:
                    client.close()
                    continue
                server = socket.create_connection((LOOPBACK, self._to_port))
                self._sockets += [client, server]
                for way in ((client, server, self._there), (server, client, self._back)):
                    self._carrying.append(threading.Thread(target=self._carry, args=way, daemon=True))
                    self._carrying[-1].start()

    def _carry(self, source: socket.socket, target: socket.socket, look: Callable[[bytes], bytes]) -> None:
        with suppress(OSError):
            while data := source.recv(16_384):
                target.sendall(look(data))
                if self.cut_after == 0:
                    self.cut_after = None
                    break
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _there(self, data: bytes) -> bytes:
        if self.before_fetch is not None and b"BODY.PEEK" in data:
            then, self.before_fetch = self.before_fetch, None
            then()
        return data

    def _back(self, data: bytes) -> bytes:
        self.has_idled |= b"+ idling" in data
        if self.cut_after is None:
            return data
        data = data[: self.cut_after]
        self.cut_after -= len(data)
        return data


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """Run the mail server in a folder of its own; skips the test where there is no Dovecot that we can set up."""
    dovecot = _dovecot()
    user = pwd.getpwnam(UNPRIVILEGED) if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    folder = Path(tempfile.mkdtemp(prefix="comptoir-mail-"))  # not below pytest's, which others cannot enter
    server = MailServer(folder, free_port(), free_port(), user.pw_uid, user.pw_gid)
    try:
        _write(server, user.pw_name)
        with _running(server, dovecot), _listening(server):
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _dovecot() -> str:
    found = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(
            "NO DOVECOT HERE, so no mailbox was tested against a real IMAP server: apt-get install dovecot-imapd"
        )
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    if not version.startswith("2.3."):
        pytest.skip(f"NO MAILBOX WAS TESTED: this knows how to set up Dovecot 2.3, and here is {version.strip()}")
    return found


def _write(server: MailServer, user: str) -> None:
    group = next(
        line.split(":")[0] for line in Path("/etc/group").read_text().splitlines() if f":{server.group}:" in line
    )
    for name in ("run", "state", "mail"):
        (server.folder / name).mkdir()
    server.set_password(PASSWORD)
    values = {"folder": server.folder, "user": user, "group": group, "uid": server.owner, "gid": server.group}
    (server.folder / "dovecot.conf").write_text(CONFIGURATION.format(**values, port=server.imap_port))
    for part in ("cur", "new", "tmp"):
        (server.maildir / part).mkdir(parents=True)
    for path in (server.folder, *server.folder.rglob("*")):
        os.chown(path, server.owner, server.group)


@contextmanager
def _running(server: MailServer, dovecot: str) -> Iterator[None]:
    process = subprocess.Popen(
        [dovecot, "-F", "-c", str(server.folder / "dovecot.conf")],
        user=server.owner if os.geteuid() == 0 else None,
        group=server.group if os.geteuid() == 0 else None,
        extra_groups=[] if os.geteuid() == 0 else None,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 60
        while not accepts(LOOPBACK, server.imap_port):
            assert process.poll() is None, _last_words(server)
            assert time.monotonic() < until, _last_words(server)
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(60)


def _last_words(server: MailServer) -> str:
    log = server.folder / "log"
    return log.read_text() if log.exists() else "it wrote no log"


@contextmanager
def _listening(server: MailServer) -> Iterator[None]:
    controller = Controller(
        SMTPHandler(server),
        hostname=LOOPBACK,
        port=server.smtp_port,
        authenticator=_knows,
        auth_require_tls=False,
        ready_timeout=60,
    )
    controller.start()
    try:
        yield
    finally:
        controller.stop()
