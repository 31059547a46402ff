"""What would have been: other policies and calendars over past tickets, and shadow policies compared."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from flask.views import MethodView

from api import replaying as job
from api.auth import actor, caller
from api.blueprint import Blueprint
from api.pagination import USUAL, Listed, PageQuery, id_after, page_by_id
from api.schemas.replays import (
    FlippedTicketPageSchema,
    FlipQuery,
    NewReplaySchema,
    ReplayLineSchema,
    ReplayPageSchema,
    ReplaySchema,
)
from sla import replays, shadow
from sla.comparison import Counts, Tally
from sla.models import JobState, Replay
from sla.replays import FlipFilter, Span
from sla.reports.groups import Named
from ticketing.models import Role
from ticketing.moment import rfc3339, utc_now
from ticketing.transaction import transaction

blueprint = Blueprint("replays", description="What other policies and calendars would have done")

STAFFING = "/api/v1/reports/staffing"


@dataclass(frozen=True)
class Progress:
    done: int
    total: int


@dataclass(frozen=True)
class Spans:
    now: int | None
    proposed: int | None


@dataclass(frozen=True)
class Row:
    """Counts, and of what they are; what a table is not about is left at its default."""

    metric: str
    counts: Counts
    channel: str = ""
    priority: str = ""
    queue: Named | None = None
    hour: int = 0
    median_seconds: Spans | None = None
    p90_seconds: Spans | None = None


@dataclass(frozen=True)
class Results:
    tickets: int
    flips: int
    time_zone: str
    metrics: Sequence[Row]
    places: Sequence[Row]
    queues: Sequence[Row]
    hours: Sequence[Row]
    staffing: str


@dataclass(frozen=True)
class Line:
    """A replay as a list shows it."""

    id: int
    state: JobState
    since: datetime
    until: datetime
    shadow: int | None
    asked_by: int | None
    progress: Progress
    error: str
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True)
class Shown(Line):
    """A replay in full."""

    proposal: Any
    results: Results | None
    flipped: Listed


@blueprint.route("/sla/replays")
class Replays(MethodView):
    @blueprint.needs("settings:read", role=Role.SUPERVISOR)
    @blueprint.asks(PageQuery)
    @blueprint.answers(200, ReplayPageSchema, description="A page of replays, newest first")
    def get(self, asked: dict[str, Any]) -> Listed:
        """List the replays that were asked for."""
        limit = asked["limit"]
        page = page_by_id(replays.newest(before=id_after(asked["after"]), limit=limit), limit)
        shadows = replays.shadows_of(page.items)
        return Listed([_line(row, shadows) for row in page.items], page.next)

    @blueprint.needs("settings:write", role=Role.SUPERVISOR)
    @blueprint.takes(NewReplaySchema)
    @blueprint.answers(202, ReplayLineSchema, description="It will be worked off; look again for its progress")
    @blueprint.refuses(409)
    def post(self, new: dict[str, Any]) -> Line:
        """Ask what other policies and calendars would have done to past tickets."""
        with transaction("api"):
            row = replays.ask(
                wanted=new["policies"],
                calendars=new["calendars"],
                span=Span(new["since"], new["until"]),
                zone=new["time_zone"],
                by=actor(),
                at=utc_now(),
            )
        return _woken(row)


@blueprint.route("/sla/replays/<id:replay_id>")
class OneReplay(MethodView):
    @blueprint.needs("settings:read", role=Role.SUPERVISOR)
    @blueprint.answers(200, ReplaySchema, description="Its progress, and its results once it is done")
    @blueprint.refuses(404)
    def get(self, replay_id: int) -> Shown:
        """Read a replay."""
        return _shown(replays.find(replay_id))

    @blueprint.needs("settings:write", role=Role.SUPERVISOR)
    @blueprint.answers(204, description="It is cancelled if it was not over, else removed")
    @blueprint.refuses(404)
    def delete(self, replay_id: int) -> None:
        """Cancel a replay that is not over; remove one that is."""
        with transaction("api"):
            replays.give_up(replay_id, at=utc_now())


@blueprint.route("/sla/replays/<id:replay_id>/tickets")
class FlippedTickets(MethodView):
    @blueprint.needs("settings:read", role=Role.SUPERVISOR)
    @blueprint.asks(FlipQuery)
    @blueprint.answers(200, FlippedTicketPageSchema, description="A page of tickets, in the order in which they came")
    @blueprint.refuses(404)
    def get(self, asked: dict[str, Any], replay_id: int) -> Listed:
        """List the tickets whose verdict would have been another, of those that you may see."""
        replays.find(replay_id)
        wanted = FlipFilter(asked["metric"], asked["verdict_now"], asked["verdict_proposed"])
        return _flipped(replay_id, wanted, after=id_after(asked["after"]), limit=asked["limit"])


@blueprint.route("/sla/policies/<id:policy_id>/comparison")
class Comparison(MethodView):
    @blueprint.needs("settings:read", role=Role.SUPERVISOR)
    @blueprint.answers(200, ReplaySchema, description="The newest comparison of the shadow policy as it is now")
    @blueprint.refuses(404)
    def get(self, policy_id: int) -> Shown:
        """Read what a shadow policy would have done."""
        return _shown(shadow.comparison_of(policy_id))

    @blueprint.needs("settings:write", role=Role.SUPERVISOR)
    @blueprint.answers(202, ReplayLineSchema, description="It will be worked off; look again for its progress")
    @blueprint.refuses(404, 409)
    def post(self, policy_id: int) -> Line:
        """Compare a shadow policy with what is in force, over the tickets opened since it was made."""
        with transaction("api"):
            row = shadow.compare(policy_id, by=actor(), at=utc_now())
        return _woken(row)


def _woken(row: Replay) -> Line:
    job.wake(row.id)
    return _line(row, replays.shadows_of([row]))


def _line(row: Replay, shadows: Mapping[int, int]) -> Line:
    return Line(**_of_line(row, shadows))


def _shown(row: Replay) -> Shown:
    results = _results(row) if row.state is JobState.DONE else None
    flipped = _flipped(row.id, FlipFilter(), after=0, limit=USUAL) if results else Listed([])
    line = _of_line(row, replays.shadows_of([row]))
    return Shown(**line, proposal=_Named(**row.proposal), results=results, flipped=flipped)


@dataclass(frozen=True)
class _Named:
    policies: Sequence[Any]
    calendars: Sequence[Any]


def _of_line(row: Replay, shadows: Mapping[int, int]) -> dict[str, Any]:
    return {
        "id": row.id,
        "state": row.state,
        "since": row.from_at,
        "until": row.to_at,
        "shadow": None if row.shadow_id is None else shadows[row.shadow_id],
        "asked_by": row.asked_by_id,
        "progress": Progress(row.done, row.total),
        "error": row.error,
        "created_at": row.created_at,
        "finished_at": row.finished_at,
    }


def _results(row: Replay) -> Results:
    tally = Tally.unpack(row.tally)
    queues = replays.queues_named(int(key[-1]) for key, _ in tally.counts("queue"))
    asked = {"from": rfc3339(row.from_at), "to": rfc3339(row.to_at), "time_zone": tally.zone.key}
    return Results(
        tickets=tally.tickets,
        flips=tally.flips,
        time_zone=tally.zone.key,
        metrics=list(_by_metric(tally)),
        places=[
            Row(str(metric), counts, channel=str(channel), priority=str(priority))
            for (metric, channel, priority), counts in tally.counts("place")
        ],
        queues=[
            Row(str(metric), counts, queue=queues[int(queue)]) for (metric, queue), counts in tally.counts("queue")
        ],
        hours=[Row(str(metric), counts, hour=int(hour)) for (metric, hour), counts in tally.counts("hour")],
        staffing=f"{STAFFING}?{urlencode(asked)}",
    )


def _by_metric(tally: Tally) -> Iterator[Row]:
    for (metric,), counts in tally.counts("metric"):
        half, most = (
            Spans(*(tally.percentile(str(metric), side, share) for side in ("now", "proposed"))) for share in (0.5, 0.9)
        )
        yield Row(str(metric), counts, median_seconds=half, p90_seconds=most)


def _flipped(replay_id: int, wanted: FlipFilter, *, after: int, limit: int) -> Listed:
    return page_by_id(replays.flips(caller(), replay_id, wanted, after=after, limit=limit), limit)
