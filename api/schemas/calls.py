"""Calls as JSON."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from api.pagination import PageQuery
from api.schemas.asked import Asked, Flag, Id, Text, Words
from api.schemas.named import NamedSchema
from api.schemas.recordings import RecordingSummarySchema
from api.schemas.references import AgentName, QueueName
from api.serialisation import Answer, Moment
from channels.phone.models import LegRole
from channels.phone.states import CallState
from ticketing.envelope import Channel
from ticketing.handles import MAX_LENGTH
from ticketing.models import WaitEnd

MAX_OUTCOME = 100
MAX_NOTE = 20_000


class LegSchema(Answer):
    """One of the desk's ends of a call: an agent's device, a supervisor's, or a number outside."""

    id = fields.Integer(required=True)
    role = fields.Enum(LegRole, by_value=True, required=True)
    agent = fields.Nested(NamedSchema, required=True, allow_none=True)
    device = fields.String(required=True, metadata={"example": "client:agent-3"})
    state = fields.String(required=True, metadata={"description": "Of its line.", "enum": list(CallState)})
    reason = fields.String(required=True, metadata={"description": "Why it ended, in words to read."})
    started_at = Moment(required=True)
    answered_at = Moment(required=True, allow_none=True, metadata={"description": "When a person picked up."})
    joined_at = Moment(required=True, allow_none=True, metadata={"description": "When they spoke with the customer."})
    ended_at = Moment(required=True, allow_none=True)


class CallWaitSchema(Answer):
    """A stretch of time in which the customer waited in line."""

    channel = fields.Enum(Channel, by_value=True, required=True)
    began_at = Moment(required=True)
    ended_at = Moment(required=True, allow_none=True)
    end = fields.Enum(WaitEnd, by_value=True, required=True, allow_none=True)


class CallSummarySchema(Answer):
    """A call."""

    id = fields.Integer(required=True)
    ticket = fields.Integer(attribute="ticket_id", required=True)
    direction = fields.String(required=True, metadata={"enum": ["inbound", "outbound"]})
    state = fields.String(required=True, metadata={"description": "Of the customer's line.", "enum": list(CallState)})
    stage = fields.String(
        required=True,
        metadata={"description": "Where the customer is with us: `holding`, `offered`, `talking`, …; empty: unknown."},
    )
    number = fields.String(required=True, metadata={"description": "The customer's; empty: withheld."})
    language = fields.String(required=True)
    queue = fields.Nested(NamedSchema, required=True)
    inbox = fields.Nested(NamedSchema, required=True)
    agent = fields.Nested(
        NamedSchema, required=True, allow_none=True, metadata={"description": "Whose device rings, or who speaks."}
    )
    waiting_since = Moment(required=True, allow_none=True, metadata={"description": "The place in the line."})
    held_at = Moment(required=True, allow_none=True, metadata={"description": "When they came to hold the line."})
    answered_at = Moment(
        required=True, allow_none=True, metadata={"description": "When they first spoke with an agent."}
    )
    started_at = Moment(required=True)
    ended_at = Moment(required=True, allow_none=True)
    duration_seconds = fields.Integer(required=True, allow_none=True)
    recordings = fields.Nested(
        RecordingSummarySchema,
        many=True,
        required=True,
        metadata={"description": "Voicemails and recorded talks; the sound is at `/recordings/{id}/content`."},
    )


class CallSchema(CallSummarySchema):
    """A call with all who took part, and the waits in line that fell into it."""

    legs = fields.Nested(LegSchema, many=True, required=True)
    waits = fields.Nested(CallWaitSchema, many=True, required=True)


class CallPageSchema(Answer):
    """A page of calls."""

    items = fields.Nested(CallSummarySchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)


class CallsQuery(PageQuery):
    """Which calls."""

    ticket = Id(strict=False)
    agent = AgentName(metadata={"anyOf": [{"type": "integer"}, {"const": "me"}], "description": "Who took part."})
    open = fields.Boolean(metadata={"description": "Whether the customer is on the line."})


class NewCallSchema(Asked):
    """A call to the ticket's customer."""

    handle = Id(metadata={"description": "Which of the customer's numbers; without it, the one that they last used."})


class TargetSchema(Asked):
    """To whom a customer is handed on: exactly one of the three."""

    agent = Id()
    queue = QueueName(metadata={"anyOf": [{"type": "string"}, {"type": "integer"}]})
    number = Words(MAX_LENGTH, metadata={"example": "+15145550123", "description": "Outside the desk, with its +."})

    @validates_schema
    def _must_name_one(self, wanted: dict[str, Any], **_: Any) -> None:
        if len(wanted) != 1:
            raise ValidationError("Name an agent, a queue or a number, and only one.")


class TransferSchema(Asked):
    """How a customer is handed on."""

    to = fields.Nested(TargetSchema, required=True)
    warm = Flag(
        load_default=False,
        metadata={"description": "Ask first, with the customer on hold; then PUT completes it, DELETE cancels it."},
    )


class WrapUpNoteSchema(Asked):
    """What came of a call, for the ticket's notes."""

    outcome = Words(MAX_OUTCOME, required=True, metadata={"example": "New kettle promised"})
    note = Text(MAX_NOTE, load_default="")
