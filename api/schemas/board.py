"""A queue's board as JSON."""

from marshmallow import fields

from api.schemas.named import NamedSchema
from api.serialisation import Answer, Moment


class PresentSchema(Answer):
    """An agent who is there."""

    id = fields.Integer(required=True)
    name = fields.String(required=True, metadata={"example": "Ada"})
    reason = fields.String(required=True, metadata={"example": "lunch"})
    since = Moment(required=True, allow_none=True)
    in_hand = fields.Integer(
        required=True, metadata={"description": "Tickets that they have to work on, in all queues."}
    )


class CrewSchema(Answer):
    """Who works the queue, by presence; at most 500 are named."""

    online = fields.Nested(PresentSchema, many=True, required=True)
    away = fields.Nested(PresentSchema, many=True, required=True)
    offline = fields.Integer(required=True, metadata={"description": "How many."})


class BoardSchema(Answer):
    """How a queue stands at this moment."""

    queue = fields.Nested(NamedSchema, required=True)
    waiting = fields.Dict(
        keys=fields.String(),
        required=True,
        metadata={"description": "Customers whom nobody has answered, by channel.", "example": {"email": 3, "chat": 1}},
    )
    live = fields.Integer(required=True, metadata={"description": "Customers who wait at the other end, now."})
    oldest_waiting_since = Moment(required=True, allow_none=True)
    longest_wait_seconds = fields.Integer(required=True)
    unassigned = fields.Integer(required=True, metadata={"description": "Tickets for `next`."})
    at_risk = fields.Integer(required=True)
    breached = fields.Integer(required=True)
    agents = fields.Nested(CrewSchema, required=True)
