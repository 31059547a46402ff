"""What Twilio tells of recordings: that a talk was recorded, and what is said in a voicemail. Read, then taken in.

A conference's recording names no call, so the address that Twilio calls back does (`?call=`, see `recording_address`).
Fields: https://www.twilio.com/docs/voice/twiml/conference#attributes-recording-status-callback and
https://www.twilio.com/docs/voice/twiml/record#attributes-transcribe.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import select

from channels import twilio_webhook
from channels.errors import AboutTheForgotten, MalformedPayload, UnsupportedPayload
from channels.models import Call, InboundItem, ItemState
from channels.phone import recorded_sound, recordings
from channels.protocol import Parsed, RawItem
from config.settings import Settings
from ticketing import lifecycle
from ticketing.envelope import Channel
from ticketing.errors import NotFound
from ticketing.events import SYSTEM
from ticketing.store import db

RECORDING_PATH = "/inbound/twilio/voice/recording"
TRANSCRIPT_PATH = "/inbound/twilio/voice/transcript"
BY_TWILIO = "twilio"  # the setting by which Twilio's own transcription is used
MAX_URL = 2000
EARLY = timedelta(hours=24)  # how long before a call news of it can have come, with a desk that was in trouble
MOST_EARLY = 500

# Attributes of <Conference> and <Record>, as the SDK spells them.
Attributes = dict[str, str | bool]


def recording_of_talk(call_id: int, settings: Settings) -> Attributes:
    """Return what a `<Conference>` needs to be recorded, when the first and when the last sound is in."""
    return {
        "record": "record-from-start",
        "recording_status_callback": f"{settings.public_url}{RECORDING_PATH}?call={call_id}",
        "recording_status_callback_method": "POST",
        "recording_status_callback_event": "completed absent",
    }


def transcription_of_voicemail() -> Attributes:
    """Return what a `<Record>` needs so that Twilio writes down what is said; nothing if it is not asked to."""
    settings: Settings = current_app.extensions["comptoir.settings"]
    if settings.transcription != BY_TWILIO:
        return {}
    return {"transcribe": True, "transcribe_callback": f"{settings.public_url}{TRANSCRIPT_PATH}"}


def read_talk(item: RawItem, form: dict[str, str]) -> Parsed:
    """Read that a conference was recorded. Raises MalformedPayload, UnsupportedPayload."""
    status = form.get("RecordingStatus", "completed")
    if status != "completed":
        raise UnsupportedPayload(f"a recording that is {status[:20]} is nothing to fetch")
    (recording_id,) = twilio_webhook.required(form, "RecordingSid")
    _url(form)
    if _call_in_address(item) is None:
        raise MalformedPayload("the address names no call")
    return Parsed(key=recording_id, inbox_address="", content=None)


def observe_talk(item: RawItem, *, at: datetime) -> None:
    """Put a recorded talk down on its call's ticket. Raises NotFound."""
    form = twilio_webhook.read_form(item)
    call = db.session().get(Call, _call_in_address(item) or 0)
    if call is None:
        raise NotFound("the call whose talk was recorded is not known here")
    ticket = lifecycle.lock_ticket_of(call)
    if ticket.customer.erased_at is not None:
        raise AboutTheForgotten("whoever was recorded asked to be forgotten")
    seconds = _seconds(form)
    url = _url(form)
    recordings.announce_talk(ticket, call, provider_id=form["RecordingSid"].strip(), url=url, seconds=seconds, at=at)


def read_transcript(_item: RawItem, form: dict[str, str]) -> Parsed:
    """Read what is said in a recording, or that nobody can tell. Raises MalformedPayload."""
    transcript_id, _ = twilio_webhook.required(form, "TranscriptionSid", "RecordingSid")
    return Parsed(key=transcript_id, inbox_address="", content=None)


def observe_transcript(item: RawItem, *, at: datetime) -> None:
    """Put the words to their recording. Raises NotFound, which waits for the recording."""
    form = twilio_webhook.read_form(item)
    recording = recordings.find(form["RecordingSid"].strip())
    if recording is None:
        raise NotFound("the recording that this is said in is not known here yet")
    ticket, recording = recorded_sound.lock(recording.id)
    if form.get("TranscriptionStatus", "").strip() == "completed":
        recordings.add_transcript(ticket, recording, form.get("TranscriptionText", ""), by=SYSTEM, at=at)
    else:
        recordings.fail_transcript(recording, "Twilio could not make out what is said")


def early_items(provider_id: str, since: datetime) -> Sequence[int]:
    """Return the raw items that wait in quarantine for a call or a recording that is known `since` a moment."""
    query = select(InboundItem.id, InboundItem.body).where(
        InboundItem.state == ItemState.QUARANTINED,
        InboundItem.received_at >= since - EARLY,
        InboundItem.channel == Channel.PHONE,
        InboundItem.reason.startswith(NotFound.code),
    )
    rows = db.session().execute(query.order_by(InboundItem.received_at, InboundItem.id).limit(MOST_EARLY))
    return [row.id for row in rows if provider_id.encode() in row.body]


def _call_in_address(item: RawItem) -> int | None:
    number = twilio_webhook.in_address(item, "call")
    return int(number) if number.isascii() and number.isdecimal() and len(number) <= 18 else None


def _url(form: dict[str, str]) -> str:
    url = form.get("RecordingUrl", "").strip()
    if not url or len(url) > MAX_URL:
        raise MalformedPayload("the form lacks a usable RecordingUrl")
    return url


def _seconds(form: dict[str, str]) -> int:
    value = form.get("RecordingDuration", "").strip()
    return int(value) if value.isascii() and value.isdecimal() and len(value) <= 6 else 0
