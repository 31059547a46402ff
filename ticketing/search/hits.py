"""Look tickets up by words: the best first, only what the caller may see, and where the words stand.

One statement finds the page, one reads what is shown of it, with the texts to quote. Only the first is planned anew for
the words of each search. Of what many tickets have, only the newest are ranked.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, lru_cache
from sqlite3 import SQLITE_INTERRUPT
from types import ModuleType
from typing import Any, NamedTuple

from psycopg.errors import QueryCanceled
from sqlalchemy import JSON, Double, Select, bindparam, func, literal, literal_column, select, tuple_, union_all
from sqlalchemy.exc import OperationalError
from sqlalchemy.sql import ColumnElement

from ticketing.agents import Caller
from ticketing.envelope import HandleKind
from ticketing.errors import InvalidInput
from ticketing.fetching import fetch, run
from ticketing.filters import (
    EPOCH,
    Filter,
    QueueIds,
    among,
    conditions_on_tickets,
    in_queues,
    queues_of,
    seen_as_asked,
    values_of,
)
from ticketing.models import Agent, Customer, Handle, Message, Queue, Role, Ticket
from ticketing.search import postgresql, sqlite
from ticketing.search.excerpts import Excerpt, Marker
from ticketing.search.question import Question, understand
from ticketing.store import BIG, db, dialect
from ticketing.transaction import in_transaction

MOST = 1000  # matches that are ranked and counted: the newest
PERSON, NUMBER = 100.0, 1000.0  # ranks above all that words give
PATIENCE = 5_000  # milliseconds for one search
STEPS = 10_000  # of SQLite's machine, between two looks at the clock: a millisecond or so
BOUNDS = (
    f"BEGIN READ ONLY; SET LOCAL statement_timeout = {PATIENCE}; SET LOCAL plan_cache_mode = force_custom_plan;"
    " SET LOCAL jit = off"
)
LATEST = 25  # messages of a ticket that are looked through for excerpts
LOOKED_THROUGH = 10_000  # letters of each
QUOTED = 2  # messages of a ticket that are quoted
CUSTOMERS = 1000  # who may have the part of an address
SEPARATOR = "\n"

Position = tuple[float, int]


class SearchTooBroad(InvalidInput):
    """The search took longer than anybody waits for."""

    code = "search_too_broad"


class Quote(NamedTuple):
    """Where words stand: in the subject, in a message, or in what is known of the customer."""

    where: str
    message: int | None
    text: str
    marks: list[tuple[int, int]]


class Hit(NamedTuple):
    """A ticket that was found; `ticket` has the columns of `_rows`."""

    ticket: Any
    excerpts: list[Quote]


@dataclass(frozen=True)
class Found:
    """A page of hits. `total` counts no further than MOST; `next` is the position behind the last hit."""

    hits: list[Hit]
    total: int
    total_is_capped: bool
    next: Position | None


@dataclass(frozen=True)
class Shape:
    """What a search's statement depends on; the values are bound when it runs."""

    filter: Filter
    sees_all: bool
    wants_queue: bool
    number: bool
    words: bool
    addresses: int
    others: bool  # words beside addresses
    unwanted: bool
    goes_on: bool  # behind a position
    dialect: str


def find(
    caller: Caller, text: str, wanted: Filter, *, now: datetime, limit: int, after: Position | None = None
) -> Found:
    """Return a page of the tickets with these words. Raises InvalidInput, SearchTooBroad."""
    question = understand(text)
    queues = queues_of(caller, wanted) if wanted.queue else QueueIds(worked=None, wanted=None)
    position = {} if after is None else {"after": after[0], "after_id": after[1]}
    values = {**values_of(caller, wanted, queues, now), **_values(question), **position, "limit": limit + 1}
    shape = Shape(
        filter=wanted.shape,
        sees_all=caller.role is Role.ADMIN,
        wants_queue=queues.wanted is not None,
        number=question.ticket is not None,
        words=bool(question.terms),
        addresses=len(question.addresses),
        others=bool(question.others),
        unwanted=bool(question.unwanted),
        goes_on=after is not None,
        dialect=dialect(),
    )
    with _bounded():
        found = fetch(_made(shape), values)
        if not found and question.maybe_address:
            alone = replace(shape, number=False, words=False, addresses=1, others=False)
            part = _index(shape.dialect).part_of(question.maybe_address)
            found = fetch(_made(alone), {**values, "part_0": part})
    total = found[0].total if found else 0
    last = found[limit - 1] if len(found) > limit else None
    return Found(
        hits=_hits(question, [row.id for row in found[:limit]]),
        total=min(total, MOST),
        total_is_capped=total > MOST,
        next=None if last is None else (last.rank, last.id),
    )


def _hits(question: Question, ticket_ids: list[int]) -> list[Hit]:
    """Return what is shown of tickets that were found, in the same order."""
    if not ticket_ids:
        return []
    rows = {row.id: row for row in fetch(_rows(dialect()), {"tickets": ticket_ids})}
    marker = Marker(question)
    return [Hit(rows[one], list(_quotes(marker, rows[one]))) for one in ticket_ids]


def _values(question: Question) -> dict[str, Any]:
    index = _index(dialect())
    parts = {f"part_{number}": index.part_of(part) for number, part in enumerate(question.addresses)}
    return {
        "number": question.ticket,
        "words": index.all_of(question.terms, question.unwanted),
        "others": index.all_of(question.others),
        "unwanted": index.any_of(question.unwanted),
        **parts,
    }


@lru_cache(maxsize=500)
def _made(shape: Shape) -> Select[Any]:
    """Return the statement that finds a page; one row more than its `limit` tells that there is another."""
    every = [select(way.cte(f"way_{number}")) for number, way in enumerate(_ways(shape))]
    together = union_all(*every).subquery() if len(every) > 1 else every[0].subquery()
    # Grouped only where a ticket can be found in two ways.
    rank = func.max(together.c.rank) if len(every) > 1 else together.c.rank
    query = select(together.c.id, rank.label("rank"))
    best = (query.group_by(together.c.id) if len(every) > 1 else query).cte("best")
    page = select(best.c.id, best.c.rank, select(func.count()).select_from(best).scalar_subquery().label("total"))
    if shape.goes_on:
        here = tuple_(bindparam("after", type_=Double), bindparam("after_id", type_=BIG))
        page = page.where(tuple_(best.c.rank, best.c.id) < here)
    return page.order_by(best.c.rank.desc(), best.c.id.desc()).limit(bindparam("limit", type_=BIG))


def _ways(shape: Shape) -> list[Select[Any]]:
    """Return queries of `id` and `rank`: one for each way in which a ticket can be meant."""
    index = _index(shape.dialect)
    conditions = _conditions(shape)
    ways: list[Select[Any]] = []
    if shape.number:
        is_it = Ticket.id == bindparam("number", type_=BIG)
        ways.append(_ranked(NUMBER).where(is_it, *conditions))
    if shape.words:
        ways.append(index.found(conditions, MOST + 1))
    if shape.addresses:
        ways.append(_of_person(shape, conditions))
    return ways


def _of_person(shape: Shape, conditions: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """Return the newest tickets of customers with such addresses, and with the other words."""
    index = _index(shape.dialect)
    query = _ranked(PERSON).where(*conditions)
    for number in range(shape.addresses):
        persons = select(Handle.customer_id).where(index.has_part(f"part_{number}")).limit(CUSTOMERS)
        query = query.where(Ticket.customer_id.in_(persons))
    if shape.others:
        query = query.where(Ticket.id.in_(index.with_words("others")))
    if shape.unwanted:
        query = query.where(Ticket.id.not_in(index.with_words("unwanted")))
    return query.order_by(Ticket.id.desc()).limit(MOST + 1)


def _conditions(shape: Shape) -> list[ColumnElement[bool]]:
    """Return which tickets the caller sees and wants; `filters.values_of` has what they compare with."""
    seen = [] if shape.sees_all else [seen_as_asked()]
    wanted = [in_queues("wanted", ())] if shape.wants_queue else []
    return [*seen, *wanted, *conditions_on_tickets(shape.filter, EPOCH)]


@cache
def _rows(dialect: str) -> Select[Any]:
    """Return what is shown of the `tickets`, in any order."""
    is_postgresql = dialect == "postgresql"
    joined: Any = func.string_agg if is_postgresql else func.group_concat
    separator: Any = literal_column("chr(10)" if is_postgresql else "char(10)")  # SEPARATOR; no value to be bound
    addresses = (
        select(joined(Handle.shown, separator))
        .where(Handle.customer_id == Ticket.customer_id, Handle.kind != HandleKind.VISITOR)
        .scalar_subquery()
    )
    names = (Queue.name.label("queue_name"), Agent.name.label("assignee_name"), Customer.name.label("customer_name"))
    columns = (Ticket.subject, Ticket.status, Ticket.priority, Ticket.channel, Ticket.created_at, Ticket.updated_at)
    return (
        select(Ticket.id, *columns, *names, addresses.label("addresses"), _texts(dialect).label("texts"))
        .add_columns(Ticket.queue_id, Ticket.assignee_id, Ticket.customer_id)
        .join(Queue, Queue.id == Ticket.queue_id)
        .join(Customer, Customer.id == Ticket.customer_id)
        .outerjoin(Agent, Agent.id == Ticket.assignee_id)
        .where(among(Ticket.id, "tickets"))
    )


def _texts(dialect: str) -> ColumnElement[Any]:
    """Return what was said last on a ticket as one value, the newest first: [[message, text], …]; None: nothing."""
    text = func.substr(Message.body, 1, LOOKED_THROUGH).label("text")
    mine = select(Message.id, text).where(Message.ticket_id == Ticket.id).correlate(Ticket)
    latest = mine.order_by(Message.id.desc()).limit(LATEST).subquery()
    array: Any = func.json_build_array if dialect == "postgresql" else func.json_array
    collect: Any = func.json_agg if dialect == "postgresql" else func.json_group_array
    return select(collect(array(latest.c.id, latest.c.text), type_=JSON)).scalar_subquery()


def _quotes(marker: Marker, row: Any) -> Iterator[Quote]:
    if excerpt := marker.excerpt(row.subject):
        yield _quote("subject", None, excerpt)
    if excerpt := marker.excerpt(row.customer_name):
        yield _quote("customer", None, excerpt)
    for address in row.addresses.split(SEPARATOR) if row.addresses else ():
        if excerpt := marker.of_address(address):
            yield _quote("customer", None, excerpt)
            break
    quoted = 0
    for message_id, text in row.texts or ():
        if quoted < QUOTED and (excerpt := marker.excerpt(text)):
            quoted += 1
            yield _quote("message", message_id, excerpt)


def _quote(where: str, message: int | None, excerpt: Excerpt) -> Quote:
    return Quote(where, message, excerpt.text, excerpt.marks)


@contextmanager
def _bounded() -> Iterator[None]:
    """Let the database give up on a search that takes too long."""
    if in_transaction():
        yield
        return
    try:
        with _bounded_on_sqlite() if dialect() == "sqlite" else _bounded_on_postgresql():
            yield
    except OperationalError as error:
        if isinstance(error.orig, QueryCanceled) or getattr(error.orig, "sqlite_errorcode", None) == SQLITE_INTERRUPT:
            raise SearchTooBroad("this search takes too long; search for a rarer word, or in one queue") from None
        raise


@contextmanager
def _bounded_on_postgresql() -> Iterator[None]:
    """Have each search planned for the very words that it asks for, too."""
    connection = db.session().connection()
    run(connection, BOUNDS)
    try:
        yield
    finally:
        if not connection.invalidated:
            run(connection, "ROLLBACK")


@contextmanager
def _bounded_on_sqlite() -> Iterator[None]:
    """SQLite asks from time to time whether to go on: https://www.sqlite.org/c3ref/progress_handler.html"""
    until = time.monotonic() + PATIENCE / 1000
    driver: Any = db.session().connection().connection.driver_connection
    driver.set_progress_handler(lambda: time.monotonic() > until, STEPS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)


def _ranked(rank: float) -> Select[Any]:
    tickets: Select[Any] = select(Ticket.id, literal(rank, Double).label("rank"))
    return tickets


def _index(dialect: str) -> ModuleType:
    return sqlite if dialect == "sqlite" else postgresql
