"""What a report is asked: which time, whose clocks, by what they are told apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement

from sla.agreement import Metric
from sla.models import Clock
from sla.reports.local_time import Wall
from ticketing.agents import Caller
from ticketing.envelope import Channel
from ticketing.errors import InvalidInput
from ticketing.filters import Filter, queues_of

LONGEST = timedelta(days=400)
FIRST, LAST = datetime(1971, 1, 1, tzinfo=UTC), datetime(2198, 1, 1, tzinfo=UTC)
MOST_DIMENSIONS = 3  # besides the metric, by which waits are told apart in any case
MOST_ROWS = 10_000


class Dimension(StrEnum):
    """By what clocks are told apart."""

    POLICY = "policy"  # each version for itself
    METRIC = "metric"
    CHANNEL = "channel"
    QUEUE = "queue"
    AGENT = "agent"
    PRIORITY = "priority"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


PERIODS = (Dimension.DAY, Dimension.WEEK, Dimension.MONTH)


@dataclass(frozen=True)
class Question:
    """A report that somebody asks for. Raises InvalidInput for what makes no sense.

    `queues` are the ids of those that it is about; None: all. The period is half-open, and local in `zone`.
    """

    since: datetime
    until: datetime
    now: datetime
    zone: ZoneInfo
    queues: Sequence[int] | None = None
    channel: Channel | None = None
    metric: Metric | None = None
    by: tuple[Dimension, ...] = ()

    def __post_init__(self) -> None:
        if not FIRST <= self.since < self.until <= LAST:
            raise InvalidInput("from must come before to, both between 1971 and 2198")
        if self.until - self.since > LONGEST:
            raise InvalidInput(f"a report covers at most {LONGEST.days} days; ask for a shorter time")
        if len(set(self.by) - {Dimension.METRIC}) > MOST_DIMENSIONS or len(set(self.by)) < len(self.by):
            raise InvalidInput(f"by names at most {MOST_DIMENSIONS} different things")
        if len(set(self.by).intersection(PERIODS)) > 1:
            raise InvalidInput("by names only one of day, week and month")

    @cached_property
    def wall(self) -> Wall:
        """The clock on the zone's wall during the period."""
        return Wall.of(self.zone, self.since, self.until)

    @property
    def is_over(self) -> bool:
        """Whether nothing can happen in the period any more."""
        return self.until <= self.now

    def within(self, moment: Any) -> list[ColumnElement[bool]]:
        """Return the conditions that a column's moment is in the period."""
        return [moment >= self.since, moment < self.until]

    def of_clocks(self) -> list[ColumnElement[bool]]:
        """Return the conditions that a clock is one of those that the report is about."""
        conditions: list[ColumnElement[bool]] = []
        if self.queues is not None:
            conditions.append(Clock.queue_id.in_(self.queues))
        if self.channel is not None:
            conditions.append(Clock.channel == self.channel.value)
        if self.metric is not None:
            conditions.append(Clock.metric == self.metric)
        return conditions


def reported_queues(caller: Caller, queue: str) -> Sequence[int] | None:
    """Return the ids of the queues on which the caller may have reports; None: all.

    `queue` is the name or id of one of them, "" for all of them. Raises InvalidInput, also for one that is others'.
    """
    found = queues_of(caller, Filter(queue=queue))
    if found.worked is None:
        return found.wanted
    if found.wanted is None:
        return found.worked
    if not found.walked:
        raise InvalidInput(f"there is no queue {queue!r}")
    return found.walked


def too_many_rows() -> InvalidInput:
    """Return the error for a report that nobody could read."""
    return InvalidInput(f"this would have more than {MOST_ROWS} rows; ask for a shorter time, or by fewer things")
