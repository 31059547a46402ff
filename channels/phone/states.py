"""The life of a call as one table. Pure. Words of it come late, twice and out of order, so a call only moves on."""

from collections.abc import Mapping
from dataclasses import dataclass
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


class Answerer(StrEnum):
    """Who picked up where we called somebody who may not be there: a person or a machine."""

    ANYBODY = ""  # nobody listens for that
    UNKNOWN = "unknown"  # it is being found out
    PERSON = "person"
    MACHINE = "machine"


# Twilio's AnsweredBy -> ours; https://www.twilio.com/docs/voice/answering-machine-detection#answeredby
ANSWERERS = {
    "human": Answerer.PERSON,
    "unknown": Answerer.PERSON,  # rather a mailbox that is greeted than a person who is hung up on
    "machine_start": Answerer.MACHINE,
    "fax": Answerer.MACHINE,
}


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

# What a line may become next, by whatever is told of it. Steps may be skipped, for their news may be late or lost, but
# none is ever gone back; an end is an end, and of two the first that we hear of stands.
_ENDS = frozenset({CallState.ENDED, CallState.BUSY, CallState.UNANSWERED, CallState.CANCELLED, CallState.FAILED})
NEXT: Mapping[CallState, frozenset[CallState]] = {
    CallState.QUEUED: _ENDS | {CallState.DIALLING, CallState.RINGING, CallState.ANSWERED},
    CallState.DIALLING: _ENDS | {CallState.RINGING, CallState.ANSWERED},
    CallState.RINGING: _ENDS | {CallState.ANSWERED},
    CallState.ANSWERED: _ENDS,
    CallState.ENDED: frozenset(),
    CallState.BUSY: frozenset(),
    CallState.UNANSWERED: frozenset(),
    CallState.CANCELLED: frozenset(),
    CallState.FAILED: frozenset(),
}
FINAL = frozenset(state for state, after in NEXT.items() if not after)


def moves_on(before: CallState, after: CallState) -> bool:
    """Say whether this is news of a line: a later state."""
    return after in NEXT[before]


@dataclass(frozen=True)
class Heard:
    """How far the news of a room has been listened to: whoever is in it may leave and come back, so that only
    `SequenceNumber`, which counts the callbacks of one conference, tells the newer word from the older.

    Kept as `room:number`. Another room is another count.
    """

    room: str = ""
    number: int = -1

    @classmethod
    def read(cls, kept: str) -> "Heard":
        """Return what `str` has made of it; "" is nothing heard yet."""
        room, _, number = kept.rpartition(":")
        return cls(room, int(number)) if room else cls()

    def __str__(self) -> str:
        return f"{self.room}:{self.number}" if self.room else ""

    def misses(self, told: "Heard") -> bool:
        """Say whether what is told now is newer than all that was heard of the room, or is of another one."""
        return told.room != self.room or told.number > self.number
