"""How many SQL statements a call costs, its authentication included.

BEGIN, COMMIT, ROLLBACK and savepoints are not counted: they fetch and change nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from tests import make
from tests.api.chat_page import Visitor, identity, widget
from tests.api.desk import Desk, promise
from ticketing.envelope import Channel
from ticketing.store import db

UNCOUNTED = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")
NEW = {
    "subject": "The kettle leaks",
    "body": "It drips.",
    "customer": {"name": "Karim", "email": "karim@home.example", "phone": "+15145550123"},
}


@contextmanager
def statements() -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith(UNCOUNTED):
            seen.append(" ".join(statement.split()))

    db.session.remove()  # what the test has loaded must not save the call a statement
    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


@pytest.fixture
def desk(app: Flask, client: FlaskClient) -> Desk:
    promise()
    make.queue("Kettles")
    return Desk(client)


def test_opening_a_ticket_takes_at_most_13_statements(desk: Desk) -> None:
    desk.post("/tickets", {**NEW, "customer": {"name": "Lina"}})  # the first one reads the policies

    with statements() as seen:
        answer = desk.post("/tickets", {**NEW, "queue": "Kettles"})

    assert answer.json["sla"] == "ok"
    assert len(seen) <= 13, seen  # two handles, each its own


def test_opening_a_ticket_of_a_known_customer_takes_at_most_12_statements(desk: Desk) -> None:
    desk.post("/tickets", NEW)

    with statements() as seen:
        answer = desk.post("/tickets", NEW)

    assert answer.status_code == 201
    assert len(seen) <= 12, seen


def test_a_page_of_50_tickets_takes_at_most_3_statements(desk: Desk) -> None:
    for number in range(60):
        make.ticket(assignee=desk.agent if number % 2 else None, tags=["kettle"])

    with statements() as seen:
        answer = desk.get("/tickets")

    assert len(answer.json["items"]) == 50
    assert len(seen) <= 3, seen


def test_a_ticket_takes_at_most_2_statements(desk: Desk) -> None:
    ticket = make.ticket(tags=["kettle"])

    with statements() as seen:
        answer = desk.get(f"/tickets/{ticket.id}")

    assert answer.json["id"] == ticket.id
    assert len(seen) <= 2, seen


def test_the_messages_of_a_ticket_take_at_most_3_statements(desk: Desk) -> None:
    make.inbox()
    ticket = make.ticket()
    for number in range(19):
        make.reply(ticket, desk.agent) if number % 2 else make.message(ticket)

    with statements() as seen:
        answer = desk.get(f"/tickets/{ticket.id}/messages")

    assert len(answer.json["items"]) == 20
    assert len(seen) <= 3, seen


@pytest.mark.parametrize("call", ["POST /tickets", "PATCH", "PUT assignment", "PUT resolution", "POST notes", "next"])
def test_nothing_is_asked_of_the_database_after_the_commit(desk: Desk, call: str) -> None:
    ticket = make.ticket()
    path = f"/tickets/{ticket.id}"
    calls = {
        "POST /tickets": lambda: desk.post("/tickets", {**NEW, "tags": ["a"]}),
        "PATCH": lambda: desk.patch(path, {"subject": "Another", "tags": ["a", "b"], "priority": "high"}),
        "PUT assignment": lambda: desk.put(f"{path}/assignment", {"agent": "me"}),
        "PUT resolution": lambda: desk.put(f"{path}/resolution", {"note": "Done."}),
        "POST notes": lambda: desk.post(f"{path}/notes", {"body": "Look."}),
        "next": lambda: desk.post(f"/queues/{ticket.queue_id}/next"),
    }
    committed: list[int] = []

    with statements() as seen:
        event.listen(db.engine, "commit", lambda _connection: committed.append(len(seen)))
        answer = calls[call]()

    assert answer.status_code in {200, 201}
    assert committed == [len(seen)]


def test_how_a_chat_stands_takes_at_most_9_statements(app: Flask, client: FlaskClient) -> None:
    widget()
    make.inbox(Channel.EMAIL)
    visitor = Visitor(client, email="karim@home.example")
    visitor.write()
    visitor.patch(identity=identity("u1", email="karim@home.example"))
    visitor.get("/session")

    with statements() as seen:
        answer = visitor.get("/session")

    assert answer.get_json()["state"] == "waiting"
    assert len(seen) <= 9, seen
