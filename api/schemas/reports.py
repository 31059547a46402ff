"""Questions for reports, and reports, as JSON."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import ValidationError, fields
from marshmallow.validate import Length, OneOf

from api.pictures.words import LANGUAGES
from api.schemas.asked import Asked, Instant, Text
from api.schemas.named import NamedSchema
from api.serialisation import Answer, Moment
from sla.agreement import Metric
from sla.definition import DAYS
from sla.reports.question import FIRST, LAST, MOST_DIMENSIONS, Dimension
from ticketing.envelope import Channel

LONGEST_ZONE = 60
WHEN = "A moment (RFC 3339), or a date: its midnight in `time_zone`."


class Zone(fields.Field[ZoneInfo]):
    """An IANA time zone."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> ZoneInfo:
        if isinstance(value, str) and 0 < len(value) <= LONGEST_ZONE:
            try:
                return ZoneInfo(value)
            except (KeyError, ValueError, OSError):  # OSError: the name of a folder, such as "Europe"
                pass
        raise ValidationError("Must be an IANA time zone, such as Europe/Paris.")


class When(Instant):
    """A moment, or a date, of a year that calendars reckon with."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        found = _date(value) or self._moment(value, attr, data, **kwargs)
        if not FIRST.year <= found.year < LAST.year:
            raise ValidationError(f"Must be of {FIRST.year} to {LAST.year - 1}.")
        return found

    def _moment(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        try:
            return super()._deserialize(value, attr, data, **kwargs)
        except ValidationError:
            sentence = "Must be a date, or a moment with its time zone, such as 2026-12-01T09:00:00Z; write + as %2B."
            raise ValidationError(sentence) from None


def _date(value: Any) -> date | None:
    try:
        return date.fromisoformat(value) if len(value) == len("2026-11-18") else None
    except ValueError:
        return None


def moment_of(when: date | datetime, zone: ZoneInfo) -> datetime:
    """Return what `When` has read as a moment; a date is its midnight in the zone."""
    if isinstance(when, datetime):
        return when
    return datetime.combine(when, datetime.min.time(), zone).astimezone(UTC)


class ReportQuery(Asked):
    """Which time, and whose tickets."""

    since = When(data_key="from", metadata={"description": f"{WHEN} Without it, 28 days before `to`."})
    until = When(data_key="to", metadata={"description": f"{WHEN} Not included. Without it, now."})
    queue = Text(100, load_default="", metadata={"description": "A queue's name or id; without it, all of yours."})
    channel = fields.Enum(Channel, by_value=True)
    time_zone = Zone(
        load_default=lambda: ZoneInfo("UTC"),
        metadata={"type": "string", "description": "Whose days and hours they are.", "example": "Europe/Paris"},
    )


def _by(choices: list[str], description: str) -> fields.List[Any]:
    return fields.List(
        fields.String(validate=OneOf(choices)),
        load_default=list,
        validate=Length(max=MOST_DIMENSIONS),
        metadata={"description": f"May be repeated. {description}"},
    )


class ClockQuery(ReportQuery):
    """Which clocks."""

    metric = fields.Enum(Metric, by_value=True)


class AttainmentQuery(ClockQuery):
    """Which clocks, and by what they are told apart."""

    by = _by(
        [one.value for one in Dimension],
        "Up to three; only one of `day`, `week` and `month`. Without it, `policy` and `metric`.",
    )


class WaitsQuery(ClockQuery):
    """Which waits, and by what they are told apart besides the metric."""

    by = _by(
        [one.value for one in Dimension if one is not Dimension.METRIC],
        "Up to three, besides the metric; only one of `day`, `week` and `month`.",
    )


class InLanguage(Asked):
    """In which language words are."""

    language = fields.String(load_default="en", validate=OneOf(LANGUAGES))


class AttainmentPictureQuery(ClockQuery, InLanguage):
    """Which clocks; the bars are of days, weeks or months."""

    by = fields.String(
        validate=OneOf(["day", "week", "month"]),
        metadata={"description": "Without it, as many bars as can be read."},
    )


class WaitsPictureQuery(WaitsQuery, InLanguage):
    """Which waits; a line for each."""


class SundayMapQuery(ReportQuery, InLanguage):
    """Which contacts."""


class PeriodSchema(Answer):
    """What every report says of its question."""

    since = Moment(attribute="question.since", data_key="from", required=True)
    until = Moment(attribute="question.until", data_key="to", required=True)
    time_zone = fields.String(attribute="question.zone.key", required=True, metadata={"example": "Europe/Paris"})


class PolicyVersionSchema(Answer):
    """One version of a policy."""

    id = fields.Integer(required=True, metadata={"description": "The policy's, the same for all versions."})
    name = fields.String(required=True, metadata={"example": "Gold"})
    version = fields.Integer(required=True)


class GroupSchema(Answer):
    """What a row is about; null for what was not asked, and where there is none."""

    policy = fields.Nested(PolicyVersionSchema, attribute="group.policy", required=True, allow_none=True)
    metric = fields.Enum(Metric, by_value=True, attribute="group.metric", required=True, allow_none=True)
    channel = fields.String(attribute="group.channel", required=True, allow_none=True)
    queue = fields.Nested(NamedSchema, attribute="group.queue", required=True, allow_none=True)
    agent = fields.Nested(
        NamedSchema,
        attribute="group.agent",
        required=True,
        allow_none=True,
        metadata={"description": "Who had the ticket when the verdict fell; null: nobody."},
    )
    priority = fields.String(attribute="group.priority", required=True, allow_none=True)
    period = fields.Date(
        attribute="group.period",
        required=True,
        allow_none=True,
        metadata={"description": "The first day of the day, week (Monday) or month; null: no verdict yet."},
    )


class CountSchema(Answer):
    """How clocks came out."""

    clocks = fields.Integer(required=True, metadata={"description": "With a verdict: `met` and `breached`."})
    met = fields.Integer(required=True)
    breached = fields.Integer(required=True)
    running = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "Without a verdict yet; null where the period is over: theirs will fall in another."},
    )
    share_kept = fields.Float(
        required=True, allow_none=True, metadata={"description": "Of the verdicts, to four digits.", "example": 0.9375}
    )


class AttainmentRowSchema(GroupSchema):
    """How the clocks of one group came out."""

    clocks = fields.Integer(attribute="count.clocks", required=True)
    met = fields.Integer(attribute="count.met", required=True)
    breached = fields.Integer(attribute="count.breached", required=True)
    running = fields.Integer(attribute="count.running", required=True, allow_none=True)
    share_kept = fields.Float(attribute="count.share_kept", required=True, allow_none=True)


class AttainmentSchema(PeriodSchema):
    """How many promises were kept."""

    by = fields.List(
        fields.Enum(Dimension, by_value=True),
        attribute="question.by",
        required=True,
    )
    total = fields.Nested(CountSchema, required=True)
    items = fields.Nested(AttainmentRowSchema, many=True, attribute="rows", required=True)


class SpreadSchema(Answer):
    """How waits are spread, in whole seconds: `p90` is the shortest within which at least 90 % were served."""

    p50 = fields.Integer(required=True)
    p80 = fields.Integer(required=True)
    p90 = fields.Integer(required=True)
    p95 = fields.Integer(required=True)
    p99 = fields.Integer(required=True)
    max = fields.Integer(required=True)
    mean = fields.Integer(required=True)


class WaitsRowSchema(GroupSchema):
    """The waits of one group."""

    answered = fields.Integer(required=True, metadata={"description": "How many, in time or late."})
    counted_seconds = fields.Nested(
        SpreadSchema, attribute="counted", required=True, metadata={"description": "Working time, pauses left out."}
    )
    wall_clock_seconds = fields.Nested(
        SpreadSchema, attribute="wall", required=True, metadata={"description": "As the customer lived it."}
    )


class WaitsSchema(PeriodSchema):
    """How long people waited."""

    by = fields.List(fields.Enum(Dimension, by_value=True), attribute="question.by", required=True)
    items = fields.Nested(WaitsRowSchema, many=True, attribute="rows", required=True)


class CellSchema(Answer):
    """One hour of the week."""

    weekday = fields.String(required=True, validate=OneOf(DAYS))
    hour = fields.Integer(required=True, metadata={"description": "0 to 23, on the clock on the wall."})
    contacts = fields.Integer(required=True, metadata={"description": "Customers' messages and calls."})
    outside = fields.Integer(required=True, metadata={"description": "Of them, those while the desk was closed."})
    opened = fields.Integer(required=True, metadata={"description": "New tickets."})
    open_share = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "Of the hour's time; null: no such hour in the period, or no opening hours."},
    )


class WorstSchema(CellSchema):
    """One of the hours in which the most customers found the desk closed."""

    words = fields.String(required=True, metadata={"example": "Sunday 14–15: 41 contacts, closed"})


class SundayMapSchema(PeriodSchema):
    """When customers come, against when the desk is open."""

    calendars = fields.List(
        fields.String(),
        attribute="report.calendars",
        required=True,
        metadata={"description": "In force now, by name."},
    )
    contacts = fields.Integer(attribute="report.contacts", required=True)
    outside = fields.Integer(attribute="report.outside", required=True)
    outside_share = fields.Float(
        attribute="report.outside_share", required=True, allow_none=True, metadata={"example": 0.2528}
    )
    without_hours = fields.Integer(
        attribute="report.without_hours",
        required=True,
        metadata={"description": "Contacts for which no policy says when the desk is open."},
    )
    opened = fields.Integer(attribute="report.opened", required=True)
    worst = fields.Nested(WorstSchema, many=True, required=True, metadata={"description": "At most ten."})
    cells = fields.Nested(
        CellSchema,
        many=True,
        attribute="report.cells",
        required=True,
        metadata={"description": "168, Monday's first hour first."},
    )
