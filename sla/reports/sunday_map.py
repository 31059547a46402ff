"""When customers come, by the hour of the week, against when the desk is open: who comes on Sundays, and to nobody?

A contact is a message or a call of a customer that no machine made; a ticket's first one counts like all others.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import gcd
from typing import Any

from sqlalchemy import and_, case, false, func, literal_column, or_, select
from sqlalchemy.sql import ColumnElement

from sla.definition import DAYS
from sla.reports.local_time import HOUR, HOURS_A_WEEK, Wall, epoch, seconds
from sla.reports.openings import Counter, Openings, counters_of, joined
from sla.reports.question import Question
from ticketing.envelope import Channel
from ticketing.models import Message, Ticket
from ticketing.models.message import FROM_CUSTOMERS
from ticketing.store import db

WORST = 10
NOBODYS = -1  # the counter of those for whom no policy is
MOST_SLICES = 50_000  # that one statement returns for each counter, but a month's in any case
MONTH = 31 * 86_400


@dataclass(frozen=True)
class Cell:
    """One hour of the week, over all weeks of the period."""

    weekday: str  # mon, tue, …
    hour: int
    contacts: int
    outside: int  # of the contacts, those that came while the desk was closed for them
    opened: int  # tickets
    open_share: float | None  # of the hour's time, at any counter; None: the period has no such hour, or no calendar

    @property
    def is_open(self) -> bool:
        """Whether the desk is open for most of the hour."""
        return self.open_share is not None and self.open_share >= 0.5


@dataclass(frozen=True)
class SundayMap:
    """The report. `without_hours` are contacts for which no policy, so no calendar, says when the desk is open."""

    question: Question
    calendars: Sequence[str]
    cells: Sequence[Cell]  # 168, Monday's first hour first
    without_hours: int

    @property
    def contacts(self) -> int:
        return sum(one.contacts for one in self.cells)

    @property
    def outside(self) -> int:
        return sum(one.outside for one in self.cells)

    @property
    def opened(self) -> int:
        return sum(one.opened for one in self.cells)

    @property
    def outside_share(self) -> float | None:
        """The share of the contacts with opening hours that came outside of them; None where there is none."""
        judged = self.contacts - self.without_hours
        return round(self.outside / judged, 4) if judged else None

    @property
    def worst(self) -> Sequence[Cell]:
        """The hours in which the most customers found the desk closed, the worst first."""
        found = sorted((one for one in self.cells if one.outside), key=lambda one: -one.outside)
        return found[:WORST]


def read_sunday_map(question: Question) -> SundayMap:
    """Return when customers came in the period, against the opening hours that are in force now.

    A contact is of the queue in which its ticket is now. The database counts contacts by slices of time, so small that
    no slice is partly open and none lies in two hours of the zone: mostly hours. Every contact is judged exactly.
    """
    counters = counters_of(question.queues, question.channel)
    openings = [Openings.of(one.calendar, question.since, question.until) for one in counters]
    contacts, outside, opened = ([0] * HOURS_A_WEEK for _ in range(3))
    without_hours = 0
    slice_seconds = _slice(question.wall, openings)
    for begins, number, counted, new in _counts(question, counters, slice_seconds):
        hour = question.wall.hour_of_week(begins)
        contacts[hour] += counted
        opened[hour] += new
        if number == NOBODYS:
            without_hours += counted
        elif not openings[number].has(begins):
            outside[hour] += counted
    shares = _open_shares(question, openings)
    cells = [
        Cell(DAYS[hour // 24], hour % 24, contacts[hour], outside[hour], opened[hour], shares[hour])
        for hour in range(HOURS_A_WEEK)
    ]
    names = sorted({one.calendar.name for one in counters})
    return SundayMap(question, names, cells, without_hours)


def _slice(wall: Wall, openings: Sequence[Openings]) -> int:
    """Return the greatest number of seconds by which all hours, openings and closings can be divided."""
    edges = {edge for one in openings for edge in (*one.opens, *one.closes)}
    return gcd(HOUR, *wall.offsets, *wall.since[1:], *edges)


def _counts(question: Question, counters: Sequence[Counter], slice_seconds: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield when a slice begins, for which counter, how many contacts and new tickets there are, some at a time."""
    first, last = seconds(question.since), seconds(question.until) + 1
    step = max(MONTH, MOST_SLICES * slice_seconds)
    for begins in range(first, last, step):
        span = max(question.since, _at(begins)), min(question.until, _at(begins + step))
        for statement, are_contacts in ((_contacts, True), (_new_tickets, False)):
            for number, counter, count in db.session().execute(statement(question, counters, slice_seconds, span)):
                counted = (count, 0) if are_contacts else (0, count)
                yield number * slice_seconds, counter, *counted


def _at(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def _contacts(question: Question, counters: Sequence[Counter], slice_seconds: int, span: Any) -> Any:
    slices = (
        select(
            (epoch(Message.created_at) // slice_seconds).label("slice"),
            _counter(counters, Message.channel).label("counter"),
        )
        .join(Ticket, Ticket.id == Message.ticket_id)
        .where(FROM_CUSTOMERS, *_within(Message.created_at, span), *_of(question, Message.channel))
        .subquery()
    )
    return _by_slice(slices)


def _new_tickets(question: Question, _counters: Sequence[Counter], slice_seconds: int, span: Any) -> Any:
    slices = (
        select(
            (epoch(Ticket.created_at) // slice_seconds).label("slice"),
            literal_column(str(NOBODYS)).label("counter"),
        )
        .where(*_within(Ticket.created_at, span), *_of(question, Ticket.channel))
        .subquery()
    )
    return _by_slice(slices)


def _by_slice(slices: Any) -> Any:
    return select(slices.c.slice, slices.c.counter, func.count()).group_by(slices.c.slice, slices.c.counter)


def _within(moment: Any, span: tuple[datetime, datetime]) -> list[ColumnElement[bool]]:
    return [moment >= span[0], moment < span[1]]


def _of(question: Question, channel: Any) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if question.queues is not None:
        conditions.append(Ticket.queue_id.in_(question.queues))
    if question.channel is not None:
        conditions.append(channel == question.channel)
    return conditions


def _counter(counters: Sequence[Counter], channel: Any) -> ColumnElement[int]:
    """Return the place of the counter that serves a message's channel and its ticket's queue."""
    branches: list[Any] = [
        (_serves(one.served, channel), literal_column(str(number))) for number, one in enumerate(counters)
    ]
    return case(*branches, (false(), literal_column("0")), else_=literal_column(str(NOBODYS)))


def _serves(served: Mapping[Channel, Sequence[int]], channel: Any) -> ColumnElement[bool]:
    return or_(*(and_(channel == one, Ticket.queue_id.in_(queue_ids)) for one, queue_ids in served.items()))


def _open_shares(question: Question, openings: Sequence[Openings]) -> list[float | None]:
    """Return by hour of the week which share of its time in the period the desk is open."""
    if not openings:
        return [None] * HOURS_A_WEEK
    first, last = seconds(question.since), seconds(question.until)
    whole, is_open = [0] * HOURS_A_WEEK, [0] * HOURS_A_WEEK
    for hour, spent in _hours(question.wall, first, last):
        whole[hour] += spent
    for opening, closing in joined(openings):
        for hour, spent in _hours(question.wall, max(first, opening), min(last, closing)):
            is_open[hour] += spent
    return [round(one / all_, 4) if all_ else None for one, all_ in zip(is_open, whole, strict=True)]


def _hours(wall: Wall, begins: int, ends: int) -> Iterator[tuple[int, int]]:
    """Yield the hours of the week of which a span consists, and how many seconds of each."""
    while begins < ends:
        rest_of_hour = HOUR - wall.shows(begins) % HOUR
        until = min(ends, begins + rest_of_hour, wall.next_change(begins))
        yield wall.hour_of_week(begins), until - begins
        begins = until
