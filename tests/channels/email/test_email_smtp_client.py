"""Handing mail over to real SMTP servers, helpful ones and others."""

import contextlib
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from channels.email.smtp_client import Server, send
from channels.errors import OutcomeUnknown, PermanentFailure, TransientFailure


def a_mail(text: str = "Hello") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "help@shop.example", "ann@home.example", "Printer"
    message.set_content(text)
    return message


def free_port() -> int:
    """Return a port below the range that the system hands out itself."""
    for port in range(20_000, 32_000):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise OSError("no port is free")


class Handler:
    """Takes what it is told to take."""

    def __init__(self, *, rcpt: str = "250 OK", data: str = "250 taken as 42") -> None:
        self.rcpt, self.data = rcpt, data
        self.taken: list[bytes] = []
        self.senders: list[str | None] = []

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        self.taken.append(envelope.content)
        self.senders.append(envelope.mail_from)
        return self.data


@contextlib.contextmanager
def serving(handler: Handler, **options) -> Iterator[str]:
    controller = Controller(handler, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    try:
        yield f"smtp://127.0.0.1:{controller.port}"
    finally:
        controller.stop()


@contextlib.contextmanager
def scripted(after_data: Callable[[socket.socket], None], *, dies_at: str = "") -> Iterator[str]:
    """Serve one client by rote: every command is fine; after the final dot `after_data` has the socket."""
    listener = socket.create_server(("127.0.0.1", free_port()))

    def serve() -> None:
        client, _ = listener.accept()
        with client, client.makefile("rb") as lines, contextlib.suppress(OSError):
            client.sendall(b"220 hello\r\n")
            for line in lines:
                if dies_at and line.upper().startswith(dies_at.encode()):
                    return
                if line.upper().startswith(b"DATA"):
                    client.sendall(b"354 go on\r\n")
                    while lines.readline() != b".\r\n":
                        pass
                    after_data(client)
                    return
                client.sendall(b"250 fine\r\n")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"smtp://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()
        thread.join(timeout=5)


def deliver(url: str, *, text: str = "Hello", **options) -> str:
    options = {"sender": "help@shop.example", "recipient": "ann@home.example", "timeout": 5} | options
    return send(a_mail(text), url=url, **options)


def test_a_mail_arrives_byte_for_byte():
    handler = Handler()

    with serving(handler) as url:
        said = deliver(url, text="first\n.\n..dots\nlast")

    assert said == "250 taken as 42"
    assert handler.taken[0].endswith(b"\r\n\r\nfirst\r\n.\r\n..dots\r\nlast\r\n")


def test_the_empty_sender_is_for_mail_that_nobody_shall_answer():
    handler = Handler()

    with serving(handler) as url:
        deliver(url, sender="")

    assert handler.senders == ["<>"]


REFUSALS = {
    "recipient unknown": (Handler(rcpt="550 5.1.1 nobody here"), PermanentFailure, "550 5.1.1 nobody here"),
    "recipient later": (Handler(rcpt="451 4.7.1 greylisted"), TransientFailure, "451 4.7.1 greylisted"),
    "mail refused": (Handler(data="554 5.7.1 looks like spam"), PermanentFailure, "554 5.7.1 looks like spam"),
    "mail later": (Handler(data="452 4.3.1 disk full"), TransientFailure, "452 4.3.1 disk full"),
}


@pytest.mark.parametrize(("handler", "failure", "words"), REFUSALS.values(), ids=REFUSALS.keys())
def test_a_refusal_tells_whether_to_try_again_in_the_servers_words(handler, failure, words):
    with serving(handler) as url, pytest.raises(failure, match=words):
        deliver(url)


def test_a_server_that_is_not_there_is_worth_another_try():
    with pytest.raises(TransientFailure):
        deliver(f"smtp://127.0.0.1:{free_port()}")


@pytest.mark.parametrize("command", ["EHLO", "MAIL", "RCPT", "DATA"])
def test_a_connection_lost_before_the_final_dot_is_worth_another_try(command):
    with scripted(lambda client: None, dies_at=command) as url, pytest.raises(TransientFailure):
        deliver(url)


def test_a_connection_lost_after_the_final_dot_leaves_the_outcome_unknown():
    with scripted(lambda client: None) as url, pytest.raises(OutcomeUnknown):
        deliver(url)


def test_a_server_that_hangs_after_the_final_dot_leaves_the_outcome_unknown():
    with scripted(lambda client: time.sleep(2)) as url, pytest.raises(OutcomeUnknown):
        deliver(url, timeout=0.5)


def test_a_server_that_says_no_after_the_final_dot_has_not_taken_it():
    with scripted(lambda client: client.sendall(b"554 no\r\n")) as url, pytest.raises(PermanentFailure):
        deliver(url)


def test_a_password_is_sent_only_under_tls_unless_the_url_allows_it():
    def knows(server, session, envelope, mechanism, data):
        return AuthResult(success=(data.login, data.password) == (b"desk", b"p@ss"))

    handler = Handler()
    with serving(handler, authenticator=knows, auth_require_tls=False) as url:
        with_login = url.replace("smtp://", "smtp://desk:p%40ss@")
        with pytest.raises(TransientFailure, match="STARTTLS"):
            deliver(with_login)
        deliver(f"{with_login}?starttls=off")
        with pytest.raises(TransientFailure, match=r"login|535"):
            deliver(url.replace("smtp://", "smtp://desk:wrong@") + "?starttls=off")

    assert len(handler.taken) == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """A file with a key and a certificate for 127.0.0.1 that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mx.example")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).add_extension(names, critical=False)
    made = made.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC)).not_valid_after(datetime(2099, 1, 1, tzinfo=UTC))
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + made.sign(key, hashes.SHA256()).public_bytes(pem))
    return path


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_tls_is_used_and_its_certificate_checked(certificate, scheme):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))
    handler = Handler()
    options = {"ssl_context": tls} if scheme == "smtps" else {"tls_context": tls, "require_starttls": True}

    with serving(handler, **options) as url:
        url = url.replace("smtp", scheme)
        deliver(f"{url}?starttls=required", tls=trusting)
        with pytest.raises(TransientFailure, match="not trusted"):
            deliver(f"{url}?starttls=required")

    assert len(handler.taken) == 1


def test_an_international_address_needs_a_server_that_carries_it():
    handler = Handler()

    with serving(handler, enable_SMTPUTF8=True) as url:
        deliver(url, recipient="zoé@home.example")
    with serving(handler, enable_SMTPUTF8=False) as url, pytest.raises(PermanentFailure, match="ASCII"):
        deliver(url, recipient="zoé@home.example")

    assert len(handler.taken) == 1


def test_an_international_domain_goes_to_any_server_in_ascii():
    handler = Handler()

    with serving(handler) as url:
        deliver(url, recipient="ann@bücher.example")

    assert len(handler.taken) == 1


@pytest.mark.parametrize("address", ["ann", "ann@home.example>\r\nRCPT TO:<eve@evil.example", "a b@home.example"])
def test_what_is_no_address_never_reaches_the_server(address):
    with serving(Handler()) as url, pytest.raises(PermanentFailure):
        deliver(url, recipient=address)


URLS = {
    "submission": ("smtp://desk:p%40ss@mx.example:587", Server("mx.example", 587, False, "required", "desk", "p@ss")),
    "a relay": ("smtp://mx.example", Server("mx.example", 25, False, "optional", "", "")),
    "TLS from the start": ("smtps://mx.example", Server("mx.example", 465, True, "optional", "", "")),
    "no TLS at all": ("smtp://mx.example?starttls=off", Server("mx.example", 25, False, "off", "", "")),
}


@pytest.mark.parametrize(("url", "server"), URLS.values(), ids=URLS.keys())
def test_a_url_says_where_mail_goes_out(url, server):
    assert Server.from_url(url) == server


@pytest.mark.parametrize(
    "url", ["http://mx.example", "smtp://", "smtp://mx.example:x", "smtp://mx.example?starttls=maybe"]
)
def test_a_url_that_makes_no_sense_is_refused(url):
    with pytest.raises(TransientFailure):
        Server.from_url(url)
