"""On whose pages a widget may stand: preflights, the calls themselves, and refusals that a page can read."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.api.chat_page import SHOP, Visitor, widget
from tests.conftest import PUBLIC_URL

OTHER = "https://evil.example"


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    widget("website", origins=[SHOP])
    widget("another", origins=[OTHER])
    return sqlite_app.test_client()


def preflight(client: FlaskClient, origin: str, path: str = "/chat/messages") -> TestResponse:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    return client.options(path, headers={"Origin": origin, **asks})


def may_read(answer: TestResponse, origin: str) -> bool:
    return answer.headers.get("Access-Control-Allow-Origin") == origin and "Origin" in answer.headers.get("Vary", "")


def test_a_listed_page_passes_its_preflight_and_its_calls(client: FlaskClient) -> None:
    asked = preflight(client, SHOP)
    visitor = Visitor(client, origin=SHOP)
    answers = [visitor.get("/session"), visitor.write(), visitor.get("/messages"), visitor.upload()]

    assert asked.status_code == 204
    assert {"GET", "POST", "PATCH"} <= set(asked.headers["Access-Control-Allow-Methods"].split(", "))
    assert {"Authorization", "Content-Type"} <= set(asked.headers["Access-Control-Allow-Headers"].split(", "))
    assert [one.status_code for one in answers] == [200, 201, 200, 201]
    assert all(may_read(one, SHOP) for one in (asked, *answers))
    assert not any("Access-Control-Allow-Credentials" in one.headers or "Set-Cookie" in one.headers for one in answers)


def test_a_page_that_nobody_lists_is_told_so(client: FlaskClient) -> None:
    stranger = "https://stranger.example"
    asked, told = preflight(client, stranger), client.get("/chat/widget?key=website", headers={"Origin": stranger})

    assert (asked.status_code, told.status_code) == (403, 403)
    assert told.get_json()["code"] == "origin_not_allowed"
    assert may_read(told, stranger)


def test_each_widget_has_its_own_pages(client: FlaskClient) -> None:
    visitor = Visitor(client, origin=SHOP)
    stolen = {"Origin": OTHER}

    refused = [
        visitor.call(method, path, headers=stolen) for method, path in (("GET", "/session"), ("GET", "/messages"))
    ]
    refused.append(visitor.post("/messages", {"body": "x", "client_id": "c"}, headers=stolen))
    refused.append(client.post("/chat/sessions", json={"widget": "website"}, headers=stolen))
    refused.append(client.post("/chat/gone", json={"token": visitor.token}, headers=stolen))

    assert [(one.status_code, one.get_json()["code"]) for one in refused] == [(403, "origin_not_allowed")] * 5
    assert all(may_read(one, OTHER) for one in refused)
    assert client.post("/chat/sessions", json={"widget": "another"}, headers=stolen).status_code == 201
    assert visitor.items() == []


@pytest.mark.parametrize(
    "origin", ["null", "https://shop.example.evil.example", "http://shop.example", SHOP + ":8443", "*"]
)
def test_what_only_looks_like_a_listed_page_is_none(client: FlaskClient, origin: str) -> None:
    assert preflight(client, origin).status_code == 403
    assert client.get("/chat/widget?key=website", headers={"Origin": origin}).status_code == 403


def test_our_own_pages_and_whoever_is_no_browser_are_judged_by_the_token(client: FlaskClient) -> None:
    for origin in (PUBLIC_URL, "http://localhost", ""):
        visitor = Visitor(client, origin=origin, widget="another")
        assert visitor.write().status_code == 201


def test_every_refusal_can_be_read_by_the_page(client: FlaskClient) -> None:
    headers, visitor = {"Origin": SHOP}, Visitor(client, origin=SHOP)

    for answer, status in (
        (client.get("/chat/session", headers=headers), 403),
        (client.get("/chat/nowhere", headers=headers), 404),
        (client.delete("/chat/session", headers=headers), 405),
        (visitor.call("POST", "/messages", data=b"x" * 70_000), 413),
    ):
        assert (answer.status_code, may_read(answer, SHOP)) == (status, True)
    assert "Access-Control-Allow-Origin" not in client.get("/api/v1/tickets", headers=headers).headers
