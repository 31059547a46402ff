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
    statement = statement_of(table, tuple(lines[0]), connection.dialect.name, option)
    if connection.dialect.name == "postgresql":
        return connection.execute(statement, {LINES: orjson.dumps(lines).decode()}).rowcount
    return connection.execute(
        statement, [{f"the_{name}": value for name, value in one.items()} for one in lines]
    ).rowcount


@lru_cache(maxsize=50)
def _insertion(table: Table, names: tuple[str, ...], dialect: str, unless_there: bool) -> Any:
    make: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = make(table)
    if dialect == "postgresql":
        given = _given(table, names)
        statement = statement.from_select(
            list(names), select(*(given.c[name] for name in names)), include_defaults=False
        )
    else:
        statement = statement.values({name: bindparam(f"the_{name}", type_=table.c[name].type) for name in names})
    return statement.on_conflict_do_nothing() if unless_there else statement


@lru_cache(maxsize=50)
def _updating(table: Table, names: tuple[str, ...], dialect: str, next_version: bool) -> Any:
    values: dict[str, Any]
    if dialect == "postgresql":
        given = _given(table, names)
        key, values = given.c.id, {name: given.c[name] for name in names if name != "id"}
    else:
        binds = {name: bindparam(f"the_{name}", type_=table.c[name].type) for name in names}
        key, values = binds.pop("id"), binds
    counted: dict[str, ColumnElement[int]] = {"version": table.c.version + 1} if next_version else {}
    return update(table).where(table.c.id == key).values(values | counted)


def _given(table: Table, names: tuple[str, ...]) -> TableValuedAlias:
    """Return the rows of the JSON value as a table whose columns have the types of ours."""
    columns = [column(name, table.c[name].type) for name in names]
    lines = cast(bindparam(LINES, type_=Text), JSON)
    return func.json_to_recordset(lines).table_valued(*columns).render_derived(name="given", with_types=True)
