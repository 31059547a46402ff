"""Have recordings written down, once they are with us, by whoever COMPTOIR_TRANSCRIPTION names.

An address gets the WAV file in a POST, signed like our webhooks (`webhook-id` is `recording-{id}`, so that the
signature covers which one it is). It answers `{"text": "…"}`, or 202 when the words come later, by
`PUT /api/v1/recordings/{id}/transcript`.
"""

from datetime import datetime, timedelta
from http import HTTPStatus

import orjson
import structlog
from flask import current_app
from sqlalchemy import select

from api import outgoing, signed_posts
from channels.errors import ChannelError, PermanentFailure, TransientFailure
from channels.phone import recorded_sound, recordings
from channels.phone.models import Recording, RecordingState, TranscriptState
from channels.phone.transcription import SERVICE, Sound, Transcriber, by_intelligence, named
from config.settings import Settings
from ticketing.errors import NotFound
from ticketing.events import SYSTEM
from ticketing.files import file_store
from ticketing.models import Attachment
from ticketing.moment import utc_now
from ticketing.transaction import transaction

log = structlog.get_logger()

BY_TWILIO = "twilio"  # which does it by itself, and calls back
TIMEOUT = 45.0  # seconds; a job has 60
MOST_READ = 1_000_000  # bytes of an answer
GIVE_UP_AFTER = timedelta(hours=24)


def transcribe(attachment_id: int) -> None:
    """Have the recording of an attachment written down, if anybody is to. Raises TransientFailure to be asked again.

    After a day, or when there will be no words, the agent is told on the message that shows the recording.
    """
    settings: Settings = current_app.extensions["comptoir.settings"]
    if settings.transcription in ("", BY_TWILIO):
        return
    found = _begin(attachment_id)
    if found is None:
        return
    sound, since = found
    try:
        words = _transcriber(settings)(sound)
    except TransientFailure:
        if utc_now() - since < GIVE_UP_AFTER:
            raise
        _fail(sound.recording_id, "nobody could write it down within a day")
    except ChannelError as error:
        _fail(sound.recording_id, str(error))
    except NotFound:
        return  # deleted meanwhile
    except Exception as error:
        # Somebody else's code: its trouble must cost the transcript alone.
        log.exception("transcriber failed", recording_id=sound.recording_id)
        _fail(sound.recording_id, f"the transcriber failed ({type(error).__name__})")
    else:
        if words is not None:
            with transaction("worker"):
                ticket, recording = recorded_sound.lock(sound.recording_id)
                recordings.add_transcript(ticket, recording, words, by=SYSTEM, at=utc_now())


def _begin(attachment_id: int) -> tuple[Sound, datetime] | None:
    with transaction("worker") as session:
        query = select(Recording, Attachment.sha256).join(Attachment, Attachment.id == Recording.attachment_id)
        row = session.execute(query.where(Attachment.id == attachment_id)).first()
        if row is None:
            return None
        recording, digest = row
        waits = recording.transcript_state in (TranscriptState.NONE, TranscriptState.ASKED)
        if recording.state is not RecordingState.KEPT or not waits:
            return None
        recording.transcript_state = TranscriptState.ASKED
        sound = Sound(
            recording_id=recording.id,
            provider_id=recording.provider_id,
            kind=recording.kind,
            seconds=recording.seconds,
            language=recording.call.language,
            content=lambda: file_store().read(digest),
        )
        return sound, recording.created_at


def _transcriber(settings: Settings) -> Transcriber:
    who = settings.transcription
    if "://" in who:
        return _by_post(settings)
    if ":" in who:
        return named(who)
    if settings.twilio is None or not who.startswith(SERVICE):
        raise PermanentFailure("there is no Twilio account to transcribe with")
    return by_intelligence(settings.twilio, who)


def _by_post(settings: Settings) -> Transcriber:
    url = settings.transcription

    def post(sound: Sound) -> str | None:
        body, secret = sound.content(), signed_posts.secret_of(url, settings)
        signed = signed_posts.signature(secret, f"recording-{sound.recording_id}", body, at=utc_now())
        about = {"comptoir-seconds": str(sound.seconds), "comptoir-kind": sound.kind}
        if sound.language:
            about["comptoir-language"] = sound.language
        try:
            answer = outgoing.fetch(
                url,
                method="POST",
                headers={"Content-Type": "audio/wav", **about, **signed},
                body=body,
                limit_bytes=MOST_READ,
                timeout_seconds=TIMEOUT,
                allow_private=settings.private_addresses,
            )
        except outgoing.AddressRefused as error:
            raise PermanentFailure(str(error)) from None
        except outgoing.CallFailed as error:
            raise TransientFailure(str(error)) from None
        return _words(answer)

    return post


def _words(answer: outgoing.Answer) -> str | None:
    if answer.status == HTTPStatus.ACCEPTED:
        return None
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS or answer.status >= 500:
        raise TransientFailure(f"the transcriber answered {answer.status}")
    if not answer.is_ok:
        raise PermanentFailure(f"the transcriber answered {answer.status}")
    try:
        found = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        raise PermanentFailure("the transcriber's answer is no JSON") from None
    text = found.get("text") if isinstance(found, dict) else None
    if not isinstance(text, str):
        raise PermanentFailure('the transcriber\'s answer lacks "text"')
    return text


def _fail(recording_id: int, reason: str) -> None:
    log.error("no transcript", recording_id=recording_id, reason=reason)
    with transaction("worker"):
        _, recording = recorded_sound.lock(recording_id)
        recordings.fail_transcript(recording, reason)
