"""How many agents a target needs in each hour of the week, by how many tickets are opened in it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select

from sla.definition import DAYS
from sla.reports.local_time import HOUR, HOURS_A_WEEK, THURSDAY, Wall, seconds
from sla.reports.question import Question
from sla.staffing import ASSUMPTIONS, NOBODY_GIVES_UP, SOME_GIVE_UP, Staffing, agents_needed
from ticketing.models import Ticket
from ticketing.store import db


@dataclass(frozen=True)
class Target:
    """What is wanted: this share of those who come answered within so many seconds.

    `handle_seconds` is how long an agent has to do with one of them, on average; `patience_seconds` how long people
    wait before they give up, on average; None: nobody does.
    """

    target_seconds: int
    share: float
    handle_seconds: int
    patience_seconds: int | None = None


@dataclass(frozen=True)
class Row:
    """One hour of the week."""

    weekday: str  # mon, tue, …
    hour: int
    opened: int  # tickets, over all weeks of the period
    arrivals_per_hour: float
    erlangs: float  # of load: agents who would be busy if nobody ever waited
    staffing: Staffing


@dataclass(frozen=True)
class Plan:
    """The report."""

    question: Question
    target: Target
    rows: Sequence[Row]  # 168, Monday's first hour first

    @property
    def model(self) -> str:
        """Whose formula it is."""
        return "erlang_c" if self.target.patience_seconds is None else "erlang_a"

    @property
    def assumptions(self) -> Sequence[str]:
        """Return what has to be so for the figures to hold, in sentences."""
        return (*ASSUMPTIONS, NOBODY_GIVES_UP if self.target.patience_seconds is None else SOME_GIVE_UP)


def read_staffing(question: Question, target: Target) -> Plan:
    """Return how many agents the target needs, hour by hour, if as many tickets are opened as in the period.

    A ticket is of the queue in which it is now. Raises InvalidInput for what no desk could staff.
    """
    counts: dict[int, int] = {row.hour: row.opened for row in db.session().execute(_opened(question))}
    lasted = [0] * HOURS_A_WEEK
    for hour, spent in _hours(question.wall, seconds(question.since), seconds(question.until)):
        lasted[hour] += spent
    return Plan(
        question, target, [_row(hour, counts.get(hour, 0), lasted[hour], target) for hour in range(HOURS_A_WEEK)]
    )


def _row(hour: int, opened: int, lasted: int, target: Target) -> Row:
    arrivals = opened * HOUR / lasted if lasted else 0.0
    staffing = agents_needed(
        arrivals,
        handle_seconds=target.handle_seconds,
        target_seconds=target.target_seconds,
        share=target.share,
        patience_seconds=target.patience_seconds,
    )
    load = arrivals * target.handle_seconds / HOUR
    return Row(DAYS[hour // 24], hour % 24, opened, round(arrivals, 2), round(load, 2), _rounded(staffing))


def _rounded(staffing: Staffing) -> Staffing:
    """Return figures that nobody takes for more exact than they are."""
    return Staffing(
        agents=staffing.agents,
        within_target=round(staffing.within_target, 4),
        mean_wait_seconds=round(staffing.mean_wait_seconds, 1),
        abandoned=round(staffing.abandoned, 4),
        occupancy=round(staffing.occupancy, 4),
    )


def _opened(question: Question) -> Select[*tuple[Any, ...]]:
    of_week = (question.wall.shown(Ticket.created_at) // HOUR + THURSDAY) % HOURS_A_WEEK
    hours = select(of_week.label("hour")).where(*question.within(Ticket.created_at))
    if question.queues is not None:
        hours = hours.where(Ticket.queue_id.in_(question.queues))
    if question.channel is not None:
        hours = hours.where(Ticket.channel == question.channel)
    every = hours.subquery()
    return select(every.c.hour, func.count().label("opened")).group_by(every.c.hour)


def _hours(wall: Wall, begins: int, ends: int) -> Iterator[tuple[int, int]]:
    """Yield the hours of the week of which the period consists, and how many seconds of each."""
    while begins < ends:
        until = min(ends, begins + HOUR - wall.shows(begins) % HOUR, wall.next_change(begins))
        yield wall.hour_of_week(begins), until - begins
        begins = until
