"""One connection of a mail server that brings mail, by SMTP (RFC 5321) or LMTP (RFC 2033), over aiosmtpd.

aiosmtpd speaks the commands. What follows DATA is read here: in blocks, bounded in time, memory and bytes. All of it
runs on the event loop; what asks the store does so in the house's threads.
"""

import asyncio
import re
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import structlog
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP
from sqlalchemy.exc import SQLAlchemyError

from channels.email.crowd import Crowd
from channels.email.incoming_data import HiddenMail, IncomingData
from channels.email.mail_intake import Envelope, Intake

log = structlog.get_logger()

R = TypeVar("R")

OUR_NAME = "comptoir"
MAX_RECIPIENTS = 100  # RFC 5321, 4.5.3.1.8
SLOWEST = 1000  # bytes a second of a mail, once the first wait is over; who is slower only holds our connection
BLOCK = 1_048_576  # more than there can be in the reader
COMMANDS = {"MAIL": 10_000, "RCPT": 1_000_000, "DATA": 10_000, "RSET": 10_000, "*": 100}  # of one connection
MAX_COMMAND = 2048  # bytes
STORE_IS_AWAY = "451 4.3.0 Our store is away for a moment, please try again"
NO_ROOM = "452 4.3.1 We have no room for this mail at the moment, please try again"
NOT_KEPT = "451 4.3.0 We could not keep this mail, please try again"
KEPT = "250 2.0.0 Kept"
# RFC 5321, 4.1.2: a mailbox of plain words, and what may stand behind it.
_PLAIN_PATH = re.compile(
    r"\s*<((?:[\w!#$%&'*+/=?^`{|}~-]+\.)*[\w!#$%&'*+/=?^`{|}~-]+@(?:[\w-]+\.)*[\w-]+)>([^()<>]*)", re.ASCII
)
_BARE_STATUS = re.compile(r"([245])\d\d (?![245]\.\d)")


@dataclass(frozen=True)
class Patience:
    """How many seconds we wait for a sender, and a sender for us."""

    idle: float = 300  # RFC 5321, 4.5.3.2.7
    idle_in_a_crowd: float = 20
    block: float = 180  # RFC 5321, 4.5.3.2.5: for the next block of a mail
    work: float = 600  # RFC 5321, 4.5.3.2.6: for our answer to a mail


@dataclass
class House:
    """What all connections share."""

    crowd: Crowd
    threads: ThreadPoolExecutor
    max_bytes: int  # of one mail
    patience: Patience = Patience()
    sessions: "set[MailSession]" = field(default_factory=set)
    is_closing: bool = False

    async def ask(self, function: Callable[..., R], *given: Any) -> R:
        """Run a function that waits for the store, in one of our threads."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, function, *given)


class MailSession(SMTP):
    """A connection on which mail comes by SMTP."""

    line_length_limit = 8192  # so much of what comes is read ahead, twice
    command_size_limit = MAX_COMMAND

    def __init__(self, house: House, intake: Intake, **options: Any) -> None:
        super().__init__(
            self,
            hostname=OUR_NAME,
            ident="Comptoir",
            data_size_limit=house.max_bytes,
            enable_SMTPUTF8=True,
            timeout=house.patience.idle,
            command_call_limit=COMMANDS,
            auth_exclude_mechanism=["LOGIN", "PLAIN"],  # nobody logs in to bring us mail
            **options,
        )
        self.command_size_limits = defaultdict(lambda: MAX_COMMAND)  # aiosmtpd's is one for all sessions
        self._house = house
        self._intake = intake
        self._address: str | None = None  # of who is here; None: not let in, or gone
        self._latest = 0.0  # by the loop's clock: until then we wait for the sender
        self._at_work = False  # the mail is here, and its answer is not given yet
        self._recipients: list[tuple[str, str]] = []  # as the sender wrote them, each with its inbox

    # The connection.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the sender in, if there is room."""
        if self._address is None:
            peer = transport.get_extra_info("peername")
            address = str(peer[0]) if isinstance(peer, tuple) else ""
            if self._house.is_closing or not self._house.crowd.enter(address):
                writing = cast(asyncio.WriteTransport, transport)
                writing.write(b"421 4.7.0 Too many connections at once, please come again\r\n")
                writing.close()
                return
            self._address = address
            self._house.sessions.add(self)
        super().connection_made(transport)  # once more when STARTTLS is done

    def connection_lost(self, error: Exception | None) -> None:
        """Take note that the sender has gone."""
        if self._address is None:
            return  # was not let in, or is gone already: after a failed handshake aiosmtpd says so twice
        self._house.crowd.leave(self._address)
        self._house.sessions.discard(self)
        self._address = None
        super().connection_lost(error)

    def _reset_timeout(self, duration: float | None = None) -> None:
        # Every command puts the end off. A timer of its own for each costs more than one that looks again.
        patience = self._house.patience
        idle = patience.idle_in_a_crowd if self._house.crowd.is_dense else patience.idle
        self._latest = self.loop.time() + (duration or idle)
        timer = self._timeout_handle
        if timer is None or timer.cancelled() or timer.when() > self._latest:
            if timer is not None:
                timer.cancel()
            self._timeout_handle = self.loop.call_at(self._latest, self._timeout_cb)

    def _timeout_cb(self) -> None:
        if self.loop.time() < self._latest:
            self._timeout_handle = self.loop.call_at(self._latest, self._timeout_cb)
            return
        self.say_goodbye("421 4.4.2 We have waited long enough, please come again")

    def say_goodbye(self, words: str) -> None:
        """End the connection from our side."""
        if self.transport is not None:
            transport = cast(asyncio.WriteTransport, self.transport)
            transport.write(f"{words}\r\n".encode())
            transport.close()

    @property
    def is_at_work(self) -> bool:
        """Say whether a mail of the sender waits for our answer."""
        return self._at_work

    # What we say.

    async def push(self, status: str | bytes) -> None:
        """Say something; RFC 2034 wants an enhanced status code in whatever is no greeting."""
        text = status if isinstance(status, str) else status.decode()
        await super().push(_BARE_STATUS.sub(r"\g<0>\1.0.0 ", text, count=1) if _wants_code(text) else text)

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, session: Any, _envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        """Say what we can."""
        session.host_name = hostname
        can = [one[4:] for one in responses[1:] if not one[4:].startswith(("AUTH", "HELP"))]
        lines = [OUR_NAME, *can, "PIPELINING", "ENHANCEDSTATUSCODES"]
        return ["\r\n".join([f"250-{one}" for one in lines[:-1]] + [f"250 {lines[-1]}"])]

    async def handle_exception(self, error: Exception) -> str:
        """Answer whatever a command broke: it is the command's fault, or ours; no mail is at stake."""
        log.warning("mail command failed", error=type(error).__name__)
        return "500 5.5.2 We do not understand that"

    async def smtp_AUTH(self, _arg: str) -> None:  # noqa: N802
        """Refuse logins."""
        await self.push("502 5.5.1 Nobody logs in here")

    async def _leave(self, _arg: str) -> None:
        """End a connection on which somebody speaks HTTP: a browser or a server is being made to."""
        self.say_goodbye("421 4.7.0 This is a mail server")

    smtp_GET = smtp_POST = smtp_PUT = smtp_HEAD = smtp_OPTIONS = smtp_CONNECT = _leave  # noqa: N815

    # The envelope.

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        # aiosmtpd makes a class and a tree of tokens for each address, which takes longer than all the rest it does.
        plain = _PLAIN_PATH.fullmatch(arg)
        return (plain[1], plain[2]) if plain else super()._getaddr(arg)

    def _set_post_data_state(self) -> None:
        super()._set_post_data_state()  # type: ignore[no-untyped-call]  # aiosmtpd's
        self._recipients = []

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Any, envelope: Any, address: str, _options: Sequence[str]
    ) -> str:
        """Accept a recipient that is one of our inboxes."""
        if len(self._recipients) >= MAX_RECIPIENTS:
            return "452 4.5.3 Too many recipients: send the rest in another mail"
        if not address.isprintable() or " " in address:
            return "553 5.1.3 That is no address"
        try:
            inbox = self._intake.known_inbox(address) or await self._house.ask(self._intake.inbox_address, address)
        except SQLAlchemyError:
            log.exception("recipient not looked up")
            return STORE_IS_AWAY
        if inbox is None:
            return "550 5.1.1 There is no such inbox here"
        envelope.rcpt_tos.append(address)
        self._recipients.append((address, inbox))
        return "250 2.1.5 OK"

    # The mail.

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        """Read a mail, keep it for each of its inboxes, then say so."""
        if await self.check_helo_needed():
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        if not self._recipients:
            await self.push("503 5.5.1 First say for whom it is")
            return
        await super().push("354 End data with <CR><LF>.<CR><LF>")
        data = IncomingData()
        refusal = await self._read(data)
        answers = self._to_each(refusal) if refusal is not None else await self._kept(data)
        self._set_post_data_state()
        await super().push("\r\n".join(answers))
        if self._house.is_closing:
            self.say_goodbye("421 4.3.2 We are closing, please come again")

    async def _read(self, data: IncomingData) -> str | None:
        """Read up to the mail's end; return what speaks against it. A refused mail is read to its end, too."""
        began, patience, refusal, rest = time.monotonic(), self._house.patience.block, None, None
        try:
            while rest is None:
                latest = began + patience + data.size / SLOWEST
                self._reset_timeout(max(min(patience, latest - time.monotonic()), 0.01))
                block = await self._reader.read(BLOCK)  # where the sender hangs up, aiosmtpd cancels us
                if refusal is None and not self._house.crowd.hold(len(block)):
                    refusal = NO_ROOM
                    self._throw_away(data)
                rest = data.feed(block, keep=refusal is None)
                if refusal is None and data.kept > self._house.max_bytes:
                    refusal = "552 5.3.4 That mail is too large for us"
                    self._throw_away(data)
        except BaseException:
            self._throw_away(data)
            raise
        if rest:
            self._reader.feed_data(rest)  # the reader was empty: these are the commands that come next
        return refusal

    def _throw_away(self, data: IncomingData) -> None:
        self._house.crowd.release(data.taken)
        data.close()

    async def _kept(self, data: IncomingData) -> list[str]:
        """Keep the mail for each inbox and return the answers."""
        envelope = Envelope(_sender(self.envelope), _by_inbox(self._recipients))
        work = asyncio.ensure_future(self._house.ask(self._keep, data, envelope))
        work.add_done_callback(lambda _: self._throw_away(data))
        self._at_work = True
        self._reset_timeout(self._house.patience.work)
        try:
            # Who hangs up now does not stop us: the mail is here, and when it comes again it is known.
            failed = await asyncio.shield(work)
        except HiddenMail:
            return self._to_each("550 5.6.0 A second mail is hidden in it, behind a line end that is none")
        finally:
            self._at_work = False
            self._reset_timeout()
        return self._told(failed)

    def _keep(self, data: IncomingData, envelope: Envelope) -> list[str]:
        return self._intake.keep(data.content(), envelope)

    def _to_each(self, answer: str) -> list[str]:
        return [answer]

    def _told(self, failed: Sequence[str]) -> list[str]:
        return [NOT_KEPT if failed else KEPT]


class LocalMailSession(MailSession, LMTP):
    """A connection on which a mail server of ours brings mail by LMTP: every recipient is answered by itself."""

    async def check_helo_needed(self, helo: str = "LHLO") -> bool:
        """Say whether the greeting is still to come."""
        return await super().check_helo_needed(helo)

    def _to_each(self, answer: str) -> list[str]:
        return [answer] * len(self._recipients)

    def _told(self, failed: Sequence[str]) -> list[str]:
        return [NOT_KEPT if inbox in failed else KEPT for _, inbox in self._recipients]


def _sender(envelope: Any) -> str:
    """Return MAIL FROM, "" for the empty one, which aiosmtpd writes as <>."""
    sender: str = envelope.mail_from or ""
    return "" if sender == "<>" else sender


def _by_inbox(recipients: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for recipient, inbox in recipients:
        found.setdefault(inbox, []).append(recipient)
    return found


def _wants_code(text: str) -> bool:
    return not text.startswith(("220", "250-", f"250 {OUR_NAME}"))
