"""Pictures and files that come with messages are fetched into our own store, from Twilio and nobody else."""

import base64
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from flask import Flask
from sqlalchemy import select

from api.embedded import ports
from channels import gateway
from channels.errors import TransientFailure
from channels.setup import connect_channels
from channels.texting import media
from config.settings import TwilioAccount
from tests import make
from tests.channels import twilio_forms
from tests.conftest import NOON
from ticketing import journal
from ticketing.envelope import Channel
from ticketing.files import file_store
from ticketing.models import Attachment, JournalEntry, Message
from ticketing.store import db

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 24
PROGRAM = b"MZ\x90\x00" + b"\x00" * 60


class Twilio(ThreadingHTTPServer):
    """Holds media; `where` says what each path gives: a status, its headers and its bytes."""

    daemon_threads = True

    def __init__(self) -> None:
        self.where: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[tuple[str, str]] = []
        super().__init__(("127.0.0.1", ports.free_port()), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Twilio

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Authorization", "")))
        status, headers, body = self.server.where.get(self.path, (404, {}, b""))
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def twilio() -> Iterator[Twilio]:
    with Twilio() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def desk(sqlite_app: Flask, twilio: Twilio) -> Flask:
    """A desk whose Twilio is this one."""
    settings = sqlite_app.extensions["comptoir.settings"]
    account = TwilioAccount("AC1", "token", twilio.url)
    sqlite_app.extensions["comptoir.settings"] = replace(settings, twilio=account, attachment_max_bytes=1000)
    connect_channels(sqlite_app, sqlite_app.extensions["comptoir.settings"])
    make.inbox(Channel.SMS)
    return sqlite_app


def message_with(app: Flask, *urls: str) -> Message:
    """A customer's message that comes with files at these addresses."""
    fields = {"NumMedia": str(len(urls)), "Body": "Look"}
    for number, url in enumerate(urls):
        fields |= {f"MediaUrl{number}": url, f"MediaContentType{number}": "image/png"}
    settings = app.extensions["comptoir.settings"]
    form = twilio_forms.text(**fields)
    received = gateway.receive(
        twilio_forms.item(settings, Channel.SMS, "message", "/inbound/twilio/sms", form), at=NOON
    )
    return db.session().get_one(Message, received.message_id)


def fetch(message: Message, *, after: timedelta = timedelta()) -> Message:
    media.fetch(message.id, now=lambda: NOON + after)
    return db.session().get_one(Message, message.id, populate_existing=True)


def attachments() -> list[tuple[str, str, int]]:
    rows = db.session().scalars(select(Attachment).order_by(Attachment.id))
    return [(row.filename, row.content_type, row.size) for row in rows]


def test_what_came_with_a_message_is_attached_once_by_what_it_is(desk: Flask, twilio: Twilio) -> None:
    named = {"Content-Disposition": 'inline; filename="../the bill.pdf"'}
    twilio.where = {"/m/1": (200, {}, PNG), "/m/2": (200, named, b"%PDF-1.7 ...")}
    message = message_with(desk, f"{twilio.url}/m/1", f"{twilio.url}/m/2")
    (entry,) = db.session().scalars(select(JournalEntry).where(JournalEntry.kind == "media_announced"))

    make.work_off()
    fetch(message)

    assert (message.body, entry.data) == ("Look", {"message_id": message.id, "files": 2})
    assert attachments() == [("file-1.png", "image/png", len(PNG)), ("the bill.pdf", "application/pdf", 12)]
    assert file_store().read(db.session().scalars(select(Attachment.sha256).limit(1)).one()) == PNG
    assert [line.kind for line in journal.lines(message.ticket_id)].count("media_fetched") == 2
    basic = "Basic " + base64.b64encode(b"AC1:token").decode()
    assert twilio.asked == [("/m/1", basic), ("/m/2", basic)]


def test_what_cannot_be_had_is_told_and_the_rest_is_there(desk: Flask, twilio: Twilio) -> None:
    twilio.where = {
        "/m/1": (403, {}, b""),
        "/m/2": (200, {}, b"x" * 1001),
        "/m/3": (200, {}, PROGRAM),
        "/m/4": (302, {"Location": "http://127.0.0.1/elsewhere"}, b""),
        "/m/5": (200, {}, PNG),
    }
    addresses = [f"{twilio.url}/m/{number}" for number in range(1, 6)]
    message = fetch(message_with(desk, "https://api.twilio.com.evil.example/m/0", *addresses))

    assert attachments() == [("file-6.png", "image/png", len(PNG))]
    assert message.state_reason is not None
    assert message.state_reason.split("; ") == [
        "file 1 is missing: its address is not Twilio's, so it was not fetched",
        "file 2 is missing: Twilio does not give it to us (HTTP 403)",
        "file 3 is missing: it is larger than 1000 bytes, which is what this desk takes",
        "file 4 is missing: file is a program for Windows, which is not passed on, whatever its name",
        "file 5 is missing: Twilio sends us to an unsafe address for it",
    ]


def test_what_is_not_ready_is_tried_again_until_it_makes_no_sense(desk: Flask, twilio: Twilio) -> None:
    twilio.where = {"/m/1": (200, {}, PNG), "/m/2": (503, {}, b"")}
    message = message_with(desk, f"{twilio.url}/m/1", f"{twilio.url}/m/2", f"{twilio.url}/gone")

    with pytest.raises(TransientFailure):
        fetch(message)
    assert len(attachments()) == 1
    with pytest.raises(TransientFailure):
        fetch(message, after=timedelta(minutes=11))
    last = fetch(message, after=timedelta(hours=24))

    assert len(attachments()) == 1
    assert last.state_reason == (
        "file 3 is missing: Twilio does not have it any more; "
        "file 2 is missing: it could not be fetched from Twilio in a day"
    )
