"""A note may name colleagues: by id, or by their whole address; they find out, if they may see the ticket."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests import make
from tests.api.desk import Desk
from tests.api.test_statements import statements
from ticketing.models import Agent, Role
from ticketing.transaction import transaction


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    return sqlite_app.test_client()


@pytest.fixture
def desk(client: FlaskClient) -> Desk:
    return Desk(client)


def mentions(client: FlaskClient, agent: Agent, query: str = "") -> list[Any]:
    found: list[Any] = Desk(client, agent).get(f"/agents/me/mentions{query}").json["items"]
    return found


def test_whoever_is_named_by_id_or_address_is_told(client: FlaskClient, desk: Desk) -> None:
    grace, hedy, joan = make.agent(), make.agent(email="hedy@desk.example"), make.agent(email="joan@desk.example")
    ticket = make.ticket()

    note = desk.post(
        f"/tickets/{ticket.id}/notes", {"body": "See @Hedy@desk.example, joan@desk.example.", "mentions": [grace.id]}
    )

    events = desk.get(f"/tickets/{ticket.id}/events").json["items"]
    assert events[-1]["data"]["mentions"] == [grace.id, hedy.id]
    assert mentions(client, grace) == [
        {
            "id": 1,
            "ticket": ticket.id,
            "message": note.json["id"],
            "author": {"type": "agent", "id": desk.agent.id, "name": "Ada"},
            "body": "See @Hedy@desk.example, joan@desk.example.",
            "created_at": note.json["created_at"],
            "seen_at": None,
        }
    ]
    assert len(mentions(client, hedy)) == 1
    assert mentions(client, joan) == []


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("@hedy@desk.example", True),
        ("(@hedy@desk.example!)", True),
        ("Ask @hedy@desk.example.", True),
        ("@hedy", False),
        ("me@hedy@desk.example", False),
        ("@nobody@desk.example", False),
        ("@" * 50_000, False),
        ("@a@" * 30_000, False),
    ],
)
def test_what_names_somebody(client: FlaskClient, desk: Desk, body: str, found: bool) -> None:
    hedy = make.agent(email="hedy@desk.example")

    answer = desk.post(f"/tickets/{make.ticket().id}/notes", {"body": body})

    assert answer.status_code == 201
    assert len(mentions(client, hedy)) == found


def test_who_cannot_see_the_ticket_cannot_be_mentioned(client: FlaskClient) -> None:
    ada, mallory, grace = make.agent(), make.agent(name="Mallory"), make.agent(Role.ADMIN)
    ticket = make.ticket(queue=make.queue(members=[ada]))
    desk = Desk(client, ada)

    refused = desk.post(f"/tickets/{ticket.id}/notes", {"body": "Look.", "mentions": [mallory.id]})
    told = desk.post(f"/tickets/{ticket.id}/notes", {"body": "Look.", "mentions": [grace.id]})

    assert (refused.status_code, told.status_code) == (422, 201)
    assert refused.json["detail"] == f"Mallory does not see ticket {ticket.id} and cannot be mentioned on it."


def test_whoever_loses_sight_of_the_ticket_loses_sight_of_the_mention(client: FlaskClient, desk: Desk) -> None:
    grace, ticket = make.agent(), make.ticket()
    mention = make.mention(ticket, grace)
    hidden = make.queue(members=[desk.agent])
    desk.patch(f"/tickets/{ticket.id}", {"queue": hidden.id})

    assert mentions(client, grace) == []
    assert Desk(client, grace).put(f"/agents/me/mentions/{mention.id}/seen").status_code == 404


def test_a_mention_is_seen_once(client: FlaskClient) -> None:
    grace, ticket = make.agent(), make.ticket()
    first, second = make.mention(ticket, grace), make.mention(ticket, grace)
    desk = Desk(client, grace)

    seen = desk.put(f"/agents/me/mentions/{first.id}/seen")
    again = desk.put(f"/agents/me/mentions/{first.id}/seen")

    assert seen.json["seen_at"] == again.json["seen_at"] is not None
    assert [one["id"] for one in mentions(client, grace, "?unseen=true")] == [second.id]
    assert [one["id"] for one in mentions(client, grace)] == [second.id, first.id]


def test_mentions_come_in_pages(client: FlaskClient) -> None:
    grace, ticket = make.agent(), make.ticket()
    ids = [make.mention(ticket, grace).id for _ in range(3)]
    desk = Desk(client, grace)

    first = desk.get("/agents/me/mentions?limit=2").json
    second = desk.get(f"/agents/me/mentions?limit=2&after={first['next']}").json

    assert [one["id"] for one in [*first["items"], *second["items"]]] == ids[::-1]
    assert second["next"] is None


def test_anothers_mention_is_not_found(client: FlaskClient, desk: Desk) -> None:
    mention = make.mention(make.ticket(), make.agent())

    assert desk.put(f"/agents/me/mentions/{mention.id}/seen").status_code == 404


@pytest.mark.parametrize("ids", [[99], [0], ["1"], list(range(1, 52)), "1"])
def test_ids_that_are_no_agents_are_refused(desk: Desk, ids: Any) -> None:
    ticket = make.ticket()

    answer = desk.post(f"/tickets/{ticket.id}/notes", {"body": "Look.", "mentions": ids})

    assert answer.status_code == 422
    assert len(desk.get(f"/tickets/{ticket.id}/messages").json["items"]) == 1


def test_who_has_left_cannot_be_mentioned(desk: Desk) -> None:
    grace = make.agent()
    with transaction("test") as session:
        session.get_one(Agent, grace.id).is_active = False

    answer = desk.post(f"/tickets/{make.ticket().id}/notes", {"body": "Look.", "mentions": [grace.id]})

    assert answer.status_code == 422


def test_naming_many_costs_no_more_statements_than_naming_one(desk: Desk) -> None:
    queue = make.queue(members=[desk.agent, *(colleagues := [make.agent() for _ in range(10)])])
    path, ids = f"/tickets/{make.ticket(queue=queue).id}/notes", [one.id for one in colleagues]
    desk.post(path, {"body": "Look.", "mentions": ids[:1]})

    with statements() as for_one:
        desk.post(path, {"body": "Look.", "mentions": ids[:1]})
    with statements() as for_many:
        assert desk.post(path, {"body": "Look.", "mentions": ids}).status_code == 201

    assert len(for_many) == len(for_one)
