"""Bring the database to the schema of this program, and tell whether it is there."""

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
    with db.engine.connect().execution_options(**write_options()) as connection:
        _take_turns(connection)
        command.upgrade(_config(connection), revision)
        connection.commit()


def downgrade(revision: str) -> None:
    """Migrate down to a revision, `base` for an empty database."""
    with db.engine.connect().execution_options(**write_options()) as connection:
        _take_turns(connection)
        command.downgrade(_config(connection), revision)
        connection.commit()


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
