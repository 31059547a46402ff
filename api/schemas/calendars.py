"""Calendars, their feeds and public holidays as JSON."""

from typing import Any

from marshmallow import fields
from marshmallow.validate import Length, Range

from api.pagination import PageQuery
from api.schemas.asked import Asked, Instant, Line, Words
from api.serialisation import Answer, Moment
from sla.definition import LONGEST_NAME
from sla.policies import AppliesTo

MAX_ZONE = 100
WEEKLY = {
    "description": "Spans by weekday, in the calendar's own zone; a day left out is closed. A span over midnight is "
    "written as such: it belongs to the day on which it opens.",
    "example": {"mon": [["09:00", "12:00"], ["13:00", "17:00"]], "fri": [["22:00", "06:00"]]},
}
EXCEPTIONS = {
    "description": "Dates that differ: their spans, or these with a name. They beat everything else.",
    "example": {"2026-12-24": [["09:00", "12:00"]], "2026-07-03": {"spans": [], "name": "Stocktaking"}},
}
YEARLY = {"description": "Days that differ every year, by month and day.", "example": {"12-25": [], "01-01": []}}
HOLIDAYS = {
    "description": "Public holidays on which the desk is closed, see `GET /sla/holidays`; they are written into the "
    "version, from ten years back to five years ahead.",
    "example": {"country": "CA", "subdivision": "QC", "language": "fr"},
}
IMPORTED = {
    "type": "object",
    "description": "The dates that holidays, files and feeds close, as this version has them.",
    "example": {"2026-12-25": {"spans": [], "name": "Christmas Day", "source": "holidays:CA-QC"}},
}


class NewCalendarSchema(Asked):
    """A calendar in full. What its words may be is checked by `sla.definition`."""

    name = Line(LONGEST_NAME, required=True, metadata={"example": "Support desk"})
    time_zone = Words(MAX_ZONE, required=True, metadata={"example": "America/Toronto"})
    weekly = fields.Dict(keys=fields.String(), load_default=dict, metadata=WEEKLY)
    exceptions = fields.Dict(keys=fields.String(), load_default=dict, metadata=EXCEPTIONS)
    yearly = fields.Dict(keys=fields.String(), load_default=dict, metadata=YEARLY)
    holidays = fields.Dict(keys=fields.String(), load_default=None, allow_none=True, metadata=HOLIDAYS)


class RevisedCalendarSchema(NewCalendarSchema):
    """A calendar in full, and for which tickets the new version counts."""

    applies_to = fields.Enum(
        AppliesTo,
        by_value=True,
        load_default=AppliesTo.NEW,
        metadata={"description": "`open`: also tickets that are open now, see `/sla/rearmings`."},
    )


class CalendarSchema(Answer):
    """One version of a calendar."""

    id = fields.Integer(required=True)
    version = fields.Integer(required=True)
    name = fields.String(required=True)
    time_zone = fields.String(required=True)
    weekly = fields.Dict(required=True, metadata=WEEKLY)
    exceptions = fields.Dict(required=True, metadata=EXCEPTIONS)
    yearly = fields.Dict(required=True, metadata=YEARLY)
    holidays = fields.Dict(required=True, allow_none=True, metadata=HOLIDAYS)
    holidays_through = fields.Integer(
        required=True, allow_none=True, metadata={"description": "The last year whose holidays it knows."}
    )
    sources = fields.Dict(
        required=True,
        metadata={"description": "How many dates each file and feed closes.", "example": {"ical:Works": 3}},
    )
    created_at = Moment(required=True)
    archived_at = Moment(required=True, allow_none=True)


class CalendarPageSchema(Answer):
    """A page of calendars."""

    items = fields.Nested(CalendarSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)


class FullCalendarSchema(CalendarSchema):
    """A calendar with the dates that it imports."""

    imported = fields.Dict(required=True, metadata=IMPORTED)


class ChangedCalendarSchema(FullCalendarSchema):
    """A calendar after an edit."""

    policies = fields.List(
        fields.Integer(),
        required=True,
        metadata={"description": "The policies that follow it to this version, each in a new version of its own."},
    )
    rearming = fields.Integer(
        required=True, allow_none=True, metadata={"description": "What carries the edit over to open tickets."}
    )


class CalendarsQuery(PageQuery):
    """Which calendars."""

    archived = fields.Boolean(
        load_default=False,
        truthy={"true"},
        falsy={"false"},
        metadata={"description": "Those that are archived, as they were in the end; else those in force."},
    )


class AppliesToQuery(Asked):
    """For which tickets an edit counts."""

    applies_to = fields.Enum(AppliesTo, by_value=True, load_default=AppliesTo.NEW)


class ImportQuery(AppliesToQuery):
    """What a file is called, and for which tickets it counts."""

    name = Line(
        LONGEST_NAME // 2,
        metadata={"description": "A file of the same name takes its place. Without it: what the file calls itself."},
    )


class ForgetQuery(AppliesToQuery):
    """Which file to forget."""

    name = Line(LONGEST_NAME // 2, required=True)


class PreviewQuery(Asked):
    """Which time to show."""

    from_ = Instant(data_key="from", required=True)
    to = Instant(required=True)


class OpenSchema(Answer):
    """A time during which the desk is open."""

    from_ = Moment(required=True, data_key="from")
    to = Moment(required=True)


class SpecialDaySchema(Answer):
    """A date of the desk that differs from its weekday."""

    date = fields.String(required=True, metadata={"example": "2026-12-25"})
    name = fields.String(required=True)
    is_open = fields.Boolean(required=True, metadata={"description": "Whether the desk opens at all on that date."})


class PreviewSchema(Answer):
    """When the desk is open."""

    time_zone = fields.String(required=True)
    open_seconds = fields.Integer(required=True)
    open = fields.Nested(OpenSchema, many=True, required=True)
    special = fields.Nested(SpecialDaySchema, many=True, required=True)


class NewFeedSchema(Asked):
    """A feed to follow."""

    url = fields.String(
        required=True, validate=Length(1, 2000), metadata={"example": "https://calendar.example/holidays.ics"}
    )


class FeedSchema(Answer):
    """A feed that a calendar follows."""

    id = fields.Integer(required=True)
    url = fields.String(required=True)
    read_at = Moment(required=True, allow_none=True, metadata={"description": "The last time that went well."})
    error = fields.String(required=True, metadata={"description": "What went wrong since; empty: nothing."})
    next_at = Moment(required=True)
    created_at = Moment(required=True)


class FeedPageSchema(Answer):
    """A page of feeds."""

    items = fields.Nested(FeedSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)


class HolidaysQuery(Asked):
    """Whose holidays, of which year; without a country, only the countries."""

    country = fields.String(validate=Length(2, 2), metadata={"example": "CA"})
    subdivision = fields.String(validate=Length(1, 40), metadata={"example": "QC"})
    language = fields.String(validate=Length(1, 40), metadata={"example": "fr"})
    year = fields.Integer(strict=False, validate=Range(1950, 2100), metadata={"description": "Usual: this one."})


class HolidaySchema(Answer):
    """A public holiday."""

    date = fields.String(required=True, metadata={"example": "2026-12-25"})
    name = fields.String(required=True)


class HolidaysSchema(Answer):
    """What can be chosen as a calendar's `holidays`."""

    countries: Any = fields.Dict(
        required=True, metadata={"description": "By code; empty when one is asked for.", "example": {"CA": "Canada"}}
    )
    country = fields.String(required=True, allow_none=True)
    subdivisions = fields.Dict(
        required=True,
        metadata={"description": "By code, with the names that they go by.", "example": {"QC": ["Quebec", "Québec"]}},
    )
    languages = fields.List(fields.String(), required=True)
    year = fields.Integer(required=True, allow_none=True)
    items = fields.Nested(HolidaySchema, many=True, required=True)
