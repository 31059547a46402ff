"""Promises to customers as JSON."""

from marshmallow import fields

from api.pagination import PageQuery
from api.requests import read_at
from api.schemas.asked import Asked, Id, Instant, Words
from api.serialisation import Answer, DerivedEnum, Moment
from sla.promises import MAX_WORDS, PromiseState, state_of


class NewPromiseSchema(Asked):
    """What was promised, and until when."""

    words = Words(MAX_WORDS, required=True, metadata={"example": "I call you back about the part."})
    due_at = Instant(
        required=True,
        metadata={"description": "A moment to come, within a year.", "example": "2026-12-01T09:00:00Z"},
    )


class PromisesQuery(PageQuery):
    """Which promises."""

    state = fields.Enum(
        PromiseState,
        by_value=True,
        metadata={"description": "`open` ones are listed by their moment; others, or all, the latest moment first."},
    )
    mine = fields.Boolean(
        load_default=False,
        truthy={"true"},
        falsy={"false"},
        metadata={"description": "Only those that you made."},
    )
    queue = Id(strict=False, load_default=None, metadata={"description": "Of tickets in this queue."})


class PromiseSchema(Answer):
    """A moment that an agent named to a customer."""

    id = fields.Integer(required=True, metadata={"example": 5})
    ticket = fields.Integer(attribute="ticket_id", required=True, metadata={"example": 17})
    words = fields.String(required=True, metadata={"example": "I call you back about the part."})
    due_at = Moment(required=True)
    state = DerivedEnum(PromiseState, by_value=True, of=lambda one: state_of(one, read_at()), required=True)
    made_by = fields.Integer(
        attribute="made_by_id", required=True, allow_none=True, metadata={"description": "An agent's id."}
    )
    made_at = Moment(required=True)
    kept_at = Moment(required=True, allow_none=True, metadata={"description": "When it was kept, in time or late."})
    withdrawn_at = Moment(required=True, allow_none=True)


class PromisePageSchema(Answer):
    """A page of promises."""

    items = fields.Nested(PromiseSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)
