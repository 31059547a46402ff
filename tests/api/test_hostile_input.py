"""Whatever a caller sends, the answer is an answer: never a 5xx."""

import json
import random
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests import make
from tests.api.desk import Desk, admin, promise
from ticketing.folding import fold_tag
from ticketing.lifecycle import MAX_TAG

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


ROUND_TRIPS = [
    *(
        "\u200fשלום\u200e",
        "\u202egnp.exe\u202c",
        "z\u200be\u200dr\u200co\u2060w\ufeffidth",
        " a  blank   \u1680 more ",
        "e\u0301é",
    ),
    *(
        "'; DROP TABLE ticket; --",
        '" OR 1=1',
        "{{ 7*7 }}",
        "${x}",
        "%s%n%d",
        "\\0\\u0000",
        "<script>alert(1)</script>",
        "&amp;lt;",
    ),
    *(
        "\x01\x1f\x7f\x80\x9f",
        "\ufffe\uffff",
        "Z\u0351\u036b\u0343al\u0320go",
        "👩‍👩‍👧‍👦🏳️‍🌈",
        "𝕿𝖍𝖊",
        "ﷺ",
        "NULL",
        "=1+1",
        "-0",
        "x" * 200,
    ),
]
BROKEN = [*("a\0b", "half \ud83d a pair", "\udc00"), *("", " ", "\u2003\u00a0")]


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


def test_odd_texts_come_back_as_they_were_sent(desk: Desk) -> None:
    for number, text in enumerate(ROUND_TRIPS):
        who = {"name": text, "email": f"odd{number}@home.example"}

        ticket = desk.post("/tickets", {"subject": text, "body": text, "customer": who}).json
        path = f"/tickets/{ticket['id']}"
        said = [desk.post(f"{path}/{kind}", {"body": text}).json["body"] for kind in ("replies", "notes")]

        assert desk.get(path).json["subject"] == text
        assert desk.get(f"/customers/{ticket['customer']['id']}").json["name"] == text
        assert [one["body"] for one in desk.get(f"{path}/messages").json["items"]] == [text, *said] == [text] * 3
        if len(text) <= MAX_TAG:
            tags = desk.patch(path, {"tags": [text]}).json["tags"]
            assert tags == [fold_tag(text)]
            assert [one["id"] for one in desk.get("/tickets", query_string={"tag": text}).json["items"]] == [
                ticket["id"]
            ]


def test_texts_that_nobody_can_keep_are_refused(desk: Desk) -> None:
    good = {"subject": "s", "body": "b", "customer": {"name": "Karim"}}
    for text in BROKEN:
        statuses = {
            escaped(desk, "POST", "/tickets", {**good, "subject": text}),
            escaped(desk, "POST", "/tickets", {**good, "body": text}),
            escaped(desk, "POST", "/tickets", {**good, "customer": {"name": text}}),
            escaped(desk, "POST", "/tickets/1/replies", {"body": text}),
            escaped(desk, "POST", "/tickets/1/notes", {"body": text}),
            escaped(desk, "PATCH", "/tickets/1", {"tags": [text]}),
        }

        assert statuses <= {400, 422}, (ascii(text), statuses)
    for text in ("two\nlines", "two\r\nlines", "ended\n", "\u2028"):
        assert escaped(desk, "POST", "/tickets", {**good, "subject": text}) == 422


def escaped(desk: Desk, method: str, path: str, body: Any) -> int:
    """Send ASCII alone, so that half a pair gets through; return the status."""
    data = json.dumps(body).encode("ascii")
    return int(desk.call(method, path, data=data, headers={"Content-Type": "application/json"}).status_code)


def test_odd_queries_are_taken_or_refused(desk: Desk) -> None:
    dice = random.Random(7)
    for _ in range(200):
        asked = {name: str(dice.choice(VALUES)) for name in PARAMETERS if dice.random() < 0.2}

        answer = desk.get(dice.choice(LISTS), query_string=asked)

        assert answer.status_code in {200, 422}, (asked, answer.json)
