"""Visitors who mean harm: what is too much, too often or forged is refused in words, and nobody else is affected."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from api.app import create_app
from channels.models import InboundItem
from config.settings import Rate
from tests.api.chat_page import SHOP, Visitor, token_of_before, widget
from ticketing.models import Message, Ticket
from ticketing.store import db


@pytest.fixture
def limited(sqlite_app: Flask) -> Iterator[Callable[..., FlaskClient]]:
    """Make a client of an application with limits, on the same store."""
    apps = []

    def make_one(**values: Any) -> FlaskClient:
        settings = sqlite_app.extensions["comptoir.settings"]
        apps.append(create_app(replace(settings, chat_rate_limit=Rate(600, 60), **values)))
        return apps[-1].test_client()

    yield make_one
    for one in apps:
        with one.app_context():
            db.engine.dispose()


def count(model: type) -> int:
    return db.session().scalar(select(func.count()).select_from(model)) or 0


def test_a_flood_of_messages_is_refused_and_nobody_else_notices(limited: Callable[..., FlaskClient]) -> None:
    widget()
    client = limited()
    flooder, other = Visitor(client), Visitor(client)

    answers = [flooder.write(f"part {number}") for number in range(700)]
    polls = flooder.get("/messages")

    statuses = [one.status_code for one in answers]
    assert (statuses[:60], set(statuses[60:])) == ([201] * 60, {429})
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert answers[-1].get_json()["code"] == "rate_limited"
    assert (polls.status_code, other.write().status_code, Visitor(client).write().status_code) == (429, 201, 201)
    assert count(Message) == 62


def test_a_renewed_or_a_false_token_lifts_no_limit(limited: Callable[..., FlaskClient]) -> None:
    widget()
    client = limited()
    flooder = Visitor(client)
    for number in range(61):
        flooder.write(f"part {number}")
    flooder.token = token_of_before(flooder.session, timedelta(days=1))

    forged = [client.get("/chat/session", headers={"Authorization": f"Bearer x{n}"}).status_code for n in range(601)]

    assert flooder.write("once more").status_code == 429
    assert (forged[0], forged[-1]) == (403, 429)


def test_a_page_can_read_that_it_has_to_wait(limited: Callable[..., FlaskClient]) -> None:
    widget(origins=[SHOP])
    visitor = Visitor(limited(), origin=SHOP)

    told = [visitor.write() for _ in range(61)][-1]

    assert told.status_code == 429
    assert told.headers["Access-Control-Allow-Origin"] == SHOP
    assert "Retry-After" in told.headers["Access-Control-Expose-Headers"]


HUGE = "x" * 1_000_000
NONSENSE: dict[str, tuple[Any, int]] = {
    "a message of one megabyte": ({"body": HUGE, "client_id": "c"}, 413),
    "a message that is too long": ({"body": "x" * 10_001, "client_id": "c"}, 400),
    "no words": ({"body": " \n", "client_id": "c"}, 422),
    "a body that is a list": ({"body": ["x"], "client_id": "c"}, 400),
    "a body that is a number": ({"body": 7, "client_id": "c"}, 400),
    "a long client_id": ({"body": "x", "client_id": "c" * 101}, 400),
    "no client_id": ({"body": "x"}, 400),
    "a field that there is not": ({"body": "x", "client_id": "c", "kind": "outbound"}, 400),
    "a list": (["x"], 400),
    "null": (None, 400),
    "nested without end": ('{"body": ' + "[" * 30_000, 400),
    "no JSON": ("{", 400),
}


@pytest.mark.parametrize(("body", "status"), NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_is_refused_in_words_and_not_kept(sqlite_app: Flask, body: Any, status: int) -> None:
    widget()
    visitor = Visitor(sqlite_app.test_client())
    values = {"data": body} if isinstance(body, str) else {"json": body}

    answer = visitor.call("POST", "/messages", **values)

    assert (answer.status_code, len(answer.text) < 600) == (status, True), answer.text[:700]
    assert answer.get_json()["detail"]
    assert (count(InboundItem), count(Ticket)) == (0, 0)


def test_a_huge_body_of_unannounced_length_is_refused(sqlite_app: Flask) -> None:
    widget()
    visitor = Visitor(sqlite_app.test_client())

    for path in ("/messages", "/sessions", "/typing", "/seen"):
        chunked = {"input_stream": BytesIO(b"x" * 2_000_000), "environ_overrides": {"wsgi.input_terminated": True}}
        answers = [visitor.call("POST", path, data=b"x" * 2_000_000), visitor.call("POST", path, **chunked)]
        assert [one.status_code for one in answers] == [413, 413], path


def test_html_and_scripts_are_words(sqlite_app: Flask) -> None:
    widget()
    visitor = Visitor(sqlite_app.test_client(), name="<script>alert(1)</script>")
    words = '<script>alert("x")</script><img src=x onerror=alert(1)> & "quotes" {{7*7}} \u202e'

    ticket = db.session().get_one(Ticket, visitor.write(words).get_json()["ticket"])

    message = db.session().scalars(select(Message)).one()
    assert (message.body, message.html, visitor.items()[0]["body"]) == (words, "", words)
    assert ticket.customer.name == "<script>alert(1)</script>"
    assert visitor.get("/messages").content_type == "application/json"
