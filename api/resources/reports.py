"""Reports for supervisors: as JSON, as CSV for a spreadsheet, and as a picture."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields, replace
from datetime import timedelta
from typing import Any

from flask import Response, current_app
from flask.views import MethodView

from api.auth import caller
from api.blueprint import Blueprint
from api.pictures.attainment import draw_attainment
from api.pictures.sunday_map import draw_sunday_map, words_of
from api.pictures.waits import draw_waits
from api.requests import read_at
from api.schemas.reports import (
    AttainmentPictureQuery,
    AttainmentQuery,
    AttainmentSchema,
    SundayMapQuery,
    SundayMapSchema,
    WaitsPictureQuery,
    WaitsQuery,
    WaitsSchema,
    moment_of,
)
from api.spreadsheet import csv_response
from sla.reports.attainment import Attainment, read_attainment
from sla.reports.groups import PERIOD, Group
from sla.reports.question import PERIODS, Dimension, Question, reported_queues
from sla.reports.sunday_map import Cell, SundayMap, read_sunday_map
from sla.reports.waits import Spread, Waits, read_waits
from ticketing.models import Role

blueprint = Blueprint("reports", description="What became of the promises, how long people waited, when they come")

USUAL = timedelta(days=28)
SVG = "image/svg+xml"
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
MOST_DAYS, MOST_WEEKS = timedelta(days=31), timedelta(weeks=26)  # that can be read as bars
COUNTS = ("clocks", "met", "breached", "running", "share_kept")
SPREAD = tuple(one.name for one in fields(Spread))
CELL = tuple(one.name for one in fields(Cell))


@dataclass(frozen=True)
class Worded(Cell):
    """An hour of the week, and what it says."""

    words: str


@dataclass(frozen=True)
class Told:
    """The Sunday map with its worst hours in words."""

    question: Question
    report: SundayMap
    worst: Sequence[Worded]


@blueprint.route("/reports/sla")
class AttainmentReport(MethodView):
    @blueprint.needs("reports:read", role=Role.SUPERVISOR)
    @blueprint.asks(AttainmentQuery)
    @blueprint.answers(200, AttainmentSchema, description="How the clocks came out")
    def get(self, asked: dict[str, Any]) -> Attainment:
        """Read how many promises were kept."""
        return read_attainment(_question(asked, by=_by(asked)))


@blueprint.route("/reports/sla.csv")
class AttainmentAsCSV(MethodView):
    @blueprint.needs("reports:read", role=Role.SUPERVISOR)
    @blueprint.asks(AttainmentQuery)
    @blueprint.gives_file("The report as CSV", content_type="text/csv")
    def get(self, asked: dict[str, Any]) -> Response:
        """Download how many promises were kept."""
        report = read_attainment(_question(asked, by=_by(asked)))
        rows = (
            [*_values(row.group, report.question), *(getattr(row.count, name) for name in COUNTS)]
            for row in report.rows
        )
        return csv_response("sla.csv", [*_names(report.question), *COUNTS], rows)


@blueprint.route("/reports/sla.svg")
class AttainmentAsPicture(MethodView):
    @blueprint.needs("reports:read", role=Role.SUPERVISOR)
    @blueprint.asks(AttainmentPictureQuery)
    @blueprint.gives_file("The report as a picture", content_type=SVG)
    def get(self, asked: dict[str, Any]) -> Response:
        """Look at how many promises were kept, as bars over time."""
        question = _question(asked, by=())
        period = Dimension(asked["by"]) if "by" in asked else _readable(question)
        return _picture(draw_attainment(read_attainment(replace(question, by=(period,))), asked["language"]))


@blueprint.route("/reports/waits")
class WaitsReport(MethodView):
    @blueprint.needs("reports:read", role=Role.SUPERVISOR)
    @blueprint.asks(WaitsQuery)
    @blueprint.answers(200, WaitsSchema, description="How the waits are spread")
    def get(self, asked: dict[str, Any]) -> Waits:
        """Read how long people waited."""
        return read_waits(_question(asked, by=asked["by"]))


@blueprint.route("/reports/waits.csv")
class WaitsAsCSV(MethodView):
    @blueprint.needs("reports:read", role=Role.SUPERVISOR)
    @blueprint.asks(WaitsQuery)
    @blueprint.gives_file("The report as CSV", content_type="text/csv")
    def get(self, asked: dict[str, Any]) -> Response:
        """Download how long people waited."""
        report = read_waits(_question(asked, by=asked["by"]))
        spreads = [f"{kind}_{name}_seconds" for kind in ("counted", "wall_clock") for name in SPREAD]
        rows = (
            [*_values(row.group, report.question), row.answered, *astuple(row.counted), *astuple(row.wall)]
            for row in report.rows
        )
        return csv_response("waits.csv", [*_names(report.question), "answered", *spreads], rows)


@blueprint.route("/reports/waits.svg")
class WaitsAsPicture(MethodView):
    @blueprint.needs("reports:read", role=Role.SUPERVISOR)
    @blueprint.asks(WaitsPictureQuery)
    @blueprint.gives_file("The report as a picture", content_type=SVG)
    def get(self, asked: dict[str, Any]) -> Response:
        """Look at how long people waited, as percentiles."""
        return _picture(draw_waits(read_waits(_question(asked, by=asked["by"])), asked["language"]))


@blueprint.route("/reports/sunday-map")
class SundayMapReport(MethodView):
    @blueprint.needs("reports:read", role=Role.SUPERVISOR)
    @blueprint.asks(SundayMapQuery)
    @blueprint.answers(200, SundayMapSchema, description="Contacts by the hour of the week")
    def get(self, asked: dict[str, Any]) -> "Told":
        """Read when customers come, against when the desk is open."""
        report = read_sunday_map(_question(asked))
        worst = [Worded(**asdict(one), words=words_of(one, asked["language"])) for one in report.worst]
        return Told(report.question, report, worst)


@blueprint.route("/reports/sunday-map.csv")
class SundayMapAsCSV(MethodView):
    @blueprint.needs("reports:read", role=Role.SUPERVISOR)
    @blueprint.asks(SundayMapQuery)
    @blueprint.gives_file("The report as CSV", content_type="text/csv")
    def get(self, asked: dict[str, Any]) -> Response:
        """Download when customers come, hour by hour."""
        report = read_sunday_map(_question(asked))
        return csv_response("sunday-map.csv", CELL, ([getattr(cell, name) for name in CELL] for cell in report.cells))


@blueprint.route("/reports/sunday-map.svg")
class SundayMapAsPicture(MethodView):
    @blueprint.needs("reports:read", role=Role.SUPERVISOR)
    @blueprint.asks(SundayMapQuery)
    @blueprint.gives_file("The report as a picture", content_type=SVG)
    def get(self, asked: dict[str, Any]) -> Response:
        """Look at when customers come, as a map of the week."""
        return _picture(draw_sunday_map(read_sunday_map(_question(asked)), asked["language"]))


def _question(asked: Mapping[str, Any], *, by: Sequence[str] = ()) -> Question:
    """Return what is asked, about the queues on which the caller may have reports. Raises InvalidInput."""
    now, zone = read_at(), asked["time_zone"]
    until = moment_of(asked["until"], zone) if "until" in asked else now
    return Question(
        since=moment_of(asked["since"], zone) if "since" in asked else until - USUAL,
        until=until,
        now=now,
        zone=zone,
        queues=reported_queues(caller(), asked["queue"]),
        channel=asked.get("channel"),
        metric=asked.get("metric"),
        by=tuple(map(Dimension, by)),
    )


def _by(asked: Mapping[str, Any]) -> Sequence[str]:
    return asked["by"] or (Dimension.POLICY, Dimension.METRIC)


def _readable(question: Question) -> Dimension:
    """Return the period of which there are not too many bars."""
    lasts = question.until - question.since
    if lasts <= MOST_DAYS:
        return Dimension.DAY
    return Dimension.WEEK if lasts <= MOST_WEEKS else Dimension.MONTH


def _names(question: Question) -> Iterator[str]:
    """Yield the names of the columns that tell groups apart."""
    for one in question.by:
        yield one.value
        if one is Dimension.POLICY:
            yield "policy_version"


def _values(group: Group, question: Question) -> Iterator[Any]:
    for one in question.by:
        value = getattr(group, PERIOD if one in PERIODS else one.value)
        if one is Dimension.POLICY:
            yield from (value.name, value.version) if value else (None, None)
        else:
            yield getattr(value, "name", value) if one in {Dimension.QUEUE, Dimension.AGENT} else value


def _picture(drawn: str) -> Response:
    answer: Response = current_app.response_class(drawn, content_type=f"{SVG}; charset=utf-8")
    answer.headers["Content-Security-Policy"] = POLICY
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer
