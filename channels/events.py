"""The journal entries that channels write."""

from dataclasses import dataclass

from ticketing.events import Event


@dataclass(frozen=True)
class DeliveryChanged(Event):
    """A message moved on its way to the customer."""

    message_id: int
    before: str
    after: str


@dataclass(frozen=True)
class DeliveryDelayed(Event):
    """A mail server on the way says that it still tries; nothing is lost yet."""

    message_id: int


@dataclass(frozen=True)
class CopyReturned(Event):
    """A copy of a message came back; whom the message was for may have it all the same."""

    message_id: int


@dataclass(frozen=True)
class MessageRead(Event):
    """The recipient's program says that a message was shown to somebody."""

    message_id: int


@dataclass(frozen=True)
class ComplaintReceived(Event):
    """The recipient called a message spam, so no program writes to that address unasked any more."""

    message_id: int
    handle_id: int | None = None


@dataclass(frozen=True)
class CallArrived(Event):
    """The phone rings."""

    call_id: int


@dataclass(frozen=True)
class VoicemailRecorded(Event):
    """The caller left a voicemail; fetching the recording follows from it."""

    call_id: int
    message_id: int
    seconds: int


@dataclass(frozen=True)
class RecordingFetched(Event):
    """The recording is in our own store, attached to its message."""

    call_id: int
    attachment_id: int


@dataclass(frozen=True)
class CallEnded(Event):
    call_id: int
    state: str
    seconds: int | None = None
