"""The journal as JSON."""

from marshmallow import fields

from api.serialisation import Answer, DerivedNested, Moment
from ticketing.events import Actor, ActorType
from ticketing.models import JournalEntry


def actor_of(row: JournalEntry) -> Actor:
    """Return who did it."""
    return Actor(row.actor_type, row.actor_id)


class ActorSchema(Answer):
    """Who did it; the system has no id."""

    type = fields.Enum(ActorType, by_value=True, required=True)
    id = fields.Integer(required=True, allow_none=True)


class EventSchema(Answer):
    """One thing that happened to a ticket."""

    id = fields.Integer(required=True)
    ticket = fields.Integer(attribute="ticket_id", required=True)
    kind = fields.String(required=True, metadata={"example": "ticket_assigned"})
    actor = DerivedNested(ActorSchema, of=actor_of, required=True)
    source = fields.String(required=True, metadata={"description": "The door through which it came.", "example": "api"})
    data = fields.Dict(
        required=True,
        metadata={"description": "What the kind tells besides.", "example": {"before": None, "after": 3}},
    )
    at = Moment(required=True)


class EventPageSchema(Answer):
    """A page of the journal."""

    items = fields.Nested(EventSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)
