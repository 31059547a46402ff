"""A line tells what happened, and never whom it concerned or what they wrote."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from config.logs import configure_logs, mask

PRIVATE_KEYS = ["token", "auth_token", "secret_key", "password", "Authorization", "cookie"]
PRIVATE_KEYS += ["body", "reply_body", "html", "subject", "email", "phone", "address", "handle", "recipients"]


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Give the rest of the suite its logging back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """Return a function that reads what was logged."""
    return lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_one_thing_is_one_line_with_the_ids_of_what_is_under_way(lines):
    configure_logs("info", "json")
    with structlog.contextvars.bound_contextvars(request_id="r1", ticket_id=7):
        structlog.get_logger().info("ticket resolved", duration_ms=3)

    (line,) = lines()
    assert line.pop("at").endswith("Z")
    assert line == {"event": "ticket resolved", "level": "info", "request_id": "r1", "ticket_id": 7, "duration_ms": 3}


def test_the_libraries_lines_take_the_same_way(lines):
    configure_logs("info", "json")
    with structlog.contextvars.bound_contextvars(job_id="j1"):
        logging.getLogger("gunicorn.error").info("Booting worker with pid: %s", 12)

    (line,) = lines()
    assert (line["event"], line["logger"], line["job_id"]) == ("Booting worker with pid: 12", "gunicorn.error", "j1")


def test_a_failure_keeps_its_traceback_in_the_one_line(lines):
    configure_logs("info", "json")
    try:
        int("maria@example.com")
    except ValueError:
        structlog.get_logger().exception("job failed")

    (line,) = lines()
    assert "Traceback" in line["exception"]
    assert "maria" not in line["exception"]


@pytest.mark.parametrize("name", ["twilio.http_client", "mail.log", "sqlalchemy.engine", "urllib3", "rq.worker"])
def test_what_would_log_whole_requests_is_kept_quiet(lines, name):
    configure_logs("info", "json")
    logging.getLogger(name).info("POST /Messages Body=hello")
    logging.getLogger(name).warning("slow")

    assert [line["event"] for line in lines()] == ["slow"]


def test_below_the_level_nothing_is_said(capsys):
    configure_logs("warning", "json")

    structlog.get_logger().info("a")
    logging.getLogger("gunicorn.error").info("b")

    assert capsys.readouterr().err == ""


def test_human_eyes_get_words(capsys):
    configure_logs("info", "console")

    structlog.get_logger().info("ticket resolved", ticket_id=7, email="maria@example.com")

    written = capsys.readouterr().err
    assert "ticket resolved" in written
    assert "ticket_id=7" in written
    assert "maria" not in written


@pytest.mark.parametrize("key", PRIVATE_KEYS)
def test_what_a_key_calls_private_is_left_out(lines, key):
    configure_logs("info", "json")
    structlog.get_logger().info("x", **{key: "harmless"}, nested={"deeper": [{key: "harmless"}]})

    (line,) = lines()
    assert "harmless" not in json.dumps(line)


@pytest.mark.parametrize(
    "private",
    [
        "maria@example.com",
        "Maria <maria.o'neil+shop@mail.example.co.uk>",
        "maria%40example.com",
        "maria@localhost",
        "+15145550100",
        "+1 514 555-0100",
        "+33 (0)6 12 34 56 78",
        "%2B15145550100",
        "Bearer abc.def-123",
        "Basic bWFyaWE6aHVudGVyMg==",
        "redis://:hunter2@localhost:6379/0",
        "postgresql+psycopg://maria:hunter2@db/comptoir",
        "https://example.com/x?token=abc&y=1",
        "kZ3vJx9QmW2rT8yB5nC7fL1pD4sG6hA0",
        "cpt_demo_0fd388ad84ce018bb19df1df645ec3fe020f388a",
    ],
)
def test_what_looks_private_is_masked_wherever_it_stands(private):
    masked = mask(f"could not reach {private}, giving up")

    assert private not in masked
    assert not any(word in masked for word in ("maria", "hunter2", "5550100", "abc", "34 56"))
    assert masked.startswith("could not reach ")
    assert masked.endswith("giving up")


@pytest.mark.parametrize(
    "harmless",
    [
        "2026-11-21T10:00:00+01:00",
        "SM0123456789abcdef0123456789abcdef",
        "0b8f6d0e-7a34-4f0e-9a36-0f1c2f6d8a11",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "GET /api/v1/tickets/12345678901?limit=50 in 12 ms",
        "channels.email.smtp_server_with_a_rather_long_name_for_once",
    ],
)
def test_what_an_operator_needs_stays(harmless):
    assert mask(harmless) == harmless


def test_a_huge_value_is_cut_and_costs_little():
    assert len(mask("a" * 10_000_000)) < 5000
    assert len(mask("a.b@" * 2_500_000)) < 50_000
