"""Explanations of SLA clocks as JSON."""

from marshmallow import fields

from api.schemas.asked import Asked
from api.serialisation import Answer, Moment
from sla.agreement import Metric
from sla.clock import State
from sla.telling import Kind
from sla.words import Language


class ExplanationQuery(Asked):
    """In which words, and of which clocks."""

    language = fields.Enum(
        Language,
        by_value=True,
        metadata={"description": "Of the sentences. Not given: the first that `Accept-Language` wants, else English."},
    )
    metric = fields.Enum(Metric, by_value=True, metadata={"description": "Only clocks of this one."})


class PolicyNameSchema(Answer):
    """A version of a policy."""

    id = fields.Integer(required=True, metadata={"description": "The policy's, whatever the version."})
    name = fields.String(required=True)
    version = fields.Integer(required=True)


class IntervalSchema(Answer):
    """A time of a clock: half-open, without a gap to the next."""

    since = Moment(data_key="from", required=True)
    until = Moment(data_key="to", required=True)
    kind = fields.Enum(Kind, by_value=True, required=True)
    counted_seconds = fields.Integer(required=True)
    why = fields.String(required=True, metadata={"description": "A sentence to read to a customer."})


class ExplanationSchema(Answer):
    """One clock in words; times in sentences are those of `time_zone`."""

    metric = fields.Enum(Metric, by_value=True, required=True)
    sequence = fields.Integer(required=True, metadata={"description": "The ticket's first, second, … of this metric."})
    policy = fields.Nested(
        PolicyNameSchema,
        required=True,
        allow_none=True,
        metadata={"description": "None: a promise that no policy speaks of."},
    )
    state = fields.Enum(State, by_value=True, required=True)
    allowance_seconds = fields.Integer(required=True)
    started_at = Moment(required=True)
    due_at = Moment(required=True, allow_none=True, metadata={"description": "None while it rests."})
    met_at = Moment(required=True, allow_none=True)
    breached_at = Moment(required=True, allow_none=True)
    time_zone = fields.String(required=True, metadata={"description": "Of the policy's calendar."})
    summary = fields.String(required=True)
    why_policy = fields.String(required=True)
    elapsed_seconds = fields.Integer(
        required=True, metadata={"description": "What has been counted: the sum of the intervals' `counted_seconds`."}
    )
    intervals = fields.Nested(IntervalSchema, many=True, required=True)
    differs = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "What the journal tells otherwise; the clock as it was kept counts. None: all agrees."
        },
    )
