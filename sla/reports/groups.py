"""What a row of a report is about: which policy, queue, day and so on, as keys in SQL and as names for people."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, select

from sla.agreement import Metric
from sla.models import Clock, Policy
from sla.reports.local_time import day_number, day_of, month_number, month_of, week_number, week_of
from sla.reports.question import PERIODS, Dimension, Question
from ticketing.models import Agent, Queue
from ticketing.status import Priority
from ticketing.store import db

Key = tuple[Any, ...]  # one value for each dimension that was asked for, as it stands in the database


class Named(NamedTuple):
    """A thing by id and name."""

    id: int
    name: str


class PolicyVersion(NamedTuple):
    """One version of a policy. `id` is that of the policy, the same for all versions."""

    id: int
    name: str
    version: int


@dataclass(frozen=True)
class Group:
    """What a row is about; None for what was not asked, and where there is none: no policy, nobody, no verdict yet."""

    policy: PolicyVersion | None = None
    metric: Metric | None = None
    channel: str | None = None
    queue: Named | None = None
    agent: Named | None = None
    priority: str | None = None
    period: date | None = None  # the first day of the day, week or month


COLUMNS: dict[Dimension, Any] = {
    Dimension.POLICY: Clock.policy_id,
    Dimension.METRIC: Clock.metric,
    Dimension.CHANNEL: Clock.channel,
    Dimension.QUEUE: Clock.queue_id,
    Dimension.AGENT: Clock.agent_id,
    Dimension.PRIORITY: Clock.priority,
}
PERIOD = "period"
FIRST_DAYS: dict[Dimension, Callable[[int], date]] = {
    Dimension.DAY: day_of,
    Dimension.WEEK: week_of,
    Dimension.MONTH: month_of,
}


def key_columns(question: Question, moment: Any) -> list[ColumnElement[Any]]:
    """Return the columns of a clock's key; `moment` is the one that decides to which period it belongs."""
    return [
        (period_column(question, one, moment) if one in PERIODS else COLUMNS[one]).label(f"key_{number}")
        for number, one in enumerate(question.by)
    ]


def period_column(question: Question, period: Dimension, moment: Any) -> ColumnElement[Any]:
    if period is Dimension.MONTH:
        return month_number(question.wall, moment, question.since, question.until)
    return {Dimension.DAY: day_number, Dimension.WEEK: week_number}[period](question.wall, moment)


def in_order(question: Question, keys: Iterable[Key]) -> list[tuple[Key, Group]]:
    """Return keys with what they mean, in the order in which people read them. At most one statement a dimension."""
    every = list(keys)
    names = [_names(one, {key[place] for key in every}) for place, one in enumerate(question.by)]
    found = [(key, [named[value] for named, value in zip(names, key, strict=True)]) for key in every]
    found.sort(key=lambda one: [_rank(value) for value in one[1]])
    fields = [PERIOD if one in PERIODS else one.value for one in question.by]
    return [(key, Group(**dict(zip(fields, values, strict=True)))) for key, values in found]


def _names(dimension: Dimension, values: set[Any]) -> Mapping[Any, Any]:
    known = values - {None}
    found: dict[Any, Any] = {None: None}
    if dimension in FIRST_DAYS:
        return found | {one: FIRST_DAYS[dimension](one) for one in known}
    read = READERS.get(dimension)
    return {**found, **(read(sorted(known)) if read else {one: one for one in known})}


def _policies(ids: Sequence[int]) -> dict[int, PolicyVersion]:
    rows = db.session().scalars(select(Policy).where(Policy.id.in_(ids)))
    return {row.id: PolicyVersion(row.origin, row.name, row.version) for row in rows}


def _queues(ids: Sequence[int]) -> dict[int, Named]:
    rows = db.session().execute(select(Queue.id, Queue.name).where(Queue.id.in_(ids)))
    return {row.id: Named(row.id, row.name) for row in rows}


def _agents(ids: Sequence[int]) -> dict[int, Named]:
    rows = db.session().execute(select(Agent.id, Agent.name).where(Agent.id.in_(ids)))
    return {row.id: Named(row.id, row.name) for row in rows}


READERS: dict[Dimension, Callable[[Sequence[int]], Mapping[int, Any]]] = {
    Dimension.POLICY: _policies,
    Dimension.QUEUE: _queues,
    Dimension.AGENT: _agents,
}
METRICS = list(Metric)
PRIORITIES = [one.value for one in Priority]


def _rank(value: Any) -> tuple[Any, ...]:
    """Return what a value is sorted by: names by name, words in their own order, what is not there last."""
    if value is None:
        return (1,)
    if isinstance(value, Metric):
        return 0, METRICS.index(value)
    if isinstance(value, PolicyVersion):
        return 0, value.name, value.version
    if isinstance(value, Named):
        return 0, value.name, value.id
    return (0, PRIORITIES.index(value)) if value in PRIORITIES else (0, value)
