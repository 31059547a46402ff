"""Hand one mail to an SMTP server, and say exactly what became of it.

The message is handed over in steps, because the moment after the final dot matters: a connection that breaks before it
lost nothing and may be tried again; one that breaks after it leaves open whether the server took the mail.
"""

import re
import smtplib
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.generator import BytesGenerator
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from io import BytesIO
from typing import Literal, cast
from urllib.parse import parse_qs, unquote, urlsplit

from channels.email.compose import ascii_domain
from channels.errors import OutcomeUnknown, PermanentFailure, TransientFailure

Security = Literal["required", "optional", "off"]
PORTS = {"smtp": 25, "smtps": 465}

_LINE_END = re.compile(rb"\r\n|\r|\n")
_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)


@dataclass(frozen=True)
class Server:
    """Where mail goes out. `username` "" means that no one logs in."""

    host: str
    port: int
    implicit_tls: bool
    starttls: Security
    username: str
    password: str

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


def send(
    message: EmailMessage,
    *,
    sender: str,
    recipient: str,
    url: str,
    timeout: float = 20,
    tls: ssl.SSLContext | None = None,
) -> str:
    """Hand a mail over and return the server's words of acceptance; `timeout` is seconds for all of it.

    `tls` is the system's trust store unless given. Raises TransientFailure when it is safe to try again (no connection,
    no login, 4xx, lost before the final dot), PermanentFailure when it is no use (5xx to this mail or its addresses),
    and OutcomeUnknown when the connection ended after the final dot and before the answer. What is wrong with the
    server's settings is no fault of the mail: it waits until they are mended.
    """
    server = Server.from_url(url)
    deadline = time.monotonic() + timeout
    with _connected(server, deadline, tls or ssl.create_default_context()) as connection:
        return _hand_over(connection, message, sender=sender, recipient=recipient, deadline=deadline)


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
        connection.login(server.username, server.password)
    except smtplib.SMTPServerDisconnected:
        raise TransientFailure("the mail server hung up at the login; are user and password right?") from None


def _secure(connection: smtplib.SMTP, server: Server, tls: ssl.SSLContext) -> None:
    if server.implicit_tls or server.starttls == "off":
        return
    if connection.has_extn("starttls"):
        connection.starttls(context=tls)
        connection.ehlo_or_helo_if_needed()
    elif server.starttls == "required":
        raise TransientFailure("the mail server offers no STARTTLS, which the SMTP URL requires")


def _hand_over(connection: smtplib.SMTP, message: EmailMessage, *, sender: str, recipient: str, deadline: float) -> str:
    sender, recipient = _envelope(sender), _envelope(recipient)
    international = not (sender + recipient).isascii()
    if international and not connection.has_extn("smtputf8"):
        raise PermanentFailure("the address is not ASCII, and the mail server on the way cannot carry such addresses")
    content = _on_the_wire(message, international=international)
    try:
        _allow(connection, deadline)
        _command(connection.mail(sender, ["SMTPUTF8", "BODY=8BITMIME"] if international else []))
        _allow(connection, deadline)
        _command(connection.rcpt(recipient))
        _allow(connection, deadline)
        _command(connection.docmd("DATA"), wanted=354)
        _allow(connection, deadline)
        connection.send(content)
    except (OSError, smtplib.SMTPException) as error:
        raise _before_the_dot(error) from None
    return _end_of_data(connection, deadline)


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


def _on_the_wire(message: EmailMessage, *, international: bool) -> bytes:
    """Return the mail's bytes as DATA wants them: CRLF, dots doubled, the final dot left to its own step."""
    buffer = BytesIO()
    BytesGenerator(buffer, policy=SMTPUTF8 if international else SMTP).flatten(message)
    content = _LEADING_DOT.sub(b"..", _LINE_END.sub(b"\r\n", buffer.getvalue()))
    return content if content.endswith(b"\r\n") else content + b"\r\n"


def _said(code: int, words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code} {' '.join(text.split())}"[:500]
