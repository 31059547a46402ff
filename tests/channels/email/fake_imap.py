"""A small IMAP server on a loopback port, for what a real one seldom does. It keeps one folder, and can be made odd."""

import base64
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from channels.email.mailboxes.account import Account
from channels.email.models import MailLogin, MailSecurity
from tests.conftest import NOON

USER, PASSWORD = "support", 'drip "drip" £'
CAPABILITIES = "IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 IDLE UIDPLUS MOVE"
LOOPBACK = "127.0.0.1"


@dataclass
class FakeIMAP:
    """The server; a test may change anything while it runs.

    `odd` answers a command in another way: given the command in capitals, it returns the bytes to send, `TAG` standing
    for the command's tag, or None for the usual answer. `close` after bytes ends the connection.
    """

    port: int = 0
    mails: dict[int, bytes] = field(default_factory=dict)
    arrived: dict[int, datetime] = field(default_factory=dict)
    moved: dict[int, bytes] = field(default_factory=dict)
    flags: dict[int, set[str]] = field(default_factory=dict)
    uid_validity: int = 7
    capabilities: str = CAPABILITIES
    greeting: bytes = b"* OK at your service\r\n"
    password: str = PASSWORD
    tokens: set[str] = field(default_factory=set)
    odd: Callable[[str], bytes | None] = lambda _command: None
    asked: list[str] = field(default_factory=list)
    connections: int = 0
    idling: list[socket.socket] = field(default_factory=list)

    def add(self, uid: int, raw: bytes, *, at: datetime = NOON) -> None:
        """Put a mail there, and tell who idles."""
        self.mails[uid], self.arrived[uid] = raw, at
        for one in list(self.idling):
            with suppress(OSError):
                one.sendall(b"* %d EXISTS\r\n" % len(self.mails))

    def account(self, **values: object) -> Account:
        """How a watcher knows this mailbox, without a row."""
        usual = {
            "id": 1,
            "inbox_address": "support@desk.example",
            "host": LOOPBACK,
            "port": self.port,
            "security": MailSecurity.NONE,
            "username": USER,
            "login": MailLogin.PASSWORD,
            "folder": "INBOX",
            "move_to": None,
            "since_at": None,
            "uid_validity": None,
            "first_uid": 1,
            "failures": 0,
            "next_at": None,
            "created_at": NOON,
            "updated_at": NOON,
        }
        return Account(**{**usual, **values})  # type: ignore[arg-type]


@contextmanager
def fake_imap(**values: object) -> Iterator[FakeIMAP]:
    """Run the server."""
    server = FakeIMAP(**values)  # type: ignore[arg-type]
    listener = socket.create_server((LOOPBACK, 0))
    server.port = listener.getsockname()[1]
    open_now: list[socket.socket] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server.connections += 1
                open_now.append(client)
                threading.Thread(target=_Session(server, client).run, daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for one in open_now:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        thread.join(5)


class _Session:
    """One connection, command after command."""

    def __init__(self, server: FakeIMAP, sock: socket.socket) -> None:
        self.server = server
        self.sock = sock
        self.lines = sock.makefile("rb")

    def run(self) -> None:
        with suppress(OSError, ValueError), self.sock:
            self.sock.sendall(self.server.greeting)
            while line := self.lines.readline():
                tag, _, command = line.decode("utf-8", "replace").strip().partition(" ")
                if not command:
                    return  # no IMAP at all, but the first words of TLS
                self.server.asked.append(command)
                odd = self.server.odd(command.upper())
                if odd is not None:
                    self.sock.sendall(odd.replace(b"TAG", tag.encode()).removesuffix(b"close"))
                    if odd.endswith(b"close"):
                        self.sock.shutdown(socket.SHUT_RDWR)
                        return
                    continue
                self._answer(tag, command)

    def _answer(self, tag: str, command: str) -> None:
        words = command.upper().split()
        name = words[1] if words[0] == "UID" else words[0]
        answer = getattr(self, f"_{name.lower()}", None)
        said = "BAD what?" if answer is None else answer(command)
        if said is not None:
            self._say(f"{tag} {said or 'OK done'}")
        if name == "LOGOUT":
            self.sock.shutdown(socket.SHUT_RDWR)

    def _say(self, line: str) -> None:
        self.sock.sendall(line.encode() + b"\r\n")

    def _capability(self, _command: str) -> None:
        self._say(f"* CAPABILITY {self.server.capabilities}")
        return ""  # type: ignore[return-value]

    def _authenticate(self, command: str) -> str:
        self._say("+ ")
        given = base64.b64decode(self.lines.readline()).decode()
        if "XOAUTH2" in command.upper():
            token = re.fullmatch(f"user={USER}\x01auth=Bearer (.*)\x01\x01", given)
            known = token is not None and token[1] in self.server.tokens
        else:
            known = given == f"\0{USER}\0{self.server.password}"
        return "OK in" if known else "NO [AUTHENTICATIONFAILED] Authentication failed."

    def _login(self, command: str) -> str:
        written = self.server.password.replace("\\", "\\\\").replace('"', '\\"')
        return "OK in" if command == f'LOGIN "{USER}" "{written}"' else "NO LOGIN failed."

    def _select(self, command: str) -> str:
        if '"INBOX"' not in command:
            return "NO Mailbox doesn't exist"
        following = max(self.server.mails, default=0) + 1
        self._say("* FLAGS (\\Seen)")
        self._say(f"* {len(self.server.mails)} EXISTS")
        self._say(f"* OK [UIDVALIDITY {self.server.uid_validity}] as it is")
        self._say(f"* OK [UIDNEXT {following}] next")
        return "OK [READ-ONLY] there" if command.upper().startswith("EXAMINE") else "OK [READ-WRITE] there"

    _examine = _select

    def _list(self, _command: str) -> str:
        for name in ("INBOX", "Archive"):
            self._say(f'* LIST () "/" "{name}"')
        return ""

    def _noop(self, _command: str) -> str:
        return ""

    def _logout(self, _command: str) -> str:
        self._say("* BYE")
        return ""

    def _search(self, command: str) -> str:
        found = _within(self.server, re.search(r"UID SEARCH (?:(\S+) )?UID (\S+)", command))
        since = re.search(r"SINCE (\S+)", command)
        if since is not None:
            day = datetime.strptime(since[1], "%d-%b-%Y").replace(tzinfo=UTC).date()
            found = [uid for uid in found if self.server.arrived[uid].date() >= day]
        self._say(" ".join(["* SEARCH", *map(str, found)]))
        return ""

    def _fetch(self, command: str) -> str:
        asked = re.search(r"UID FETCH (\S+) \((.*)\)", command)
        assert asked is not None, command
        for place, uid in enumerate(sorted(self.server.mails), start=1):
            if str(uid) not in asked[1].split(","):
                continue
            raw = self.server.mails[uid]
            if asked[2] == "RFC822.SIZE":
                self._say(f"* {place} FETCH (UID {uid} RFC822.SIZE {len(raw)})")
            elif asked[2] == "INTERNALDATE":
                came_at = self.server.arrived[uid].strftime("%d-%b-%Y %H:%M:%S +0000")
                self._say(f'* {place} FETCH (UID {uid} INTERNALDATE "{came_at}")')
            else:
                part = raw if asked[2] == "BODY.PEEK[]" else raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
                name = asked[2].replace(".PEEK", "")
                self.sock.sendall(b"* %d FETCH (UID %d %s {%d}\r\n" % (place, uid, name.encode(), len(part)))
                self.sock.sendall(part + b")\r\n")
        return ""

    def _move(self, command: str) -> str:
        for uid in _uids(command):
            self.server.moved[uid] = self.server.mails.pop(uid)
        return ""

    def _copy(self, command: str) -> str:
        for uid in _uids(command):
            self.server.moved[uid] = self.server.mails[uid]
        return ""

    def _store(self, command: str) -> str:
        for uid in _uids(command):
            self.server.flags.setdefault(uid, set()).add("\\Deleted")
        return ""

    def _expunge(self, command: str) -> str:
        for uid in _uids(command):
            del self.server.mails[uid]
        return ""

    def _idle(self, _command: str) -> str:
        self.server.idling.append(self.sock)
        self._say("+ idling")
        while (line := self.lines.readline()) and line != b"DONE\r\n":
            pass
        self.server.idling.remove(self.sock)
        return ""


def _uids(command: str) -> list[int]:
    return [int(one) for one in command.split()[2].split(",")]


def _within(server: FakeIMAP, asked: "re.Match[str] | None") -> list[int]:
    """What a search finds: by places, if they are given, and by UIDs; `*` is the last, as RFC 3501 has it."""
    assert asked is not None
    there = sorted(server.mails)
    if asked[1]:
        low, _, high = asked[1].partition(":")
        there = there[int(low) - 1 : int(high)]
    low, _, high = asked[2].partition(":")
    if not there:
        return []
    if high == "*":
        return [uid for uid in there if uid >= int(low)] or [max(server.mails)] * (max(server.mails) in there)
    return [uid for uid in there if int(low) <= uid <= int(high or low)]
