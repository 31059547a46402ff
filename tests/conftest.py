"""Fixtures: an application on each of the two databases, with empty tables for every test."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from api.app import create_app
from config.settings import Settings, sandbox_account
from tests import servers
from ticketing import schema
from ticketing.store import Base, db

SECRET_KEY = "a secret key for tests only, long enough"
PUBLIC_URL = "http://desk.example"
NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)  # a Wednesday


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if base.name.startswith("popen-") else base


@pytest.fixture(scope="session")
def base_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a sandbox on SQLite; nothing runs behind its addresses."""
    folder = tmp_path_factory.mktemp("data")
    return Settings(
        host="127.0.0.1",
        port=8000,
        public_url=PUBLIC_URL,
        public_url_is_given=True,
        local_url="http://127.0.0.1:8000",
        smtp_host="127.0.0.1",
        smtp_port=2525,
        smtp_max_bytes=26_214_400,
        data_dir=folder,
        database_url=f"sqlite:///{folder / 'comptoir.sqlite3'}",
        redis_url=None,
        secret_key=SECRET_KEY,
        sandbox=True,
        twilio=sandbox_account(SECRET_KEY, f"{PUBLIC_URL}/sandbox/twilio"),
        smtp_url=None,
        storage_url=f"file://{folder / 'files'}",
        defaults_file=None,
        web_workers=1,
        web_threads=8,
        request_max_bytes=26_214_400,
        delivery_lease_seconds=90,
        tick_seconds=1.0,
        log_level="info",
        log_format="json",
    )


@pytest.fixture(scope="session")
def sqlite_template(base_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.sqlite3"
    _migrate(replace(base_settings, database_url=f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgres_app(base_settings: Settings, run_folder: Path) -> Flask:
    """An application on this worker's migrated PostgreSQL database."""
    settings = replace(base_settings, database_url=servers.postgres(run_folder))
    _migrate(settings)
    return create_app(settings)


def _migrate(settings: Settings) -> None:
    app = create_app(settings)
    with app.app_context():
        schema.upgrade()
        db.engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def app(request: pytest.FixtureRequest) -> Iterator[Flask]:
    """An application with empty tables and its context, once on each database."""
    yield from _ON[request.param](request)


@pytest.fixture
def sqlite_app(request: pytest.FixtureRequest) -> Iterator[Flask]:
    """An application on SQLite, for tests in which the database makes no difference."""
    yield from _on_sqlite(request)


def _on_sqlite(request: pytest.FixtureRequest) -> Iterator[Flask]:
    settings: Settings = request.getfixturevalue("base_settings")
    path = request.getfixturevalue("tmp_path") / "comptoir.sqlite3"
    shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
    app = create_app(replace(settings, database_url=f"sqlite:///{path}", data_dir=path.parent))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def _on_postgresql(request: pytest.FixtureRequest) -> Iterator[Flask]:
    app: Flask = request.getfixturevalue("postgres_app")
    extensions = dict(app.extensions)
    with app.app_context():
        yield app
        app.extensions |= extensions  # a test may have plugged in doubles
        db.session.remove()
        tables = ", ".join(f'"{table.name}"' for table in Base.metadata.sorted_tables)
        with db.engine.begin() as connection:
            connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
        db.engine.dispose()


_ON: dict[str, Callable[[pytest.FixtureRequest], Iterator[Flask]]] = {
    "sqlite": _on_sqlite,
    "postgresql": _on_postgresql,
}


@pytest.fixture
def settings(app: Flask) -> Settings:
    """The settings of the application under test."""
    found: Settings = app.extensions["comptoir.settings"]
    return found


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of the application under test."""
    return app.test_client()
