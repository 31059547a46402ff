"""Fixtures: an application on each of the two databases, with empty tables for every test."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, text

from api.app import create_app
from api.embedded import ports
from api.limits import connect_limits
from api.logins import connect_logins
from config.settings import Settings, sandbox_account
from tests import servers
from tests.channels.twiml_contract import TwiMLWatch
from ticketing import schema
from ticketing.store import db

# How long an example takes says more about the machine than about us.
hypothesis.settings.register_profile("desk", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("desk")

# The workers of a run take their ports from ranges of their own: a port is free until whoever chose it listens there.
ports.FREE_PORTS = ports.FREE_PORTS[int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8 :: 8]

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
        smtp_max_connections=200,
        smtp_max_connections_per_address=50,
        smtp_workers=1,
        smtp_starttls="optional",
        mail_certificate=None,
        lmtp_port=None,
        lmtp_socket=None,
        data_dir=folder,
        database_url=f"sqlite:///{folder / 'comptoir.sqlite3'}",
        redis_url=None,
        secret_key=SECRET_KEY,
        sandbox=True,
        twilio=sandbox_account(SECRET_KEY, f"{PUBLIC_URL}/sandbox/twilio"),
        smtp_url=None,
        alerts_from="",
        storage_url=f"file://{folder / 'files'}",
        defaults_file=None,
        web_workers=1,
        web_threads=8,
        request_max_bytes=26_214_400,
        attachment_max_bytes=20_000_000,
        delivery_lease_seconds=90,
        tick_seconds=1.0,
        solved_grace_seconds=345_600,
        rate_limit=None,
        login_rate_limit=None,
        chat_rate_limit=None,
        trusted_proxies=0,
        private_addresses=False,
        openid=None,
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
    app = create_app(settings)
    TwiMLWatch(app)
    return app


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


@pytest.fixture(scope="session")
def shared_sqlite_app(base_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """This worker's application on SQLite; its folder is emptied for every test, since making one takes longer."""
    folder = tmp_path_factory.mktemp("desk")
    url, files = f"sqlite:///{folder / 'comptoir.sqlite3'}", f"file://{folder / 'files'}"
    app = create_app(replace(base_settings, database_url=url, data_dir=folder, storage_url=files))
    TwiMLWatch(app)
    with app.app_context():
        event.listen(db.engine, "connect", _trust_the_machine)
    return app


def _trust_the_machine(connection: Any, _entry: object) -> None:
    """Wait for no disk: no test cuts the power, and those that kill processes use stores of their own."""
    connection.execute("PRAGMA synchronous = OFF")


def _on_sqlite(request: pytest.FixtureRequest) -> Iterator[Flask]:
    app: Flask = request.getfixturevalue("shared_sqlite_app")
    folder = app.extensions["comptoir.settings"].data_dir
    shutil.rmtree(folder)
    folder.mkdir()
    shutil.copyfile(request.getfixturevalue("sqlite_template"), folder / "comptoir.sqlite3")
    forget(app)
    extensions = dict(app.extensions)
    with app.app_context():
        yield app
        app.extensions |= extensions  # a test may have plugged in doubles
        db.session.remove()
        db.engine.dispose()
    assert app.extensions["tests.twiml"].taken() == []


def _on_postgresql(request: pytest.FixtureRequest) -> Iterator[Flask]:
    app: Flask = request.getfixturevalue("postgres_app")
    forget(app)
    extensions = dict(app.extensions)
    with app.app_context():
        yield app
        app.extensions |= extensions  # a test may have plugged in doubles
        db.session.remove()
        with db.engine.begin() as connection:
            connection.execute(EMPTY)
        db.engine.dispose()
    assert app.extensions["tests.twiml"].taken() == []


def forget(app: Flask) -> None:
    """Forget what the process remembers of the test before: how often somebody was wrong, by the same ids."""
    connect_limits(app, app.extensions["comptoir.settings"])
    connect_logins(app)
    for name in ("comptoir.paces", "comptoir.past_paces"):
        app.extensions.pop(name, None)


# TRUNCATE makes every file of every table anew; to delete a handful of rows takes a twentieth of that.
EMPTY = text(
    """
    DO $$
    DECLARE name text;
    BEGIN
        PERFORM set_config('session_replication_role', 'replica', true);  -- foreign keys would want an order
        FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
            EXECUTE format('DELETE FROM %I', name);
        END LOOP;
        PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false)
        FROM pg_sequences WHERE last_value IS NOT NULL;
    END $$
""".replace(":", r"\:")
)

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
