"""How many agents a target needs, hour by hour: as JSON, and as CSV for a spreadsheet."""

from collections.abc import Mapping
from dataclasses import astuple, fields
from datetime import timedelta
from typing import Any

from flask import Response
from flask.views import MethodView

from api.auth import caller
from api.blueprint import Blueprint
from api.requests import read_at
from api.schemas.reports import moment_of
from api.schemas.staffing import StaffingQuery, StaffingSchema
from api.spreadsheet import csv_response
from sla.reports.question import Question, reported_queues
from sla.reports.staffing import Plan, Target, read_staffing
from sla.staffing import Staffing
from ticketing.models import Role

blueprint = Blueprint("staffing", description="How many agents a target needs")

USUAL = timedelta(days=28)
COLUMNS = ("weekday", "hour", "opened", "arrivals_per_hour", "erlangs")
REACHED = tuple(one.name for one in fields(Staffing))


@blueprint.route("/reports/staffing")
class StaffingReport(MethodView):
    @blueprint.needs("reports:read", role=Role.SUPERVISOR)
    @blueprint.asks(StaffingQuery)
    @blueprint.answers(200, StaffingSchema, description="Agents by hour of the week, and what is assumed")
    def get(self, asked: dict[str, Any]) -> Plan:
        """Read how many agents it takes to answer in time, for as many tickets as there were."""
        return _plan(asked)


@blueprint.route("/reports/staffing.csv")
class StaffingAsCSV(MethodView):
    @blueprint.needs("reports:read", role=Role.SUPERVISOR)
    @blueprint.asks(StaffingQuery)
    @blueprint.gives_file("The report as CSV", content_type="text/csv")
    def get(self, asked: dict[str, Any]) -> Response:
        """Download how many agents it takes to answer in time, hour by hour."""
        rows = ([*(getattr(row, name) for name in COLUMNS), *astuple(row.staffing)] for row in _plan(asked).rows)
        return csv_response("staffing.csv", [*COLUMNS, *REACHED], rows)


def _plan(asked: Mapping[str, Any]) -> Plan:
    now, zone = read_at(), asked["time_zone"]
    until = moment_of(asked["until"], zone) if "until" in asked else now
    question = Question(
        since=moment_of(asked["since"], zone) if "since" in asked else until - USUAL,
        until=until,
        now=now,
        zone=zone,
        queues=reported_queues(caller(), asked["queue"]),
        channel=asked.get("channel"),
    )
    wanted = Target(asked["target_seconds"], asked["share"], asked["handle_seconds"], asked.get("patience_seconds"))
    return read_staffing(question, wanted)
