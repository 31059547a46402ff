"""What is asked of inboxes, and their secrets as JSON."""

from typing import Any

from marshmallow import ValidationError, fields
from marshmallow.validate import Length, OneOf, Range

from api.schemas.asked import Asked, Flag, Id, Line, Text, Words
from api.schemas.people import Skills
from api.schemas.references import QueueName
from api.schemas.writing import Bodies
from api.serialisation import Answer
from ticketing.approved import MAX_TEMPLATES, MAX_WORDS
from ticketing.envelope import HANDLE_KINDS, Channel
from ticketing.handles import MAX_LENGTH
from ticketing.inboxes import (
    ACKNOWLEDGE_WINDOWS,
    ACKNOWLEDGED_EVERY,
    CONVERSATION_DAYS,
    MAX_NAME,
    MAX_SIGNATURE,
    MENU_KEYS,
)
from ticketing.languages import LONGEST_TAG
from ticketing.widget_settings import (
    FIELD_TYPES,
    MAX_FIELDS,
    MAX_LANGUAGES,
    MAX_OPTIONS,
    MAX_ORIGINS,
    MAX_TEXTS,
    MOST_FILES,
)
from ticketing.widget_settings import MAX_WORDS as MAX_TEXT

SPOKEN = "words, the https address of an audio file, or such by language"
SPOKEN_TYPE = {
    "anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": {"type": "string"}}],
    "example": {"en": "Hello, this is Example.", "fr": "Bonjour, ici Example."},
}
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


class ApprovedTemplateSchema(Asked):
    """Words that WhatsApp has approved."""

    content_sid = Words(
        64,
        required=True,
        metadata={"description": "From Twilio's Content API.", "example": "HX0123456789abcdef0123456789abcdef"},
    )
    body = Words(
        MAX_WORDS,
        required=True,
        metadata={"description": "As approved, with its gaps.", "example": "Hello {{1}}, your {{2}} is ready."},
    )
    language = Text(LONGEST_TAG, load_default="", metadata={"example": "en"})


class Spoken(fields.Field[Any]):
    """Words for callers, or the https address of an audio file; for all of them, or by language."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.metadata = {**SPOKEN_TYPE, **self.metadata}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        named = isinstance(value, dict) and all(isinstance(one, str) for pair in value.items() for one in pair)
        if not isinstance(value, str) and not named:
            raise ValidationError(f"Must be {SPOKEN}.")
        return value


class Labels(Spoken):
    """A text, for all, or by language."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.metadata = {**self.metadata, "example": {"en": "Order number", "fr": "Numéro de commande"}}


class MenuSchema(Asked):
    """What callers choose from by a key."""

    prompt = Spoken(required=True, metadata={"description": f"{SPOKEN[0].upper()}{SPOKEN[1:]}."})
    options = fields.Dict(
        keys=fields.String(validate=OneOf(MENU_KEYS)),
        values=Id(),
        required=True,
        validate=Length(1, len(MENU_KEYS)),
        metadata={"description": "Queues' ids by key.", "example": {"1": 1}},
    )


class WidgetFieldSchema(Asked):
    """Something that visitors are asked before a chat."""

    name = fields.String(
        required=True,
        validate=Length(1, 40),
        metadata={"description": "name, email and phone are the visitor's own; others are kept with the session."},
    )
    label = Labels(metadata={"description": "As visitors read it: a text, or texts by language."})
    type = fields.String(validate=OneOf(FIELD_TYPES), metadata={"example": "text"})
    required = Flag()
    options = fields.List(
        Words(MAX_TEXT), validate=Length(1, MAX_OPTIONS), metadata={"description": "What to select from."}
    )


class WidgetFilesSchema(Asked):
    """What visitors may send along in a chat."""

    max_bytes = fields.Integer(
        strict=True, validate=Range(1, 100_000_000), metadata={"description": "Of one file; without it 10 MB."}
    )
    most = fields.Integer(
        strict=True,
        validate=Range(MOST_FILES[0], MOST_FILES[-1]),
        metadata={"description": "With one message; 0 is none at all, without it 5."},
    )
    types = fields.List(
        fields.String(validate=Length(3, 100)),
        validate=Length(max=MAX_OPTIONS),
        metadata={"description": "Such as image/png or image/*; without it the usual ones."},
    )


class InboxSettingsSchema(Asked):
    """What an inbox does in its own way; null takes a setting away."""

    language = Words(
        35,
        allow_none=True,
        metadata={"description": "For customers who have not said theirs; also what callers hear.", "example": "fr-CA"},
    )
    greeting = Spoken(allow_none=True, metadata={"description": f"What callers hear first: {SPOKEN}."})
    closed_greeting = Spoken(
        allow_none=True, metadata={"description": "What they hear instead while the line is closed, likewise."}
    )
    voice = Text(
        100, allow_none=True, metadata={"description": "One of Twilio's, in `language`.", "example": "Polly.Joanna"}
    )
    menu = fields.Nested(
        MenuSchema, allow_none=True, metadata={"description": "Which key leads callers to which queue."}
    )
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
    conversation_days = fields.Integer(
        strict=True,
        allow_none=True,
        validate=Range(CONVERSATION_DAYS[0], CONVERSATION_DAYS[-1]),
        metadata={
            "description": "How long a text, or a call, continues the last ticket; without it 14, for calls 1.",
            "example": 7,
        },
    )
    messaging_service = fields.String(
        allow_none=True,
        validate=Length(max=64),
        metadata={
            "description": "The SID of Twilio's Messaging Service by which its texts leave, from and to its numbers.",
            "example": "MG0123456789abcdef0123456789abcdef",
        },
    )
    templates = fields.Dict(
        keys=fields.String(validate=Length(1, 60)),
        values=fields.Nested(ApprovedTemplateSchema),
        allow_none=True,
        validate=Length(max=MAX_TEMPLATES),
        metadata={"description": "Words that WhatsApp has approved, by their names; all of them at once."},
    )
    agents_forward = Flag(
        allow_none=True,
        metadata={"description": "A mail that an agent passes on becomes a ticket of the customer who wrote it."},
    )
    origins = fields.List(
        fields.String(validate=Length(1, 300)),
        allow_none=True,
        validate=Length(max=MAX_ORIGINS),
        metadata={
            "description": "On whose pages its chat widget may stand, besides the desk's own.",
            "example": ["https://shop.example"],
        },
    )
    colour = fields.String(
        allow_none=True, validate=Length(max=7), metadata={"description": "Of the widget.", "example": "#0055aa"}
    )
    fields_ = fields.List(
        fields.Nested(WidgetFieldSchema),
        data_key="fields",
        attribute="fields",
        allow_none=True,
        validate=Length(max=MAX_FIELDS),
        metadata={"description": "What visitors are asked before the chat."},
    )
    texts = fields.Dict(
        keys=fields.String(validate=Length(1, LONGEST_TAG)),
        values=fields.Dict(
            keys=fields.String(validate=Length(1, 60)), values=Words(MAX_TEXT), validate=Length(max=MAX_TEXTS)
        ),
        allow_none=True,
        validate=Length(max=MAX_LANGUAGES),
        metadata={
            "description": "The widget's own words, by language; all of them at once.",
            "example": {"fr": {"title": "Bonjour"}},
        },
    )
    languages = fields.List(
        fields.String(validate=Length(1, LONGEST_TAG)),
        allow_none=True,
        validate=Length(1, MAX_LANGUAGES),
        metadata={"description": "That the widget speaks, its usual one first.", "example": ["en", "fr"]},
    )
    files = fields.Nested(
        WidgetFilesSchema, allow_none=True, metadata={"description": "What visitors may send along in a chat."}
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

    secret = fields.String(
        required=True,
        metadata={"description": "The bearer of `POST /inbound/email`; of a chat, what a site signs identities with."},
    )
