"""What follows from a recording: it comes to us, is written down by whoever is named, and goes after its days."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from flask import Flask
from sqlalchemy import select

from api import recorded, signed_posts
from api.embedded import ports
from api.reactions import carry_out
from channels import gateway
from channels.errors import PermanentFailure, TransientFailure
from channels.gateway import Received
from channels.models import Call, ItemState
from channels.phone import transcription
from channels.phone.models import Recording
from channels.phone.transcription import Sound
from config.settings import Settings
from tests import make
from tests.channels import twilio_forms
from tests.channels.twilio_forms import sid
from tests.conftest import NOON
from ticketing import erasure, journal
from ticketing.envelope import Channel
from ticketing.events import SYSTEM
from ticketing.models import JournalEntry, Message, Ticket
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

SOUND = b"RIFF my kettle drips"


class Provider(BaseHTTPRequestHandler):
    """Plays Twilio's recordings (GET, DELETE) and somebody's transcriber (POST)."""

    server: "Playing"

    def do_GET(self) -> None:
        self._answer(200 if self.path.endswith(".wav") else 404, SOUND)

    def do_DELETE(self) -> None:
        self.server.deleted.append(self.path.rpartition("/")[2].removesuffix(".json"))
        self._answer(self.server.status or 204, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append((dict(self.headers), body))
        self._answer(self.server.status or 200, self.server.answer)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.end_headers()
        if status != 204:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Playing(ThreadingHTTPServer):
    """The provider, what it was asked, and what it answers; `status` 0: as usual."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", ports.free_port()), Provider)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.deleted: list[str] = []
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.status, self.answer = 0, json.dumps({"text": "My kettle drips."}).encode()


@pytest.fixture
def provider(sqlite_app: Flask) -> Iterator[Playing]:
    """The provider whom the application asks."""
    make.inbox(Channel.PHONE)
    with Playing() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        settings = sqlite_app.extensions["comptoir.settings"]
        account = replace(settings.twilio, api_base=server.url)
        change(sqlite_app, twilio=account, private_addresses=True)
        yield server
        server.shutdown()
        thread.join()


def change(app: Flask, **values: object) -> Settings:
    changed = replace(app.extensions["comptoir.settings"], **values)
    app.extensions["comptoir.settings"] = changed
    return changed


def tell(app: Flask, kind: str, url: str, form: dict[str, str]) -> Received:
    settings = app.extensions["comptoir.settings"]
    item = twilio_forms.item(settings, Channel.PHONE, kind, url, form)
    return gateway.receive(replace(item, received_at=utc_now()), at=utc_now())


def ring(app: Flask) -> Call:
    tell(app, "call", "/inbound/twilio/voice", twilio_forms.call())
    return db.session().scalars(select(Call)).one()


def talk(app: Flask, call: Call, url: str, **fields: str) -> Received:
    """Tell of a conference's recording, which names no call but in the address."""
    form = {"ConferenceSid": sid("CF"), "RecordingSid": sid("RE"), "RecordingUrl": url, "RecordingDuration": "200"}
    form |= {"RecordingStatus": "completed", "RecordingSource": "Conference", **fields}
    return tell(app, "talk", f"/inbound/twilio/voice/recording?call={call.id}", form)


def work_off() -> None:
    """Do what the workers would, and what follows from that; what is put off stays."""
    waiting = select(JournalEntry.id).where(JournalEntry.dispatched_at.is_(None)).order_by(JournalEntry.id)
    tried = set[int]()
    while ids := set(db.session().scalars(waiting)) - tried:
        for entry_id in sorted(ids):
            carry_out(entry_id)
        tried |= ids


def the_recording() -> Recording:
    return db.session().scalars(select(Recording).execution_options(populate_existing=True)).one()


def shown() -> Message:
    return db.session().get_one(Message, the_recording().message_id, populate_existing=True)


def kinds() -> list[str]:
    return list(db.session().scalars(select(JournalEntry.kind).order_by(JournalEntry.id)))


def test_a_recorded_talk_is_a_note_with_its_sound(sqlite_app: Flask, provider: Playing) -> None:
    call = ring(sqlite_app)

    received = [talk(sqlite_app, call, f"{provider.url}/RE1") for _ in range(2)]
    work_off()

    assert [one.duplicate for one in received] == [False, True]
    assert (the_recording().kind, the_recording().state, the_recording().seconds) == ("talk", "kept", 200)
    assert (shown().kind, shown().body) == ("note", "The call was recorded (3:20 min).")
    assert [one.filename for one in shown().attachments] == ["call.wav"]
    assert kinds().count("talk_recorded") == kinds().count("recording_fetched") == 1
    assert provider.deleted == []


@pytest.mark.parametrize("fields", [{"RecordingStatus": "absent"}, {"RecordingStatus": "in-progress"}])
def test_a_talk_of_which_nothing_was_recorded_leaves_nothing(
    sqlite_app: Flask, provider: Playing, fields: dict[str, str]
) -> None:
    assert talk(sqlite_app, ring(sqlite_app), f"{provider.url}/RE1", **fields).state is ItemState.IGNORED


def test_a_talk_of_an_unknown_call_is_kept_and_one_of_no_call_is_malformed(
    sqlite_app: Flask, provider: Playing
) -> None:
    call = ring(sqlite_app)
    form = {"RecordingSid": sid("RE", 2), "RecordingUrl": f"{provider.url}/RE1", "RecordingDuration": "x"}

    unknown = tell(sqlite_app, "talk", f"/inbound/twilio/voice/recording?call={call.id + 1}", form)
    nonsense = tell(sqlite_app, "talk", "/inbound/twilio/voice/recording?call=x", form)

    assert unknown.state is ItemState.QUARANTINED
    assert nonsense.malformed


def test_twilios_copy_goes_as_soon_as_ours_is_here_where_that_is_wanted(sqlite_app: Flask, provider: Playing) -> None:
    change(sqlite_app, delete_at_twilio=True)

    talk(sqlite_app, ring(sqlite_app), f"{provider.url}/RE1")
    work_off()

    assert provider.deleted == [sid("RE")]


def test_a_recording_whose_days_are_over_is_deleted_here_and_there_and_its_words_stay(
    sqlite_app: Flask, provider: Playing
) -> None:
    change(sqlite_app, transcription=f"{provider.url}/hear")
    call = ring(sqlite_app)
    with transaction("test") as session:
        ticket = session.get_one(Ticket, call.ticket_id)
        ticket.queue.settings = {"retention_days": 30}
    talk(sqlite_app, call, f"{provider.url}/RE1")
    work_off()
    due = the_recording().delete_after
    early = recorded.delete_overdue()
    with transaction("test") as session:
        session.get_one(Recording, the_recording().id).delete_after = utc_now() - timedelta(seconds=1)

    late = recorded.delete_overdue()
    work_off()

    assert due is not None
    assert (early, late, recorded.delete_overdue()) == (0, 1, 0)
    assert (the_recording().state, the_recording().attachment_id) == ("deleted", None)
    assert "My kettle drips." in shown().body
    assert provider.deleted == [sid("RE")]


def test_the_sound_is_posted_signed_to_the_address_named_and_its_words_shown(
    sqlite_app: Flask, provider: Playing
) -> None:
    settings = change(sqlite_app, transcription=f"{provider.url}/hear")

    talk(sqlite_app, ring(sqlite_app), f"{provider.url}/RE1")
    work_off()

    ((headers, body),) = provider.heard
    moment = int(headers["webhook-timestamp"])
    secret = signed_posts.secret_of(settings.transcription, settings)
    signed = signed_posts.signature(
        secret, f"recording-{the_recording().id}", body, at=NOON.fromtimestamp(moment, NOON.tzinfo)
    )
    assert body == SOUND
    assert {"webhook-id", "webhook-signature"} <= headers.keys()
    assert headers["webhook-signature"] == signed["webhook-signature"]
    assert (headers["Content-Type"], headers["comptoir-kind"]) == ("audio/wav", "talk")
    assert (the_recording().transcript, the_recording().transcript_state) == ("My kettle drips.", "done")
    assert shown().body == "The call was recorded (3:20 min).\n\nTranscript: My kettle drips."


@pytest.mark.parametrize(
    ("status", "answer", "state", "told"),
    [
        (202, b"", "asked", None),  # the words come later
        (400, b"", "failed", "no transcript: the transcriber answered 400"),
        (200, b"words", "failed", "no transcript: the transcriber's answer is no JSON"),
        (200, b'{"words": 1}', "failed", 'no transcript: the transcriber\'s answer lacks "text"'),
        (503, b"", "asked", None),  # asked again
    ],
)
def test_a_transcriber_that_has_no_words_is_told(
    sqlite_app: Flask, provider: Playing, status: int, answer: bytes, state: str, told: str | None
) -> None:
    change(sqlite_app, transcription=f"{provider.url}/hear")
    talk(sqlite_app, ring(sqlite_app), f"{provider.url}/RE1")
    provider.status, provider.answer = status, answer

    work_off()

    assert (the_recording().transcript_state, shown().state_reason) == (state, told)


def hear(sound: Sound) -> str | None:
    """A transcriber of one's own, such as a desk may have."""
    return sound.content().decode().removeprefix("RIFF ") + f" ({sound.seconds} s)"


def break_down(_sound: Sound) -> str | None:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("path", "state", "words"),
    [
        ("tests.api.test_recorded:hear", "done", "my kettle drips (200 s)"),
        ("tests.api.test_recorded:break_down", "failed", ""),
        ("tests.api.nowhere:hear", "failed", ""),
    ],
)
def test_a_function_of_ones_own_may_listen(
    sqlite_app: Flask, provider: Playing, path: str, state: str, words: str
) -> None:
    change(sqlite_app, transcription=path)

    talk(sqlite_app, ring(sqlite_app), f"{provider.url}/RE1")
    work_off()

    assert (the_recording().transcript_state, the_recording().transcript) == (state, words)


def transcript(app: Flask, number: int = 1, **fields: str) -> Received:
    form = {"TranscriptionSid": sid("TR", number), "RecordingSid": sid("RE"), "TranscriptionStatus": "completed"}
    return tell(
        app, "transcript", "/inbound/twilio/voice/transcript", form | {"TranscriptionText": "It drips."} | fields
    )


def voicemail(app: Flask, url: str) -> Received:
    form = twilio_forms.recording(RecordingUrl=url)
    return tell(app, "recording", "/inbound/twilio/voice/recording?inbox=%2B15145550100", form)


def test_twilios_own_transcript_is_shown_with_the_voicemail_also_when_it_comes_first(
    sqlite_app: Flask, provider: Playing
) -> None:
    early = transcript(sqlite_app)
    ring(sqlite_app)
    voicemail(sqlite_app, f"{provider.url}/RE1")

    work_off()

    assert early.state is ItemState.QUARANTINED
    assert shown().body == "Left a voicemail of 7 seconds.\n\nTranscript: It drips."
    assert transcript(sqlite_app).duplicate


def test_a_failed_transcript_is_told_and_does_not_undo_a_good_one(sqlite_app: Flask, provider: Playing) -> None:
    ring(sqlite_app)
    voicemail(sqlite_app, f"{provider.url}/RE1")

    transcript(sqlite_app, TranscriptionStatus="failed", TranscriptionText="")
    failed = shown().state_reason
    transcript(sqlite_app, 2)
    transcript(sqlite_app, 3, TranscriptionStatus="failed", TranscriptionText="")

    assert failed == "no transcript: Twilio could not make out what is said"
    assert (the_recording().transcript, the_recording().transcript_state) == ("It drips.", "done")
    assert shown().state_reason is None


def test_twilios_copies_of_somebody_forgotten_are_deleted_and_then_even_their_names(
    sqlite_app: Flask, provider: Playing
) -> None:
    call = ring(sqlite_app)
    voicemail(sqlite_app, f"{provider.url}/RE1")
    work_off()
    tell(sqlite_app, "call-status", "/inbound/twilio/voice/status", twilio_forms.status("completed"))
    ticket = db.session().get_one(Ticket, call.ticket_id)
    message_id = the_recording().message_id
    with transaction("test"):
        erasure.erase(ticket.customer_id, by=SYSTEM, at=utc_now())
    provider.status = 503
    entry = journal.entry_of(
        db.session().scalars(select(JournalEntry).where(JournalEntry.kind == "ticket_erased")).one()
    )
    with pytest.raises(TransientFailure):
        recorded.forget_theirs(entry)
    named = the_recording().provider_id
    provider.status = 0

    recorded.forget_theirs(entry)
    recorded.forget_theirs(entry)

    assert named == sid("RE")
    assert the_recording().provider_id.startswith("sha256:")
    assert provider.deleted == [sid("RE")] * 2
    assert (the_recording().state, the_recording().url, the_recording().message_id) == ("deleted", "", message_id)


def test_no_transcriber_is_found_where_there_is_none() -> None:
    for path in ("os.path:nothing", "nowhere:at_all", "os.path:sep", ":x", "os:"):
        with pytest.raises(PermanentFailure):
            transcription.named(path)
