"""What a channel adapter is: verify, parse, send. Providers' words stop here."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ticketing.envelope import Channel, InboundMessage, MessageState
from ticketing.files import file_store
from ticketing.intake import Taken


@dataclass(frozen=True)
class RawItem:
    """What came in through a door, before anybody has read it. Kept as it is, and replayable.

    `url` and `headers` (names in lower case) are what a signature may cover; `meta` is what the door knows besides:
    an SMTP envelope's recipient, a chat session's id.
    """

    channel: Channel
    kind: str  # which of the channel's doors: message, receipt, call, recording, …
    body: bytes
    received_at: datetime
    content_type: str = ""
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    meta: Mapping[str, str] = field(default_factory=dict)


RECONCILED = "reconciled"  # the `door` in the meta of an item that no webhook brought: channels.reconciling


class News(StrEnum):
    """What a receipt tells."""

    MOVED = "moved"  # the message is where `state` says
    DELAYED = "delayed"  # a server on the way still tries
    READ = "read"  # it was shown to somebody
    COMPLAINT = "complaint"  # the recipient called it spam


@dataclass(frozen=True)
class Undelivered:
    """An address that a message did not reach, "" for the message's own. `dead`: no other one will arrive there."""

    address: str
    reason: str
    dead: bool = False


@dataclass(frozen=True)
class Receipt:
    """A provider's later word on a message that we sent. `reason` is for the agent to read, "" when all is well.

    `message_id` is ours, where the receipt carries it (in a callback's address): a receipt may come before we have
    written down the provider's id, and then `provider_id` may be "". `undelivered` tells the recipients apart, where
    the provider does.
    """

    channel: Channel
    provider_id: str
    state: MessageState
    reason: str = ""
    message_id: int | None = None
    news: News = News.MOVED
    undelivered: tuple[Undelivered, ...] = ()
    opted_out: bool = False  # the customer wants none from that inbox
    may_go_again: bool = False  # it surely did not arrive, and what was in its way passes


@dataclass(frozen=True)
class Parsed:
    """What an item is. `key` is unique per inbox and decides whether we have it already; `inbox_address` is ours.

    `content` is a customer's message, a receipt, or None for news that the adapter's `observe` handles. `pool` is the
    provider's name for several addresses of ours, "" for none: an inbox that has it takes what comes to any of them.
    """

    key: str
    inbox_address: str
    content: InboundMessage | Receipt | None
    pool: str = ""


@dataclass(frozen=True)
class OutgoingFile:
    """A file to send along; its bytes are read from the file store only when it leaves."""

    filename: str
    content_type: str
    sha256: str
    attachment_id: int = 0

    def content(self) -> bytes:
        """Return the bytes. Raises NotFound."""
        return file_store().read(self.sha256)


@dataclass(frozen=True)
class Named:
    """Somebody's address, with their name if it is known."""

    address: str
    name: str = ""


@dataclass(frozen=True)
class Said:
    """What a customer said before; `at` is in the zone of who reads it."""

    author: str
    at: datetime
    text: str


@dataclass(frozen=True)
class Template:
    """Words that the provider has approved, by its own id, and what goes into their gaps."""

    content_id: str
    variables: Mapping[str, str]


@dataclass(frozen=True)
class Outgoing:
    """One message on its way to a customer, with all that any channel needs to send it."""

    message_id: int
    ticket_id: int
    channel: Channel
    sender: str  # our inbox's address
    sender_name: str
    recipient: str  # the customer's handle as they write it
    recipient_name: str
    subject: str
    text: str
    html: str
    automatic: bool
    written_at: datetime
    language: str = ""  # an IETF tag, "" when nobody said
    in_reply_to: str = ""  # the provider id of the customer's last message on this channel
    references: tuple[str, ...] = ()  # provider ids of the thread, oldest first
    files: tuple[OutgoingFile, ...] = ()
    inbox_id: int = 0
    copies: tuple[Named, ...] = ()  # who else gets it
    settled: frozenset[str] = frozenset()  # addresses that have it, or never will, from earlier attempts
    sent_as: int = 0  # the ticket that it was on at its first attempt; 0: it is the first
    signature: str = ""  # of the inbox, Markdown with variables
    values: Mapping[str, str] = field(default_factory=dict)  # what the variables stand for
    history: tuple[Said, ...] = ()  # what it answers, the newest first; nothing of it is internal
    pool: str = ""  # the provider's name for several addresses of ours, by one of which it leaves
    written_to: str = ""  # the one of them to which the customer wrote last
    template: Template | None = None  # it stands for the text


@dataclass(frozen=True)
class Accepted:
    """The provider has it. `state` is SENT, or DELIVERED where acceptance is arrival.

    Where copies go to several, `reached` are the addresses that it took now, `refused` those that will never have it
    and `postponed` those that are to be tried again alone, with the reasons.
    """

    provider_id: str
    state: MessageState = MessageState.SENT
    reached: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    postponed: Mapping[str, str] = field(default_factory=dict)


class ChannelAdapter(ABC):
    """One channel. Adapters are made once per application, from its settings."""

    channel: Channel

    @abstractmethod
    def verify(self, item: RawItem) -> None:
        """Raise InvalidSignature unless the item comes from who it says. Nothing is parsed before."""

    @abstractmethod
    def parse(self, item: RawItem) -> Parsed:
        """Read the item. No database, no network. Raises MalformedPayload, UnsupportedPayload."""

    @abstractmethod
    def send(self, outgoing: Outgoing) -> Accepted:
        """Hand a message to the provider, outside any transaction, within 30 seconds.

        Raises TransientFailure, PermanentFailure, OutcomeUnknown.
        """

    def enrich(self, item: RawItem, message: InboundMessage) -> InboundMessage:
        """Add what only the store knows (a chat session's ticket), in the intake's transaction, before it."""
        return message

    def taken_in(  # noqa: B027 - most channels have nothing to add
        self, item: RawItem, taken: Taken, *, at: datetime
    ) -> None:
        """Write down what else follows from the message, in the intake's transaction, after it."""

    def observe(  # noqa: B027 - only a channel that parses to None needs it
        self, item: RawItem, parsed: Parsed, *, at: datetime
    ) -> None:
        """Handle news that is neither a message nor a receipt, in the item's transaction."""
