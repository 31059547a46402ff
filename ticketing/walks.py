"""The statements behind lists of tickets: each page is a walk along indexes, however many tickets there are.

A condition with OR would have the database read everything and sort it, so it is taken apart into walks of one index
each; together they yield a few pages, of which the first is kept. A statement is made once for all that ask alike.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Select, bindparam, func, literal_column, select, true, tuple_, union_all

from ticketing.filters import EPOCH, Filter, QueueIds, SLAState, conditions_on_tickets, in_queues, is_mine
from ticketing.rows import TICKET, TICKETS, tickets_from
from ticketing.status import ACTIVE
from ticketing.store import BIG, UTCDateTime, dialect

MOST_KEPT = 500  # statements
LAST = datetime(9999, 12, 31, tzinfo=UTC)  # where "none" is sorted
ANYBODY = 0  # the values are bound when a statement runs; these only hold their places
ANY: tuple[int, ...] = ()
# Rows that a page fetches at least. They stand in the SQL: a limit that is bound is unknown to PostgreSQL when it plans
# once for all executions, so that it would plan each anew, which takes longer than the page.
SIZES = (11, 21, 51, 101, 201)

Conditions = list[ColumnElement[bool]]


@dataclass(frozen=True)
class Shape:
    """What a list's statement depends on."""

    filter: Filter
    wants_queue: bool
    walks: bool  # queues that the caller works, where it matters which
    visits: bool  # queues that the caller does not work
    by: str  # the column that it is sorted by
    descending: bool
    goes_on: bool  # behind a position
    rows: int  # at most; one of SIZES, or more
    dialect: str


def walk(wanted: Filter, queues: QueueIds, *, by: Any, descending: bool, goes_on: bool, at_least: int) -> Select[Any]:
    """Return the statement of a page, which may bring more rows than `at_least`.

    `filters.values_of` has its values, beside `after` and `after_id`.
    """
    visits = bool(queues.visited)
    walks = visits and bool(queues.walked)
    rows = next((size for size in SIZES if size >= at_least), at_least)
    return _made(
        Shape(wanted.shape, queues.wanted is not None, walks, visits, by.name, descending, goes_on, rows, dialect())
    )


@lru_cache(maxsize=MOST_KEPT)
def _made(shape: Shape) -> Select[Any]:
    walks = list(_walks(shape))
    if len(walks) == 1 and not isinstance(walks[0], Select):
        return _paged(tickets_from(TICKETS, shape.dialect).where(*walks[0]), shape)
    every = [one if isinstance(one, Select) else _paged(_ids(shape).where(*one), shape) for one in walks]
    together = union_all(*(select(one.subquery()) for one in every)).subquery()
    order = (
        (together.c.position.desc(), together.c.id.desc()) if shape.descending else (together.c.position, together.c.id)
    )
    page = select(together.c.id).order_by(*order).limit(_rows(shape)).subquery("page")
    return tickets_from(page.join(TICKETS, TICKET.c.id == page.c.id), shape.dialect).order_by(*_order(shape))


def _walks(shape: Shape) -> Iterator[Conditions | Select[Any]]:
    """Yield walks that have no ticket in common: conditions, or a query of `id` and `position`."""
    wanted = [in_queues("wanted", ANY)] if shape.wants_queue else []
    for conditions in _on_tickets(shape):
        if not shape.visits:
            yield [*wanted, *conditions]
        elif _is_narrow(shape.filter):
            yield [in_queues("walked", ANY) | is_mine(ANYBODY), *wanted, *conditions]
        else:
            if shape.walks:
                yield (
                    _of_each_queue(conditions, shape)
                    if shape.dialect == "postgresql"
                    else [
                        in_queues("walked", ANY),
                        *conditions,
                    ]
                )
            yield [is_mine(ANYBODY), in_queues("visited", ANY), *conditions]


def _is_narrow(wanted: Filter) -> bool:
    """Say whether an index leads to so few tickets that it does not matter in which queues they are."""
    return bool(wanted.tag or wanted.customer_id or wanted.assignee.isdecimal())


def _on_tickets(shape: Shape) -> Iterator[Conditions]:
    """Yield conditions on tickets alone. In the order of deadlines there is an index for each status, and a ticket's
    state follows from where it stands in that order.
    """
    if shape.by != "due_order":
        yield conditions_on_tickets(shape.filter, EPOCH)
        return
    statuses = set(shape.filter.statuses)
    for some in [shape.filter.statuses] if not statuses or statuses == ACTIVE else [(one,) for one in statuses]:
        conditions = conditions_on_tickets(replace(shape.filter, statuses=some), EPOCH)
        for where in PLACES[shape.filter.sla]:
            yield [*where, *conditions]


DUE = TICKET.c.due_order
NOW = bindparam("now", type_=UTCDateTime())
PLACES: dict[SLAState | None, list[Conditions]] = {
    None: [[]],
    SLAState.BREACHED: [[DUE <= NOW], [DUE > NOW, TICKET.c.sla_breached]],
    SLAState.AT_RISK: [[DUE > NOW, DUE < LAST]],  # who is to be warned has a deadline
    SLAState.OK: [[DUE > NOW]],
    SLAState.NONE: [[DUE == LAST]],  # without clocks there is none
}


def _of_each_queue(conditions: Conditions, shape: Shape) -> Select[Any]:
    """Return a walk in each queue that the caller works: a small queue's page must not be looked for among all."""
    queue = func.unnest(bindparam("walked", type_=ARRAY(BIG))).table_valued("id", name="walked").render_derived()
    of_queue = _paged(_ids(shape).where(TICKET.c.queue_id == queue.c.id, *conditions), shape).lateral("of_queue")
    return select(of_queue.c.id, of_queue.c.position).select_from(queue).join(of_queue, true())


def _ids(shape: Shape) -> Select[Any]:
    return select(TICKET.c.id, TICKET.c[shape.by].label("position"))


def _paged(query: Select[Any], shape: Shape) -> Select[Any]:
    if shape.goes_on:
        position = tuple_(TICKET.c[shape.by], TICKET.c.id)
        here = tuple_(bindparam("after", type_=UTCDateTime()), bindparam("after_id", type_=BIG))
        query = query.where(position < here if shape.descending else position > here)
    return query.order_by(*_order(shape)).limit(_rows(shape))


def _rows(shape: Shape) -> ColumnElement[int]:
    return literal_column(str(shape.rows))


def _order(shape: Shape) -> tuple[ColumnElement[Any], ...]:
    by, number = TICKET.c[shape.by], TICKET.c.id
    return (by.desc(), number.desc()) if shape.descending else (by, number)
