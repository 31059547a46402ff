"""What every request gets: an id, one line in the log, and headers."""

import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient

from tests import make
from tests.api.desk import Desk


@pytest.fixture
def desk(sqlite_app: Flask) -> Desk:
    return Desk(sqlite_app.test_client())


def test_a_sane_request_id_is_kept(desk: Desk) -> None:
    assert desk.get("/agents/me", headers={"X-Request-ID": "abc-123_4.5"}).headers["X-Request-ID"] == "abc-123_4.5"


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "é", "a;b"])
def test_any_other_is_replaced(desk: Desk, given: str) -> None:
    first = desk.get("/agents/me", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    second = desk.get("/agents/me", headers={"X-Request-ID": given}).headers["X-Request-ID"]

    assert len(first) == len(second) == 32
    assert first != second


def test_a_request_leaves_one_line_that_tells_nothing_private(desk: Desk) -> None:
    make.queue()
    customer = {"email": "karim@home.example"}

    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as lines:
        desk.post(
            "/tickets",
            {"subject": "The kettle", "body": "It drips.", "customer": customer},
            headers={"X-Request-ID": "one"},
        )
        desk.get("/tickets?tag=private", headers={"X-Request-ID": "two"})
        desk.get("/nowhere/karim@home.example", headers={"X-Request-ID": "three"})

    durations = [line.pop("duration_ms") for line in lines]
    assert all(0 <= duration < 60_000 for duration in durations)
    common = {"event": "request", "log_level": "info"}
    assert lines == [
        {**common, "request_id": "one", "method": "POST", "route": "/api/v1/tickets", "status": 201},
        {**common, "request_id": "two", "method": "GET", "route": "/api/v1/tickets", "status": 200},
        {**common, "request_id": "three", "method": "GET", "route": "unknown", "status": 404},
    ]


def test_answers_stay_out_of_caches_and_are_not_taken_for_pages(desk: Desk) -> None:
    for answer in (desk.get("/agents/me"), desk.get("/tickets/1"), desk.get("/nowhere")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_id_does_not_stay_behind(desk: Desk) -> None:
    desk.get("/agents/me")

    assert "request_id" not in structlog.contextvars.get_contextvars()


def test_head_and_options_are_answered_to_who_may_ask(desk: Desk, sqlite_app: Flask) -> None:
    client: FlaskClient = sqlite_app.test_client()

    assert desk.call("HEAD", "/agents/me").status_code == 200
    assert desk.call("OPTIONS", "/agents/me").status_code == 200
    assert client.head("/api/v1/agents/me").status_code == 401
