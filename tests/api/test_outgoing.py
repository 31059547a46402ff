"""Calling addresses that somebody typed: what is refused before a byte leaves, and what a hostile server can do."""

import datetime as dt
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from api.outgoing import AddressRefused, CallFailed, check_address, fetch
from api.public_addresses import Network, is_public

NAME = "calendars.example"


class Handler(BaseHTTPRequestHandler):
    """Answers by path; what it was asked is kept in `server.asked`."""

    server: Any

    def do_GET(self) -> None:
        self.server.asked.append((self.command, self.path, dict(self.headers.items())))
        getattr(self, "answer_" + self.path.strip("/").split("/")[0].split("?")[0], self.answer_hello)()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.command, self.path, body))
        self._answer(202, b"taken")

    def answer_hello(self) -> None:
        self._answer(200, b"hello", ETag='"1"')

    def answer_missing(self) -> None:
        self._answer(404, b"nothing here")

    def answer_again(self) -> None:
        self._answer(302, b"", Location="/hello")

    def answer_elsewhere(self) -> None:
        self._answer(302, b"", Location=f"http://other.example:{self.server.server_port}/hello")

    def answer_inside(self) -> None:
        self._answer(302, b"", Location=f"http://inside.example:{self.server.server_port}/hello")

    def answer_file(self) -> None:
        self._answer(302, b"", Location="file:///etc/passwd")

    def answer_loop(self) -> None:
        self._answer(302, b"", Location="/loop")

    def answer_much(self) -> None:
        self._answer(200, b"x" * 5000)

    def answer_endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.server.over.is_set():
            try:
                self.wfile.write(b"x" * 1000)
            except OSError:
                return

    def answer_cut(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "500")
        self.end_headers()
        self.wfile.write(b"only this")

    def answer_drip(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not self.server.over.wait(0.02):
            try:
                self.wfile.write(b"x")
            except OSError:
                return

    def answer_noise(self) -> None:
        self.wfile.write(b"\x00\xff this is no HTTP\r\n\r\n")

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[Callable[..., Any]]:
    started: list[Any] = []

    def start(tls: ssl.SSLContext | None = None) -> Any:
        server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.asked, server.over = [], threading.Event()
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.over.set()
        server.shutdown()
        server.server_close()


def leading_to(*addresses: str) -> Network:
    return Network(resolve=lambda _host, _port: addresses)


HERE = leading_to("127.0.0.1")


def call(server: Any, path: str, **asked: Any) -> Any:
    asked = {"allow_private": True, "network": HERE, "timeout_seconds": 60, **asked}
    return fetch(f"http://{NAME}:{server.server_port}{path}", **asked)


def test_what_the_other_side_says_is_answered_whatever_its_status(serve: Callable[..., Any]) -> None:
    server = serve()

    hello, missing = call(server, "/hello?a=1"), call(server, "/missing")
    taken = call(server, "/hooks", method="POST", body=b"{}", headers={"Content-Type": "application/json"})

    assert (hello.status, hello.body, hello.headers["etag"], hello.is_ok) == (200, b"hello", '"1"', True)
    assert (missing.status, missing.body, missing.is_ok) == (404, b"nothing here", False)
    assert (taken.status, taken.body) == (202, b"taken")
    assert [one[:2] for one in server.asked] == [("GET", "/hello?a=1"), ("GET", "/missing"), ("POST", "/hooks")]
    assert server.asked[0][2]["Host"] == f"{NAME}:{server.server_port}"
    assert server.asked[2][2] == b"{}"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "http://",
        "http:///path",
        "https://user:secret@example.com/",
        "https://@example.com/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "http://169.254.169.254/latest/meta-data",
        "https://example.com:22/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://example.com:x/",
        "https://[::1/",
        "https://exa mple.com/",
        "https://example.com/\r\nHost: inside",
        "https://exämple.com/",
        "https://example.com/" + "x" * 2000,
    ],
)
def test_an_address_that_makes_no_sense_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        check_address(url)


def test_usual_addresses_are_taken() -> None:
    for url in (
        "https://example.com",
        "http://example.com:8080/a?b=c",
        "https://[2606:4700::1111]/",
        "HTTPS://EXAMPLE.COM/",
    ):
        assert check_address(url).hostname


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700:4700::1111", True),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::8.8.8.8", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),  # which many systems take for this machine
        ("192.0.0.8", False),
        ("192.0.2.1", False),
        ("198.18.0.1", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("::127.0.0.1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:169.254.169.254", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b:1::7f00:1", False),
        ("2002:7f00:1::", False),
        ("2001:0:a9fe:a9fe::", False),
        ("2001:db8::1", False),
        ("2606:4700::5efe:10.0.0.1", False),
        ("fc00::1", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("nonsense", False),
    ],
)
def test_only_the_public_internet_is_public(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize("found", [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::1"], ["169.254.169.254"]], ids=str)
def test_a_host_with_a_private_address_is_not_called(serve: Callable[..., Any], found: list[str]) -> None:
    server = serve()

    with pytest.raises(AddressRefused, match="public internet"):
        call(server, "/hello", allow_private=False, network=leading_to(*found))
    assert server.asked == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]"])
def test_this_machine_is_not_called_however_it_is_written(host: str) -> None:
    with pytest.raises((AddressRefused, CallFailed)):
        fetch(f"http://{host}:8099/", timeout_seconds=2)


def test_a_redirect_is_an_answer_unless_it_is_to_be_followed(serve: Callable[..., Any]) -> None:
    server = serve()

    left, followed, looped = (
        call(server, "/again"),
        call(server, "/again", redirects=1),
        call(server, "/loop", redirects=3),
    )

    assert (left.status, left.headers["location"]) == (302, "/hello")
    assert (followed.status, followed.body) == (200, b"hello")
    assert followed.url.endswith("/hello")
    assert looped.status == 302
    assert len(server.asked) == 1 + 2 + 4


def test_each_hop_is_looked_at(serve: Callable[..., Any]) -> None:
    server = serve()
    hosts = {"inside.example": "127.0.0.2"}
    only_the_first_is_public = Network(
        resolve=lambda host, _port: [hosts.get(host, "127.0.0.1")], is_public=lambda address: address == "127.0.0.1"
    )

    for path in ("/inside", "/file"):
        with pytest.raises(AddressRefused):
            call(server, path, redirects=1, allow_private=False, network=only_the_first_is_public)
    assert [path for _, path, _ in server.asked] == ["/inside", "/file"]


def test_a_secret_does_not_follow_to_another_host(serve: Callable[..., Any]) -> None:
    server = serve()

    call(server, "/elsewhere", redirects=1, headers={"Authorization": "Bearer secret", "X-Kept": "yes"})
    call(server, "/again", redirects=1, headers={"Authorization": "Bearer secret"})

    seen = [(path, headers.get("Authorization"), headers.get("X-Kept")) for _, path, headers in server.asked]
    assert seen == [
        ("/elsewhere", "Bearer secret", "yes"),
        ("/hello", None, "yes"),
        ("/again", "Bearer secret", None),
        ("/hello", "Bearer secret", None),
    ]


@pytest.mark.parametrize("path", ["/much", "/endless"])
def test_of_a_long_answer_no_more_is_read_than_wanted(serve: Callable[..., Any], path: str) -> None:
    with pytest.raises(CallFailed, match="more than 4000 bytes"):
        call(serve(), path, limit_bytes=4000)


@pytest.mark.parametrize("path", ["/cut", "/noise"])
def test_an_answer_that_is_none_is_a_failed_call(serve: Callable[..., Any], path: str) -> None:
    with pytest.raises(CallFailed):
        call(serve(), path)


def test_bytes_that_drip_do_not_win_time(serve: Callable[..., Any]) -> None:
    started = time.monotonic()

    with pytest.raises(CallFailed, match="in time"):
        call(serve(), "/drip", timeout_seconds=0.3)
    assert time.monotonic() - started < 30  # the drops never end


def test_nobody_there_is_a_failed_call(serve: Callable[..., Any]) -> None:
    def nowhere(_host: str, _port: int) -> list[str]:
        raise OSError

    with pytest.raises(CallFailed, match="no host"):
        call(serve(), "/hello", network=Network(resolve=nowhere))
    with pytest.raises(CallFailed, match="could not be called"):
        fetch("http://127.0.0.1:9/", allow_private=True, timeout_seconds=2)


def test_the_next_address_is_tried_when_one_does_not_answer(serve: Callable[..., Any]) -> None:
    assert call(serve(), "/hello", network=leading_to("127.9.9.9", "127.0.0.1")).is_ok


def test_the_certificate_is_the_names_and_not_the_address(
    serve: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = _certificate(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    server = serve(tls)
    asked = {"allow_private": True, "network": HERE, "timeout_seconds": 60}

    with pytest.raises(CallFailed, match="certificate"):
        fetch(f"https://{NAME}:{server.server_port}/hello", **asked)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    hello = fetch(f"https://{NAME}:{server.server_port}/hello", **asked)
    with pytest.raises(CallFailed, match="certificate"):
        fetch(f"https://other.example:{server.server_port}/hello", **asked)

    assert hello.body == b"hello"


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path
