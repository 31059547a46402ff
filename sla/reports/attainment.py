"""How many promises were kept. A clock belongs to the period in which its verdict fell."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, cast, func, literal_column, null, or_, select, union_all
from sqlalchemy.sql import ColumnElement

from sla.models import Clock
from sla.models.clock import RUNNING
from sla.reports.groups import Group, Key, in_order, key_columns
from sla.reports.question import MOST_ROWS, PERIODS, Question, too_many_rows
from ticketing.store import BIG, db


@dataclass(frozen=True)
class Count:
    """How clocks came out. `running` have no verdict yet; None where the period is over: theirs falls in another."""

    met: int
    breached: int
    running: int | None

    @property
    def clocks(self) -> int:
        """How many have a verdict."""
        return self.met + self.breached

    @property
    def share_kept(self) -> float | None:
        """The share of the verdicts that are good, to four digits; None where there is none."""
        return round(self.met / self.clocks, 4) if self.clocks else None


@dataclass(frozen=True)
class Row:
    group: Group
    count: Count


@dataclass(frozen=True)
class Attainment:
    """The report: one row for each group in which there is something, and all of them together."""

    question: Question
    total: Count
    rows: Sequence[Row]


@dataclass
class _Tally:
    outcomes: dict[str, int] = field(default_factory=lambda: {"met": 0, "breached": 0, "running": 0})

    def count(self, question: Question) -> Count:
        running = None if question.is_over else self.outcomes["running"]
        return Count(self.outcomes["met"], self.outcomes["breached"], running)


def read_attainment(question: Question) -> Attainment:
    """Return how many promises were kept, in one statement, and one more for each kind of name.

    What is read of a clock was frozen with its verdict (`sla.timekeeper`), so a period that is over reads the same for
    ever. A deadline that has passed counts whether or not a sweep has flagged it. What ended without a verdict is no
    promise any more.
    """
    total, tallies = _Tally(), dict[Key, _Tally]()
    for outcome, number, *key in db.session().execute(_statement(question)).all():
        if not number:
            continue  # of a count without groups
        total.outcomes[outcome] += number
        tallies.setdefault(tuple(key), _Tally()).outcomes[outcome] += number
        if len(tallies) > MOST_ROWS:
            raise too_many_rows()
    rows = [Row(group, tallies[key].count(question)) for key, group in in_order(question, tallies)]
    return Attainment(question, total.count(question), rows)


def _statement(question: Question) -> Any:
    unnoticed = [RUNNING, Clock.due_at <= question.now]
    parts = [
        _counted(question, "met", Clock.met_at, [Clock.met_at.is_not(None), Clock.breached_at.is_(None)]),
        _counted(question, "breached", Clock.breached_at, [Clock.breached_at.is_not(None)]),
        _counted(question, "breached", Clock.due_at, unnoticed),
    ]
    if not question.is_over:
        parts.append(_running(question))
    return union_all(*parts).limit(len(parts) * MOST_ROWS + 1)


def _counted(question: Question, outcome: str, moment: Any, conditions: Sequence[Any]) -> Select[Any]:
    keys = key_columns(question, moment)
    return _grouped(outcome, keys, [*conditions, *question.within(moment), *question.of_clocks()])


def _running(question: Question) -> Select[Any]:
    """Count what has no verdict yet; it is of no period."""
    keys = [
        cast(null(), BIG).label(key.name) if one in PERIODS else key
        for one, key in zip(question.by, key_columns(question, Clock.due_at), strict=True)
    ]
    ahead = or_(Clock.due_at.is_(None), Clock.due_at > question.now)
    return _grouped("running", keys, [RUNNING, ahead, *question.of_clocks()])


def _grouped(outcome: str, keys: Sequence[ColumnElement[Any]], conditions: Sequence[Any]) -> Select[Any]:
    # The keys are made within: PostgreSQL would take what is bound in them twice for two different things.
    clocks = select(*keys, literal_column("1").label("one")).where(*conditions).subquery()
    names = [clocks.c[key.name] for key in keys]
    return select(literal_column(f"'{outcome}'"), func.count(clocks.c.one), *names).group_by(*names)
