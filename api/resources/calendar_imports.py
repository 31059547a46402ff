"""Closed days from elsewhere: iCalendar files and feeds."""

from typing import Any

from flask import current_app, request
from flask.views import MethodView
from werkzeug.exceptions import UnsupportedMediaType

from api import feeds as job
from api.auth import actor
from api.blueprint import Blueprint
from api.off_loop import off_loop
from api.outgoing import check_address
from api.pagination import Listed, PageQuery, id_after, page_by_id
from api.resources.calendars import Shown, after_edit, woken
from api.schemas.calendars import (
    AppliesToQuery,
    ChangedCalendarSchema,
    FeedPageSchema,
    FeedSchema,
    ForgetQuery,
    ImportQuery,
    NewFeedSchema,
)
from config.settings import Settings
from sla import calendar_versions, feeds
from sla.calendars import hours_of
from sla.ical import read_closings
from sla.models import CalendarFeed
from sla.public_holidays import days_around
from ticketing.models import Role
from ticketing.moment import utc_now
from ticketing.transaction import transaction

blueprint = Blueprint("calendar imports", description="Closed days from iCalendar files and feeds")

CALENDAR = "/sla/calendars/<id:calendar_id>"
ICALENDAR = "text/calendar"
UNNAMED = "file"


@blueprint.route(f"{CALENDAR}/import")
class Import(MethodView):
    @blueprint.needs("settings:write", role=Role.SUPERVISOR)
    @blueprint.takes_text(ICALENDAR, "An iCalendar file (RFC 5545) of at most 1 MB.")
    @blueprint.asks(ImportQuery)
    @blueprint.answers(200, ChangedCalendarSchema, description="The version that is in force now")
    @blueprint.refuses(400, 404, 409, 413, 415)
    def post(self, asked: dict[str, Any], calendar_id: int) -> Shown:
        """Close the desk at the times of every event in a file; a file of the same name takes its place."""
        if request.mimetype != ICALENDAR:
            raise UnsupportedMediaType(f"Send the file as {ICALENDAR}.")
        content = request.get_data(cache=False)
        zone = hours_of(calendar_versions.find_calendar(calendar_id)).time_zone
        since, until = days_around(utc_now().year)
        said = off_loop(lambda: read_closings(content, zone, since=since, until=until))
        source = _source(asked.get("name") or said.name or UNNAMED)
        with transaction("api"):
            at = utc_now()
            change = calendar_versions.close_days(calendar_id, source, said.days, by=actor(), at=at)
            after = after_edit(change, asked["applies_to"], at)
        return woken(after)

    @blueprint.needs("settings:write", role=Role.SUPERVISOR)
    @blueprint.asks(ForgetQuery)
    @blueprint.answers(200, ChangedCalendarSchema, description="The version that is in force now")
    @blueprint.refuses(404, 409)
    def delete(self, asked: dict[str, Any], calendar_id: int) -> Shown:
        """Forget the days of a file."""
        with transaction("api"):
            at = utc_now()
            change = calendar_versions.close_days(calendar_id, _source(asked["name"]), {}, by=actor(), at=at)
            after = after_edit(change, asked["applies_to"], at)
        return woken(after)


@blueprint.route(f"{CALENDAR}/feeds")
class Feeds(MethodView):
    @blueprint.needs("settings:read", role=Role.SUPERVISOR)
    @blueprint.asks(PageQuery)
    @blueprint.answers(200, FeedPageSchema, description="A page of feeds")
    @blueprint.refuses(404)
    def get(self, asked: dict[str, Any], calendar_id: int) -> Listed:
        """List the feeds of a calendar. Whoever knows such an address can often read it, so agents do not."""
        rows = feeds.page(calendar_id, after=id_after(asked["after"]), limit=asked["limit"] + 1)
        return page_by_id(rows, asked["limit"])

    @blueprint.needs("settings:write", role=Role.SUPERVISOR)
    @blueprint.takes(NewFeedSchema)
    @blueprint.answers(201, FeedSchema, description="The feed, which is read within a minute and then every day")
    @blueprint.refuses(404, 409)
    def post(self, new: dict[str, Any], calendar_id: int) -> CalendarFeed:
        """Let a calendar follow a feed of closed days."""
        settings: Settings = current_app.extensions["comptoir.settings"]
        check_address(new["url"], allow_private=settings.private_addresses)
        with transaction("api"):
            row = feeds.add(calendar_id, new["url"], by=actor(), at=utc_now())
        job.wake(row.id)
        return row


@blueprint.route(f"{CALENDAR}/feeds/<id:feed_id>")
class OneFeed(MethodView):
    @blueprint.needs("settings:read", role=Role.SUPERVISOR)
    @blueprint.answers(200, FeedSchema, description="The feed")
    @blueprint.refuses(404)
    def get(self, calendar_id: int, feed_id: int) -> CalendarFeed:
        """Read how a feed goes."""
        return feeds.find_feed(calendar_id, feed_id)

    @blueprint.needs("settings:write", role=Role.SUPERVISOR)
    @blueprint.asks(AppliesToQuery)
    @blueprint.answers(200, ChangedCalendarSchema, description="The version that is in force now, without its days")
    @blueprint.refuses(404, 409)
    def delete(self, asked: dict[str, Any], calendar_id: int, feed_id: int) -> Shown:
        """Follow a feed no more."""
        with transaction("api"):
            at = utc_now()
            change = feeds.remove(calendar_id, feed_id, by=actor(), at=at)
            after = after_edit(change, asked["applies_to"], at)
        return woken(after)


def _source(name: str) -> str:
    return f"ical:{name}"
