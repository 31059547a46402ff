"""The database: engine, session, column types and the base of all models. SQLite and PostgreSQL.

Reads may happen anywhere in an application context; writes only inside `ticketing.transaction.transaction()`.
"""

import select
import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import orjson
import psycopg
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    DateTime,
    Dialect,
    Enum,
    Integer,
    MetaData,
    Text,
    event,
    exc,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.orm import DeclarativeBase, registry
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection
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

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """Return what makes an aware moment of the driver's value: rows have many, so as little as possible."""
        # On PostgreSQL nothing: the connection speaks UTC, see `_must_speak_utc`.
        return _moment_of_sqlite if dialect.name == "sqlite" else None


def _moment_of_sqlite(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value + "+00:00")


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


def dialect() -> str:
    """Return "postgresql" or "sqlite"."""
    return db.engine.dialect.name


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
        else:
            event.listen(db.engine, "connect", _must_speak_utc)
            event.listen(db.engine, "checkin", _note_rest)
            event.listen(db.engine, "checkout", _must_be_alive)


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
        "pool_timeout": 20,
        "connect_args": {"connect_timeout": 10, "options": "-c timezone=UTC"},
        "isolation_level": "AUTOCOMMIT",  # a read needs no BEGIN and no ROLLBACK; who writes says so: `write_options`
        "skip_autocommit_rollback": True,
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


# Seconds: a connection that has rested for longer may be dead without the system knowing (a firewall, a pause).
ASKED_AFTER = 30.0
RESTS_SINCE = "rests since"


def _must_speak_utc(connection: Any, _entry: ConnectionPoolEntry) -> None:
    # A pooler in between may have dropped the option with which we connect.
    if connection.info.parameter_status("TimeZone") != "UTC":
        connection.execute("SET timezone TO 'UTC'")
        connection.commit()


def _note_rest(_connection: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
    entry.info[RESTS_SINCE] = time.monotonic()


def _must_be_alive(connection: Any, entry: ConnectionPoolEntry, _proxy: PoolProxiedConnection) -> None:
    """Have a dead connection replaced before anybody's request fails on it, without a round trip for a live one.

    A server that ends a connection says so, and its words wait in the socket: nothing else ever waits there.
    """
    since = entry.info.get(RESTS_SINCE)
    if since is None:
        return  # it is new
    if time.monotonic() - since < ASKED_AFTER and not _has_word(connection):
        return
    try:
        connection.execute("SELECT 1")
    except psycopg.Error:
        # All of them: what ended one has ended the others too.
        raise exc.InvalidatePoolError from None


def _has_word(connection: Any) -> bool:
    try:
        return bool(select.select([connection.fileno()], [], [], 0)[0])
    except (ValueError, psycopg.Error):  # a descriptor beyond what select knows, or closed
        return True


def _set_up_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # The driver must not begin transactions by itself: savepoints and BEGIN IMMEDIATE need our own BEGIN.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")  # what was answered with 250 survives a power cut
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA cache_size = -16000")
    cursor.execute("PRAGMA secure_delete = ON")  # what is erased is not left in free pages
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A reader that turns into a writer can fail at once with "database is locked", so a writer says so first.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
