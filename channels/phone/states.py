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


class Stage(StrEnum):
    """Where a caller is with us, while the line is open."""

    GREETING = "greeting"
    MENU = "menu"  # chooses what it is about
    HOLDING = "holding"  # waits in the line of a queue
    OFFERED = "offered"  # waits still, and an agent's device rings
    TALKING = "talking"
    ON_HOLD = "on_hold"  # an agent has put them on hold
    VOICEMAIL = "voicemail"
    BOOKING = "booking"  # says when, or where, to be called back
    LEAVING = "leaving"  # hears the last words
    DIALLED = "dialled"  # our call to them rings
    OVER = "over"


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
