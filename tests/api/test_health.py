"""Whether the process is up, and ready."""

from dataclasses import replace
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from config.settings import Settings


def test_a_process_that_answers_is_up(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}


def test_a_process_with_all_it_needs_is_ready(client: FlaskClient) -> None:
    answer = client.get("/readyz")

    assert answer.status_code == 200
    parts = ("database", "redis", "mailboxes", "twilio")
    assert answer.json == {"status": "ok", "checks": dict.fromkeys(parts, "ok")}


def test_without_migrations_it_is_not_ready(base_settings: Settings, tmp_path: Path) -> None:
    app = create_app(replace(base_settings, database_url=f"sqlite:///{tmp_path / 'empty.sqlite3'}", data_dir=tmp_path))

    answer = app.test_client().get("/readyz")
    _close(app)

    assert answer.status_code == 503
    assert answer.json["checks"] == {
        "database": "lacks migrations: run `comptoir init`",
        "redis": "ok",
        "mailboxes": "unknown",
        "twilio": "unknown",
    }


def test_the_part_that_is_away_is_named(base_settings: Settings, tmp_path: Path) -> None:
    nobody = "127.0.0.1:1"  # tcpmux, where nothing listens
    away = {"database_url": f"postgresql+psycopg://u:p@{nobody}/d", "redis_url": f"redis://{nobody}/0"}
    app = create_app(replace(base_settings, **away, data_dir=tmp_path))

    answer = app.test_client().get("/readyz")
    _close(app)

    assert answer.status_code == 503
    assert answer.json["status"] == "unavailable"
    assert answer.json["checks"] == {
        "database": "unreachable (OperationalError)",
        "redis": "unreachable (ConnectionError)",
        "mailboxes": "unknown",
        "twilio": "unknown",
    }


def _close(app: Flask) -> None:
    from ticketing.store import db

    with app.app_context():
        db.engine.dispose()
