"""Every door of the chat by who knocks: the visitor, another one, nobody, and whoever has forged or kept a token.

The table names every door; one that is not in it fails a test.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer

from channels.webchat.tokens import TOKEN_LIFETIME
from config.settings import derived_key
from tests import make
from tests.api.chat_page import Visitor, token_of_before, widget
from tests.conftest import SECRET_KEY
from ticketing.models import Ticket
from ticketing.store import db

SECRET_WORDS = "the kettle of Karim"


@dataclass(frozen=True)
class Door:
    """A door, what it takes, and what its visitor gets; `public`: it wants no token."""

    method: str
    path: str
    body: Any = None
    own: int = 200
    other: int = 0  # what another visitor gets; 0: the same, of their own
    public: bool = False
    streams: bool = False  # its answer does not end by itself


DOORS = [
    Door("GET", "/widget", public=True),
    Door("GET", "/demo", public=True),
    Door("POST", "/sessions", {}, own=201, public=True),
    Door("GET", "/session"),
    Door("PATCH", "/session", {"page": "https://shop.example/"}),
    Door("GET", "/messages"),
    Door("POST", "/messages", {"body": "x", "client_id": "walk"}, own=201),
    Door("POST", "/attachments", own=415),  # through, and then there is no file
    Door("GET", "/attachments/<id:attachment_id>", other=404),
    Door("POST", "/typing", {"typing": True}, own=204),
    Door("POST", "/seen", {"until": 1_000_000}, own=204),
    Door("POST", "/gone", {"token": "in the header"}, own=204),
    Door("GET", "/events", own=503, streams=True),  # through, and then there is no Redis
    Door("GET", "/callback"),
    Door("POST", "/callback", {}, own=422),
    Door("POST", "/text", {}, own=422),
    Door("POST", "/end"),
    Door("POST", "/rating", {}, own=422),
    Door("POST", "/transcript", {}, own=202, other=409),  # nobody knows where to
]
TOKENS = {
    "none": lambda one: "",
    "nonsense": lambda one: "x.y.z",
    "a session's name": lambda one: one.session,
    "forged": lambda one: str(URLSafeTimedSerializer("another key").dumps(one.session)),
    "another purpose": lambda one: str(URLSafeTimedSerializer(derived_key(SECRET_KEY, "feeds")).dumps(one.session)),
    "expired": lambda one: token_of_before(one.session, TOKEN_LIFETIME + timedelta(minutes=1)),
    "cut": lambda one: one.token[:-1],
    "longer": lambda one: one.token + "x" * 1000,
}


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    return sqlite_app.test_client()


@pytest.fixture
def house(client: FlaskClient) -> dict[str, Any]:
    """Two visitors; to the first a letter with a file was answered."""
    widget()
    make.inbox()  # from which transcripts are sent
    visitor, other = Visitor(client, email="karim@home.example"), Visitor(client)
    file = visitor.upload().get_json()["id"]
    ticket = db.session().get_one(Ticket, visitor.write(SECRET_WORDS, attachments=[file]).get_json()["ticket"])
    make.reply(ticket, make.agent(), SECRET_WORDS)
    make.work_off()
    other.write("Another matter")
    visitor.items()  # what is fetched is delivered, and changes the ticket once
    db.session.rollback()
    return {"visitor": visitor, "other": other, "file": file, "ticket": ticket.id}


def knock(door: Door, who: Visitor, house: dict[str, Any], **values: Any) -> Any:
    path = door.path.replace("<id:attachment_id>", str(house["file"]))
    if door.streams:
        return who.call("HEAD", path, **values)
    body = {} if door.body is None else {"json": door.body}
    return who.call(door.method, path, **body, **values)


def test_the_table_names_every_door(sqlite_app: Flask) -> None:
    doors = {
        (method, rule.rule.removeprefix("/chat"))
        for rule in sqlite_app.url_map.iter_rules()
        if rule.rule.startswith("/chat/")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }

    assert doors == {(door.method, door.path) for door in DOORS}


@pytest.mark.parametrize("door", DOORS, ids=lambda door: f"{door.method} {door.path}")
def test_each_door_by_who_knocks(house: dict[str, Any], door: Door) -> None:
    visitor, other = house["visitor"], house["other"]
    ticket = db.session().get_one(Ticket, house["ticket"], populate_existing=True)
    before = (ticket.version, [one["id"] for one in visitor.items()])

    refused = {}
    for name, token in TOKENS.items():
        headers = {"Authorization": f"Bearer {token(visitor)}" if name != "none" else ""}
        refused[name] = knock(door, visitor, house, headers=headers).status_code
    basic = knock(door, visitor, house, headers={"Authorization": f"Basic {visitor.token}"}).status_code
    strangers = knock(door, other, house)
    db.session.rollback()
    db.session().refresh(ticket)
    untouched = (ticket.version, [one["id"] for one in visitor.items()])
    own = knock(door, visitor, house)

    if door.public:
        assert set(refused.values()) == {door.own}
    else:
        assert set(refused.values()) == {403}, refused
        assert basic == 403
    assert strangers.status_code == (door.other or door.own), strangers.text
    assert SECRET_WORDS not in strangers.text
    assert visitor.session not in strangers.text
    assert untouched == before
    assert own.status_code == door.own, own.text


def test_a_visitors_token_opens_nothing_of_the_desks(client: FlaskClient, house: dict[str, Any]) -> None:
    visitor = house["visitor"]
    agent = make.bearer(make.agent())

    assert client.get("/api/v1/tickets", headers=visitor.headers).status_code == 401
    assert client.get("/api/v1/events", headers=visitor.headers).status_code == 401
    assert client.get("/chat/messages", headers=agent).status_code == 403
