"""What is asked of inboxes, and their secrets as JSON."""

from marshmallow import fields
from marshmallow.validate import OneOf, Range

from api.schemas.asked import Asked, Flag, Line, Words
from api.schemas.people import Skills
from api.schemas.references import QueueName
from api.schemas.writing import Bodies
from api.serialisation import Answer
from ticketing.envelope import HANDLE_KINDS, Channel
from ticketing.handles import MAX_LENGTH
from ticketing.inboxes import ACKNOWLEDGE_WINDOWS, ACKNOWLEDGED_EVERY, MAX_GREETING, MAX_NAME, MAX_SIGNATURE

NAMED = {"anyOf": [{"type": "string"}, {"type": "integer"}], "example": "Support"}


class AcknowledgeSchema(Asked):
    """Whether and how who opens a ticket by mail is told that it has arrived."""

    enabled = Flag(load_default=True)
    bodies = Bodies(load_default=dict)
    window_seconds = fields.Integer(
        strict=True,
        load_default=ACKNOWLEDGED_EVERY,
        validate=Range(ACKNOWLEDGE_WINDOWS[0], ACKNOWLEDGE_WINDOWS[-1]),
        metadata={"description": "A sender is told at most once in this time."},
    )


class InboxSettingsSchema(Asked):
    """What an inbox does in its own way; null takes a setting away."""

    language = Words(
        35,
        allow_none=True,
        metadata={"description": "For customers who have not said theirs; also what callers hear.", "example": "fr-CA"},
    )
    greeting = Words(MAX_GREETING, allow_none=True, metadata={"description": "What callers hear."})
    sender_name = Line(
        MAX_NAME,
        allow_none=True,
        metadata={
            "description": "Who its mail is from, with variables as in canned replies; without it, the agent's name.",
            "example": "{{agent.name|The team}} · Kettle support",
        },
    )
    signature = Words(
        MAX_SIGNATURE,
        allow_none=True,
        metadata={
            "description": "Stands below every mail; Markdown, with the same variables.",
            "example": "{{agent.name}}\n**Kettle support**, https://kettle.example",
        },
    )
    quote_history = Flag(
        allow_none=True,
        metadata={"description": "Whether a mail repeats what it answers; without it, yes.", "example": False},
    )
    skills = Skills(
        allow_none=True, metadata={"description": "What its new tickets ask of an agent.", "example": ["french"]}
    )
    acknowledge = fields.Nested(
        AcknowledgeSchema,
        allow_none=True,
        metadata={"description": "Mail that opens a ticket is acknowledged; words of the inbox's own come first."},
    )
    agents_forward = Flag(
        allow_none=True,
        metadata={"description": "A mail that an agent passes on becomes a ticket of the customer who wrote it."},
    )


class InboxChangeSchema(Asked):
    """What to change of an inbox; what is not named stays, a setting too."""

    name = Words(MAX_NAME, metadata={"description": "As customers read it.", "example": "Kettle support"})
    queue = QueueName(metadata={**NAMED, "description": "Where its new tickets go: a queue's name or id."})
    settings = fields.Nested(InboxSettingsSchema)


class NewInboxSchema(Asked):
    """An address of ours to open."""

    channel = fields.Enum(
        Channel, by_value=True, required=True, validate=OneOf(list(HANDLE_KINDS), error="Must be one of: {choices}.")
    )
    address = Words(
        MAX_LENGTH,
        required=True,
        metadata={
            "description": "A mail address, a number with its country code, or a chat widget's key.",
            "example": "support@desk.example",
        },
    )
    name = Words(MAX_NAME, required=True, metadata={"description": "As customers read it.", "example": "Support mail"})
    queue = QueueName(required=True, metadata={**NAMED, "description": "Where its tickets go: a queue's name or id."})
    settings = fields.Nested(InboxSettingsSchema, load_default=dict)


class SecretSchema(Answer):
    """An inbox's secret, which is shown this once."""

    secret = fields.String(required=True, metadata={"description": "The bearer of `POST /inbound/email`."})
