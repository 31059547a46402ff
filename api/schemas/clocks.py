"""SLA clocks as JSON."""

from marshmallow import fields, validate

from api.serialisation import Answer, Moment
from sla.agreement import PAUSES, Metric
from sla.clock import State


class ClockSchema(Answer):
    """One target running for one ticket, as it truly stands now."""

    metric = fields.Enum(Metric, by_value=True, required=True)
    policy = fields.String(
        required=True, allow_none=True, metadata={"description": "None: a promise that no policy speaks of."}
    )
    policy_version = fields.Integer(required=True, allow_none=True)
    state = fields.Enum(State, by_value=True, required=True)
    allowance_seconds = fields.Integer(required=True, metadata={"description": "Working time."})
    started_at = Moment(required=True)
    due_at = Moment(
        required=True,
        allow_none=True,
        metadata={"description": "None while it rests: nobody can say before it goes on."},
    )
    paused_by = fields.String(
        required=True,
        allow_none=True,
        validate=validate.OneOf(PAUSES),
        metadata={"description": "Why it rests; None: it does not."},
    )
    remaining_seconds = fields.Integer(
        required=True, metadata={"description": "Working time left, negative when overdue."}
    )
    met_at = Moment(required=True, allow_none=True)
    breached_at = Moment(
        required=True, allow_none=True, metadata={"description": "The deadline itself, not when somebody noticed."}
    )
