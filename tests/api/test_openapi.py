"""The API's description: committed, true, and usable without the internet."""

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient

from api.cli.openapi import openapi
from api.openapi import document

DOCS = Path(__file__).parents[2] / "docs"
VERBS = {"get", "post", "put", "patch", "delete"}
FOUND: dict[str, Any] = orjson.loads(document())
OPERATIONS = [(path, verb, one) for path, item in FOUND["paths"].items() for verb, one in item.items() if verb in VERBS]
EACH = pytest.mark.parametrize(("path", "verb", "operation"), OPERATIONS, ids=lambda value: str(value)[:60])


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    return sqlite_app.test_client()


def test_the_committed_document_is_the_programs() -> None:
    assert (DOCS / "openapi.json").read_bytes() == document(), "run `comptoir openapi > docs/openapi.json`"


def test_the_command_prints_it() -> None:
    assert CliRunner().invoke(openapi).stdout_bytes == document()


def test_it_is_served_to_everybody(client: FlaskClient) -> None:
    answer = client.get("/api/v1/openapi.json")

    assert answer.status_code == 200
    assert answer.json == FOUND
    assert FOUND["openapi"] == "3.1.0"


FOR_ALL = {"POST /session", "POST /invitations"}  # whoever has no token or login yet
NAMED_IN_THE_QUERY = {"GET /events"}  # what it is about, which may not be there


@EACH
def test_every_operation_says_what_it_needs_and_refuses(path: str, verb: str, operation: dict[str, Any]) -> None:
    refused = set(operation["responses"])
    assert operation["summary"]
    if f"{verb.upper()} {path.removeprefix('/api/v1')}" in FOR_ALL:
        assert "security" not in operation
        assert "429" in refused  # whoever may ask without a name may not ask for ever
    else:
        assert operation["security"][0]["bearer"]
        assert {"401", "403"} <= refused
        named = "{" in path or f"{verb.upper()} {path.removeprefix('/api/v1')}" in NAMED_IN_THE_QUERY
        assert named == ("404" in refused)
    assert ("requestBody" in operation) == ("415" in operation["responses"])
    assert any(status.startswith("2") for status in operation["responses"])


def test_every_reference_leads_somewhere() -> None:
    for pointer in set(re.findall(rb'"\$ref": "#/([^"]+)"', document())):
        found = FOUND
        for part in pointer.decode().split("/"):
            found = found[part]
        assert found


def test_every_problem_has_its_media_type_and_shape() -> None:
    for response in FOUND["components"]["responses"].values():
        schema = response["content"]["application/problem+json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/Problem"}


def test_the_pages_load_nothing_from_elsewhere(client: FlaskClient) -> None:
    page = client.get("/docs/").text

    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(loaded) >= 4
    for address in loaded:
        assert address.startswith("/docs/")
        with client.get(address) as answer:
            assert answer.status_code == 200
    assert '"validatorUrl": null' in page


def test_every_call_in_the_guide_exists() -> None:
    guide = (DOCS / "api.md").read_text(encoding="utf-8")
    calls = re.findall(r"curl (?:-X (\w+) )?[^\n]*?\$DESK(/[\w/]+)(?:\?([^\"]+))?\"", guide)

    assert len(calls) == guide.count("curl ")
    for method, path, query in calls:
        operation = _operation(method or "GET", f"/api/v1{path}")
        known = {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "query"}
        assert set(re.findall(r"(\w+)=", query)) <= known


def test_every_json_body_in_the_guide_is_json() -> None:
    bodies = re.findall(r"-d '([^']+)'", (DOCS / "api.md").read_text(encoding="utf-8"))

    assert len(bodies) >= 5
    for body in bodies:
        assert isinstance(orjson.loads(body), dict)


def _operation(method: str, path: str) -> dict[str, Any]:
    for known, verb, operation in OPERATIONS:
        if verb == method.lower() and re.fullmatch(re.sub(r"\{\w+\}", r"\\d+", known), path):
            return operation
    raise AssertionError(f"there is no {method} {path}")
