"""Read plain columns past SQLAlchemy's execution: what is read all day is compiled once, then it is the driver's text.
What is written all day can go the same way, if it returns rows.

An execution by SQLAlchemy walks through the whole statement for its cache key and builds a result that knows every
column in many ways, which costs more than the database takes. Here remain the values going in and out, as the columns'
types convert them. Whoever listens to the engine's `before_cursor_execute` hears of these statements too.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Float, Numeric, exc
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from ticketing.store import db

MOST_KEPT = 1000  # statements

Convert = Callable[[Any], Any]


@dataclass(frozen=True)
class Bound:
    """A value of a statement: under `key` among those that are given, else `usual`."""

    key: str
    usual: Any
    convert: Convert | None


@dataclass(frozen=True)
class Compiled:
    """A statement in the driver's words."""

    sql: str
    bound: Mapping[str, Bound]  # by the name that it has in the SQL
    positions: tuple[str, ...] | None  # of those names, where the driver counts; None: it reads names
    converts: tuple[tuple[int, Convert], ...]  # columns whose values the driver leaves raw
    make: Callable[[Any], Any]  # a row


def fetch(statement: Any, values: Mapping[str, Any] | None = None) -> list[Any]:
    """Run a statement that is made once and kept, and return all its rows, by name and by position."""
    connection = db.session().connection()
    compiled = _compiled(statement, connection.dialect.name)
    if compiled is None:
        return list(connection.execute(statement, values))
    found = run(connection, compiled.sql, _given(compiled, values or {}))
    if compiled.converts:
        return [compiled.make(_converted(row, compiled.converts)) for row in found]
    return [compiled.make(row) for row in found]


def fetch_one(statement: Any, values: Mapping[str, Any] | None = None) -> Any:
    """Return the first row, None if there is none."""
    found = fetch(statement, values)
    return found[0] if found else None


@lru_cache(maxsize=MOST_KEPT)
def _compiled(statement: Any, _dialect: str) -> Compiled | None:
    """Return the statement in the driver's words; None where its SQL depends on the values (an IN of some)."""
    dialect = db.engine.dialect
    compiled = statement.compile(dialect=dialect)
    if not isinstance(compiled, SQLCompiler) or compiled.post_compile_params or compiled.literal_execute_params:
        return None
    bound = {
        name: Bound(bind.key, bind.effective_value, _impl(bind.type).bind_processor(dialect))
        for bind, name in compiled.bind_names.items()
    }
    columns = list(statement.exported_columns)
    # Numbers are numbers already, and SQLAlchemy would have to know of which of PostgreSQL's types.
    converts = [
        None if isinstance(column.type, Float | Numeric) else _impl(column.type).result_processor(dialect, None)
        for column in columns
    ]
    names = [str(column.key) for column in columns]
    row: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]  # known only here
    return Compiled(
        compiled.string,
        bound,
        tuple(compiled.positiontup) if compiled.positiontup is not None else None,
        tuple((place, convert) for place, convert in enumerate(converts) if convert is not None),
        row._make,
    )


def _impl(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    return type_.dialect_impl(db.engine.dialect)


def _given(compiled: Compiled, values: Mapping[str, Any]) -> Any:
    given: dict[str, Any] = {}
    for name, bound in compiled.bound.items():
        value = values.get(bound.key, bound.usual)
        given[name] = value if bound.convert is None else bound.convert(value)
    return given if compiled.positions is None else tuple(given[name] for name in compiled.positions)


def _converted(row: Any, converts: tuple[tuple[int, Convert], ...]) -> list[Any]:
    found = list(row)
    for place, convert in converts:
        found[place] = convert(found[place])
    return found


def run(connection: Connection, sql: str, values: Any = None) -> list[Any]:
    """Run SQL by the driver. Without values there may be several statements. Raises what SQLAlchemy would raise."""
    driver = connection.dialect.dbapi
    plain = connection.connection.dbapi_connection
    if driver is None or plain is None:
        raise RuntimeError("there is no connection")
    is_sqlite = connection.dialect.name == "sqlite"
    # PostgreSQL's binary form is cheaper to read than its text, but not for several statements at once.
    cursor: Any = plain.cursor() if is_sqlite else plain.cursor(binary=values is not None)
    for listener in connection.engine.dispatch.before_cursor_execute:
        listener(connection, cursor, sql, values, None, False)
    try:
        cursor.execute(sql, values)
        # Not by `description`, for which psycopg describes every column.
        found: list[Any] = cursor.fetchall() if is_sqlite or cursor.rownumber is not None else []
    except driver.Error as error:
        if connection.dialect.is_disconnect(error, plain, cursor):
            connection.invalidate(error)
        raise exc.DBAPIError.instance(
            sql, values, error, driver.Error, hide_parameters=True, dialect=connection.dialect
        ) from error
    finally:
        cursor.close()
    return found
