"""Whatever a caller sends, the answer is an answer: never a 5xx."""

import json
import random
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests import make
from tests.api.desk import Desk, admin, promise

TEXTS = [
    *("", " ", "\u200b", "\ufeff", "\x7f\x01", "\r\nBcc: x", "‮rtl", "𝓤𝓷𝓲", "🏳️‍🌈", "ﷺ", "a" * 300),
    *("'; DROP TABLE ticket;--", "<script>", "%s%n", "=1+1", "-5", "NULL", "1e400", "me", "urgent", "solved", "sms"),
]
VALUES = [
    *TEXTS,
    None,
    True,
    0,
    1,
    -1,
    2**62,
    2**63,
    2**64,
    1e308,
    [],
    {},
    [None],
    ["x"],
    {"id": 1},
    {"email": "a@b.ex"},
]
BODIES: dict[tuple[str, str], tuple[dict[str, Any], list[str]]] = {
    ("POST", "/tickets"): (
        {"subject": "s", "body": "b", "customer": {"name": "Karim"}},
        ["subject", "body", "customer", "queue", "priority", "channel", "tags", "fields"],
    ),
    ("PATCH", "/tickets/1"): ({}, ["subject", "priority", "queue", "status", "tags", "fields"]),
    ("POST", "/tickets/1/replies"): ({"body": "b"}, ["body", "html", "channel"]),
    ("POST", "/tickets/1/notes"): ({}, ["body"]),
    ("PUT", "/tickets/1/assignment"): ({}, ["agent", "steal"]),
    ("PUT", "/tickets/1/resolution"): ({}, ["note"]),
    ("DELETE", "/tickets/1/resolution"): ({}, []),
    ("POST", "/queues"): ({}, ["name", "members", "access"]),
    ("PATCH", "/queues/1"): ({}, ["name", "members", "access"]),
    ("POST", "/tokens"): ({"name": "n"}, ["name", "scopes", "expires_in_seconds"]),
}
LISTS = ["/tickets", "/tickets/1/messages", "/tickets/1/events", "/queues", "/agents", "/tokens", "/inboxes"]
PARAMETERS = [
    *("queue", "status", "assignee", "channel", "priority", "tag", "customer", "sla", "sort", "limit", "after"),
]


@pytest.fixture
def desk(app: Flask, client: FlaskClient) -> Desk:
    promise()
    make.ticket()
    make.inbox()
    return admin(client)


def test_odd_bodies_are_taken_or_refused(desk: Desk) -> None:
    dice = random.Random(7)
    for _ in range(400):
        (method, path), (base, names) = dice.choice(list(BODIES.items()))
        body = base | {name: dice.choice(VALUES) for name in names if dice.random() < 0.4}

        answer = desk.call(method, path, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"})

        assert answer.status_code in {200, 201, 409, 422}, (method, path, body, answer.json)


def test_odd_queries_are_taken_or_refused(desk: Desk) -> None:
    dice = random.Random(7)
    for _ in range(200):
        asked = {name: str(dice.choice(VALUES)) for name in PARAMETERS if dice.random() < 0.2}

        answer = desk.get(dice.choice(LISTS), query_string=asked)

        assert answer.status_code in {200, 422}, (asked, answer.json)
