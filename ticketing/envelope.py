"""What the core needs to know of a message that came in, whatever the channel. Pure.

Adapters in `channels` turn a provider's payload into an `InboundMessage`; `ticketing.intake` takes it from there.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Channel(StrEnum):
    """How a message travels. `api` is for tickets that a program or an agent opened."""

    PHONE = "phone"
    SMS = "sms"
    WHATSAPP = "whatsapp"
    EMAIL = "email"
    CHAT = "chat"
    API = "api"


class HandleKind(StrEnum):
    """What sort of address a customer's handle is."""

    EMAIL = "email"  # folded: see ticketing.handles
    PHONE = "phone"  # E.164
    VISITOR = "visitor"  # a chat visitor's public id


HANDLE_KINDS: dict[Channel, HandleKind] = {
    Channel.PHONE: HandleKind.PHONE,
    Channel.SMS: HandleKind.PHONE,
    Channel.WHATSAPP: HandleKind.PHONE,
    Channel.EMAIL: HandleKind.EMAIL,
    Channel.CHAT: HandleKind.VISITOR,
}


@dataclass(frozen=True)
class Sender:
    """Who wrote: `address` as the provider gave it, folded only by the core; `name` "" when unknown."""

    kind: HandleKind
    address: str
    name: str = ""


@dataclass(frozen=True)
class IncomingFile:
    """A file that came with a message. `content_id` is a MIME part's cid, "" if none."""

    filename: str
    content_type: str
    content: bytes
    content_id: str = ""
    inline: bool = False


@dataclass(frozen=True)
class ThreadHints:
    """What a message says of the ticket that it belongs to, strongest first (see ticketing.matching).

    `ticket_ids` come from what we signed and verified, or from a session of ours (a chat, a call). `message_ids`
    (provider ids of known messages) and `subject_ticket_ids` can be guessed, and count only for participants.
    """

    ticket_ids: tuple[int, ...] = ()
    message_ids: tuple[str, ...] = ()
    subject_ticket_ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class Forwarded:
    """A customer's mail inside somebody else's: who wrote it, what, and what was said above it by who passed it on.

    `by` is that one where we believe it (see ticketing.intake), else None.
    """

    author: Sender
    text: str
    comment: str = ""
    by: Sender | None = None


class Opting(StrEnum):
    """What a message says of further messages, beside which it says nothing: STOP, START and their like."""

    OUT = "out"
    IN = "in"
    IN_IF_OUT = "in_if_out"  # a word that means this only to who is out, else it is a message like any other


@dataclass(frozen=True)
class InboundMessage:
    """One message from a customer, in our words."""

    channel: Channel
    provider_id: str  # unique per inbox; decides whether we have it already
    sender: Sender
    text: str  # the new words
    received_at: datetime
    subject: str = ""
    html: str = ""  # the new words too, sanitised
    quoted: str = ""  # the part of the text that repeats earlier messages, and the signature
    quoted_html: str = ""  # the same part of the HTML, sanitised
    files: tuple[IncomingFile, ...] = ()
    hints: ThreadHints = field(default_factory=ThreadHints)
    automatic: bool = False  # written by a machine (RFC 3834): starts no clock, reopens nothing
    live: bool = False  # the customer waits at the other end (a call, an open chat)
    language: str = ""  # IETF tag, "" when unknown
    to: tuple[Sender, ...] = ()  # whom the author addressed, us among them
    cc: tuple[Sender, ...] = ()
    sent_at: datetime | None = None  # as the author's program says; None when it does not
    answerable: bool = True  # by a program: not a machine, a mailing list, or who asks for silence (RFC 3834, 2)
    forwarded: Forwarded | None = None  # it may be an agent who passes on what a customer wrote
    opting: Opting | None = None  # it is but a word on further messages, see ticketing.opt_outs


class MessageState(StrEnum):
    """Where an outbound message stands on its way to the customer."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    BOUNCED = "bounced"
    UNKNOWN = "unknown"  # we cannot know whether the provider took it; never resent blindly
    RECEIVED = "received"  # inbound messages and notes are where they should be
