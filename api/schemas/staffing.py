"""How many agents a target needs, as JSON."""

from marshmallow import fields
from marshmallow.validate import OneOf, Range

from api.schemas.reports import PeriodSchema, ReportQuery
from api.serialisation import Answer
from sla.definition import DAYS

DAY = 86_400
LEAST_SHARE, MOST_SHARE = 0.01, 0.999


def _seconds(least: int, description: str, *, most: int = DAY, required: bool = False) -> fields.Integer:
    return fields.Integer(required=required, validate=Range(least, most), metadata={"description": description})


class StaffingQuery(ReportQuery):
    """Which tickets, and what is wanted for them."""

    target_seconds = _seconds(0, "Within how long they are to be answered.", required=True)
    share = fields.Float(
        load_default=0.8,
        allow_nan=False,
        validate=Range(LEAST_SHARE, MOST_SHARE),
        metadata={"description": "How many of them: 0.8 is 80 %."},
    )
    handle_seconds = _seconds(
        1, "How long an agent has to do with one, on average, work after it included.", required=True
    )
    patience_seconds = _seconds(
        1, "How long people wait before they give up, on average. Without it, nobody gives up (Erlang C).", most=7200
    )


class StaffingRowSchema(Answer):
    """One hour of the week."""

    weekday = fields.String(required=True, validate=OneOf(DAYS))
    hour = fields.Integer(required=True, metadata={"example": 9})
    opened = fields.Integer(required=True, metadata={"description": "Tickets, over all weeks of the period."})
    arrivals_per_hour = fields.Float(required=True)
    erlangs = fields.Float(required=True, metadata={"description": "Agents who would be busy if nobody ever waited."})
    agents = fields.Integer(required=True, attribute="staffing.agents")
    within_target = fields.Float(
        required=True, attribute="staffing.within_target", metadata={"description": "The share answered in time."}
    )
    mean_wait_seconds = fields.Float(required=True, attribute="staffing.mean_wait_seconds")
    abandoned = fields.Float(
        required=True, attribute="staffing.abandoned", metadata={"description": "The share that gives up."}
    )
    occupancy = fields.Float(
        required=True,
        attribute="staffing.occupancy",
        metadata={"description": "The share of their time for which agents are busy."},
    )


class StaffingSchema(PeriodSchema):
    """How many agents a target needs in each hour of the week."""

    model = fields.String(required=True, validate=OneOf(["erlang_c", "erlang_a"]))
    assumptions = fields.List(fields.String(), required=True)
    target_seconds = fields.Integer(required=True, attribute="target.target_seconds")
    share = fields.Float(required=True, attribute="target.share")
    handle_seconds = fields.Integer(required=True, attribute="target.handle_seconds")
    patience_seconds = fields.Integer(required=True, allow_none=True, attribute="target.patience_seconds")
    items = fields.Nested(StaffingRowSchema, many=True, required=True, attribute="rows")
