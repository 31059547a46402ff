"""Write many rows of one table in one statement: for work on hundreds of tickets at a time.

PostgreSQL takes them as one JSON value and joins the table with it, which costs a tenth of as many statements. SQLite
has no way between us and it, so there it is a statement for each.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import JSON, ColumnElement, Table, Text, bindparam, cast, column, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.selectable import TableValuedAlias

from ticketing.store import db

LINES = "lines"

Line = Mapping[str, Any]


def insert_many(table: Table, lines: Sequence[Line], *, unless_there: bool = False) -> int:
    """Insert rows, all with the same columns; return how many.

    `unless_there` passes over those that a unique key knows already.
    """
    return _run(_insertion, table, lines, unless_there)


def update_many(table: Table, lines: Sequence[Line], *, next_version: bool = False) -> int:
    """Give each row, found by its `id`, new values for the same columns; `next_version` counts its version up too."""
    return _run(_updating, table, lines, next_version)


def _run(statement_of: Any, table: Table, lines: Sequence[Line], option: bool) -> int:
    if not lines:
        return 0
    connection = db.session().connection()
    names, first = tuple(lines[0]), lines[0]
    if connection.dialect.name == "postgresql":
        shared = _shared(lines)
        differing = [{name: value for name, value in one.items() if name not in shared} for one in lines]
        values = {LINES: orjson.dumps(differing).decode()} | {f"the_{name}": first[name] for name in shared}
        return connection.execute(statement_of(table, names, shared, option), values).rowcount
    return connection.execute(
        statement_of(table, names, None, option),
        [{f"the_{name}": value for name, value in one.items()} for one in lines],
    ).rowcount


def _shared(lines: Sequence[Line]) -> frozenset[str]:
    """Return the columns, but for the first, in which all lines have the same value, which then is sent only once."""
    first, *others = lines
    return frozenset(
        name
        for name in list(first)[1:]
        # Documents are left out: Python takes [1] for [True].
        if not isinstance(first[name], dict | list) and all(one[name] == first[name] for one in others)
    )


@lru_cache(maxsize=100)
def _insertion(table: Table, names: tuple[str, ...], shared: frozenset[str] | None, unless_there: bool) -> Any:
    make: Any = sqlite.insert if shared is None else postgresql.insert
    statement, values = make(table), _values(table, names, shared)
    if shared is None:
        statement = statement.values(values)
    else:
        statement = statement.from_select(list(names), select(*values.values()), include_defaults=False)
    return statement.on_conflict_do_nothing() if unless_there else statement


@lru_cache(maxsize=100)
def _updating(table: Table, names: tuple[str, ...], shared: frozenset[str] | None, next_version: bool) -> Any:
    values = _values(table, names, shared)
    key = values.pop("id")
    counted: dict[str, ColumnElement[Any]] = {"version": table.c.version + 1} if next_version else {}
    return update(table).where(table.c.id == key).values(values | counted)


def _values(table: Table, names: tuple[str, ...], shared: frozenset[str] | None) -> dict[str, ColumnElement[Any]]:
    """Return what each column is set to: a column of the table that the JSON value makes, or a value of the statement
    where all rows share it; `shared` None: each row has a statement of its own.
    """
    own = [name for name in names if shared is not None and name not in shared]
    given = _given(table, own) if own else None
    return {
        name: given.c[name] if given is not None and name in own else bindparam(f"the_{name}", type_=table.c[name].type)
        for name in names
    }


def _given(table: Table, names: Sequence[str]) -> TableValuedAlias:
    """Return the rows of the JSON value as a table whose columns have the types of ours."""
    columns = [column(name, table.c[name].type) for name in names]
    lines = cast(bindparam(LINES, type_=Text), JSON)
    return func.json_to_recordset(lines).table_valued(*columns).render_derived(name="given", with_types=True)
