"""Whatever is asked of the API, it answers as the OpenAPI document says. Schemathesis asks, the same every time."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import one_of
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi import checks

from api.app import create_app
from config.settings import Settings
from tests import make
from tests.api.desk import promise
from ticketing.envelope import Channel
from ticketing.models import Role
from ticketing.store import db

DOCUMENT = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text(encoding="utf-8"))
METHODS = ("get", "post", "put", "patch", "delete")
STREAMS = {"/api/v1/events"}  # an answer without an end: see test_stream.py
OPERATIONS = [
    (method, path)
    for path, item in DOCUMENT["paths"].items()
    for method in METHODS
    if method in item and path not in STREAMS
]
EXAMPLES = 12
SEED = 20_261_118
# Whether valid data is accepted depends on rules that no schema tells: cursors, time zones, names of queues.
ASKED = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture(scope="module")
def filled(
    base_settings: Settings, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Flask, Path, str]:
    """An application, its filled store (to be copied back after every operation), and an admin's secret."""
    folder = tmp_path_factory.mktemp("conformance")
    shutil.copyfile(sqlite_template, folder / "comptoir.sqlite3")
    app = create_app(replace(base_settings, database_url=f"sqlite:///{folder / 'comptoir.sqlite3'}", data_dir=folder))
    with app.app_context():
        secret = _fill()
        db.session.remove()
        db.engine.dispose()
    shutil.copyfile(folder / "comptoir.sqlite3", folder / "kept")
    return app, folder, secret


def _fill() -> str:
    """Fill the store, so that the id 1 is one of everything."""
    promise()
    admin = make.agent(Role.ADMIN, name="Grace")
    make.agent(name="Ada")
    make.queue("Kettles")
    make.inbox(Channel.EMAIL)
    for channel in (Channel.EMAIL, Channel.API, Channel.SMS):
        ticket = make.ticket(channel=channel, tags=["kettle"])
        make.attachment(ticket)
    make.reply(make.ticket(), admin)
    return make.token(admin)


@pytest.fixture
def served(filled: tuple[Flask, Path, str]) -> Iterator[tuple[Any, str]]:
    """The application's schema, over a store that is as it was."""
    app, folder, secret = filled
    for leftover in folder.glob("comptoir.sqlite3*"):
        leftover.unlink()
    shutil.copyfile(folder / "kept", folder / "comptoir.sqlite3")
    with app.app_context():
        yield schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app, config=SchemathesisConfig()), secret
        db.session.remove()
        db.engine.dispose()


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_it_answers_as_documented(served: tuple[Any, str], method: str, path: str) -> None:
    schema, secret = served
    headers = {"Authorization": f"Bearer {secret}"}
    operation = schema[path][method.upper()]

    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode)))
    def ask(case: Any) -> None:
        if isinstance(case.path_parameters, dict):
            # Every other id is one that there is; the others lead nowhere.
            case.path_parameters = {
                name: 1 if isinstance(value, int) and value % 2 else value
                for name, value in case.path_parameters.items()
            }
        case.call_and_validate(headers=headers, checks=ASKED)

    ask()
