"""Messages as JSON."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from marshmallow import ValidationError, fields, validates_schema
from marshmallow.validate import Length

from api.pagination import PageQuery
from api.schemas.asked import Asked, Id, Words
from api.schemas.named import NamedSchema
from api.serialisation import Answer, DerivedNested, Moment
from channels.texting.segments import Encoding, Segments, count
from ticketing.approved import MAX_VARIABLE
from ticketing.attachments import MAX_FILES
from ticketing.copies import MAX_COPIES
from ticketing.envelope import Channel, MessageState
from ticketing.events import ActorType
from ticketing.handles import MAX_LENGTH
from ticketing.mentions import MAX_MENTIONS
from ticketing.models import Message, MessageKind
from ticketing.reply_plan import MAX_BODY


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


class SegmentsSchema(Answer):
    """In how many parts a text message travels, as operators bill them."""

    encoding = fields.Enum(Encoding, by_value=True, required=True)
    segments = fields.Integer(required=True, metadata={"example": 2})
    units = fields.Integer(required=True, metadata={"description": "Of 7 bits by gsm-7, of 16 by ucs-2."})
    units_left = fields.Integer(required=True, metadata={"description": "In the last part."})
    because_of = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "The characters, at most 20, that ask for ucs-2.", "example": ["’"]},
    )


def segments_of(message: Message) -> Segments | None:
    """Return in how many parts a text message travels; None for what has none."""
    is_text = message.channel is Channel.SMS and message.kind is not MessageKind.NOTE and not message.attachments
    return count(message.body) if is_text else None


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
                "address or channel stands in for one from which our messages come back, `visitor_away` where one "
                "stands in for a chat that its visitor has left."
            )
        },
    )
    segments = DerivedNested(
        SegmentsSchema,
        of=segments_of,
        required=True,
        allow_none=True,
        metadata={"description": "Of a text message without files; else null."},
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


class PickedTemplateSchema(Asked):
    """A template that WhatsApp has approved, from the inbox's `templates`."""

    name = Words(60, required=True, metadata={"example": "order_ready"})
    variables = fields.Dict(
        keys=fields.String(validate=Length(1, 30)),
        values=fields.String(validate=Length(1, MAX_VARIABLE)),
        load_default=dict,
        metadata={"description": "What goes into its gaps, all of them.", "example": {"1": "Karim", "2": "kettle"}},
    )


class ReplySchema(Asked):
    """Words for the customer, or an approved template instead."""

    body = Words(
        MAX_BODY,
        metadata={"description": "Required without a template.", "example": "We send you a new one today."},
    )
    template = fields.Nested(
        PickedTemplateSchema,
        load_default=None,
        allow_none=True,
        metadata={
            "description": "Goes by WhatsApp, also where the customer wrote more than 24 hours ago; without `body`."
        },
    )
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

    @validates_schema
    def _says_something(self, data: dict[str, Any], **_: object) -> None:
        if data.get("template") is None and "body" not in data:
            raise ValidationError({"body": ["Missing data for required field."]})


class ReplyPreviewSchema(Answer):
    """How a reply would leave."""

    channel = fields.Enum(Channel, by_value=True, required=True)
    channel_reason = fields.String(required=True, metadata={"description": "As of a message."})
    inbox = fields.Nested(NamedSchema, required=True, metadata={"description": "Our address from which it goes."})
    to = fields.String(required=True, metadata={"description": "The customer's address.", "example": "+14165550177"})
    body = fields.String(required=True, metadata={"description": "The words as the customer reads them."})
    segments = fields.Nested(
        SegmentsSchema,
        required=True,
        allow_none=True,
        metadata={"description": "Of a text message without files; else null."},
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
