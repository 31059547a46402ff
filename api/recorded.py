"""What follows from recordings, after the commit: the sound comes to us, is written down, and goes again."""

from flask import current_app
from sqlalchemy import select

from api import transcribing
from channels import gateway
from channels.erasure import forget_recording, recordings_to_forget
from channels.errors import TransientFailure
from channels.events import CallArrived, RecordingDeleted, RecordingFetched, TalkRecorded, VoicemailRecorded
from channels.models import Call
from channels.phone import recorded_sound, recordings
from channels.phone.models import Recording
from channels.phone.recording_news import early_items
from config.settings import Settings
from ticketing.erasure import forget_files
from ticketing.events import SYSTEM, Entry, TicketErased
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction


def take_in_what_came_early(entry: Entry) -> None:
    """Replay what was told of a call, or of a recording, before we knew it."""
    event = entry.event
    known: Call | Recording | None = None
    if isinstance(event, CallArrived):
        known = db.session().get(Call, event.call_id)
    elif isinstance(event, VoicemailRecorded | TalkRecorded):
        known = recordings.shown_by(event.message_id)
    if known is None or not known.provider_id:
        return
    ids = early_items(known.provider_id, entry.at)
    db.session().rollback()  # ends the read
    for item_id in ids:
        gateway.replay(item_id, at=entry.at)


def fetch(entry: Entry) -> None:
    """Bring the sound to us."""
    if isinstance(entry.event, VoicemailRecorded | TalkRecorded):
        recording = recordings.shown_by(entry.event.message_id)
        if recording is not None:
            recorded_sound.fetch(recording.id, now=utc_now)


def transcribe(entry: Entry) -> None:
    """Have the sound written down."""
    if isinstance(entry.event, RecordingFetched):
        transcribing.transcribe(entry.event.attachment_id)


def delete_theirs(entry: Entry) -> None:
    """Have Twilio delete its copy, where that is wanted as soon as we have ours."""
    settings: Settings = current_app.extensions["comptoir.settings"]
    if not isinstance(entry.event, RecordingFetched) or not settings.delete_at_twilio:
        return
    query = select(Recording.provider_id).where(Recording.attachment_id == entry.event.attachment_id)
    _delete_at_twilio(db.session().scalar(query))


def discard(entry: Entry) -> None:
    """Take away the bytes of a deleted recording, here and at Twilio."""
    event = entry.event
    if not isinstance(event, RecordingDeleted):
        return
    _delete_at_twilio(db.session().scalar(select(Recording.provider_id).where(Recording.id == event.recording_id)))
    if not forget_files(event.files, now=utc_now()):
        raise TransientFailure("somebody kept the file just now; it is looked at again when that is over")


def forget_theirs(entry: Entry) -> None:
    """Have Twilio delete its copies of what was said by somebody who is forgotten."""
    if not isinstance(entry.event, TicketErased):
        return
    for recording_id, provider_id in recordings_to_forget(entry.event.messages):
        _delete_at_twilio(provider_id)
        with transaction("worker"):
            forget_recording(recording_id)


def delete_overdue(limit: int = 100) -> int:
    """Delete our copies whose days are over, each in a transaction of its own; return how many. What was written down
    stays: it is a message like others.
    """
    due = recordings.overdue(utc_now(), limit)
    for _, recording_id in due:
        with transaction("ticker"):
            ticket, recording = recorded_sound.lock(recording_id)
            recordings.discard(ticket, recording, words=False, by=SYSTEM, at=utc_now())
    return len(due)


def _delete_at_twilio(provider_id: str | None) -> None:
    db.session().rollback()  # ends the read: Twilio may take its time
    if provider_id:
        recorded_sound.delete_at_twilio(provider_id)
