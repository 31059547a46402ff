"""A widget and its sessions: what a page is told, what visitors say of themselves, and how their chat stands."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from channels.models import ChatSession
from channels.webchat.tokens import TOKEN_LIFETIME
from tests import make
from tests.api.chat_page import Visitor, identity, token_of_before, widget
from tests.api.desk import admin
from ticketing import journal
from ticketing.models import Ticket
from ticketing.store import db

FIELDS = [
    {"name": "email", "label": {"en": "Mail", "fr": "Courriel"}, "type": "email", "required": True},
    {"name": "order", "label": "Order", "type": "text", "required": False},
    {"name": "about", "label": "About", "type": "select", "required": False, "options": ["A kettle", "A bill"]},
]


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    return sqlite_app.test_client()


def row_of(visitor: Visitor) -> ChatSession:
    db.session.rollback()
    query = select(ChatSession).where(ChatSession.visitor == visitor.session)
    return db.session().scalars(query.execution_options(populate_existing=True)).one()


def test_a_page_is_told_what_it_needs_to_show_the_widget(client: FlaskClient) -> None:
    texts = {"fr": {"title": "Bonjour"}, "fr-CA": {"send": "Envoyer"}, "en": {"title": "Hello"}}
    widget(fields=FIELDS, texts=texts, languages=["en", "fr-CA"], colour="#0055aa", files={"most": 2})

    french = client.get("/chat/widget?key=website&language=fr").get_json()
    other = client.get("/chat/widget?language=<script>").get_json()

    assert (french["key"], french["language"], french["languages"]) == ("website", "fr-CA", ["en", "fr-CA"])
    assert french["texts"] == {"title": "Bonjour", "send": "Envoyer"}
    assert (french["colour"], french["fields"][0]["label"]) == ("#0055aa", "Courriel")
    assert (french["files"]["most"], french["files"]["max_bytes"]) == (2, 10_000_000)
    assert {"open", "opens_at", "anybody_here", "offers", "wait"} <= french.keys()
    assert (other["language"], other["texts"]) == ("en", {"title": "Hello"})
    assert client.get("/chat/widget?key=another").status_code == 404


def test_a_session_keeps_what_its_visitor_says(client: FlaskClient) -> None:
    widget(fields=FIELDS)
    visitor = Visitor(
        client,
        name=" Karim\0 ",
        email="karim@home.example",
        phone="+1 514 555 0177",
        fields={"order": "<b>12</b>", "about": "A bill"},
        page="https://shop.example/kettles?a=1",
        language="FR-ca",
    )

    row = row_of(visitor)

    assert (row.name, row.email, row.phone) == ("Karim\N{REPLACEMENT CHARACTER}", "karim@home.example", "+15145550177")
    assert row.fields == {"order": "<b>12</b>", "about": "A bill"}
    assert (row.page, row.language, row.ticket_id) == ("https://shop.example/kettles?a=1", "fr-CA", None)


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "a field that there is not": ({"nickname": "x"}, 422, "nickname"),
    "a name that is a number": ({"name": 7}, 422, "name"),
    "a long name": ({"name": "x" * 101}, 422, "name"),
    "no mail address": ({"email": "karim"}, 422, "no email address"),
    "no telephone number": ({"phone": "0177"}, 201, ""),  # a short code is one
    "a number without its country": ({"phone": "5145550177"}, 422, "no phone number"),
    "a page that is a script": ({"page": "javascript:alert(1)"}, 422, "https://"),
    "no language": ({"language": "en_US!"}, 422, "no language tag"),
    "an unasked field": ({"fields": {"colour": "red"}}, 422, "no field 'colour'"),
    "a field in the wrong place": ({"fields": {"email": "a@b.example"}}, 422, "no field 'email'"),
    "no option": ({"fields": {"about": "A tiger"}}, 422, "one of its options"),
    "a field that is a list": ({"fields": {"order": ["1"]}}, 422, "order"),
    "a long field": ({"fields": {"order": "x" * 2001}}, 422, "order"),
    "what the widget wants": ({"email": " "}, 422, "wants the field 'email'"),
    "an odd identity": ({"identity": "x"}, 403, "no JSON Web Token"),
    "a huge identity": ({"identity": "x" * 5000}, 422, "identity"),
}


@pytest.mark.parametrize(("said", "status", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_odd_sessions_are_refused_in_words(client: FlaskClient, said: dict[str, Any], status: int, why: str) -> None:
    widget(fields=FIELDS)

    answer = client.post("/chat/sessions", json={"email": "karim@home.example", **said})

    assert (answer.status_code, why in answer.text) == (status, True), answer.text


def test_what_is_no_object_is_refused(client: FlaskClient) -> None:
    widget()

    for body, status in ((b"[]", 422), (b"{", 400), (b'"x"', 422), (b"{}", 201), (b"", 201)):
        assert client.post("/chat/sessions", data=body).status_code == status, body


def test_a_site_answers_what_the_widget_would_have_asked(client: FlaskClient) -> None:
    widget(fields=FIELDS)

    visitor = Visitor(client, identity=identity(email="karim@home.example", name="Karim"))

    assert (row_of(visitor).name, row_of(visitor).identity) == ("Karim", "user-7")


def test_a_chat_goes_from_new_over_waiting_and_talking_to_ended(client: FlaskClient) -> None:
    widget()
    ada = make.agent(name="Ada Lovelace")
    visitor = Visitor(client)
    told = [visitor.get("/session").get_json()]
    ticket = db.session().get_one(Ticket, visitor.write().get_json()["ticket"])
    told.append(visitor.get("/session").get_json())
    reply = make.reply(ticket, ada, "Yes!")
    make.work_off()
    told.append(visitor.get("/session").get_json())
    visitor.items()
    visitor.post("/seen", {"until": reply.id})
    told.append(visitor.get("/session").get_json())

    assert [one["state"] for one in told] == ["new", "waiting", "talking", "talking"]
    assert [one["position"] for one in told] == [None, 1, None, None]
    assert [one["unread"] for one in told] == [0, 0, 1, 0]
    assert (told[0]["last_id"], told[2]["last_id"]) == (0, reply.id)
    assert told[2]["agent"]["name"].startswith("Ada")
    assert visitor.patch(name="Karim").get_json()["state"] == "talking"


def test_what_was_shown_is_read_once(client: FlaskClient) -> None:
    widget()
    visitor, other = Visitor(client), Visitor(client)
    other.write()
    ticket = db.session().get_one(Ticket, visitor.write().get_json()["ticket"])
    replies = [make.reply(ticket, make.agent(), body).id for body in ("One", "Two", "Three")]
    make.work_off()

    statuses = [visitor.post("/seen", {"until": until}).status_code for until in (replies[1], replies[0], replies[1])]
    other.post("/seen", {"until": replies[2]})

    assert statuses == [204, 204, 204]
    read = [row.data["message_id"] for row in journal.lines(ticket.id) if row.kind == "message_read"]
    assert (read, row_of(visitor).read_until, row_of(other).read_until) == (replies[:2], replies[1], 0)
    assert [one["state"] for one in visitor.items()][1:] == ["delivered", "delivered", "sent"]
    for odd in ({"until": 0}, {"until": "x"}, {"until": True}, {"until": 2**63}, {}, {"until": 1, "x": 1}):
        assert visitor.post("/seen", odd).status_code == 422


def test_typing_is_told_and_kept_nowhere(client: FlaskClient) -> None:
    widget()
    visitor = Visitor(client)
    before = visitor.post("/typing", {"typing": True})
    visitor.write()
    entries = len(journal.lines(1))

    after = [visitor.post("/typing", {"typing": types}) for types in (True, False)]

    assert [one.status_code for one in (before, *after)] == [204, 204, 204]
    assert len(journal.lines(1)) == entries
    assert visitor.post("/typing", {"typing": 1}).status_code == 422


def test_a_page_that_closes_says_so_by_a_beacon(client: FlaskClient) -> None:
    widget()
    visitor = Visitor(client)
    visitor.write()
    before = row_of(visitor).seen_at

    told = client.post("/chat/gone", data=f'{{"token": "{visitor.token}"}}', content_type="text/plain;charset=UTF-8")

    assert told.status_code == 204
    assert row_of(visitor).seen_at < before
    visitor.items()
    assert row_of(visitor).seen_at >= before
    assert client.post("/chat/gone", data='{"token": "x.y.z"}').status_code == 403
    assert client.post("/chat/gone", data="").status_code == 422


def test_a_token_renews_itself_while_it_is_used(client: FlaskClient) -> None:
    widget()
    visitor = Visitor(client)
    fresh = visitor.get("/session").get_json()
    visitor.token = token_of_before(visitor.session, TOKEN_LIFETIME + timedelta(hours=1))
    expired = visitor.get("/session")
    visitor.token = token_of_before(visitor.session, TOKEN_LIFETIME - timedelta(hours=1))
    renewed = visitor.get("/session").get_json()
    visitor.token = renewed["visitor_token"]
    goes_on = visitor.get("/session")

    assert "visitor_token" not in fresh
    assert (expired.status_code, expired.get_json()["code"]) == (403, "invalid_signature")
    assert "too old" in expired.get_json()["detail"]
    assert goes_on.status_code == 200


def test_an_admin_makes_and_rotates_the_secret_of_a_site(client: FlaskClient) -> None:
    desk = admin(client)
    new = {"channel": "chat", "address": "website", "name": "Site", "queue": make.queue().name}
    inbox = desk.post("/inboxes", {**new, "settings": {"origins": ["https://Shop.example:443/"]}}).json
    unknown = client.post("/chat/sessions", json={"identity": identity()})

    first, second = (desk.post(f"/inboxes/{inbox['id']}/secret").json["secret"] for _ in range(2))

    assert unknown.status_code == 403
    assert "no secret" in unknown.get_json()["detail"]
    statuses = [
        client.post("/chat/sessions", json={"identity": identity(secret=one)}).status_code for one in (first, second)
    ]
    assert (statuses, first != second) == ([403, 201], True)
    shown = desk.get(f"/inboxes/{inbox['id']}").text
    assert first not in shown
    assert second not in shown
    assert inbox["settings"]["origins"] == ["https://shop.example"]
