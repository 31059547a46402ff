"""Callbacks as JSON."""

from marshmallow import fields

from api.pagination import PageQuery
from api.schemas.asked import Asked, Id, Instant, Line
from api.serialisation import Answer, Moment
from channels.phone.models import CallbackState

NOT_BEFORE = {"description": "When to call at the earliest; without it, now.", "example": "2026-12-01T09:00:00Z"}
NOT_AFTER = {
    "description": "What is promised to the customer: a promise of the ticket follows from it. Without it: as soon as "
    "it is their turn.",
    "example": "2026-12-01T11:00:00Z",
}
NUMBER = {"description": "With its country code; without it, the customer's newest.", "example": "+15145550123"}


class NewCallbackSchema(Asked):
    """When to call the customer, and where."""

    number = Line(40, metadata=NUMBER)
    not_before = Instant(metadata=NOT_BEFORE)
    not_after = Instant(metadata=NOT_AFTER)
    inbox = Id(metadata={"description": "The number of ours that calls; without it, the ticket's or its queue's."})


class ChangedCallbackSchema(Asked):
    """Another time, or another number. A time replaces the whole window."""

    number = Line(40, metadata=NUMBER)
    not_before = Instant(metadata=NOT_BEFORE)
    not_after = Instant(metadata=NOT_AFTER)


class CallbacksQuery(PageQuery):
    """Which callbacks."""

    state = fields.List(
        fields.Enum(CallbackState, by_value=True),
        load_default=list,
        metadata={"description": "Repeatable; without it, all that are owed still."},
    )
    ticket = Id(strict=False, load_default=None, metadata={"description": "On this ticket."})
    queue = Id(strict=False, load_default=None, metadata={"description": "Of tickets in this queue."})


class CallbackSchema(Answer):
    """A call that is owed to a customer, or was."""

    id = fields.Integer(required=True, metadata={"example": 3})
    ticket = fields.Integer(attribute="ticket_id", required=True, metadata={"example": 17})
    inbox = fields.Integer(attribute="inbox_id", required=True, metadata={"description": "Our number that calls."})
    number = fields.String(required=True, metadata={"example": "+15145550123"})
    reason = fields.String(
        required=True,
        metadata={
            "description": "`asked` on hold, called while we were `closed`, `abandoned` the wait, or arranged by an "
            "`agent`.",
            "example": "asked",
        },
    )
    state = fields.Enum(CallbackState, by_value=True, required=True)
    waiting_since = Moment(required=True, metadata={"description": "The place in the line that they keep."})
    not_before = Moment(required=True)
    not_after = Moment(required=True, allow_none=True)
    attempts = fields.Integer(required=True, metadata={"example": 1})
    next_at = Moment(
        required=True,
        allow_none=True,
        metadata={"description": "When they are to be called next; null: now, or never."},
    )
    outcome = fields.String(required=True, metadata={"example": "nobody picked up"})
    promise = fields.Integer(attribute="promise_id", required=True, allow_none=True)
    call = fields.Integer(
        attribute="call_id", required=True, allow_none=True, metadata={"description": "The newest attempt."}
    )
    created_at = Moment(required=True)
    finished_at = Moment(required=True, allow_none=True)


class CallbackPageSchema(Answer):
    """A page of callbacks."""

    items = fields.Nested(CallbackSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)
