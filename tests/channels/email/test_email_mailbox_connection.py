"""One connection to an IMAP server: what goes wrong has a sentence, and what a server makes up does no harm."""

import datetime
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from channels.email.mailboxes import connection as connections
from channels.email.mailboxes.checking import check
from channels.email.mailboxes.connection import Connection
from channels.email.mailboxes.errors import ConnectionLost, LoginRefused, MailboxTrouble, MailRefused
from channels.email.mailboxes.tokens import LogIn
from channels.email.models import MailLogin, MailSecurity
from tests.channels.email.fake_imap import LOOPBACK, PASSWORD, FakeIMAP, fake_imap

NEVER = threading.Event()


@pytest.fixture
def server() -> Iterator[FakeIMAP]:
    with fake_imap() as running:
        yield running


def trouble(server: FakeIMAP, **values: Any) -> str:
    with pytest.raises(MailboxTrouble) as raised, opened(server, **values) as connection:
        connection.look()
    return str(raised.value)


@contextmanager
def opened(server: FakeIMAP, **values: Any) -> Iterator[Connection]:
    """A connection to the server, logged in."""
    connection = Connection.open(server.account(**values), password=PASSWORD)
    try:
        yield connection
    finally:
        connection.close(patience=0.2)


@pytest.mark.parametrize("capabilities", ["IMAP4rev1", "IMAP4rev1 AUTH=PLAIN"])
def test_it_logs_in_either_way_with_odd_letters_in_the_password(server: FakeIMAP, capabilities: str) -> None:
    server.capabilities, server.password = capabilities, "drip drip \\"
    account = server.account()

    Connection.open(account, password=server.password).close()

    assert any(one.startswith(("LOGIN", "AUTHENTICATE")) for one in server.asked)


def test_whatever_is_wrong_is_said_in_a_sentence(server: FakeIMAP) -> None:
    nobody = socket.create_server((LOOPBACK, 0))
    closed = nobody.getsockname()[1]
    nobody.close()

    assert "there is no host 'nowhere.invalid'" in trouble(server, host="nowhere.invalid")
    assert "nobody listens" in trouble(server, port=closed)
    assert "speaks no TLS from the first byte" in trouble(server, security=MailSecurity.TLS)
    assert "offers no STARTTLS" in trouble(server, security=MailSecurity.STARTTLS)
    assert "it has INBOX, Archive" in trouble(server, folder="Elsewhere")
    server.capabilities = "IMAP4rev1 LOGINDISABLED"
    assert "no password without TLS" in trouble(server)
    server.greeting = b"220 smtp.example ESMTP\r\n"
    assert "no IMAP server" in trouble(server)


def test_a_wrong_password_is_told_apart_from_a_server_that_is_away(server: FakeIMAP) -> None:
    with pytest.raises(LoginRefused, match=r"user name and password: .*Authentication failed"):
        Connection.open(server.account(), password="wrong")
    server.odd = lambda command: b"TAG NO [UNAVAILABLE] later\r\n" if command.startswith("AUTH") else None
    with pytest.raises(ConnectionLost, match="at the moment"):
        Connection.open(server.account(), password=PASSWORD)
    server.odd = lambda command: b"close" if command.startswith("AUTH") else None
    with pytest.raises(ConnectionLost, match="hung up"):
        Connection.open(server.account(), password=PASSWORD)


def test_a_certificate_that_nobody_signed_is_refused(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(tmp_path))
    with socket.create_server((LOOPBACK, 0)) as listener:
        threading.Thread(target=_shake_hands, args=(listener, context), daemon=True).start()
        account = FakeIMAP(port=listener.getsockname()[1]).account(security=MailSecurity.TLS, host="localhost")

        with pytest.raises(ConnectionLost, match=r"certificate of localhost is not trusted: self.signed"):
            Connection.open(account, password=PASSWORD)


def test_a_token_logs_in_by_xoauth2(server: FakeIMAP) -> None:
    server.tokens = {"good"}
    account = server.account(login=MailLogin.GOOGLE)

    Connection.open(account, access_token="good").close()

    with pytest.raises(LoginRefused, match="the access token"):
        Connection.open(account, access_token="stale")


def test_a_listing_in_windows_finds_all_also_while_mail_goes(server: FakeIMAP, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "WINDOW", 10)
    server.mails = dict.fromkeys(range(100, 135), b"")
    with opened(server) as connection:
        folder = connection.look()

        assert list(connection.numbers(folder)) == list(range(100, 135))
        assert list(connection.numbers(folder, since=120)) == list(range(120, 135))
        assert list(connection.numbers(folder, below=103)) == [100, 101, 102]

        searches = iter(range(10))

        def somebody_deletes(command: str) -> None:
            if command.startswith("UID SEARCH") and next(searches) == 1:
                del server.mails[101]

        server.odd = somebody_deletes
        assert set(connection.numbers(folder)) >= set(server.mails)
        assert connection.newer_than(134) == []


@pytest.mark.parametrize(
    "answer",
    [
        b"* 1 FETCH (UID 5 BODY[] {99999999999}\r\n",  # far more than was asked for
        b"* 1 FETCH (UID 5 BODY[] {20}\r\nhalf a mclose",
        b"* 1 FETCH (" + b"x" * 1_100_000 + b"\r\n",
        b"* 2 EXISTS\r\n" * 700_000,  # words without end
        b"what?\r\n",
        b"* BYE I am going\r\nclose",
    ],
)
def test_an_answer_that_cannot_be_ends_the_connection_and_nothing_else(server: FakeIMAP, answer: bytes) -> None:
    server.mails = {5: b"From: a@b.example\r\n\r\nx\r\n"}
    with opened(server) as connection:
        connection.look()
        server.odd = lambda command: answer if "BODY.PEEK" in command else None

        with pytest.raises(ConnectionLost):
            connection.body(5, size=1000)


@pytest.mark.parametrize(
    "answer",
    [
        b"TAG NO cannot read it\r\n",
        b"TAG OK nothing\r\n",
        b"* 1 FETCH (UID 5 BODY[] NIL)\r\nTAG OK done\r\n",
        b"* 1 FETCH (UID 5 BODY[]\r\nTAG OK done\r\n",
        b"* 1 FETCH " + b"(" * 5000 + b"\r\nTAG OK done\r\n",
        b"* 1 FETCH (UID x BODY[] {1}\r\nx)\r\nTAG OK done\r\n",
    ],
)
def test_a_mail_that_the_server_does_not_hand_over_is_refused_alone(server: FakeIMAP, answer: bytes) -> None:
    server.mails = {5: b"bad", 6: b"good"}
    with opened(server) as connection:
        connection.look()
        server.odd = lambda command: answer if command.startswith("UID FETCH 5") else None

        with pytest.raises(MailRefused, match="does not hand it over"):
            connection.body(5, size=1000)

        assert connection.body(6, size=1000) == b"good"
        del server.mails[5]
        assert connection.body(5, size=1000) is None  # now it is gone, and no error


@pytest.mark.parametrize(
    "beginning",
    [
        b"+ idling\r\n* 1 EXISTS\r\n",  # in one piece: no poll of the socket tells of the second line
        b"* 1 EXISTS\r\n+ idling\r\n* OK still here\r\n",
        b"+ idling\r\n* 1 EX",  # half a line
    ],
)
def test_news_wake_who_waits_however_they_come(server: FakeIMAP, beginning: bytes) -> None:
    with opened(server) as connection:
        connection.look()
        server.odd = lambda command: {"IDLE": beginning}.get(command, b"close")
        began_at = time.monotonic()

        with pytest.raises(ConnectionLost):  # once it says DONE, which this server takes for the end
            connection.wait(60, NEVER)

    assert time.monotonic() - began_at < 30


def test_a_server_that_refuses_to_idle_is_asked_from_then_on(server: FakeIMAP) -> None:
    server.odd = lambda command: b"TAG BAD what is that?\r\n" if command == "IDLE" else None
    with opened(server) as connection:
        connection.look()

        connection.wait(60, NEVER)

        assert not connection.can_idle
        assert connection.newer_than(1) == []


def test_who_waits_hears_of_new_mail_and_of_being_asked_to_stop(server: FakeIMAP) -> None:
    with opened(server) as connection:
        connection.look()
        threading.Timer(0.2, lambda: server.add(9, b"x")).start()

        connection.wait(60, NEVER)
        assert connection.newer_than(8) == [9]

        stop = threading.Event()
        threading.Timer(0.1, stop.set).start()
        began_at = time.monotonic()
        connection.wait(60, stop)
        assert time.monotonic() - began_at < 30


@pytest.mark.parametrize("capabilities", ["IMAP4rev1 AUTH=PLAIN MOVE", "IMAP4rev1 AUTH=PLAIN UIDPLUS"])
def test_mail_is_moved_and_nobody_elses_is_expunged(server: FakeIMAP, capabilities: str) -> None:
    server.capabilities, server.mails = capabilities, {1: b"a", 2: b"b"}
    with opened(server, move_to="Archive") as connection:
        connection.look()

        connection.move([1], "Archive")

        assert (server.moved, server.mails) == ({1: b"a"}, {2: b"b"})
        assert "EXPUNGE" not in server.asked


def test_a_mailbox_is_only_looked_at_unless_mail_is_to_be_moved(server: FakeIMAP) -> None:
    with opened(server) as looking, opened(server, move_to="Archive") as moving:
        looking.look()
        moving.look()

    assert [one for one in server.asked if "INBOX" in one] == ['EXAMINE "INBOX"', 'SELECT "INBOX"']


def test_a_check_says_what_works_and_stops_where_nothing_does(server: FakeIMAP) -> None:
    good = [one.words for one in check(server.account(move_to="Archive"), lambda: LogIn(password=PASSWORD))]
    server.capabilities = "IMAP4rev1 AUTH=PLAIN"
    odd = list(check(server.account(move_to="Archive"), lambda: LogIn(password=PASSWORD)))
    wrong = list(check(server.account(), lambda: LogIn(password="wrong")))

    assert good[1:] == [
        "The folder 'INBOX' has 0 mails.",
        "The server tells of new mail at once (IDLE).",
        "Mail that we have goes into the folder 'Archive'.",
    ]
    assert "no IDLE" in odd[2].words
    assert (odd[3].is_well, "neither MOVE nor UIDPLUS" in odd[3].words) == (False, True)
    assert [one.is_well for one in wrong] == [False]


def _shake_hands(listener: socket.socket, context: ssl.SSLContext) -> None:
    client, _ = listener.accept()
    with client, suppress(OSError):
        context.wrap_socket(client, server_side=True).close()


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    signed = builder.sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "certificate.pem"
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path
