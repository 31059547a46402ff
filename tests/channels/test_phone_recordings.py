"""A voicemail's recording is fetched into our own store once, from Twilio and nobody else."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from flask import Flask
from sqlalchemy import select

from api.embedded import ports
from channels import gateway, twilio_files
from channels.errors import PermanentFailure, TransientFailure
from channels.phone import recorded_sound
from channels.phone.models import Recording
from config.settings import TwilioAccount
from tests import make
from tests.channels import twilio_forms
from tests.conftest import NOON
from ticketing.envelope import Channel
from ticketing.files import file_store
from ticketing.models import Attachment, JournalEntry, Message
from ticketing.store import db

SOUND = b"RIFF please call me back"


def noon() -> datetime:
    return NOON


def voicemail(app: Flask, url: str) -> Recording:
    """A voicemail whose recording is at this address."""
    settings = app.extensions["comptoir.settings"]
    make.inbox(Channel.PHONE)
    arrival = twilio_forms.item(settings, Channel.PHONE, "call", "/inbound/twilio/voice", twilio_forms.call())
    gateway.receive(arrival, at=NOON)
    path = "/inbound/twilio/voice/recording?inbox=%2B15145550100"
    form = twilio_forms.recording(RecordingUrl=url)
    gateway.receive(twilio_forms.item(settings, Channel.PHONE, "recording", path, form), at=NOON)
    return db.session().scalars(select(Recording)).one()


def reason(recording: Recording) -> str | None:
    return db.session().get_one(Message, recording.message_id, populate_existing=True).state_reason


def attachments() -> list[Attachment]:
    return list(db.session().scalars(select(Attachment)))


def test_the_recording_is_attached_to_the_voicemail_once(sqlite_app: Flask, media: TwilioAccount) -> None:
    _asks(sqlite_app, media)
    found = voicemail(sqlite_app, f"{media.api_base}/RE1")

    recorded_sound.fetch(found.id, now=noon)
    recorded_sound.fetch(found.id, now=noon)

    (attachment,) = attachments()
    fetched = select(JournalEntry).where(JournalEntry.kind == "recording_fetched")
    row = db.session().get_one(Recording, found.id, populate_existing=True)
    assert file_store().read(attachment.sha256) == SOUND
    assert (attachment.message_id, row.attachment_id, row.state) == (found.message_id, attachment.id, "kept")
    assert (attachment.filename, attachment.content_type) == ("voicemail.wav", "audio/wav")
    assert len(db.session().scalars(fetched).all()) == 1


def test_a_recording_that_is_not_ready_is_asked_for_again(sqlite_app: Flask, media: TwilioAccount) -> None:
    _asks(sqlite_app, media)
    found = voicemail(sqlite_app, f"{media.api_base}/not-ready")

    with pytest.raises(TransientFailure):
        recorded_sound.fetch(found.id, now=noon)

    assert reason(found) is None


def test_after_a_day_the_agent_is_told_that_it_will_not_come(sqlite_app: Flask, media: TwilioAccount) -> None:
    _asks(sqlite_app, media)
    found = voicemail(sqlite_app, f"{media.api_base}/not-ready")

    recorded_sound.fetch(found.id, now=lambda: NOON + timedelta(hours=25))

    assert reason(found) == "the recording could not be fetched from Twilio within a day"


def test_a_foreign_address_is_not_asked_and_the_agent_is_told(sqlite_app: Flask) -> None:
    found = voicemail(sqlite_app, "http://169.254.169.254/latest/meta-data")

    recorded_sound.fetch(found.id, now=noon)

    assert attachments() == []
    assert "not Twilio's" in (reason(found) or "")


@pytest.mark.parametrize(
    "url",
    [
        "http://api.twilio.com/RE1",
        "https://api.twilio.com.evil.example/RE1",
        "https://evil.example/api.twilio.com/RE1",
        "https://api.twilio.com@evil.example/RE1",
        "https://api.twilio.com:8443/RE1",
        "file:///etc/passwd",
        "https://evil-api.twilio.com.example",
    ],
)
def test_our_credentials_go_to_twilio_only(url: str) -> None:
    with pytest.raises(PermanentFailure):
        download(TwilioAccount("AC1", "token", "https://api.twilio.com"), url)


def download(account: TwilioAccount, url: str) -> bytes:
    url = url if account.api_base not in url else f"{url}.wav"
    return twilio_files.download(
        account, url, most=recorded_sound.MAX_BYTES, ends_at=time.monotonic() + twilio_files.TIME_LIMIT
    ).content


def _asks(app: Flask, account: TwilioAccount) -> None:
    """Let the application fetch from there."""
    settings = app.extensions["comptoir.settings"]
    ours = replace(settings.twilio, api_base=account.api_base)
    app.extensions["comptoir.settings"] = replace(settings, twilio=ours)


class Elsewhere(BaseHTTPRequestHandler):
    """Plays Twilio's media server: /RE1.wav, /not-ready.wav, /huge.wav, /away.wav and /loop.wav."""

    def do_GET(self) -> None:
        if self.path in ("/RE1.wav", "/not-ready.wav"):
            self.send_response(200 if self.path == "/RE1.wav" else 404)
            self.end_headers()
            self.wfile.write(SOUND)
            return
        if self.path == "/huge.wav":
            self.send_response(200)
            self.end_headers()
            for _ in range(60):
                self.wfile.write(bytes(1_000_000))
            return
        self.send_response(302)
        self.send_header("Location", "http://127.0.0.1/private" if self.path == "/away.wav" else self.path)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def media() -> Iterator[TwilioAccount]:
    """An account whose media are on a server of our own."""
    with ThreadingHTTPServer(("127.0.0.1", ports.free_port()), Elsewhere) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield TwilioAccount("AC1", "token", f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()


def test_a_recording_that_is_too_large_is_refused(media: TwilioAccount) -> None:
    with pytest.raises(PermanentFailure, match="larger than 50000000 bytes"):
        download(media, f"{media.api_base}/huge")


def test_twilio_cannot_send_us_to_an_unsafe_address(media: TwilioAccount) -> None:
    with pytest.raises(PermanentFailure, match="unsafe"):
        download(media, f"{media.api_base}/away")


def test_a_provider_that_is_away_is_asked_again() -> None:
    base = f"http://127.0.0.1:{ports.free_port()}"

    with pytest.raises(TransientFailure):
        download(TwilioAccount("AC1", "token", base), f"{base}/RE1")
