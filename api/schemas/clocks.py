"""SLA clocks as JSON."""

from marshmallow import fields

from api.serialisation import Answer, Moment
from sla.clock import Metric, State


class ClockSchema(Answer):
    """One target running for one ticket, as it truly stands now."""

    metric = fields.Enum(Metric, by_value=True, required=True)
    policy = fields.String(required=True)
    policy_version = fields.Integer(required=True)
    state = fields.Enum(State, by_value=True, required=True)
    allowance_seconds = fields.Integer(required=True, metadata={"description": "Working time."})
    started_at = Moment(required=True)
    due_at = Moment(required=True)
    remaining_seconds = fields.Integer(
        required=True, metadata={"description": "Working time left, negative when overdue."}
    )
    met_at = Moment(required=True, allow_none=True)
    breached_at = Moment(
        required=True, allow_none=True, metadata={"description": "The deadline itself, not when somebody noticed."}
    )
