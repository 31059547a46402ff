"""The life of a call as one table. Pure. Words of it come late, twice and out of order, so a call only moves on."""

from enum import StrEnum


class CallState(StrEnum):
    """Where a call stands."""

    QUEUED = "queued"
    DIALLING = "dialling"
    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"
    BUSY = "busy"
    UNANSWERED = "unanswered"
    CANCELLED = "cancelled"
    FAILED = "failed"


# Twilio's CallStatus -> ours; https://www.twilio.com/docs/voice/api/call-resource#call-status-values
STATES = {
    "queued": CallState.QUEUED,
    "initiated": CallState.DIALLING,
    "ringing": CallState.RINGING,
    "in-progress": CallState.ANSWERED,
    "completed": CallState.ENDED,
    "busy": CallState.BUSY,
    "no-answer": CallState.UNANSWERED,
    "canceled": CallState.CANCELLED,
    "failed": CallState.FAILED,
}

_PROGRESS = {CallState.QUEUED: 0, CallState.DIALLING: 1, CallState.RINGING: 2, CallState.ANSWERED: 3}
_OVER = 4

FINAL = frozenset(CallState) - frozenset(_PROGRESS)


def moves_on(before: CallState, after: CallState) -> bool:
    """Say whether this is news: a later state. Of two final ones the first stands."""
    return _PROGRESS.get(after, _OVER) > _PROGRESS.get(before, _OVER)
