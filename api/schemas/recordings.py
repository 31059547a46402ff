"""Recordings of calls as JSON."""

from marshmallow import fields

from api.schemas.asked import Asked, Words
from api.serialisation import Answer, Moment
from channels.phone.models import RecordingKind, RecordingState, TranscriptState
from channels.phone.recordings import MAX_TRANSCRIPT


class RecordingSummarySchema(Answer):
    """A recording of a call, without the words: a voicemail, or what customer and agent said."""

    id = fields.Integer(required=True)
    call = fields.Integer(attribute="call_id", required=True)
    message = fields.Integer(
        attribute="message_id",
        required=True,
        allow_none=True,
        metadata={"description": "Which shows it: the customer's for a voicemail, a note for a talk."},
    )
    kind = fields.Enum(RecordingKind, by_value=True, required=True)
    state = fields.Enum(
        RecordingState,
        by_value=True,
        required=True,
        metadata={"description": "`announced`: on its way to us; `kept`: it can be played; `failed`: see `error`."},
    )
    error = fields.String(required=True, metadata={"description": "Why it cannot be played, in words to read."})
    seconds = fields.Integer(required=True)
    transcript_state = fields.Enum(
        TranscriptState,
        by_value=True,
        required=True,
        metadata={"description": "Empty: nobody was asked to write it down."},
    )
    delete_after = Moment(
        required=True,
        allow_none=True,
        metadata={"description": "When the sound is deleted; null: it stays as long as its ticket."},
    )
    created_at = Moment(required=True)


class RecordingSchema(RecordingSummarySchema):
    """A recording of a call: a voicemail, or what customer and agent said."""

    transcript = fields.String(required=True, metadata={"description": "What is said; empty if nobody wrote it down."})


class RecordingPageSchema(Answer):
    """A page of recordings."""

    items = fields.Nested(RecordingSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)


class TranscriptSchema(Asked):
    """What is said in a recording."""

    text = Words(MAX_TRANSCRIPT, required=True, metadata={"example": "Please call me back, my kettle drips."})
