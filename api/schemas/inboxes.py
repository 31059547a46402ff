"""What is asked of inboxes, and their secrets as JSON."""

from marshmallow import fields
from marshmallow.validate import OneOf

from api.schemas.asked import Asked, Words
from api.schemas.people import Skills
from api.schemas.references import QueueName
from api.serialisation import Answer
from ticketing.envelope import HANDLE_KINDS, Channel
from ticketing.handles import MAX_LENGTH
from ticketing.inboxes import MAX_GREETING, MAX_NAME

NAMED = {"anyOf": [{"type": "string"}, {"type": "integer"}], "example": "Support"}


class InboxSettingsSchema(Asked):
    """What an inbox does in its own way; null takes a setting away."""

    language = Words(
        35,
        allow_none=True,
        metadata={"description": "For customers who have not said theirs; also what callers hear.", "example": "fr-CA"},
    )
    greeting = Words(MAX_GREETING, allow_none=True, metadata={"description": "What callers hear."})
    skills = Skills(
        allow_none=True, metadata={"description": "What its new tickets ask of an agent.", "example": ["french"]}
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
