"""Queues and their work, tokens, agents, inboxes over HTTP."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests import make
from tests.api.desk import Desk, admin
from tests.conftest import NOON
from ticketing.envelope import Channel
from ticketing.models import Role
from ticketing.moment import utc_now


@pytest.fixture
def boss(app: Flask, client: FlaskClient) -> Desk:
    return admin(client)


def test_a_queue_is_made_listed_and_changed(boss: Desk) -> None:
    ada, bob = make.agent(), make.agent(name="Bob")

    made = boss.post("/queues", {"name": "Kettles", "members": [bob.id, ada.id]})
    queue = made.json

    assert made.status_code == 201
    assert (queue["name"], queue["access"], queue["members"]) == ("Kettles", "members", [ada.id, bob.id])
    assert boss.get("/queues").json == {"items": [queue], "next": None}
    changed = boss.patch(f"/queues/{queue['id']}", {"name": "Pots", "members": [bob.id], "access": "everyone"}).json
    assert (changed["name"], changed["access"], changed["members"]) == ("Pots", "everyone", [bob.id])


def test_a_queue_needs_a_name_of_its_own_and_agents_that_are_there(boss: Desk) -> None:
    queue = boss.post("/queues", {"name": "Kettles"}).json
    boss.post("/queues", {"name": "Pots"})

    assert boss.post("/queues", {"name": "Kettles"}).status_code == 409
    assert boss.patch(f"/queues/{queue['id']}", {"name": "Pots"}).status_code == 409
    assert boss.post("/queues", {"name": " "}).status_code == 422
    assert boss.post("/queues", {"name": "Cups", "members": [99]}).status_code == 422
    assert boss.patch("/queues/99", {"name": "Cups"}).status_code == 404
    assert [one["name"] for one in boss.get("/queues").json["items"]] == ["Kettles", "Pots"]


def test_lists_of_the_desk_come_in_pages(boss: Desk) -> None:
    for number in range(5):
        queue = make.queue(f"Queue {number}")
        make.inbox(Channel.CHAT, address=f"widget-{number}", queue=queue)
        make.agent(name=f"Agent {number}")
        boss.post("/tokens", {"name": f"Token {number}"})

    for noun in ("queues", "inboxes", "agents", "tokens"):
        every = boss.get(f"/{noun}").json["items"]
        found, after = [], ""
        while after is not None:
            page = boss.get(f"/{noun}?limit=2&after={after}").json
            found, after = found + page["items"], page["next"]
        assert found == every
        assert len(every) >= 5


def test_next_hands_out_who_waits_longest_until_nobody_does(boss: Desk, client: FlaskClient) -> None:
    queue = make.queue()
    late = make.ticket(queue=queue, at=NOON)
    early = make.ticket(queue=queue, at=NOON - timedelta(hours=1))
    text = make.ticket(queue=queue, at=NOON, channel=Channel.SMS)
    ada, bob = Desk(client), Desk(client, make.agent(name="Bob"))

    by_text = bob.post(f"/queues/{queue.id}/next?channel=sms")
    first, second = ada.post(f"/queues/{queue.id}/next"), bob.post(f"/queues/{queue.id}/next")
    nobody = ada.post(f"/queues/{queue.id}/next")

    assert [by_text.json["id"], first.json["id"], second.json["id"]] == [text.id, early.id, late.id]
    assert (first.json["assignee"]["name"], second.json["assignee"]["name"]) == ("Ada", "Bob")
    assert first.json["status"] == "open"
    assert first.headers["ETag"] == f'"{first.json["version"]}"'
    assert ada.get(f"/tickets/{early.id}").json == first.json
    assert (nobody.status_code, nobody.data) == (204, b"")


def test_a_token_is_shown_once_works_and_is_revoked(boss: Desk, client: FlaskClient) -> None:
    made = boss.post("/tokens", {"name": "script", "scopes": ["agents:read"], "expires_in_seconds": 60})
    headers = {"Authorization": f"Bearer {made.json['token']}"}

    assert made.status_code == 201
    assert client.get("/api/v1/agents/me", headers=headers).status_code == 200
    assert client.get("/api/v1/tickets", headers=headers).status_code == 403
    listed = boss.get("/tokens").json["items"]
    assert [one["name"] for one in listed] == ["test", "script"]
    assert all("token" not in one for one in listed)
    assert boss.delete(f"/tokens/{made.json['id']}").status_code == 204
    assert client.get("/api/v1/agents/me", headers=headers).status_code == 401


def test_nobody_revokes_a_colleagues_token_but_an_admin(boss: Desk, client: FlaskClient) -> None:
    ada, bob = Desk(client), Desk(client, make.agent(name="Bob"))
    (token,) = ada.get("/tokens").json["items"]

    assert bob.delete(f"/tokens/{token['id']}").status_code == 404
    assert boss.delete(f"/tokens/{token['id']}").status_code == 204


@pytest.mark.parametrize("scopes", [[], ["tickets:write"], ["tokens:write", "queues:read"]])
def test_a_limited_token_makes_none_with_more_rights(app: Flask, client: FlaskClient, scopes: list[str]) -> None:
    limited = Desk(client, scopes=["tokens:write", "tickets:read"])

    answer = limited.post("/tokens", {"name": "more", "scopes": scopes})

    assert answer.status_code == 403
    assert limited.post("/tokens", {"name": "same", "scopes": ["tickets:read"]}).status_code == 201


def test_an_expired_token_is_nobodys(app: Flask, client: FlaskClient) -> None:
    expired = Desk(client, lifetime=timedelta(seconds=1))  # from NOON, which is past

    assert expired.get("/agents/me").status_code == 401


def test_an_inbox_shows_no_secret(boss: Desk) -> None:
    make.inbox(Channel.EMAIL, secret="sealed", settings={"password": "hunter2", "language": "fr-CA"})

    (inbox,) = boss.get("/inboxes").json["items"]

    assert set(inbox) == {"id", "channel", "name", "address", "queue", "settings", "mailbox", "created_at"}
    assert inbox["settings"] == {"language": "fr-CA"}


def test_i_am_who_my_token_says(app: Flask, client: FlaskClient) -> None:
    desk = Desk(client, make.agent(Role.SUPERVISOR, name="Samir", email="Samir@Desk.example"))

    me = desk.get("/agents/me").json

    assert (me["name"], me["email"], me["role"]) == ("Samir", "samir@desk.example", "supervisor")
    assert me in desk.get("/agents").json["items"]


def test_a_token_that_ends_makes_none_that_outlives_it(app: Flask, client: FlaskClient) -> None:
    ada = make.agent()
    secret = make.token(ada, lifetime=utc_now() - NOON + timedelta(days=1))
    headers = {"Authorization": f"Bearer {secret}"}

    forever = client.post("/api/v1/tokens", json={"name": "forever"}, headers=headers)
    longer = client.post("/api/v1/tokens", json={"name": "x", "expires_in_seconds": 86_500}, headers=headers)
    shorter = client.post("/api/v1/tokens", json={"name": "x", "expires_in_seconds": 60}, headers=headers)

    assert [one.status_code for one in (forever, longer, shorter)] == [403, 403, 201]


def test_a_customer_whom_one_does_not_see_cannot_be_counted_through(app: Flask, client: FlaskClient) -> None:
    secret = make.queue("Secret", members=[make.agent()])
    hidden = make.ticket(queue=secret, customer=make.customer("Hidden"))
    mine = make.ticket(queue=make.queue("Mine"), customer=make.customer("Known"))
    eve = make.bearer(make.agent())

    def open_for(customer_id: int) -> int:
        body = {"subject": "x", "body": "x", "customer": {"id": customer_id}, "queue": "Mine"}
        return client.post("/api/v1/tickets", json=body, headers=eve).status_code

    assert (open_for(hidden.customer_id), open_for(mine.customer_id)) == (422, 201)
