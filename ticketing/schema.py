"""Bring the database to the schema of this program, and tell whether it is there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from ticketing.store import db, write_options

MIGRATIONS = Path(__file__).parent / "migrations"
UPGRADE_KEY = 0x434F4D51  # an advisory lock: two hosts that upgrade at once take turns


def upgrade(revision: str = "head") -> None:
    """Migrate up to a revision. Runs in the application context, outside any transaction."""
    with _changing_tables() as connection:
        command.upgrade(_config(connection), revision)


def downgrade(revision: str) -> None:
    """Migrate down to a revision, `base` for an empty database."""
    with _changing_tables() as connection:
        command.downgrade(_config(connection), revision)


def write_migration(message: str) -> None:
    """Write a new migration script from what the models say and the database lacks (for developers)."""
    with db.engine.connect().execution_options(**write_options()) as connection:
        command.revision(_config(connection), message, autogenerate=True, rev_id=_next_number())


def head() -> str:
    """Return the revision that this program needs."""
    found = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    return found or ""


def current() -> str:
    """Return the revision that the database is at, "" for an empty one."""
    with db.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


@contextmanager
def _changing_tables() -> Iterator[Connection]:
    """Yield a connection in one transaction, in which SQLite lets tables be rebuilt though others refer to them."""
    with db.engine.connect().execution_options(**write_options()) as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        if is_sqlite:  # https://www.sqlite.org/lang_altertable.html#otheralter: outside any transaction
            _set_foreign_keys(connection, on=False)
        try:
            _take_turns(connection)
            yield connection
            if is_sqlite:
                _must_refer_to_rows(connection)
            connection.commit()
        finally:
            connection.rollback()
            if is_sqlite:
                _set_foreign_keys(connection, on=True)


def _set_foreign_keys(connection: Connection, *, on: bool) -> None:
    raw = connection.connection.dbapi_connection
    if raw is not None:
        raw.cursor().execute(f"PRAGMA foreign_keys = {'ON' if on else 'OFF'}")


def _must_refer_to_rows(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        raise RuntimeError(f"the migration left a row of {broken[0]} that refers to nothing; nothing was changed")


def _take_turns(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_KEY})


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _next_number() -> str:
    taken = [int(one.revision) for one in ScriptDirectory(str(MIGRATIONS)).walk_revisions()]
    return f"{max(taken, default=0) + 1:04d}"
