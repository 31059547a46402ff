"""Write rows at once, past the ORM's flush, which costs several times what the database takes.

The entity is the session's afterwards, as if it had been read: later changes to it are flushed as ever.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Update, bindparam, insert, update
from sqlalchemy import inspect as mapped
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.sql.compiler import SQLCompiler

from ticketing.fetching import fetch, run
from ticketing.reading import hold
from ticketing.store import db

Model = TypeVar("Model")

MOST_LINES = 100  # that one statement writes
INSERT: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}  # these know of conflicts


@dataclass(frozen=True)
class Insertion:
    """How rows of one model are written of which the same is said."""

    sql: str
    # Of the columns: the attribute, its value where nothing is said, and how the value goes to the driver.
    columns: tuple[tuple[str, Callable[[], Any], Callable[[Any], Any] | None], ...]
    names: tuple[str, ...] | None  # in the SQL; None: the driver counts
    empty: dict[str, None]  # attributes of the columns that are left out
    links: tuple[tuple[str, str], ...]  # a neighbour's attribute, and that of the key that refers to it
    version: str | None


def fresh(model: type[Model], **given: Any) -> Model:
    """Return a new entity to insert with one of these functions, and in no other way.

    It is made at once: the model's constructor keeps the history of every attribute, which takes longer than to insert.
    """
    how: Any = model
    entity: Model = how.__mapper__.class_manager.new_instance()
    for key in _lists(how) & given.keys():
        set_committed_value(entity, key, given.pop(key))
    entity.__dict__.update(given)
    return entity


def insert_now(entity: Any) -> None:
    """Insert a new entity, with the keys of the neighbours that it was given; lists of neighbours are not written.

    Raises IntegrityError as a flush does.
    """
    _insert(entity, unless_taken=False)


def insert_unless_taken(entity: Any) -> bool:
    """Insert a new entity like `insert_now`; return False, and write nothing, when a unique key of it is taken.

    Whoever is about to take it is waited for. The transaction goes on without a savepoint.
    """
    return _insert(entity, unless_taken=True)


def update_now(entity: Any) -> None:
    """Write what has changed of an entity. Where its lists of neighbours have changed too, all is left to the flush."""
    session = db.session()
    model: Any = type(entity)
    given = entity.__dict__
    state = mapped(entity)
    before = state.committed_state
    changed = frozenset(key for key in before if key not in given or before[key] != given[key])
    columns = _columns(model)
    if not changed or not changed <= columns.keys():
        return
    values = {f"new_{key}": given[key] for key in changed}
    version = _version(mapped(model))
    if version:
        values["version"] = given[version]
    if not fetch(_update(model, changed), {**values, "entity": entity.id}):
        raise StaleDataError(f"{model.__name__} {entity.id} was changed meanwhile")
    if version:
        given[version] += 1
    state._commit_all(given, session.identity_map)  # so that it counts as unchanged, as after a flush


def insert_together(entities: Sequence[Any]) -> None:
    """Insert new entities of one model, given the same columns, in one statement. The session does not know them."""
    if not entities:
        return
    model: Any = type(entities[0])
    columns = _columns(model)
    lines = [{key: value for key, value in vars(one).items() if key in columns} for one in entities]
    for _ in insert_lines(model, lines):
        pass


def insert_lines(model: Any, lines: Sequence[Mapping[str, Any]], wanted: tuple[str, ...] = ()) -> Iterator[Any]:
    """Insert rows that nobody needs as entities, all with the same columns.

    Yields them with their `id` and the columns that are `wanted`.
    """
    if not lines:
        return
    columns = _columns(model)
    said = [key for key in lines[0] if not _is_empty(columns[key], key, lines)]
    unsaid = {key: _usual(column)() for key, column in columns.items() if column.default and key not in lines[0]}
    names = (*said, *unsaid)
    for start in range(0, len(lines), MOST_LINES):
        some = [{**unsaid, **line} for line in lines[start : start + MOST_LINES]]
        values = {f"{name}_{number}": line[name] for number, line in enumerate(some) for name in names}
        yield from fetch(_lines(model, names, len(some), wanted), values)


def _is_empty(column: "Column[Any]", key: str, lines: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether a column can be left out, being empty in every line: each value has its price."""
    return bool(column.nullable) and all(line[key] is None for line in lines)


def _insert(entity: Any, *, unless_taken: bool) -> bool:
    session = db.session()
    connection = session.connection()
    model: Any = type(entity)
    given = entity.__dict__  # not by setattr: what becomes of it is settled below, and no history is needed
    how = _insertion(model, connection.dialect.name, unless_taken, frozenset(given))
    for neighbour, key in how.links:
        if given.get(neighbour) is not None:
            given[key] = given[neighbour].id
    if how.version:
        given[how.version] = 1
    given.update(how.empty)
    values = []
    for key, usual, convert in how.columns:
        if key not in given:
            given[key] = usual()
        values.append(given[key] if convert is None else convert(given[key]))
    bound = values if how.names is None else dict(zip(how.names, values, strict=True))
    found = run(connection, how.sql, bound)
    if not found:
        return False
    ((given["id"],),) = found
    ghost = session.identity_map.get(mapped(model).identity_key_from_primary_key((given["id"],)))
    if ghost is not None:  # its row was rolled back, and SQLite gives the number again
        session.expunge(ghost)
    hold(session, entity)
    return True


@lru_cache(maxsize=200)
def _insertion(model: Any, dialect_name: str, unless_taken: bool, said: frozenset[str]) -> Insertion:
    """Return how entities are written of which these attributes are said."""
    mapper: Mapper[Any] = mapped(model)
    if unknown := said - set(mapper.all_orm_descriptors.keys()) - {"_sa_instance_state"}:
        raise TypeError(f"{model.__name__} has no {', '.join(sorted(unknown))}")
    table: Any = mapper.local_table
    dialect = db.engine.dialect
    links = tuple(one for one in _links(mapper) if one[0] in said)
    spoken_of = said | {key for _, key in links} | {_version(mapper)}
    every = _columns(model)
    columns = {
        key: one for key, one in every.items() if key in spoken_of or one.default is not None or not one.nullable
    }
    statement = INSERT[dialect_name](table)
    if unless_taken:
        statement = statement.on_conflict_do_nothing()
    keys = [column.key for column in columns.values()]
    compiled = statement.returning(table.c.id).compile(dialect=dialect, column_keys=keys)
    if not isinstance(compiled, SQLCompiler):
        raise TypeError(f"{model.__name__} has no SQL")
    names = {bind.key: name for bind, name in compiled.bind_names.items()}
    by_column = {column.key: key for key, column in columns.items()}
    order = [by_column[name] for name in compiled.positiontup or [column.key for column in columns.values()]]
    return Insertion(
        sql=compiled.string,
        columns=tuple(
            (key, _usual(columns[key]), columns[key].type.dialect_impl(dialect).bind_processor(dialect))
            for key in order
        ),
        names=None if compiled.positiontup is not None else tuple(names[columns[key].key] for key in order),
        empty=dict.fromkeys(every.keys() - columns.keys()),
        links=links,
        version=_version(mapper),
    )


@lru_cache(maxsize=200)
def _update(model: Any, changed: frozenset[str]) -> Update:
    mapper: Mapper[Any] = mapped(model)
    table: Any = mapper.local_table
    columns = _columns(model)
    values: dict[Column[Any], ColumnElement[Any]] = {
        columns[key]: bindparam(f"new_{key}", type_=columns[key].type) for key in sorted(changed)
    }
    is_it = [table.c.id == bindparam("entity", type_=table.c.id.type)]
    number = mapper.version_id_col
    if number is not None:
        is_it.append(number == bindparam("version", type_=number.type))
        values[columns[_version(mapper) or ""]] = number + 1
    return update(table).where(*is_it).values(values).returning(table.c.id)


@lru_cache(maxsize=500)
def _lines(model: Any, names: tuple[str, ...], count: int, wanted: tuple[str, ...]) -> Any:
    columns = _columns(model)
    rows = [
        {columns[name]: bindparam(f"{name}_{number}", type_=columns[name].type) for name in names}
        for number in range(count)
    ]
    table: Any = mapped(model).local_table
    return insert(table).values(rows).returning(table.c.id, *(columns[name] for name in wanted))


@lru_cache(maxsize=50)
def _columns(model: Any) -> dict[str, Any]:
    """Return the columns that are written, by attribute."""
    mapper: Mapper[Any] = mapped(model)
    table: Any = mapper.local_table
    return {
        mapper.get_property_by_column(column).key: column
        for column in table.c
        if not column.primary_key and column.computed is None
    }


def _version(mapper: "Mapper[Any]") -> str | None:
    column = mapper.version_id_col
    return None if column is None else mapper.get_property_by_column(column).key


@lru_cache(maxsize=50)
def _lists(model: Any) -> frozenset[str]:
    mapper: Mapper[Any] = mapped(model)
    return frozenset(one.key for one in mapper.relationships if one.uselist)


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
