"""Messages as JSON."""

from dataclasses import dataclass
from enum import StrEnum

from marshmallow import fields
from marshmallow.validate import Length

from api.pagination import PageQuery
from api.schemas.asked import Asked, Id, Words
from api.serialisation import Answer, DerivedNested, Moment
from ticketing.attachments import MAX_FILES
from ticketing.conversation import MAX_BODY
from ticketing.copies import MAX_COPIES
from ticketing.envelope import Channel, MessageState
from ticketing.events import ActorType
from ticketing.handles import MAX_LENGTH
from ticketing.mentions import MAX_MENTIONS
from ticketing.models import Message, MessageKind


@dataclass(frozen=True)
class Author:
    """Who wrote a message; the system has neither id nor name."""

    type: ActorType
    id: int | None = None
    name: str | None = None


def author_of(message: Message) -> Author:
    """Return who wrote a message."""
    if message.author_agent is not None:
        return Author(ActorType.AGENT, message.author_agent.id, message.author_agent.name)
    if message.author_customer is not None:
        return Author(ActorType.CUSTOMER, message.author_customer.id, message.author_customer.name)
    return Author(ActorType.SYSTEM)


class AuthorSchema(Answer):
    """Who wrote."""

    type = fields.Enum(ActorType, by_value=True, required=True)
    id = fields.Integer(required=True, allow_none=True)
    name = fields.String(required=True, allow_none=True)


class AttachmentSchema(Answer):
    """A file that came or goes with a message."""

    id = fields.Integer(required=True)
    filename = fields.String(required=True)
    content_type = fields.String(required=True)
    size = fields.Integer(required=True, metadata={"description": "Bytes."})
    content_id = fields.String(
        required=True,
        metadata={"description": "By which the message's HTML names it, as `cid:…`; empty if it does not."},
    )


@dataclass(frozen=True)
class Addressed:
    """Whom a message was addressed to."""

    name: str
    address: str


def to_whom(message: Message) -> list[Addressed]:
    """Return whom a mail was to."""
    return [Addressed(one["name"], one["address"]) for one in message.data.get("to", ())]


def copies_of(message: Message) -> list[Addressed]:
    """Return who got a copy of a mail."""
    return [Addressed(one["name"], one["address"]) for one in message.data.get("cc", ())]


class AddressedSchema(Answer):
    """Somebody to whom a mail was addressed."""

    name = fields.String(required=True, metadata={"description": "Empty if there is none."})
    address = fields.String(required=True, metadata={"example": "ann@home.example"})


@dataclass(frozen=True)
class PassedOn:
    """An agent's mail in which a customer's came."""

    name: str
    address: str
    comment: str


def passed_on(message: Message) -> PassedOn | None:
    """Return who passed a customer's mail on to us, None if the customer wrote to us."""
    by = message.data.get("forwarded_by")
    return PassedOn(by["name"], by["address"], by["comment"]) if by else None


class PassedOnSchema(AddressedSchema):
    """Who passed a customer's mail on to us; by the sender that the mail names, which is no proof."""

    comment = fields.String(required=True, metadata={"description": "What stood above the customer's mail."})


class MessageSchema(Answer):
    """One message of a ticket's conversation, or an internal note."""

    id = fields.Integer(required=True)
    ticket = fields.Integer(attribute="ticket_id", required=True)
    kind = fields.Enum(MessageKind, by_value=True, required=True)
    channel = fields.Enum(Channel, by_value=True, required=True)
    author = DerivedNested(AuthorSchema, of=author_of, required=True)
    to = DerivedNested(
        AddressedSchema, of=to_whom, many=True, required=True, metadata={"description": "Of mail; else empty."}
    )
    cc = DerivedNested(
        AddressedSchema, of=copies_of, many=True, required=True, metadata={"description": "Of mail; else empty."}
    )
    body = fields.String(required=True, metadata={"description": "The new words, as plain text."})
    html = fields.String(
        required=True,
        metadata={
            "description": "The same, formatted and harmless; empty if there is none. Pictures on other servers wait "
            "in `data-src`; those that came along are named `cid:` and an attachment's `content_id`."
        },
    )
    quoted = fields.String(required=True, metadata={"description": "What it repeats of earlier messages; signatures."})
    quoted_html = fields.String(required=True, metadata={"description": "The same, formatted and harmless."})
    automatic = fields.Boolean(required=True, metadata={"description": "Written by a program, not by a person."})
    forwarded_by = DerivedNested(
        PassedOnSchema,
        of=passed_on,
        required=True,
        allow_none=True,
        metadata={"description": "The agent who passed it on; null if the customer wrote to us."},
    )
    state = fields.Enum(
        MessageState, by_value=True, required=True, metadata={"description": "`received` for inbound ones and notes."}
    )
    state_reason = fields.String(
        required=True, allow_none=True, metadata={"description": "Why it could not be delivered, in words to read."}
    )
    channel_reason = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": (
                "Why this channel: `asked_for`, `preferred`, `last_used` or `reachable`; `unreachable` where another "
                "address or channel stands in for one from which our messages come back."
            )
        },
    )
    provider_id = fields.String(required=True, allow_none=True)
    attachments = fields.Nested(AttachmentSchema, many=True, required=True)
    created_at = Moment(required=True)


class Pictures(StrEnum):
    """Whether a message's pictures on other servers are shown."""

    BLOCKED = "blocked"
    REMOTE = "remote"


class MessagePageQuery(PageQuery):
    """Which page of a ticket's messages, and how."""

    pictures = fields.Enum(
        Pictures,
        by_value=True,
        load_default=Pictures.BLOCKED,
        metadata={
            "description": "`remote` puts pictures on other servers in their place. Showing them tells those servers "
            "that the mail is read, when, and from which address: only where a person has asked for it."
        },
    )


class MessagePageSchema(Answer):
    """A page of messages."""

    items = fields.Nested(MessageSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)


class Uploads(fields.List[int]):
    """Ids of uploads of one's own."""

    def __init__(self) -> None:
        description = "Ids of your own uploads, which go with it."
        super().__init__(Id(), validate=Length(max=MAX_FILES), load_default=list, metadata={"description": description})


class ReplySchema(Asked):
    """Words for the customer."""

    body = Words(MAX_BODY, required=True, metadata={"example": "We send you a new one today."})
    html = fields.String(load_default="", metadata={"description": "The same, formatted; it is sanitised."})
    channel = fields.Enum(
        Channel,
        by_value=True,
        load_default=None,
        metadata={"description": "Without it: the preferred reachable channel, else the one last written on."},
    )
    attachments = Uploads()
    cc = fields.List(
        Words(MAX_LENGTH),
        validate=Length(max=MAX_COPIES),
        load_default=list,
        metadata={
            "description": "Addresses that get a copy, by email only; `state_reason` says to whom it did not go. "
            "422 for an address of ours.",
            "example": ["facilities@home.example"],
        },
    )


class NoteSchema(Asked):
    """Words for colleagues, which never leave the house."""

    body = Words(
        MAX_BODY,
        required=True,
        metadata={
            "description": "Whoever is named by address, as in `@ada@desk.example`, is mentioned too.",
            "example": "Third kettle of this batch.",
        },
    )
    attachments = Uploads()
    mentions = fields.List(
        Id(),
        validate=Length(max=MAX_MENTIONS),
        load_default=list,
        metadata={"description": "Agents' ids. 422 for one who does not see the ticket."},
    )
