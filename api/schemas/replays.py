"""Replays as JSON: what is proposed, how far it has come, what would have been."""

from marshmallow import fields
from marshmallow.validate import Length

from api.pagination import PageQuery
from api.schemas.asked import Asked, Instant
from api.schemas.named import NamedSchema
from api.schemas.reports import Zone
from api.serialisation import Answer, Moment
from sla.agreement import Metric
from sla.comparison import Verdict
from sla.models import JobState
from sla.proposal import MOST_CALENDARS, MOST_POLICIES

POLICIES = {
    "description": "All policies that would be in force, in the place of today's, as `POST /sla/policies` takes each; "
    "`calendar` is the id of one in force, or the name of one of `calendars`. Left out: today's.",
    "example": [
        {
            "name": "Mail",
            "position": 10,
            "calendar": 1,
            "conditions": {"channel": ["email"]},
            "targets": {"first_response": {"allowance_seconds": 7200}},
        }
    ],
}
CALENDARS = {
    "description": "Calendars, each as `POST /sla/calendars` takes it. One with the `id` or the `name` of one in force "
    "stands in for it.",
    "example": [{"id": 1, "time_zone": "Europe/Paris", "weekly": {"sat": [["10:00", "18:00"]]}}],
}
ZONE = {
    "type": "string",
    "description": "Of the hours of the week; left out: that of the first policy's calendar.",
    "example": "Europe/Paris",
}


class NewReplaySchema(Asked):
    """What might have been in force, and the tickets to look at."""

    policies = fields.List(fields.Dict(), load_default=None, validate=Length(max=MOST_POLICIES), metadata=POLICIES)
    calendars = fields.List(fields.Dict(), load_default=None, validate=Length(max=MOST_CALENDARS), metadata=CALENDARS)
    since = Instant(data_key="from", required=True, metadata={"description": "Tickets opened from then on."})
    until = Instant(data_key="to", required=True, metadata={"description": "Tickets opened before then."})
    time_zone = Zone(load_default=None, metadata=ZONE)


class ProgressSchema(Answer):
    """How far it has come, in tickets."""

    done = fields.Integer(required=True)
    total = fields.Integer(required=True, metadata={"description": "0 until it begins."})


class ReplayLineSchema(Answer):
    """A replay in a list."""

    id = fields.Integer(required=True)
    state = fields.Enum(JobState, by_value=True, required=True)
    since = Moment(data_key="from", required=True)
    until = Moment(data_key="to", required=True)
    shadow = fields.Integer(
        required=True, allow_none=True, metadata={"description": "The shadow policy that it compares, by id."}
    )
    asked_by = fields.Integer(
        required=True, allow_none=True, metadata={"description": "An agent's id; null: the desk asks by itself."}
    )
    progress = fields.Nested(ProgressSchema, required=True)
    error = fields.String(required=True, metadata={"description": "Why it failed; empty: it did not."})
    created_at = Moment(required=True)
    finished_at = Moment(required=True, allow_none=True)


class ReplayPageSchema(Answer):
    """A page of replays."""

    items = fields.Nested(ReplayLineSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)


class CountsSchema(Answer):
    """How many waits there were, and how many were too long; a wait is one clock of one ticket."""

    metric = fields.Enum(Metric, by_value=True, required=True)
    tickets = fields.Integer(attribute="counts.tickets", required=True)
    clocks_now = fields.Integer(attribute="counts.clocks_now", required=True)
    clocks_proposed = fields.Integer(attribute="counts.clocks_proposed", required=True)
    breaches_now = fields.Integer(attribute="counts.breaches_now", required=True)
    breaches_proposed = fields.Integer(attribute="counts.breaches_proposed", required=True)
    newly_breached = fields.Integer(
        attribute="counts.newly_breached", required=True, metadata={"description": "That were not breached."}
    )
    no_longer_breached = fields.Integer(attribute="counts.no_longer_breached", required=True)


class SpansSchema(Answer):
    """Working time until what was awaited happened, to one per cent; null: it never did."""

    now = fields.Integer(required=True, allow_none=True)
    proposed = fields.Integer(required=True, allow_none=True)


class MetricCountsSchema(CountsSchema):
    """The waits of one metric."""

    median_seconds = fields.Nested(SpansSchema, required=True)
    p90_seconds = fields.Nested(SpansSchema, required=True)


class PlaceCountsSchema(CountsSchema):
    """The waits of one metric on one channel with one priority."""

    channel = fields.String(required=True)
    priority = fields.String(required=True)


class QueueCountsSchema(CountsSchema):
    """The waits of one metric in one queue."""

    queue = fields.Nested(NamedSchema, required=True)


class HourCountsSchema(CountsSchema):
    """The waits of one metric that began in one hour of the week."""

    hour = fields.Integer(required=True, metadata={"description": "0 to 167; 0 is Monday from 00:00 to 01:00."})


class ResultsSchema(Answer):
    """What would have been."""

    tickets = fields.Integer(required=True)
    flips = fields.Integer(required=True, metadata={"description": "Waits whose verdict would have been another."})
    time_zone = fields.String(required=True, metadata={"description": "In which hours of the week are told."})
    metrics = fields.Nested(MetricCountsSchema, many=True, required=True)
    places = fields.Nested(PlaceCountsSchema, many=True, required=True)
    queues = fields.Nested(QueueCountsSchema, many=True, required=True)
    hours = fields.Nested(HourCountsSchema, many=True, required=True)
    staffing = fields.String(
        required=True, metadata={"description": "Where to ask how many agents a target needs for the same time."}
    )


class FlippedTicketSchema(Answer):
    """A wait of a ticket whose verdict would have been another."""

    ticket = fields.Integer(attribute="ticket_id", required=True)
    subject = fields.String(required=True)
    metric = fields.Enum(Metric, by_value=True, required=True)
    started_at = Moment(required=True, metadata={"description": "Since when it was waited for."})
    verdict_now = fields.Enum(
        Verdict, by_value=True, attribute="before", required=True, metadata={"description": "As it was kept."}
    )
    verdict_proposed = fields.Enum(
        Verdict, by_value=True, attribute="after", required=True, metadata={"description": "Under the proposal."}
    )


class FlippedTicketPageSchema(Answer):
    """A page of tickets whose verdict would have been another, of those that you may see."""

    items = fields.Nested(FlippedTicketSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)


class ProposalSchema(Answer):
    """All policies and calendars that would be in force."""

    policies = fields.List(fields.Dict(), required=True)
    calendars = fields.List(fields.Dict(), required=True)


class ReplaySchema(ReplayLineSchema):
    """A replay in full."""

    proposal = fields.Nested(ProposalSchema, required=True)
    results = fields.Nested(
        ResultsSchema, required=True, allow_none=True, metadata={"description": "Null until it is done."}
    )
    flipped = fields.Nested(
        FlippedTicketPageSchema,
        required=True,
        metadata={"description": "The first page of `/sla/replays/{id}/tickets`."},
    )


class FlipQuery(PageQuery):
    """Which flips."""

    metric = fields.Enum(Metric, by_value=True, load_default=None)
    verdict_now = fields.Enum(Verdict, by_value=True, load_default=None)
    verdict_proposed = fields.Enum(Verdict, by_value=True, load_default=None)
