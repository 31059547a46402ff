"""When the desk is open: made, edited by versions, archived, drawn."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from flask.views import MethodView

from api import rearming as job
from api.auth import actor
from api.blueprint import Blueprint
from api.pagination import Listed, PageQuery, id_after, number_after, page_by_id, write_cursor
from api.schemas.calendars import (
    CalendarPageSchema,
    CalendarsQuery,
    ChangedCalendarSchema,
    FullCalendarSchema,
    NewCalendarSchema,
    PreviewQuery,
    PreviewSchema,
    RevisedCalendarSchema,
)
from sla import calendar_versions, rearming
from sla.calendar_versions import Change, words_of
from sla.calendars import hours_of
from sla.hours import BusinessHours, elapsed, intervals
from sla.models import Calendar
from sla.policies import AppliesTo
from ticketing.errors import InvalidInput
from ticketing.models import Role
from ticketing.moment import utc_now
from ticketing.transaction import transaction

blueprint = Blueprint("calendars", description="When the desk is open")

LONGEST_PREVIEW = timedelta(days=62)
EXAMPLE = {
    "name": "Support desk",
    "time_zone": "America/Toronto",
    "weekly": {"mon": [["09:00", "12:00"], ["13:00", "17:00"]]},
    "yearly": {"12-25": []},
}


@dataclass(frozen=True)
class Shown:
    """A version as it is shown."""

    id: int
    version: int
    name: str
    time_zone: str
    weekly: dict[str, Any]
    exceptions: dict[str, Any]
    yearly: dict[str, Any]
    holidays: dict[str, Any] | None
    holidays_through: int | None
    sources: dict[str, int]
    imported: dict[str, Any]
    created_at: datetime
    archived_at: datetime | None
    policies: list[int]
    rearming: int | None


@dataclass(frozen=True)
class Opened:
    """A time during which the desk is open."""

    from_: datetime
    to: datetime


@dataclass(frozen=True)
class SpecialDay:
    """A date that differs."""

    date: str
    name: str
    is_open: bool


@dataclass(frozen=True)
class Preview:
    """What a front-end draws."""

    time_zone: str
    open_seconds: int
    open: list[Opened]
    special: list[SpecialDay]


@blueprint.route("/sla/calendars")
class Calendars(MethodView):
    @blueprint.needs("settings:read")
    @blueprint.asks(CalendarsQuery)
    @blueprint.answers(200, CalendarPageSchema, description="A page of calendars")
    def get(self, asked: dict[str, Any]) -> Listed:
        """List the calendars in force, or those that are archived."""
        rows = calendar_versions.page(
            archived=asked["archived"], after=id_after(asked["after"]), limit=asked["limit"] + 1
        )
        return page_by_id([shown(row) for row in rows], asked["limit"])

    @blueprint.needs("settings:write", role=Role.SUPERVISOR)
    @blueprint.takes(NewCalendarSchema, example=EXAMPLE)
    @blueprint.answers(201, FullCalendarSchema, description="The new calendar")
    @blueprint.refuses(409)
    def post(self, new: dict[str, Any]) -> Shown:
        """Make a calendar."""
        with transaction("api"):
            return shown(calendar_versions.make_calendar(new, by=actor(), at=utc_now()))


@blueprint.route("/sla/calendars/<id:calendar_id>")
class OneCalendar(MethodView):
    @blueprint.needs("settings:read")
    @blueprint.answers(200, FullCalendarSchema, description="The calendar's newest version")
    @blueprint.refuses(404)
    def get(self, calendar_id: int) -> Shown:
        """Read a calendar."""
        return shown(calendar_versions.find_calendar(calendar_id))

    @blueprint.needs("settings:write", role=Role.SUPERVISOR)
    @blueprint.takes(RevisedCalendarSchema, example=EXAMPLE)
    @blueprint.answers(200, ChangedCalendarSchema, description="The version that is in force now")
    @blueprint.refuses(404, 409)
    def put(self, wanted: dict[str, Any], calendar_id: int) -> Shown:
        """Replace a calendar's words by a new version. The days of its files and feeds stay."""
        applies_to = wanted.pop("applies_to")
        with transaction("api"):
            at = utc_now()
            change = calendar_versions.revise(calendar_id, wanted, by=actor(), at=at)
            after = after_edit(change, applies_to, at)
        return woken(after)

    @blueprint.needs("settings:write", role=Role.SUPERVISOR)
    @blueprint.answers(204, description="The calendar is archived")
    @blueprint.refuses(404, 409)
    def delete(self, calendar_id: int) -> None:
        """Archive a calendar that no policy in force uses."""
        with transaction("api"):
            calendar_versions.archive(calendar_id, by=actor(), at=utc_now())


@blueprint.route("/sla/calendars/<id:calendar_id>/versions")
class Versions(MethodView):
    @blueprint.needs("settings:read")
    @blueprint.asks(PageQuery)
    @blueprint.answers(200, CalendarPageSchema, description="A page of its versions, oldest first")
    @blueprint.refuses(404)
    def get(self, asked: dict[str, Any], calendar_id: int) -> Listed:
        """List the versions of a calendar."""
        limit = asked["limit"]
        rows = calendar_versions.versions(calendar_id, after=number_after(asked["after"]), limit=limit + 1)
        items = [shown(row) for row in rows[:limit]]
        return Listed(items, write_cursor(["number", items[-1].version]) if len(rows) > limit else None)


@blueprint.route("/sla/calendars/<id:calendar_id>/preview")
class PreviewOfCalendar(MethodView):
    @blueprint.needs("settings:read")
    @blueprint.asks(PreviewQuery)
    @blueprint.answers(200, PreviewSchema, description="The open times, in order, and the dates that differ")
    @blueprint.refuses(404)
    def get(self, asked: dict[str, Any], calendar_id: int) -> Preview:
        """Show when the desk is open, for up to 62 days."""
        since, until = asked["from_"], asked["to"]
        if not timedelta(0) < until - since <= LONGEST_PREVIEW:
            raise InvalidInput(f"`to` must come after `from`, by at most {LONGEST_PREVIEW.days} days")
        hours = hours_of(calendar_versions.find_calendar(calendar_id))
        return Preview(
            time_zone=hours.time_zone.key,
            open_seconds=int(elapsed(since, until, hours).total_seconds()),
            open=[Opened(begin, end) for begin, end, is_open in intervals(since, until, hours) if is_open],
            special=list(_special(since, until, hours)),
        )


def shown(row: Calendar, policies: Iterable[int] = (), rearming_id: int | None = None) -> Shown:
    """Return a version as it is shown."""
    return Shown(
        id=row.origin,
        version=row.version,
        holidays_through=(row.definition.get("holidays") or {}).get("through"),
        sources={source: len(days) for source, days in row.definition.get("sources", {}).items()},
        imported=row.definition.get("imported", {}),
        created_at=row.created_at,
        archived_at=row.archived_at,
        policies=list(policies),
        rearming=rearming_id,
        **words_of(row),
    )


def after_edit(change: Change, applies_to: AppliesTo, at: datetime) -> Shown:
    """Return the calendar as it is after an edit, which counts for open tickets too if that is wanted."""
    carried = None
    if applies_to is AppliesTo.OPEN and change.policies:
        carried = rearming.ask(change.origins, by=actor(), at=at).id
    return shown(change.calendar, change.origins, carried)


def woken(after: Shown) -> Shown:
    """Wake a worker for what an edit leaves to do, after the commit."""
    if after.rearming is not None:
        job.wake(after.rearming)
    return after


def _special(since: datetime, until: datetime, hours: BusinessHours) -> Iterable[SpecialDay]:
    first, last = since.astimezone(hours.time_zone).date(), until.astimezone(hours.time_zone).date()
    for passed in count():
        day = first + timedelta(days=passed)
        if day > last:
            return
        spans = hours.special(day)
        if spans is not None:
            yield SpecialDay(str(day), hours.name_of(day), bool(spans))
