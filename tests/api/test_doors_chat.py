"""Web chat by REST: a session, its visitor's token, and messages that are written once."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from tests import make
from ticketing import journal
from ticketing.envelope import Channel, MessageState
from ticketing.models import Message, Ticket
from ticketing.store import db


@pytest.fixture
def visitor(app: Flask, client: FlaskClient) -> dict[str, str]:
    """The header of a visitor who has opened a session."""
    make.inbox(Channel.CHAT, address="website")
    return open_session(client)


def open_session(client: FlaskClient, **values: Any) -> dict[str, str]:
    answer = client.post("/chat/sessions", json={"name": "Karim", **values})
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.get_json()['visitor_token']}"}


def write(client: FlaskClient, visitor: dict[str, str], body: Any, client_id: Any = "c1") -> Any:
    return client.post("/chat/messages", json={"body": body, "client_id": client_id}, headers=visitor)


def test_a_visitor_writes_and_reads_the_answer_once(client: FlaskClient, visitor: dict[str, str]) -> None:
    wrote = write(client, visitor, "Anybody there?")
    ticket = db.session().get_one(Ticket, wrote.get_json()["ticket"])
    reply = make.reply(ticket, make.agent(name="Agnes"), "Yes!")
    before = client.get("/chat/messages", headers=visitor).get_json()["items"]
    make.work_off()

    items = client.get("/chat/messages", headers=visitor).get_json()["items"]
    behind = client.get(f"/chat/messages?after={items[-1]['id']}", headers=visitor).get_json()["items"]

    assert wrote.status_code == 201
    assert ticket.live
    assert ticket.customer.name == "Karim"
    assert [one["from"] for one in before] == ["visitor"]
    assert [(one["from"], one["author"], one["body"]) for one in items] == [
        ("visitor", None, "Anybody there?"),
        ("desk", "Agnes", "Yes!"),
    ]
    assert behind == []
    assert db.session().get_one(Message, reply.id, populate_existing=True).state is MessageState.DELIVERED


def test_the_same_client_id_is_one_message(client: FlaskClient, visitor: dict[str, str]) -> None:
    first, second = write(client, visitor, "Hello"), write(client, visitor, "Hello")

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.get_json()["message"] == second.get_json()["message"]
    assert db.session().scalar(select(func.count()).select_from(Message)) == 1


def test_two_first_messages_at_once_open_one_ticket(app: Flask, visitor: dict[str, str]) -> None:
    def deliver(number: int) -> int:
        return int(write(app.test_client(), visitor, f"part {number}", f"c{number}").get_json()["ticket"])

    with ThreadPoolExecutor(6) as pool:
        tickets = set(pool.map(deliver, range(6)))

    assert len(tickets) == 1


def test_an_internal_note_and_another_visitors_words_are_never_shown(
    client: FlaskClient, visitor: dict[str, str]
) -> None:
    ticket = db.session().get_one(Ticket, write(client, visitor, "Hello").get_json()["ticket"])
    ada = make.agent()
    client.post(f"/api/v1/tickets/{ticket.id}/notes", json={"body": "He sounds angry."}, headers=make.bearer(ada))
    other = open_session(client)
    write(client, other, "Somebody else")

    shown = client.get("/chat/messages", headers=visitor).get_json()["items"]

    assert [one["body"] for one in shown] == ["Hello"]


@pytest.mark.parametrize(
    "token", ["", "nonsense", "a.b.c"], ids=["no token", "a nonsense token", "a token that was not signed by us"]
)
def test_a_forged_token_opens_nothing(client: FlaskClient, visitor: dict[str, str], token: str) -> None:
    forged = {"Authorization": f"Bearer {token}"}

    assert write(client, forged, "Hello").status_code == 403
    assert client.get("/chat/messages", headers=forged).status_code == 403


@pytest.mark.parametrize(
    ("body", "client_id"), [(None, "c"), ("x", None), ("x", ""), ("x", "c" * 101), ("x" * 10_001, "c"), (["x"], "c")]
)
def test_broken_messages_are_refused_in_words(
    client: FlaskClient, visitor: dict[str, str], body: Any, client_id: Any
) -> None:
    answer = write(client, visitor, body, client_id)

    assert (answer.status_code, answer.get_json()["code"]) == (400, "malformed_payload")


def test_a_huge_message_is_refused_before_it_is_read(client: FlaskClient, visitor: dict[str, str]) -> None:
    assert write(client, visitor, "x" * 70_000).status_code == 413


def test_an_unknown_widget_is_said_so(client: FlaskClient, visitor: dict[str, str]) -> None:
    answer = client.post("/chat/sessions", json={"widget": "other"})

    assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("hostile", ["a\x00b", "\udc80x", "\x00"], ids=["a NUL", "half a surrogate pair", "only a NUL"])
def test_what_a_database_cannot_keep_is_replaced_and_kept(
    client: FlaskClient, visitor: dict[str, str], hostile: str
) -> None:
    raw = json.dumps({"body": f"Hello {hostile}", "client_id": f"c{hostile}"})
    wrote = client.post("/chat/messages", data=raw, headers=visitor)
    opened = client.post("/chat/sessions", data=json.dumps({"name": hostile}))
    unknown = client.post("/chat/sessions", data=json.dumps({"widget": hostile}))

    kept_or_refused = {201, 400}  # orjson refuses half a surrogate pair: that is no JSON
    assert {wrote.status_code, opened.status_code} <= kept_or_refused
    assert unknown.status_code in {400, 404}


@pytest.mark.parametrize("after", ["9223372036854775808", "-1", "x", "9" * 40])
def test_an_odd_position_is_no_error_of_ours(client: FlaskClient, visitor: dict[str, str], after: str) -> None:
    assert client.get(f"/chat/messages?after={after}", headers=visitor).status_code == 200


def test_two_tabs_that_fetch_at_once_journal_one_delivery(
    app: Flask, client: FlaskClient, visitor: dict[str, str]
) -> None:
    ticket = db.session().get_one(Ticket, write(client, visitor, "Hello").get_json()["ticket"])
    make.reply(ticket, make.agent(), "Yes!")
    make.work_off()

    with ThreadPoolExecutor(4) as pool:
        statuses = set(
            pool.map(lambda _: app.test_client().get("/chat/messages", headers=visitor).status_code, range(4))
        )

    db.session.rollback()
    assert statuses == {200}
    changes = [row.data["after"] for row in journal.lines(ticket.id) if row.kind == "delivery_changed"]
    assert changes == ["sent", "delivered"]
