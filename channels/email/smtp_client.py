"""Hand one mail to an SMTP server, and say exactly what became of it, for each of its recipients.

The message is handed over in steps, because the moment after the final dot matters: a connection that breaks before it
lost nothing and may be tried again; one that breaks after it leaves open whether the server took the mail.
"""

import re
import smtplib
import ssl
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.generator import BytesGenerator
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from io import BytesIO
from typing import Literal, cast
from urllib.parse import parse_qs, unquote, urlsplit

from channels.email.compose import ascii_domain
from channels.email.diagnosis import Verdict, diagnose
from channels.errors import OutcomeUnknown, PermanentFailure, TransientFailure

Security = Literal["required", "optional", "off"]
PORTS = {"smtp": 25, "smtps": 465}

# 5xx to a recipient that can mean that nobody is there; 552 and 554 are about the mail, 530 and 535 about us.
SAID_OF_ADDRESSES = frozenset({501, 550, 551, 553, 556})

_STATUS = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")  # RFC 2034
_LINE_END = re.compile(rb"\r\n|\r|\n")
_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)


@dataclass(frozen=True)
class Server:
    """Where mail goes out. `username` "" means that no one logs in; with a `token` it is by XOAUTH2."""

    host: str
    port: int
    implicit_tls: bool
    starttls: Security
    username: str
    password: str = field(repr=False)
    token: str = field(default="", repr=False)

    @classmethod
    def from_url(cls, url: str) -> "Server":
        """Read `smtp://user:password@host:587?starttls=required|optional|off` or `smtps://…`; raises TransientFailure.

        With a user name STARTTLS is required unless the URL says otherwise, lest the password travel in clear.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or PORTS[parts.scheme]
        except (ValueError, KeyError):
            raise TransientFailure("the SMTP URL must begin with smtp:// or smtps:// and name a port number") from None
        starttls = parse_qs(parts.query).get("starttls", ["required" if parts.username else "optional"])[-1]
        if not parts.hostname or starttls not in {"required", "optional", "off"}:
            raise TransientFailure("the SMTP URL needs a host, and starttls is one of required, optional and off")
        return cls(
            host=parts.hostname,
            port=port,
            implicit_tls=parts.scheme == "smtps",
            starttls=cast(Security, starttls),
            username=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )


class NotLetIn(TransientFailure):
    """The mail server does not believe who we are."""

    code = "mail_login_refused"


@dataclass(frozen=True)
class Refusal:
    """A server's no to one recipient. `dead`: nobody is there; else it may be us, the mail, or the moment."""

    code: int
    words: str

    @property
    def for_good(self) -> bool:
        return 500 <= self.code < 600

    @property
    def status(self) -> str:
        """The enhanced status code of RFC 3463, "" if it said none."""
        found = _STATUS.search(self.words)
        return found[0] if found else ""

    @property
    def dead(self) -> bool:
        if self.code not in SAID_OF_ADDRESSES:
            return False
        # A mailbox that is disabled (5.2.1) is full of hope for a bounce's reader only: at the door it is closed.
        return self.status == "5.2.1" or diagnose([self.words], self.status) is Verdict.HARD


@dataclass(frozen=True)
class HandedOver:
    """What the server took, and for whom not; nobody took it if all were refused."""

    words: str  # of acceptance
    refused: dict[str, Refusal]  # by address

    def for_good(self) -> dict[str, str]:
        """Return the words to those that will never have it."""
        return {address: one.words for address, one in self.refused.items() if one.for_good}

    def for_now(self) -> dict[str, str]:
        """Return the words to those that may be tried again."""
        return {address: one.words for address, one in self.refused.items() if not one.for_good}


def send(
    content: bytes,
    *,
    sender: str,
    to: str,
    server: Server,
    copies: Sequence[str] = (),
    timeout: float = 20,
    tls: ssl.SSLContext | None = None,
) -> HandedOver:
    """Hand a mail over in one transaction; `timeout` is seconds for all of it. `content` is from `as_bytes`.

    If the server does not want it for `to`, nobody gets it, and who writes it again bothers no one twice. Copies are
    refused one by one. `to` "" means that only copies are left. `tls` is the system's trust store unless given.

    Raises TransientFailure when it is safe to try again (no connection, no login, 4xx, lost before the final dot),
    PermanentFailure when it is no use (5xx to this mail or to `to`), and OutcomeUnknown when the connection ended after
    the final dot and before the answer. What is wrong with the server's settings is no fault of the mail: it waits
    until they are mended.
    """
    deadline = time.monotonic() + timeout
    with _connected(server, deadline, tls or ssl.create_default_context()) as connection:
        return _hand_over(connection, content, sender=sender, to=to, copies=copies, deadline=deadline)


def as_bytes(message: EmailMessage, *, addresses: Iterable[str]) -> bytes:
    """Return the mail as it travels, with CRLF; for `addresses` that need it, with headers in UTF-8 (RFC 6532)."""
    buffer = BytesIO()
    BytesGenerator(buffer, policy=SMTPUTF8 if _international(addresses) else SMTP).flatten(message)
    content = _LINE_END.sub(b"\r\n", buffer.getvalue())
    return content if content.endswith(b"\r\n") else content + b"\r\n"


@contextmanager
def _connected(server: Server, deadline: float, tls: ssl.SSLContext) -> Iterator[smtplib.SMTP]:
    with _not_yet_about_this_mail():
        connection = _greeted(server, deadline, tls)
    try:
        with _not_yet_about_this_mail():
            _allow(connection, deadline)
            connection.ehlo_or_helo_if_needed()
            _secure(connection, server, tls)
            _log_in(connection, server, deadline)
        yield connection
    finally:
        connection.close()


def _greeted(server: Server, deadline: float, tls: ssl.SSLContext) -> smtplib.SMTP:
    if server.implicit_tls:
        return smtplib.SMTP_SSL(server.host, server.port, timeout=_left(deadline), context=tls)
    return smtplib.SMTP(server.host, server.port, timeout=_left(deadline))


@contextmanager
def _not_yet_about_this_mail() -> Iterator[None]:
    """Turn what goes wrong while we introduce ourselves into TransientFailure."""
    try:
        yield
    except smtplib.SMTPResponseException as error:
        raise TransientFailure(f"the mail server turns us away: {_said(error.smtp_code, error.smtp_error)}") from None
    except ssl.SSLCertVerificationError as error:
        raise TransientFailure(f"the mail server's certificate is not trusted: {error.verify_message}") from None
    except (OSError, smtplib.SMTPException) as error:
        raise TransientFailure(f"the mail server cannot be reached: {type(error).__name__}") from None


def _log_in(connection: smtplib.SMTP, server: Server, deadline: float) -> None:
    if not server.username:
        return
    _allow(connection, deadline)
    try:
        if server.token:
            _log_in_by_token(connection, server)
        else:
            connection.login(server.username, server.password)
    except smtplib.SMTPAuthenticationError as error:
        raise NotLetIn(f"the mail server does not let us in: {_said(error.smtp_code, error.smtp_error)}") from None
    except smtplib.SMTPServerDisconnected:
        raise NotLetIn("the mail server hung up at the login; are user and password right?") from None


def _log_in_by_token(connection: smtplib.SMTP, server: Server) -> None:
    """Say who we are by an OAuth token, https://developers.google.com/workspace/gmail/imap/xoauth2-protocol"""

    def said(challenge: bytes | None = None) -> str:
        # The challenge is the reason for a no, which comes after an empty answer to it.
        return "" if challenge else f"user={server.username}\x01auth=Bearer {server.token}\x01\x01"

    connection.auth("XOAUTH2", said)


def _secure(connection: smtplib.SMTP, server: Server, tls: ssl.SSLContext) -> None:
    if server.implicit_tls or server.starttls == "off":
        return
    if connection.has_extn("starttls"):
        connection.starttls(context=tls)
        connection.ehlo_or_helo_if_needed()
    elif server.starttls == "required":
        raise TransientFailure("the mail server offers no STARTTLS, which the SMTP URL requires")


def _hand_over(
    connection: smtplib.SMTP, content: bytes, *, sender: str, to: str, copies: Sequence[str], deadline: float
) -> HandedOver:
    sender, envelopes = _envelope(sender), {one: _envelope(one) for one in [to, *copies] if one}
    options = _options(connection, content, [sender, *envelopes.values()])
    refused = dict[str, Refusal]()
    try:
        _allow(connection, deadline)
        _command(connection.mail(sender, options))
        for address, envelope in envelopes.items():
            _allow(connection, deadline)
            if (refusal := _refusal(connection.rcpt(envelope))) is None:
                continue
            if address == to:
                raise _of_no_use(refusal)
            refused[address] = refusal
        if len(refused) == len(envelopes):
            return HandedOver("", refused)
        _allow(connection, deadline)
        _command(connection.docmd("DATA"), wanted=354)
        _allow(connection, deadline)
        connection.send(_LEADING_DOT.sub(b"..", content))
    except (OSError, smtplib.SMTPException) as error:
        raise _before_the_dot(error) from None
    return HandedOver(_end_of_data(connection, deadline), refused)


def _options(connection: smtplib.SMTP, content: bytes, addresses: Iterable[str]) -> list[str]:
    """Return what is to be said with MAIL FROM. Raises PermanentFailure for addresses that the server cannot carry."""
    options = [f"SIZE={len(content)}"] if connection.has_extn("size") else []  # RFC 1870: refused before it is sent
    if _international(addresses):
        if not connection.has_extn("smtputf8"):
            raise PermanentFailure(
                "an address is not ASCII, and the mail server on the way cannot carry such addresses"
            )
        options += ["SMTPUTF8", "BODY=8BITMIME"]
    return options


def _international(addresses: Iterable[str]) -> bool:
    return not all(one.rpartition("@")[0].isascii() for one in addresses)


def _refusal(answer: tuple[int, bytes]) -> Refusal | None:
    """Return a server's no to a recipient, None for a yes. Raises TransientFailure when it says goodbye."""
    code, words = answer
    if code in {250, 251, 252}:
        return None
    if code == 421:
        raise TransientFailure(f"the mail server asks to come back: {_said(code, words)}")
    return Refusal(code, _said(code, words))


def _of_no_use(refusal: Refusal) -> PermanentFailure | TransientFailure:
    if not refusal.for_good:
        return TransientFailure(f"the mail server asks to come back: {refusal.words}")
    words = f"the mail server refused: {refusal.words}"
    return PermanentFailure(words, status=refusal.status, dead_address=refusal.dead)


def _end_of_data(connection: smtplib.SMTP, deadline: float) -> str:
    """Send the final dot and read the answer. From the first byte of the dot on, nobody knows until the answer."""
    try:
        _allow(connection, deadline)
        connection.send(b".\r\n")
        code, words = connection.getreply()
    except (OSError, smtplib.SMTPException):
        raise OutcomeUnknown("the connection ended after the mail was sent and before the server answered") from None
    _command((code, words))
    return _said(code, words)


def _command(answer: tuple[int, bytes], *, wanted: int = 250) -> None:
    code, words = answer
    if code == wanted or (wanted == 250 and code in {250, 251, 252}):
        return
    if 500 <= code < 600:
        raise PermanentFailure(f"the mail server refused: {_said(code, words)}")
    raise TransientFailure(f"the mail server asks to come back: {_said(code, words)}")


def _before_the_dot(error: OSError | smtplib.SMTPException) -> PermanentFailure | TransientFailure:
    """Say what a failure means that came while nothing could have been accepted yet."""
    if isinstance(error, smtplib.SMTPResponseException) and 500 <= error.smtp_code < 600:
        return PermanentFailure(f"the mail server refused: {_said(error.smtp_code, error.smtp_error)}")
    return TransientFailure(f"the connection to the mail server broke: {type(error).__name__}")


def _allow(connection: smtplib.SMTP, deadline: float) -> None:
    """Give the next step what is left of the time."""
    if connection.sock is not None:
        connection.sock.settimeout(_left(deadline))


def _left(deadline: float) -> float:
    return max(0.1, deadline - time.monotonic())


def _envelope(address: str) -> str:
    """Return an address for MAIL FROM or RCPT TO; raises PermanentFailure when it would break the command."""
    if not address:
        return ""  # nobody wants to hear of it: RFC 5321, 4.5.5
    local, at, domain = address.rpartition("@")
    if not at or re.search(r"[\s<>\x00-\x1f\x7f]", address):
        raise PermanentFailure("that is no address to which mail could be sent")
    return f"{local}@{ascii_domain(domain)}"


def _said(code: int, words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code} {' '.join(text.split())}"[:500]
