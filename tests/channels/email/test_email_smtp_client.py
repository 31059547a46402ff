"""Handing mail over to real SMTP servers, helpful ones and others."""

import base64
import contextlib
import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from channels.email.smtp_client import HandedOver, NotLetIn, Server, as_bytes, send
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

    def __init__(
        self,
        *,
        rcpt: str = "250 OK",
        data: str = "250 taken as 42",
        mail: str = "250 OK",
        each: Mapping[str, str] | None = None,
    ) -> None:
        self.rcpt, self.data, self.mail = rcpt, data, mail
        self.each = each or {}  # what one recipient is answered
        self.taken: list[bytes] = []
        self.senders: list[str | None] = []
        self.recipients: list[list[str]] = []

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name
        if self.mail.startswith("250"):
            envelope.mail_from = address
        return self.mail

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name
        answer = self.each.get(address, self.rcpt)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        self.taken.append(envelope.content)
        self.senders.append(envelope.mail_from)
        self.recipients.append(envelope.rcpt_tos)
        return self.data


@contextlib.contextmanager
def serving(handler: Handler, **options) -> Iterator[str]:
    controller = Controller(handler, hostname="127.0.0.1", port=free_port(), ready_timeout=60, **options)
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


def deliver(url: str, *, text: str = "Hello", **options) -> HandedOver:
    options = {"sender": "help@shop.example", "to": "ann@home.example", "timeout": 60} | options
    return send(as_bytes(a_mail(text), addresses=[options["to"]]), server=Server.from_url(url), **options)


def test_a_mail_arrives_byte_for_byte():
    handler = Handler()

    with serving(handler) as url:
        taken = deliver(url, text="first\n.\n..dots\nlast")

    assert (taken.words, taken.refused) == ("250 taken as 42", {})
    assert handler.taken[0].endswith(b"\r\n\r\nfirst\r\n.\r\n..dots\r\nlast\r\n")


def test_the_empty_sender_is_for_mail_that_nobody_shall_answer():
    handler = Handler()

    with serving(handler) as url:
        deliver(url, sender="")

    assert handler.senders == ["<>"]


# What the server says at which step, whether to try again, and whether nobody is at the address.
LATER, NEVER, DEAD = "later", "never", "nobody there"
ANSWERS = {
    "nobody there": ("rcpt", "550 5.1.1 nobody here", DEAD),
    "no such domain": ("rcpt", "550 5.1.2 bad destination", DEAD),
    "takes no mail": ("rcpt", "556 5.1.10 null MX", DEAD),
    "mailbox disabled": ("rcpt", "550 5.2.1 the account is disabled", DEAD),
    "nobody, in words only": ("rcpt", "550 No such user here", DEAD),
    "nobody, in Postfix's words": ("rcpt", "550 <ann@home.example>: Recipient address rejected: User unknown", DEAD),
    "no, without a word of why": ("rcpt", "550 no", NEVER),
    "mailbox full for good": ("rcpt", "552 5.2.2 mailbox full", NEVER),
    "our fault: spam": ("rcpt", "554 5.7.1 Service unavailable; blocked using spamhaus", NEVER),
    "our fault: relaying": ("rcpt", "550 5.7.1 Relaying denied", NEVER),
    "our fault: relaying, in words only": ("rcpt", "550 relay not permitted", NEVER),
    "our fault: no login": ("rcpt", "530 5.7.0 Authentication required", NEVER),
    "our fault: sender": ("mail", "550 5.1.8 sender address rejected: no such domain", NEVER),
    "our fault: too large": ("mail", "552 5.3.4 message size exceeds fixed limit", NEVER),
    "our fault: content": ("data", "554 5.7.1 looks like spam", NEVER),
    "nobody, said too late": ("data", "550 5.1.1 user unknown", NEVER),  # of several, nobody knows of whom
    "greylisted": ("rcpt", "450 4.7.1 greylisted, come back in 5 minutes", LATER),
    "greylisted as Exchange does": ("rcpt", "451 4.7.500 Server busy", LATER),
    "mailbox busy": ("rcpt", "450 4.2.1 mailbox busy", LATER),
    "too many": ("rcpt", "452 4.5.3 too many recipients", LATER),
    "goodbye": ("rcpt", "421 4.3.2 shutting down", LATER),
    "an answer of no standard": ("rcpt", "350 what", LATER),
    "sender later": ("mail", "451 4.3.0 try again", LATER),
    "disk full": ("data", "452 4.3.1 disk full", LATER),
}


@pytest.fixture(scope="module")
def refusing() -> Iterator[tuple[Handler, str]]:
    """A server whose handler says what a test wants it to."""
    handler = Handler()
    with serving(handler) as url:
        yield handler, url


@pytest.mark.parametrize(("step", "answer", "meaning"), ANSWERS.values(), ids=ANSWERS.keys())
def test_a_refusal_tells_whether_to_try_again_in_the_servers_words(refusing, step, answer, meaning):
    handler, url = refusing
    handler.mail, handler.rcpt, handler.data = ({"mail": "250", "rcpt": "250", "data": "250"} | {step: answer}).values()

    wanted = TransientFailure if meaning == LATER else PermanentFailure
    with pytest.raises(wanted, match=re.escape(answer)) as failure:
        deliver(url)

    assert getattr(failure.value, "dead_address", False) is (meaning == DEAD)


def test_a_dead_address_is_told_with_its_status():
    with serving(Handler(rcpt="550 5.1.1 nobody here")) as url, pytest.raises(PermanentFailure) as failure:
        deliver(url)

    assert failure.value.status == "5.1.1"


class TestCopies:
    """One transaction, in which each recipient is accepted or refused by itself."""

    answers = {"gone@x.example": "550 5.1.1 nobody here", "grey@x.example": "450 4.7.1 greylisted"}

    def test_a_copy_that_is_refused_keeps_nobody_else_from_the_mail(self):
        handler = Handler(each=self.answers)

        with serving(handler) as url:
            taken = deliver(url, copies=["bob@x.example", "gone@x.example", "grey@x.example"])

        assert handler.recipients == [["ann@home.example", "bob@x.example"]]
        assert taken.for_good() == {"gone@x.example": "550 5.1.1 nobody here"}
        assert taken.for_now() == {"grey@x.example": "450 4.7.1 greylisted"}

    @pytest.mark.parametrize("to", answers)
    def test_nobody_gets_what_its_first_recipient_does_not_get(self, to):
        handler = Handler(each=self.answers)

        with serving(handler) as url, pytest.raises((PermanentFailure, TransientFailure)):
            deliver(url, to=to, copies=["bob@x.example"])

        assert handler.taken == []

    def test_copies_that_are_left_go_alone(self):
        handler = Handler(each=self.answers)

        with serving(handler) as url:
            deliver(url, to="", copies=["bob@x.example", "gone@x.example"])
            all_refused = deliver(url, to="", copies=["gone@x.example"])

        assert handler.recipients == [["bob@x.example"]]
        assert list(all_refused.refused) == ["gone@x.example"]


def test_the_server_hears_the_size_before_it_gets_the_mail():
    handler = Handler()

    with serving(handler, data_size_limit=1000) as url, pytest.raises(PermanentFailure, match="552"):
        deliver(url, text="x" * 2000)

    assert handler.taken == []


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
    with scripted(lambda client: client.recv(1)) as url, pytest.raises(OutcomeUnknown):
        deliver(url, timeout=5)  # for all of it: a slow machine has to come to the final dot before


def test_a_server_that_says_no_after_the_final_dot_has_not_taken_it():
    with scripted(lambda client: client.sendall(b"554 no\r\n")) as url, pytest.raises(PermanentFailure):
        deliver(url)


def test_a_password_is_sent_only_under_tls_unless_the_url_allows_it():
    def knows(server, session, envelope, mechanism, data):
        return AuthResult(success=(data.login, data.password) == (b"desk", b"p@ss"), handled=False)

    handler = Handler()
    with serving(handler, authenticator=knows, auth_require_tls=False) as url:
        with_login = url.replace("smtp://", "smtp://desk:p%40ss@")
        with pytest.raises(TransientFailure, match="STARTTLS"):
            deliver(with_login)
        deliver(f"{with_login}?starttls=off")
        with pytest.raises(NotLetIn, match="535"):
            deliver(url.replace("smtp://", "smtp://desk:wrong@") + "?starttls=off")

    assert len(handler.taken) == 1


def test_a_token_logs_in_by_xoauth2():
    said: list[bytes] = []

    class ByToken(Handler):
        """Knows one token."""

        async def auth_XOAUTH2(self, server, args):  # noqa: N802 - aiosmtpd's name
            said.append(base64.b64decode(args[1]))
            if b"Bearer good" in said[-1]:
                return AuthResult(success=True)
            said.append(await server.challenge_auth("eyJzdGF0dXMiOiI0MDAifQ==", encode_to_b64=False))
            return AuthResult(success=False, handled=False)

    handler = ByToken()
    with serving(handler, auth_require_tls=False) as url:
        server = replace(Server.from_url(url), username="desk@shop.example")
        for token in ("good", "old"):
            with contextlib.suppress(NotLetIn):
                mail = as_bytes(a_mail(), addresses=[])
                send(mail, sender="a@b.example", to="c@d.example", server=replace(server, token=token), timeout=60)

    assert said[0] == b"user=desk@shop.example\x01auth=Bearer good\x01\x01"
    assert said[2] == b""
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
        deliver(url, to="zoé@home.example")
    with serving(handler, enable_SMTPUTF8=False) as url, pytest.raises(PermanentFailure, match="ASCII"):
        deliver(url, to="zoé@home.example")

    assert len(handler.taken) == 1


def test_an_international_domain_goes_to_any_server_in_ascii():
    handler = Handler()

    with serving(handler) as url:
        deliver(url, to="ann@bücher.example")

    assert len(handler.taken) == 1


@pytest.mark.parametrize("address", ["ann", "ann@home.example>\r\nRCPT TO:<eve@evil.example", "a b@home.example"])
def test_what_is_no_address_never_reaches_the_server(address):
    with serving(Handler()) as url, pytest.raises(PermanentFailure):
        deliver(url, to=address)


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
