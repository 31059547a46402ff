"""Migrations lead up and down on both databases, with rows in the tables, to just what the models say."""

from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import inspect

from api.app import create_app
from api.seed import initialise
from config.settings import Settings
from tests import make, servers
from ticketing import schema
from ticketing.envelope import Channel
from ticketing.store import Base, db


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest, base_settings: Settings, tmp_path: Path, run_folder: Path) -> Flask:
    """An application on an empty database of its own."""
    urls = {"sqlite": lambda: f"sqlite:///{tmp_path / 'x.sqlite3'}", "postgresql": lambda: servers.postgres(run_folder)}
    return create_app(replace(base_settings, database_url=urls[request.param](), data_dir=tmp_path))


def test_up_down_and_up_again_with_rows_in_the_tables(fresh: Flask) -> None:
    with fresh.app_context():
        for _ in range(2):
            initialise(fresh, demo=True)
            make.reply(make.ticket(channel=Channel.EMAIL), make.agent())
            db.session.remove()
            assert schema.current() == schema.head()
            schema.downgrade("base")
            assert schema.current() == ""
            assert set(inspect(db.engine).get_table_names()) <= {"alembic_version"}
        db.engine.dispose()


def test_the_migrations_and_the_models_agree(fresh: Flask) -> None:
    with fresh.app_context():
        schema.upgrade()
        with db.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            differences = compare_metadata(context, Base.metadata)
        db.engine.dispose()

    assert [one for one in differences if not _is_noise(one)] == []


def _is_noise(difference: object) -> bool:
    """An index with an expression cannot be compared by its columns."""
    return "ix_ticket_next" in repr(difference)


def test_initialising_twice_changes_nothing(fresh: Flask) -> None:
    def count() -> dict[str, int]:
        with db.engine.connect() as connection:
            tables = Base.metadata.sorted_tables
            return {table.name: len(connection.execute(table.select()).all()) for table in tables}

    with fresh.app_context():
        initialise(fresh, demo=True)
        before = count()
        initialise(fresh, demo=True)
        after = count()
        db.engine.dispose()

    assert before == after
    assert before["agent"] == 3
    assert before["inbox"] == 4
