"""Write a new row at once, past the ORM's flush, which costs several times what the database takes.

The entity is the session's afterwards, as if it had been read: later changes to it are flushed as ever.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Column, insert
from sqlalchemy import inspect as mapped
from sqlalchemy.orm import Mapper, make_transient_to_detached
from sqlalchemy.sql.compiler import SQLCompiler

from ticketing.fetching import run
from ticketing.store import db


@dataclass(frozen=True)
class Insertion:
    """How rows of one model are written."""

    sql: str
    keys: tuple[str, ...]  # of the columns, as attributes
    usual: tuple[Callable[[], Any], ...]  # their values where nothing is said
    converts: tuple[Callable[[Any], Any] | None, ...]
    names: tuple[str, ...] | None  # in the SQL; None: the driver counts
    links: tuple[tuple[str, str], ...]  # a neighbour's attribute, and that of the key that refers to it
    version: str | None


def insert_now(entity: Any) -> None:
    """Insert a new entity, with the keys of the neighbours that it was given; lists of neighbours are not written.

    Raises IntegrityError as a flush does.
    """
    session = db.session()
    connection = session.connection()
    model: Any = type(entity)
    how = _insertion(model, connection.dialect.name)
    given = entity.__dict__
    for neighbour, key in how.links:
        if given.get(neighbour) is not None:
            setattr(entity, key, given[neighbour].id)
    if how.version:
        setattr(entity, how.version, 1)
    values = []
    for key, usual, convert in zip(how.keys, how.usual, how.converts, strict=True):
        if key not in given:
            setattr(entity, key, usual())
        values.append(given[key] if convert is None else convert(given[key]))
    bound = values if how.names is None else dict(zip(how.names, values, strict=True))
    ((entity.id,),) = run(connection, how.sql, bound)
    make_transient_to_detached(entity)
    session.add(entity)


@lru_cache(maxsize=50)
def _insertion(model: type[Any], _dialect: str) -> Insertion:
    mapper: Mapper[Any] = mapped(model)
    table: Any = mapper.local_table
    dialect = db.engine.dialect
    columns = {
        mapper.get_property_by_column(column).key: column
        for column in table.c
        if not column.primary_key and column.computed is None
    }
    statement = insert(table).returning(table.c.id)
    compiled = statement.compile(dialect=dialect, column_keys=[column.key for column in columns.values()])
    if not isinstance(compiled, SQLCompiler):
        raise TypeError(f"{model.__name__} has no SQL")
    names = {bind.key: name for bind, name in compiled.bind_names.items()}
    by_column = {column.key: key for key, column in columns.items()}
    order = [by_column[name] for name in compiled.positiontup or [column.key for column in columns.values()]]
    return Insertion(
        sql=compiled.string,
        keys=tuple(order),
        usual=tuple(_usual(columns[key]) for key in order),
        converts=tuple(columns[key].type.dialect_impl(dialect).bind_processor(dialect) for key in order),
        names=None if compiled.positiontup is not None else tuple(names[columns[key].key] for key in order),
        links=tuple(_links(mapper)),
        version=mapper.get_property_by_column(mapper.version_id_col).key if mapper.version_id_col is not None else None,
    )


def _links(mapper: "Mapper[Any]") -> list[tuple[str, str]]:
    return [
        (one.key, mapper.get_property_by_column(next(iter(one.local_columns))).key)
        for one in mapper.relationships
        if not one.uselist and len(one.local_columns) == 1
    ]


def _usual(column: "Column[Any]") -> Callable[[], Any]:
    default: Any = column.default
    if default is None:
        return lambda: None
    if default.is_callable:
        return lambda: default.arg(None)
    return lambda: default.arg
