"""Every route by who asks: nobody, too narrow a token, an agent of another queue, too low a role.

The table names every route; a route that is not in it, or that declares no need, fails a test.
"""

from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.auth import PREFIX, PUBLIC, declared
from tests import make
from tests.api.desk import Desk
from ticketing.agents import SCOPES
from ticketing.envelope import Channel
from ticketing.models import Role

NEW = {"subject": "The kettle leaks", "body": "It drips.", "customer": {"name": "Karim"}}


@dataclass(frozen=True)
class Route:
    """A route, a body that it takes, what a stranger to the ticket's queue gets, and the least role."""

    method: str
    path: str
    body: Any = None
    stranger: int = 200  # the status for an agent who does not work the queue
    owner: int = 200
    role: Role = Role.AGENT


TICKET = "/tickets/<id:ticket_id>"
ROUTES = [
    Route("POST", "/tickets", NEW, stranger=201, owner=201),
    Route("GET", "/tickets"),
    Route("GET", TICKET, stranger=404),
    Route("PATCH", TICKET, {"priority": "high"}, stranger=404),
    Route("GET", f"{TICKET}/messages", stranger=404),
    Route("GET", "/attachments/<id:attachment_id>", stranger=404),
    Route("POST", f"{TICKET}/replies", {"body": "We are on it."}, stranger=404, owner=201),
    Route("POST", f"{TICKET}/notes", {"body": "Look."}, stranger=404, owner=201),
    Route("PUT", f"{TICKET}/assignment", {"agent": "me"}, stranger=404),
    Route("DELETE", f"{TICKET}/assignment", stranger=404),
    Route("PUT", f"{TICKET}/resolution", {}, stranger=404),
    Route("DELETE", f"{TICKET}/resolution", stranger=404),
    Route("GET", f"{TICKET}/events", stranger=404),
    Route("GET", f"{TICKET}/sla", stranger=404),
    Route("GET", "/queues"),
    Route("POST", "/queues", {"name": "Another"}, owner=201, role=Role.ADMIN),
    Route("PATCH", "/queues/<id:queue_id>", {"name": "Other"}, role=Role.ADMIN),
    Route("POST", "/queues/<id:queue_id>/next", stranger=404),
    Route("GET", "/inboxes"),
    Route("GET", "/agents"),
    Route("GET", "/agents/me"),
    Route("GET", "/tokens"),
    Route("POST", "/tokens", {"name": "script"}, stranger=201, owner=201),
    Route("DELETE", "/tokens/<id:token_id>", stranger=404, owner=204),
]
EVERY = pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")


class House:
    """A desk with a queue of its own members, one ticket in it, an inbox, and one token to revoke."""

    def __init__(self, client: FlaskClient, role: Role) -> None:
        self.client = client
        self.owner = make.agent(role, name="Ada")
        queue = make.queue("Secret", members=[self.owner])
        make.inbox(Channel.EMAIL, queue=queue)
        make.token(self.owner)
        self.ticket = make.ticket(queue=queue)
        self._ids = {
            "<id:ticket_id>": self.ticket.id,
            "<id:queue_id>": queue.id,
            "<id:token_id>": 1,
            "<id:attachment_id>": make.attachment(self.ticket).id,
        }

    def call(self, route: Route, headers: dict[str, str]) -> Any:
        path = route.path
        for name, value in self._ids.items():
            path = path.replace(name, str(value))
        return self.client.open(f"/api/v1{path}", method=route.method, json=route.body, headers=headers)


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    return sqlite_app.test_client()


def test_the_table_has_every_route(sqlite_app: Flask) -> None:
    methods = {"GET", "POST", "PUT", "PATCH", "DELETE"}
    served = {
        (method, rule.rule.removeprefix("/api/v1"))
        for rule in sqlite_app.url_map.iter_rules()
        if rule.rule.startswith(PREFIX) and rule.endpoint not in PUBLIC
        for method in (rule.methods or set()) & methods
    }

    assert served == {(route.method, route.path) for route in ROUTES}


def test_every_route_declares_what_it_needs(sqlite_app: Flask) -> None:
    for rule in sqlite_app.url_map.iter_rules():
        if rule.rule.startswith(PREFIX) and rule.endpoint not in PUBLIC:
            for method in (rule.methods or set()) - {"OPTIONS"}:
                needs = declared(rule.endpoint, method)
                assert needs is not None, rule
                assert needs.scope in SCOPES, rule


def test_a_route_that_declares_nothing_is_nobodys(sqlite_app: Flask, client: FlaskClient) -> None:
    admin = Desk(client, make.agent(Role.ADMIN))
    sqlite_app.view_functions["agents.Me"] = lambda: "an oversight"

    answer = admin.get("/agents/me")

    assert answer.status_code == 403


@EVERY
def test_nobody_gets_401(client: FlaskClient, route: Route) -> None:
    answer = House(client, Role.ADMIN).call(route, {})

    assert answer.status_code == 401
    assert answer.json["code"] == "not_authenticated"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@EVERY
def test_whoever_works_the_queue_gets_through(client: FlaskClient, route: Route) -> None:
    house = House(client, route.role)

    answer = house.call(route, make.bearer(house.owner))

    assert answer.status_code == route.owner, answer.json


@EVERY
def test_an_agent_of_another_queue_does_not_learn_of_it(client: FlaskClient, route: Route) -> None:
    house = House(client, Role.ADMIN)
    stranger = make.agent(name="Mallory")
    make.queue("Elsewhere", members=[stranger])

    answer = house.call(route, make.bearer(stranger))

    expected = 403 if route.role is not Role.AGENT else route.stranger
    assert answer.status_code == expected, answer.json
    if route.method == "GET" and answer.status_code == 200:
        assert "Secret" not in answer.text
        assert "kettle" not in answer.text


@EVERY
def test_too_narrow_a_token_gets_403(sqlite_app: Flask, client: FlaskClient, route: Route) -> None:
    house = House(client, Role.ADMIN)
    for scope in SCOPES:
        answer = house.call(route, make.bearer(house.owner, scopes=[scope]))
        if answer.status_code != 403:
            assert scope == _needed(sqlite_app, route)

    others = [scope for scope in SCOPES if scope != _needed(sqlite_app, route)]
    assert house.call(route, make.bearer(house.owner, scopes=others)).status_code == 403


@pytest.mark.parametrize("route", [r for r in ROUTES if r.role is not Role.AGENT], ids=lambda r: f"{r.method} {r.path}")
@pytest.mark.parametrize("role", [Role.AGENT, Role.SUPERVISOR])
def test_too_low_a_role_gets_403(client: FlaskClient, route: Route, role: Role) -> None:
    house = House(client, role)

    answer = house.call(route, make.bearer(house.owner))

    assert answer.status_code == 403
    assert f"needs the role {route.role}" in answer.json["detail"]


def test_an_assignee_sees_a_ticket_of_a_queue_that_is_not_theirs(client: FlaskClient) -> None:
    house = House(client, Role.AGENT)
    guest = Desk(client)
    Desk(client, house.owner).put(f"/tickets/{house.ticket.id}/assignment", {"agent": guest.agent.id})

    assert guest.get(f"/tickets/{house.ticket.id}").status_code == 200
    assert [one["id"] for one in guest.get("/tickets").json["items"]] == [house.ticket.id]


def _needed(app: Flask, route: Route) -> str:
    rule = next(
        rule
        for rule in app.url_map.iter_rules()
        if rule.rule == f"/api/v1{route.path}" and route.method in (rule.methods or ())
    )
    needs = declared(rule.endpoint, route.method)
    return needs.scope if needs else ""
