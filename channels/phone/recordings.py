"""Recordings of calls, voicemails and talks, as rows: announced by Twilio, kept with us, given words, deleted.

Each is shown by a message, whose ticket decides who may hear it: a voicemail is the customer's, a talk has a note of
the system's. The sound itself is fetched by `channels.phone.recorded_sound`. Everything here is in the caller's
transaction, with the ticket locked.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from channels.events import RecordingDeleted, RecordingFetched, TalkRecorded, TranscriptAdded, VoicemailRecorded
from channels.models import Call
from channels.phone.models import Recording, RecordingKind, RecordingState, TranscriptState
from ticketing import journal
from ticketing.envelope import Channel, MessageState
from ticketing.events import SYSTEM, Actor
from ticketing.models import Attachment, Message, MessageKind, Ticket
from ticketing.store import db

MAX_TRANSCRIPT = 90_000  # characters; a message has at most 100 000
TRANSCRIPT = "\n\nTranscript: "  # between what a message says of a recording, and its words
NO_TRANSCRIPT = "no transcript: "
RETENTION = "retention_days"  # of a queue's settings
NAMES = {RecordingKind.VOICEMAIL: "voicemail.wav", RecordingKind.TALK: "call.wav"}


def announce_voicemail(
    ticket: Ticket, call: Call, message: Message, *, provider_id: str, url: str, seconds: int, by: Actor, at: datetime
) -> None:
    """Write down that a caller left a voicemail, which this message of theirs shows; fetching it follows."""
    _announce(ticket, call, message, RecordingKind.VOICEMAIL, provider_id, url, seconds, at)
    journal.append(ticket, VoicemailRecorded(call.id, message.id, seconds), by=by, at=at)


def announce_talk(ticket: Ticket, call: Call, *, provider_id: str, url: str, seconds: int, at: datetime) -> None:
    """Write down, once, that a talk was recorded; fetching it follows."""
    if db.session().scalar(select(Recording.id).where(Recording.provider_id == provider_id)) is not None:
        return
    note = Message(
        ticket_id=ticket.id,
        kind=MessageKind.NOTE,
        channel=Channel.PHONE,
        body=talk_told(seconds),
        state=MessageState.RECEIVED,
        attachments=[],
        created_at=at,
    )
    db.session().add(note)
    db.session().flush()
    _announce(ticket, call, note, RecordingKind.TALK, provider_id, url, seconds, at)
    journal.append(ticket, TalkRecorded(call.id, note.id, seconds), by=SYSTEM, at=at)


def voicemail_told(seconds: int) -> str:
    """Return what the message of a voicemail says."""
    return f"Left a voicemail of {seconds} second{'s' if seconds != 1 else ''}."


def talk_told(seconds: int) -> str:
    """Return what the note of a recorded talk says."""
    minutes, rest = divmod(seconds, 60)
    return f"The call was recorded ({minutes}:{rest:02} min)."


TOLD = {RecordingKind.VOICEMAIL: voicemail_told, RecordingKind.TALK: talk_told}


def _announce(
    ticket: Ticket,
    call: Call,
    message: Message,
    kind: RecordingKind,
    provider_id: str,
    url: str,
    seconds: int,
    at: datetime,
) -> None:
    days = ticket.queue.settings.get(RETENTION)
    recording = Recording(
        call_id=call.id,
        message_id=message.id,
        kind=kind,
        provider_id=provider_id,
        url=url,
        seconds=seconds,
        state=RecordingState.ANNOUNCED,
        delete_after=at + timedelta(days=days) if days else None,
        created_at=at,
    )
    db.session().add(recording)
    db.session().flush()


def keep(ticket: Ticket, recording: Recording, *, sha256: str, size: int, at: datetime) -> None:
    """Attach the sound, whose bytes are in the file store, to the message that shows the recording."""
    attachment = Attachment(
        message_id=recording.message_id,
        filename=NAMES[recording.kind],
        content_type="audio/wav",
        size=size,
        sha256=sha256,
        created_at=at,
    )
    db.session().add(attachment)
    db.session().flush()
    recording.attachment_id, recording.state, recording.error = attachment.id, RecordingState.KEPT, ""
    journal.append(ticket, RecordingFetched(recording.call_id, attachment.id), by=SYSTEM, at=at)


def give_up(recording: Recording, reason: str) -> None:
    """Tell the agent that the sound will not come."""
    recording.state, recording.error = RecordingState.FAILED, reason
    message = db.session().get(Message, recording.message_id) if recording.message_id else None
    if message is not None:
        message.state_reason = reason


def discard(ticket: Ticket, recording: Recording, *, words: bool, by: Actor, at: datetime) -> None:
    """Delete the sound, and the words of it too if asked; the bytes, and Twilio's copy, go after the commit."""
    if recording.state is RecordingState.DELETED:
        return
    session = db.session()
    message = session.get(Message, recording.message_id) if recording.message_id else None
    attachment = session.get(Attachment, recording.attachment_id) if recording.attachment_id else None
    recording.state, recording.delete_after, recording.attachment_id = RecordingState.DELETED, None, None
    session.flush()
    files = [attachment.sha256] if attachment is not None else []
    if attachment is not None:
        session.delete(attachment)
    if words and recording.transcript:
        recording.transcript, recording.transcript_state = "", TranscriptState.NONE
        if message is not None:
            message.body = TOLD[recording.kind](recording.seconds)
    session.flush()
    if message is not None:
        session.expire(message, ["attachments"])
    journal.append(ticket, RecordingDeleted(recording.call_id, recording.id, files), by=by, at=at)


def add_transcript(ticket: Ticket, recording: Recording, text: str, *, by: Actor, at: datetime) -> None:
    """Put down what is said in a recording, where its message shows it and a search finds it. The newest counts."""
    text = text.strip()[:MAX_TRANSCRIPT]
    if recording.state is RecordingState.DELETED or (text == recording.transcript and text):
        return
    recording.transcript, recording.transcript_state = text, TranscriptState.DONE
    message = db.session().get(Message, recording.message_id) if recording.message_id else None
    if message is not None:
        message.body = TOLD[recording.kind](recording.seconds) + TRANSCRIPT + (text or "nothing was understood")
        if (message.state_reason or "").startswith(NO_TRANSCRIPT):
            message.state_reason = None
    journal.append(ticket, TranscriptAdded(recording.call_id, recording.id), by=by, at=at)


def fail_transcript(recording: Recording, reason: str) -> None:
    """Tell the agent that there will be no transcript; one that comes all the same is taken."""
    if recording.transcript_state == TranscriptState.DONE:
        return
    recording.transcript_state = TranscriptState.FAILED
    message = db.session().get(Message, recording.message_id) if recording.message_id else None
    if message is not None and not message.state_reason:
        message.state_reason = f"{NO_TRANSCRIPT}{reason}"


def find(provider_id: str) -> Recording | None:
    """Return a recording by the provider's id."""
    return db.session().scalar(select(Recording).where(Recording.provider_id == provider_id))


def shown_by(message_id: int) -> Recording | None:
    """Return the recording that a message shows."""
    return db.session().scalar(select(Recording).where(Recording.message_id == message_id).limit(1))


def overdue(now: datetime, limit: int = 100) -> Sequence[tuple[int, int]]:
    """Return recordings whose days are over, with the tickets that show them, in the order of the tickets' ids.

    Those too that never came to us: Twilio has them.
    """
    due = select(Recording.id).where(Recording.delete_after <= now)
    due = due.order_by(Recording.delete_after).limit(limit)
    query = select(Message.ticket_id, Recording.id).join(Message, Message.id == Recording.message_id)
    rows = db.session().execute(query.where(Recording.id.in_(due)).order_by(Message.ticket_id, Recording.id)).all()
    return [(ticket_id, recording_id) for ticket_id, recording_id in rows]
