"""Every error has the one shape, and reads well."""

from io import BytesIO
from typing import Any

import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

import channels.errors
import ticketing.errors
from api import errors
from api.openapi import PREFIX
from api.web import LIMITS
from tests import make
from tests.api.desk import Desk

SHAPE = {"type", "title", "status", "code", "detail", "request_id"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    return sqlite_app.test_client()


@pytest.fixture
def desk(client: FlaskClient) -> Desk:
    make.queue("Kettles")
    return Desk(client)


CALLS: dict[str, tuple[str, str, dict[str, Any], int, str]] = {
    "an address that leads nowhere": ("GET", "/nowhere", {}, 404, "not_found"),
    "an id that no table can hold": ("GET", "/tickets/99999999999999999999", {}, 404, "not_found"),
    "a ticket that is not there": ("GET", "/tickets/17", {}, 404, "not_found"),
    "a method that is not taken": ("DELETE", "/tickets", {}, 405, "method_not_allowed"),
    "broken JSON": ("POST", "/tickets", {"data": "{", "headers": JSON}, 400, "malformed_request"),
    "half a character": ("POST", "/tickets", {"data": b'{"\xff": 1}', "headers": JSON}, 400, "malformed_request"),
    "a lone surrogate": ("POST", "/tickets", {"data": rb'{"a": "\ud800"}', "headers": JSON}, 400, "malformed_request"),
    "deep nesting": ("POST", "/tickets", {"data": "[" * 100_000, "headers": JSON}, 400, "malformed_request"),
    "a form": ("POST", "/tickets", {"data": {"subject": "x"}}, 415, "unsupported_media_type"),
    "a list": ("POST", "/tickets", {"json": []}, 422, "invalid_input"),
    "no body": ("POST", "/tickets", {"headers": JSON}, 422, "invalid_input"),
    "a NUL": ("POST", "/tickets", {"data": rb'{"subject": "\u0000"}', "headers": JSON}, 422, "invalid_input"),
    "too much": ("POST", "/tickets", {"data": b" " * (LIMITS[PREFIX] + 1), "headers": JSON}, 413, "too_large"),
}


@pytest.mark.parametrize("case", CALLS)
def test_what_is_refused_gets_a_problem(desk: Desk, case: str) -> None:
    method, path, values, status, code = CALLS[case]

    answer = desk.call(method, path, **values)

    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.content_type == "application/problem+json"
    assert SHAPE <= set(answer.json) <= SHAPE | {"errors"}
    assert answer.json["status"] == status
    assert answer.json["type"] == f"urn:comptoir:problem:{code}"
    assert answer.json["request_id"] == answer.headers["X-Request-ID"]
    assert answer.json["detail"][0].isupper() or ":" in answer.json["detail"]
    assert answer.json["detail"].endswith((".", ")"))


def test_too_much_is_refused_though_its_length_was_not_announced(desk: Desk) -> None:
    chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    words = b'{"body": "' + b"x" * LIMITS[PREFIX] + b'"}'

    answer = desk.call("POST", "/tickets", input_stream=BytesIO(words), headers=JSON, environ_overrides=chunked)

    assert (answer.status_code, answer.json["code"]) == (413, "too_large")


def test_a_method_that_is_not_taken_is_told_those_that_are(desk: Desk) -> None:
    assert set(desk.delete("/tickets").headers["Allow"].split(", ")) >= {"GET", "POST"}


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer cpt_wrong", "Bearer \u00e9\u00ff"])
def test_whoever_does_not_say_who_they_are_gets_401(client: FlaskClient, given: str) -> None:
    answer = client.get("/api/v1/tickets", headers={"Authorization": given})

    assert (answer.status_code, answer.json["code"]) == (401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="comptoir"'


def test_fields_are_named_as_the_client_wrote_them(desk: Desk) -> None:
    answer = desk.post("/tickets", {"subject": "x", "body": "y", "customer": {"email": 5}, "colour": "red"})

    assert answer.json["errors"] == {
        "colour": ["There is no such field here."],
        "customer.email": ["Not a valid string."],
    }
    assert answer.json["detail"].endswith("(and 1 more, see errors)")


def test_a_body_that_is_no_object_is_told_so(desk: Desk) -> None:
    assert desk.post("/tickets", [1]).json["detail"] == "body: Must be a JSON object."


def test_a_query_that_cannot_be_stored_is_called_a_query(desk: Desk) -> None:
    assert list(desk.get("/tickets?tag=%00").json["errors"]) == ["query"]


def test_an_odd_spelling_of_an_address_is_no_way_around_the_guard(client: FlaskClient) -> None:
    for path in ("//api/v1/agents/me", "/api//v1/agents/me", "/api/v1/agents/me/", "/%61pi/v1/agents/me"):
        assert client.get(path).status_code in {308, 401, 404}


def test_the_unforeseen_is_logged_and_told_without_its_inside(
    sqlite_app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down() -> str:
        raise ZeroDivisionError("the inside of a bug")

    monkeypatch.setitem(sqlite_app.view_functions, "health.healthz", break_down)
    with structlog.testing.capture_logs() as lines:
        answer = client.get("/healthz")

    assert (answer.status_code, answer.json["code"]) == (500, "internal_error")
    assert "inside" not in answer.text
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["request failed unforeseen"]


def test_a_store_that_is_away_gets_503(sqlite_app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask() -> str:
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    monkeypatch.setitem(sqlite_app.view_functions, "health.healthz", ask)
    answer = client.get("/healthz")

    assert (answer.status_code, answer.json["code"]) == (503, "store_not_ready")
    assert answer.headers["Retry-After"] == "5"


def test_every_error_of_ours_has_a_status() -> None:
    roots = (ticketing.errors.TicketingError, channels.errors.ChannelError)

    for root in roots:
        for kind in _below(root):
            assert errors.status_of(kind("x")) >= 400


def _below(kind: type[Exception]) -> list[type[Exception]]:
    return [kind, *(one for sub in kind.__subclasses__() for one in _below(sub))]
