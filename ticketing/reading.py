"""Read whole entities past SQLAlchemy's execution, as `fetching` reads columns: the rows that every message asks for.

They are the session's afterwards, as if it had loaded them: what was loaded before is as new as what was read.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy import inspect as mapped
from sqlalchemy.orm import Mapper, Session, make_transient_to_detached
from sqlalchemy.orm.attributes import set_committed_value

from ticketing.fetching import fetch
from ticketing.store import db


def whole(*models: Any) -> Select[Any]:
    """Return a query for these models, one beside the other; it is made once and kept, and `read` runs it."""
    return select(*(getattr(model, key) for model in models for key in _keys(model)))


def read(query: Select[Any], models: Sequence[Any], values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run a query that `whole` has begun for these models, and return their entities, row by row.

    What this transaction has changed and not flushed is read over.
    """
    session = db.session()
    return [tuple(_entities(session, models, row)) for row in fetch(query, values)]


def read_one(query: Select[Any], model: Any, values: Mapping[str, Any]) -> Any:
    """Return the entity of the first row, None if there is none."""
    return next((entity for (entity,) in read(query, [model], values)), None)


def hold(session: Session, entity: Any) -> None:
    """Let the session have an entity, with its id and all that it was given, as if it had loaded it."""
    make_transient_to_detached(entity)
    session._save_or_update_impl(mapped(entity))  # `add` would look at all the entity's neighbours too


def _entities(session: Session, models: Sequence[Any], row: Sequence[Any]) -> list[Any]:
    found, start = [], 0
    for model in models:
        end = start + len(_keys(model))
        found.append(_entity(session, model, row[start:end]))
        start = end
    return found


def _entity(session: Session, model: Any, values: Sequence[Any]) -> Any:
    mapper: Mapper[Any] = model.__mapper__
    given = dict(zip(_keys(model), values, strict=True))
    entity = session.identity_map.get(mapper.identity_key_from_primary_key((given["id"],)))
    if entity is None:
        entity = mapper.class_manager.new_instance()
        entity.__dict__.update(given)
        hold(session, entity)
        return entity
    session.expire(entity)
    for key, value in given.items():
        set_committed_value(entity, key, value)
    return entity


@lru_cache(maxsize=50)
def _keys(model: Any) -> tuple[str, ...]:
    """Return the attributes of the columns that are loaded with an entity."""
    mapper: Mapper[Any] = mapped(model)
    return tuple(one.key for one in mapper.column_attrs if not one.deferred)
