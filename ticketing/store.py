"""The database: engine, session, column types and the base of all models. SQLite and PostgreSQL.

Reads may happen anywhere in an application context; writes only inside `ticketing.transaction.transaction()`.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import orjson
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import JSON, BigInteger, Connection, DateTime, Dialect, Enum, Integer, MetaData, Text, event
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.orm import DeclarativeBase, registry
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

from config.settings import Settings

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UTCDateTime(TypeDecorator[datetime]):
    """An aware moment: refuses naive ones, stores and returns UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a naive moment cannot be stored: {value}")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _values(kind: type[StrEnum]) -> list[str]:
    return [member.value for member in kind]


BIG = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows only in an INTEGER column
DOCUMENT = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class Base(DeclarativeBase):
    """The base of every model, in every layer."""

    registry = registry(
        metadata=MetaData(naming_convention=NAMES),
        type_annotation_map={
            int: BIG,
            str: Text,
            datetime: UTCDateTime,
            dict[str, Any]: DOCUMENT,
            list[str]: DOCUMENT,
            list[int]: DOCUMENT,
            list[dict[str, Any]]: DOCUMENT,
            StrEnum: Enum(StrEnum, native_enum=False, length=16, values_callable=_values),
        },
    )


db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False, "autoflush": False})


def connect_store(app: Flask, settings: Settings) -> None:
    """Attach the database to the application; nothing is asked of it yet."""
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = _sqlite_options() if settings.uses_sqlite else _postgresql_options()
    if settings.uses_sqlite:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    db.init_app(app)
    with app.app_context():
        if settings.uses_sqlite:
            event.listen(db.engine, "connect", _set_up_sqlite)
            event.listen(db.engine, "begin", _begin_sqlite)


def _json_options() -> dict[str, Any]:
    # An error's message must not carry customers' words into the log.
    return {
        "hide_parameters": True,
        "json_serializer": lambda value: orjson.dumps(value).decode(),
        "json_deserializer": orjson.loads,
    }


def _postgresql_options() -> dict[str, Any]:
    return {
        "pool_size": 10,
        "max_overflow": 30,
        "pool_pre_ping": True,
        "pool_timeout": 20,
        "connect_args": {"connect_timeout": 10, "options": "-c timezone=UTC"},
        "isolation_level": "AUTOCOMMIT",  # a read needs no BEGIN and no ROLLBACK; who writes says so: `write_options`
        **_json_options(),
    }


def _sqlite_options() -> dict[str, Any]:
    return {
        "pool_size": 20,
        "max_overflow": 200,
        "connect_args": {"timeout": 30, "check_same_thread": False},
        **_json_options(),
    }


def write_options() -> dict[str, Any]:
    """Return the execution options of a connection on which a transaction that writes shall begin."""
    if db.engine.dialect.name == "sqlite":
        return {"writes": True}
    return {"writes": True, "isolation_level": "READ COMMITTED"}


def _set_up_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # The driver must not begin transactions by itself: savepoints and BEGIN IMMEDIATE need our own BEGIN.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")  # what was answered with 250 survives a power cut
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA cache_size = -16000")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A reader that turns into a writer can fail at once with "database is locked", so a writer says so first.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
