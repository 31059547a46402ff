"""The kinds of journal entry, as frozen dataclasses in the past tense. Pure.

A kind's fields are what later readers (audit, SLA replay, reports) need to know without asking the store: ids and plain
values, never bodies or addresses. `channels/events.py` and `sla/events.py` add kinds of their own by subclassing Event.
"""

import re
from copy import deepcopy
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar, Self


class ActorType(StrEnum):
    """Who did it."""

    CUSTOMER = "customer"
    AGENT = "agent"
    SYSTEM = "system"


@dataclass(frozen=True)
class Actor:
    """Who did something; `id` is None for the system."""

    type: ActorType
    id: int | None = None

    @classmethod
    def agent(cls, agent_id: int) -> Self:
        return cls(ActorType.AGENT, agent_id)

    @classmethod
    def customer(cls, customer_id: int) -> Self:
        return cls(ActorType.CUSTOMER, customer_id)


SYSTEM = Actor(ActorType.SYSTEM)


@dataclass(frozen=True)
class Event:
    """What happened to a ticket. Subclass it to add a kind; the name is the kind."""

    kinds: ClassVar[dict[str, type["Event"]]] = {}

    def __init_subclass__(cls) -> None:
        Event.kinds[cls.kind()] = cls

    @classmethod
    @cache
    def kind(cls) -> str:
        """Return the name as clients see it: `TicketOpened` is `ticket_opened`, `SLABreached` is `sla_breached`."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()

    def data(self) -> dict[str, Any]:
        """Return the fields as plain values, for the store and for JSON."""
        # Most fields are plain, and `asdict` would copy each of them as deeply as it can.
        return {name: deepcopy(one) if isinstance(one, dict | list) else one for name, one in vars(self).items()}

    @staticmethod
    def load(kind: str, data: dict[str, Any]) -> "Event":
        """Return the event that `data()` came from; fields that are no more are ignored. Raises KeyError."""
        cls = Event.kinds[kind]
        known = _names_of(kind)
        if known.issuperset(data):
            return cls(**data)
        return cls(**{name: value for name, value in data.items() if name in known})


@cache
def _names_of(kind: str) -> frozenset[str]:
    return frozenset(f.name for f in fields(Event.kinds[kind]))


@dataclass(frozen=True)
class Entry:
    """One line of the journal: what, when, by whom and through which door (`source`: api, email, sms, ticker, …)."""

    ticket_id: int
    at: datetime
    actor: Actor
    source: str
    event: Event


@dataclass(frozen=True)
class TicketOpened(Event):
    channel: str
    queue_id: int
    priority: str
    customer_id: int
    waiting_since: str | None = None  # RFC 3339; None: the customer is not waiting (an agent wrote first)
    follows: int | None = None  # the closed ticket that this one continues
    language: str = ""  # the customer's, as an IETF tag
    tags: list[str] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)
    customer_fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class MessageReceived(Event):
    """The customer wrote, called or left a voicemail."""

    message_id: int
    channel: str
    automatic: bool = False


@dataclass(frozen=True)
class ReplyWritten(Event):
    """Somebody at the desk wrote to the customer; delivery follows from it."""

    message_id: int
    channel: str
    automatic: bool = False


@dataclass(frozen=True)
class OptedOut(Event):
    """The customer has told one of our inboxes to write no more."""

    handle_id: int
    inbox_id: int


@dataclass(frozen=True)
class OptedIn(Event):
    """The customer takes messages from one of our inboxes again."""

    handle_id: int
    inbox_id: int


@dataclass(frozen=True)
class NoteWritten(Event):
    message_id: int
    mentions: list[int] = field(default_factory=list)  # agents' ids


@dataclass(frozen=True)
class TicketAssigned(Event):
    before: int | None
    after: int
    stolen: bool = False
    automatic: bool = False  # by the queue's own assignment
    reason: str = ""  # why it was taken over or handed on, if anybody said
    rings: bool = False  # the customer is on the phone, or to be called: nobody has spoken to them yet
    awaits: bool = False  # they wait in a chat, or with a place kept: nobody has written to them yet
    # Who came to the line earlier and was not taken, each as {"ticket", "why"}.
    passed_over: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class TicketReleased(Event):
    before: int
    reason: str = ""  # agent_left, or what the agent said


@dataclass(frozen=True)
class StatusChanged(Event):
    """Moved between new, open, pending and on hold."""

    before: str
    after: str


@dataclass(frozen=True)
class TicketResolved(Event):
    before: str
    answer_needed: bool = True  # False: what the customer wrote last (thanks) called for nothing


@dataclass(frozen=True)
class TicketReopened(Event):
    before: str
    by_message_id: int | None = None  # the reply that reopened it


@dataclass(frozen=True)
class SubjectChanged(Event):
    before: str
    after: str


@dataclass(frozen=True)
class PriorityChanged(Event):
    before: str
    after: str


@dataclass(frozen=True)
class TicketMoved(Event):
    """Moved from one queue to another."""

    before: int
    after: int


@dataclass(frozen=True)
class TagsChanged(Event):
    added: list[str]
    removed: list[str]


@dataclass(frozen=True)
class FieldsChanged(Event):
    before: dict[str, Any]
    after: dict[str, Any]


@dataclass(frozen=True)
class LiveBegan(Event):
    """The customer has a place in the line of a queue, from the moment when they began to wait."""

    channel: str
    waiting_since: str


@dataclass(frozen=True)
class CustomerAnswered(Event):
    """A person at the desk and the customer speak with one another."""

    channel: str
    agent_id: int


@dataclass(frozen=True)
class CustomerLost(Event):
    """The customer waits again, from when they began to: whoever spoke with them is gone, and they are not."""

    channel: str
    waiting_since: str


@dataclass(frozen=True)
class LiveEnded(Event):
    """The customer no longer has a place in the line: the call or the chat is over."""

    channel: str


@dataclass(frozen=True)
class TicketClosed(Event):
    """The grace period after solving is over; nothing reopens the ticket any more."""

    solved_at: str  # RFC 3339


@dataclass(frozen=True)
class TicketSnoozed(Event):
    until: str  # RFC 3339


@dataclass(frozen=True)
class TicketWoke(Event):
    """A snoozed ticket is back; the entry's `at` is the moment for which it was snoozed, if it was left alone."""

    why: str  # due, reply (the customer wrote), undelivered (ours did not arrive), callback, agent, resolved, merged


@dataclass(frozen=True)
class SkillsChanged(Event):
    added: list[str]
    removed: list[str]


@dataclass(frozen=True)
class TicketMerged(Event):
    """This ticket is now part of another, where its messages are."""

    into: int
    messages: list[int]


@dataclass(frozen=True)
class TicketAbsorbed(Event):
    """Another ticket was merged into this one."""

    merged: int
    messages: list[int]
    waiting_since: str | None  # of this ticket now: the older one of the two


@dataclass(frozen=True)
class TicketSplit(Event):
    """Messages of this ticket went to a new one."""

    UNTOLD: ClassVar[str] = ""

    into: int
    messages: list[int]
    waiting_since: str | None = UNTOLD  # of this ticket now; entries of before 0.3 do not tell


@dataclass(frozen=True)
class LinkAdded(Event):
    link: str
    other: int


@dataclass(frozen=True)
class LinkRemoved(Event):
    link: str
    other: int


@dataclass(frozen=True)
class CustomersMerged(Event):
    """The ticket's customer turned out to be the same person as another, who has the ticket now."""

    merged: int
    kept: int


@dataclass(frozen=True)
class CustomersUnmerged(Event):
    kept: int
    parted: int


@dataclass(frozen=True)
class TicketErased(Event):
    """The customer asked to be forgotten: words, files and names are gone, times and verdicts stay."""

    messages: list[int]
    files: list[str] = field(default_factory=list)  # by SHA-256; whichever nothing else uses, goes from the file store


@dataclass(frozen=True)
class WordsOutdated(Event):
    """The customer of these tickets has another name; that they are found by it follows."""

    tickets: list[int]


@dataclass(frozen=True)
class MacroApplied(Event):
    macro_id: int


@dataclass(frozen=True)
class AssignmentDue(Event):
    """A ticket waits in a queue that hands out its work by itself."""

    queue_id: int


@dataclass(frozen=True)
class AgentFreed(Event):
    """The ticket no longer counts for an agent who takes only so many at a time: another one may come."""

    agent_id: int


@dataclass(frozen=True)
class AddressUnreachable(Event):
    """What was sent to a customer's address came back for good; replies go elsewhere from now on."""

    handle_id: int
    message_id: int
