"""How long people waited: percentiles of the working time that was counted, and of the time on the clock on the wall.

A percentile is a wait that somebody really had: the shortest within which at least that share of all were served
(nearest rank). Both databases sort the waits of a group and hand out those of the wanted ranks, so the figures are
exact and alike, and no list of waits ever leaves the database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import RowMapping, Subquery, case, func, literal_column, select, union_all

from sla.models import Clock
from sla.reports.groups import Group, Key, in_order, key_columns
from sla.reports.local_time import microseconds_between
from sla.reports.question import MOST_ROWS, Dimension, Question, too_many_rows
from ticketing.store import db, dialect

PERCENTILES = (50, 80, 90, 95, 99)
MEASURES = ("counted", "wall")
SECOND = 1_000_000  # in microseconds


@dataclass(frozen=True)
class Spread:
    """How waits are spread, in whole seconds, rounded down."""

    p50: int
    p80: int
    p90: int
    p95: int
    p99: int
    max: int
    mean: int


@dataclass(frozen=True)
class Row:
    """The waits of one metric, perhaps of one group: how many, in working time and on the wall."""

    group: Group
    answered: int
    counted: Spread
    wall: Spread


@dataclass(frozen=True)
class Waits:
    question: Question
    rows: Sequence[Row]


def read_waits(question: Question) -> Waits:
    """Return how long those waited whose wait ended in the period, in time or late, always by metric.

    Who still waits is not in it: nobody knows how long it will be. One statement, and one for each kind of name.
    """
    question = replace(question, by=tuple(dict.fromkeys((Dimension.METRIC, *question.by))))
    found: dict[Key, dict[str, RowMapping]] = {}
    for row in db.session().execute(_statement(question)).mappings():
        key = tuple(row[f"key_{number}"] for number in range(len(question.by)))
        found.setdefault(key, {})[row["measure"]] = row
        if len(found) > MOST_ROWS:
            raise too_many_rows()
    return Waits(question, [_row(group, found[key]) for key, group in in_order(question, found)])


def _row(group: Group, measures: Mapping[str, RowMapping]) -> Row:
    counted, wall = measures["counted"], measures["wall"]
    return Row(group, counted["number"], _spread(counted), _spread(wall))


def _spread(row: RowMapping) -> Spread:
    shares = {f"p{share}": row[f"p{share}"] // SECOND for share in PERCENTILES}
    mean = int(row["milliseconds"]) // row["number"] // 1000
    return Spread(**shares, max=row["longest"] // SECOND, mean=mean)


def _statement(question: Question) -> Any:
    keys = key_columns(question, Clock.met_at)
    waits = (
        select(
            *keys,
            Clock.counted_microseconds.label("counted"),
            microseconds_between(Clock.started_at, Clock.met_at).label("wall"),
        )
        .where(Clock.met_at.is_not(None), *question.within(Clock.met_at), *question.of_clocks())
        .cte("waits")
    )
    spread = _sorted if dialect() == "postgresql" else _numbered
    return union_all(*(spread(waits, measure, keys) for measure in MEASURES)).limit(len(MEASURES) * MOST_ROWS + 1)


def _sorted(waits: Any, measure: str, keys: Sequence[Any]) -> Any:
    """Ask PostgreSQL for the waits of the wanted ranks; those of a group are sorted once."""
    wait, names = waits.c[measure], [waits.c[key.name] for key in keys]
    shares = [
        func.percentile_disc(literal_column(str(share / 100))).within_group(wait).label(f"p{share}")
        for share in PERCENTILES
    ]
    return select(*_totals(measure, names, func.count().label("number"), wait), *shares).group_by(*names)


def _numbered(waits: Any, measure: str, keys: Sequence[Any]) -> Any:
    """Let SQLite number the waits of each group, and pick those of the wanted ranks, as percentile_disc does."""
    ranked = _ranked(waits, measure, keys)
    names, wait, number = [ranked.c[key.name] for key in keys], ranked.c.wait, ranked.c.number
    shares = [
        func.max(case((ranked.c.place == (number * share + 99) // 100, wait))).label(f"p{share}")
        for share in PERCENTILES
    ]
    return select(*_totals(measure, names, number, wait), *shares).group_by(*names, number)


def _totals(measure: str, names: Sequence[Any], number: Any, wait: Any) -> list[Any]:
    return [
        literal_column(f"'{measure}'").label("measure"),
        *names,
        number,
        func.max(wait).label("longest"),
        # Of microseconds a year's waits are a sum that SQLite cannot count to.
        func.sum(wait // 1000).label("milliseconds"),
    ]


def _ranked(waits: Any, measure: str, keys: Sequence[Any]) -> Subquery:
    """Number the waits of each group, the shortest first."""
    wait, names = waits.c[measure], [waits.c[key.name] for key in keys]
    place = func.row_number().over(partition_by=names, order_by=wait).label("place")
    number = func.count().over(partition_by=names).label("number")
    return select(*names, wait.label("wait"), place, number).subquery()
