"""The line of a queue as JSON."""

from marshmallow import fields

from api.serialisation import Answer, DerivedEnum, Moment
from ticketing.envelope import Channel
from ticketing.status import Priority


class EstimateSchema(Answer):
    """How long it still takes, as callers are told."""

    low_seconds = fields.Integer(required=True, metadata={"example": 120})
    high_seconds = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "null: more than `low_seconds`, and nobody knows how much.", "example": 300},
    )


class InLineSchema(Answer):
    """A customer who waits in the line."""

    position = fields.Integer(required=True, metadata={"description": "1 is next.", "example": 1})
    ticket = fields.Integer(attribute="ticket.id", required=True, metadata={"example": 17})
    subject = fields.String(attribute="ticket.subject", required=True, metadata={"example": "Phone call"})
    channel = DerivedEnum(Channel, by_value=True, of=lambda one: one.ticket.channel, required=True)
    priority = DerivedEnum(Priority, by_value=True, of=lambda one: one.ticket.priority, required=True)
    on_phone = fields.Boolean(
        attribute="ticket.on_phone",
        required=True,
        metadata={"description": "A phone rings for whoever takes it: they hold the line, or are to be called back."},
    )
    waiting_since = Moment(attribute="ticket.waiting_since", required=True, allow_none=True)
    estimate = fields.Nested(EstimateSchema, required=True)


class LineSchema(Answer):
    """Who waits in the line of a queue, whoever is next first."""

    items = fields.Nested(InLineSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)
