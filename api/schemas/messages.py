"""Messages as JSON."""

from dataclasses import dataclass

from marshmallow import fields
from marshmallow.validate import Length

from api.schemas.asked import Asked, Id, Words
from api.serialisation import Answer, DerivedNested, Moment
from ticketing.attachments import MAX_FILES
from ticketing.conversation import MAX_BODY
from ticketing.envelope import Channel, MessageState
from ticketing.events import ActorType
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


class MessageSchema(Answer):
    """One message of a ticket's conversation, or an internal note."""

    id = fields.Integer(required=True)
    ticket = fields.Integer(attribute="ticket_id", required=True)
    kind = fields.Enum(MessageKind, by_value=True, required=True)
    channel = fields.Enum(Channel, by_value=True, required=True)
    author = DerivedNested(AuthorSchema, of=author_of, required=True)
    body = fields.String(required=True, metadata={"description": "The new words, as plain text."})
    html = fields.String(required=True, metadata={"description": "The same, sanitised; empty if there is none."})
    quoted = fields.String(required=True, metadata={"description": "What it repeats of earlier messages."})
    state = fields.Enum(
        MessageState, by_value=True, required=True, metadata={"description": "`received` for inbound ones and notes."}
    )
    state_reason = fields.String(
        required=True, allow_none=True, metadata={"description": "Why it could not be delivered, in words to read."}
    )
    channel_reason = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Why this channel: `asked_for`, `preferred`, `last_used` or `reachable`."},
    )
    provider_id = fields.String(required=True, allow_none=True)
    attachments = fields.Nested(AttachmentSchema, many=True, required=True)
    created_at = Moment(required=True)


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
