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
class MediaAnnounced(Event):
    """A message came with files, which the provider still has; fetching them follows from it."""

    message_id: int
    files: int


@dataclass(frozen=True)
class MediaFetched(Event):
    """Files that came with a message are in our own store."""

    message_id: int
    attachments: list[int]


@dataclass(frozen=True)
class CallArrived(Event):
    """The phone rings."""

    call_id: int


@dataclass(frozen=True)
class CalledAgain(Event):
    """Somebody calls again whose ticket an agent has; that this agent's device rings follows."""

    call_id: int
    agent_id: int


@dataclass(frozen=True)
class CallerChose(Event):
    """A caller asks for something instead of waiting: a callback, a voicemail, or to go on by text message."""

    call_id: int
    choice: str


@dataclass(frozen=True)
class CallAbandoned(Event):
    """A caller has hung up before anybody spoke with them; `stage` is where they were with us."""

    call_id: int
    stage: str
    waited_seconds: int


@dataclass(frozen=True)
class VoicemailRecorded(Event):
    """The caller left a voicemail; fetching the recording follows from it."""

    call_id: int
    message_id: int
    seconds: int


@dataclass(frozen=True)
class TalkRecorded(Event):
    """What customer and agent said was recorded; fetching the recording follows from it."""

    call_id: int
    message_id: int
    seconds: int


@dataclass(frozen=True)
class RecordingFetched(Event):
    """The recording is in our own store, attached to its message."""

    call_id: int
    attachment_id: int


@dataclass(frozen=True)
class TranscriptAdded(Event):
    """What is said in a recording is put down as text, in the message that shows it."""

    call_id: int
    recording_id: int


@dataclass(frozen=True)
class RecordingDeleted(Event):
    """A recording is gone, by its queue's rule or by somebody's hand; its bytes and the provider's copy go after it."""

    call_id: int
    recording_id: int
    files: list[str]


@dataclass(frozen=True)
class CallEnded(Event):
    call_id: int
    state: str
    seconds: int | None = None


@dataclass(frozen=True)
class CallPlaced(Event):
    """An agent, or a callback that was due, calls the customer: the agent's device first."""

    call_id: int
    agent_id: int


@dataclass(frozen=True)
class CallOffered(Event):
    """A device is to ring for a call; that it does follows."""

    call_id: int
    leg_id: int
    role: str  # channels.phone.models.LegRole
    agent_id: int | None = None  # None: a number outside the desk


@dataclass(frozen=True)
class LegPickedUp(Event):
    """Somebody has picked up, and is in the call's room; that the customer comes there follows."""

    call_id: int
    leg_id: int
    role: str
    agent_id: int | None = None


@dataclass(frozen=True)
class LegEnded(Event):
    """A device rings no more, or has left the call; that its line is cut and its agent freed follows."""

    call_id: int
    leg_id: int
    role: str
    reason: str  # in words
    agent_id: int | None = None
    cut: bool = False  # by us, so that its line may be open still
    spoke: bool = False  # with the customer: a wrap-up follows
    missed: bool = False  # it rang, and nobody was there: the agent is away


@dataclass(frozen=True)
class CallerReturned(Event):
    """The customer is to wait in the line again; that they leave the room follows."""

    call_id: int
    why: str  # channels.phone.rooms.Back


@dataclass(frozen=True)
class CallHeld(Event):
    """The customer is to hear music: the agent speaks with somebody else, or looks something up."""

    call_id: int


@dataclass(frozen=True)
class CallResumed(Event):
    """The customer is to hear the others in the room again."""

    call_id: int


@dataclass(frozen=True)
class CallTransferred(Event):
    """The customer was handed on, by the agent `before`."""

    call_id: int
    to: str  # agent, queue, number
    before: int | None = None
    after: int | None = None  # the agent or the queue
    warm: bool = False  # they were spoken to first


@dataclass(frozen=True)
class SupervisionChanged(Event):
    """Whoever listens in a call does so in another way: heard by nobody, by the agent, by both."""

    call_id: int
    leg_id: int
    role: str


@dataclass(frozen=True)
class CallEnding(Event):
    """The desk ends the call; that the customer's line is cut follows."""

    call_id: int


@dataclass(frozen=True)
class CallbackBooked(Event):
    """We owe the customer a call; `not_after` is what was promised, None: as soon as it is their turn."""

    callback_id: int
    reason: str  # asked, closed, abandoned, agent
    not_before: str
    not_after: str | None
    waiting_since: str  # the place that is kept


@dataclass(frozen=True)
class CallbackMoved(Event):
    """The customer is to be called at another time, or at another number."""

    callback_id: int
    not_before: str
    not_after: str | None


@dataclass(frozen=True)
class CallbackDue(Event):
    """The customer is to be called now, as soon as their place in the line has its turn."""

    callback_id: int
    attempt: int  # the first is 1


@dataclass(frozen=True)
class CallbackTried(Event):
    """An attempt that reached nobody, and when the next one is due; None: it was the last."""

    callback_id: int
    attempt: int
    outcome: str
    again_at: str | None


@dataclass(frozen=True)
class CallbackDone(Event):
    """Agent and customer spoke."""

    callback_id: int
    agent_id: int


@dataclass(frozen=True)
class CallbackMissed(Event):
    """The customer did not pick up, as often as the rule says; we have left them word where we could."""

    callback_id: int
    attempts: int


@dataclass(frozen=True)
class CallbackCancelled(Event):
    callback_id: int
    why: str


@dataclass(frozen=True)
class ChatEnded(Event):
    """A visitor has said that they are done with their chat."""

    session_id: int


@dataclass(frozen=True)
class ChatRated(Event):
    """A visitor has said how they found their chat, from 1 (bad) to 5; `before` is what they had said first."""

    session_id: int
    rating: int
    agent_id: int | None  # who had the ticket then
    before: int | None = None


@dataclass(frozen=True)
class ReplyRerouted(Event):
    """A reply that nobody fetched any more went another way; that it leaves follows."""

    message_id: int
    before: str  # channels
    after: str
    why: str  # visitor_away
