"""The sandbox's doors: devices for whoever plays a customer or an agent."""

import base64
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from api.web_server import options
from channels.sandbox.exchange import Exchange
from config.settings import Settings
from tests.channels.scripted_desk import AGENT, OURS, THEIRS, URL, VOICE, ScriptedDesk, rest, twiml
from ticketing.store import db

DOOR = "/sandbox/devices"
MENU = "<Gather numDigits='1' action='/key'><Say language='fr-CA'>Choisissez</Say></Gather>"


@pytest.fixture(scope="module")
def app(base_settings: Settings, sqlite_template: Path) -> Iterator[Flask]:
    """An application beside an exchange whose desk is a table."""
    app = create_app(replace(base_settings, database_url=f"sqlite:///{sqlite_template}"))
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def board(app: Flask, base_settings: Settings, tmp_path: Path) -> Exchange:
    pages = {VOICE: twiml(MENU), "/key": twiml("<Record/>"), "/inbound/twilio/sms": twiml("")}
    settings = replace(base_settings, data_dir=tmp_path, public_url=URL, local_url=URL)
    app.extensions["comptoir.sandbox"] = Exchange(settings, speed=0, courier=ScriptedDesk(pages))
    made: Exchange = app.extensions["comptoir.sandbox"]
    return made


@pytest.fixture
def client(app: Flask, board: Exchange) -> FlaskClient:
    return app.test_client()


def device(client: FlaskClient, address: str, after: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"{DOOR}/{address}?after={after}").get_json()
    return found


def test_a_call_is_played_through_the_doors(client: FlaskClient, board: Exchange) -> None:
    call = client.post(f"{DOOR}/{THEIRS}/calls", json={"to": OURS}).get_json()
    path = f"{DOOR}/{THEIRS}/calls/{call['sid']}"
    board.run_for(1)
    listening = device(client, THEIRS)
    pressed = client.post(f"{path}/keys", json={"digits": "1"})
    client.post("/sandbox/clock/steps", json={"seconds": 1})
    recording = device(client, THEIRS, listening["next"])
    client.post(f"{path}/words", json={"text": "Rappelez-moi"})
    client.post(f"{path}/end", json={})
    board.run_for(1)
    ended = device(client, THEIRS)

    assert (call["state"], call["direction"], call["with"]) == ("dialling", "outgoing", OURS)
    assert listening["answers"] == "by hand"
    assert listening["calls"][0]["doing"] == "keys"
    said = next(item for item in listening["items"] if item["kind"] == "said")
    assert said.items() >= {"text": "Choisissez", "language": "fr-CA", "seconds": 0.5, "call": call["sid"]}.items()
    assert pressed.status_code == 200
    assert [item["kind"] for item in recording["items"]] == ["pressed", "tone"]
    assert recording["calls"][0]["doing"] == "recording"
    assert (ended["calls"][0]["state"], ended["calls"][0]["ended"]) == ("ended", "we hung up")
    board.run_for(61)
    assert device(client, THEIRS)["calls"] == []


def test_an_agents_browser_rings_when_it_is_open(client: FlaskClient, board: Exchange) -> None:
    opened = client.put(f"{DOOR}/{AGENT}", json={"answers": "by hand"}).get_json()
    rest(board, "POST", "Calls.json", To=AGENT, From=OURS, Twiml="<Response><Pause length='60'/></Response>")
    board.run_for(1)
    ringing = device(client, AGENT)["calls"][0]
    answered = client.post(f"{DOOR}/{AGENT}/calls/{ringing['sid']}/answer", json={})
    board.run_for(1)

    assert opened["kind"] == "client"
    assert (ringing["state"], ringing["direction"]) == ("ringing", "incoming")
    assert answered.status_code == 200
    assert device(client, AGENT)["calls"][0]["state"] == "talking"
    assert [one["address"] for one in client.get(DOOR).get_json()["items"]] == [AGENT]


def test_a_picture_is_sent_and_shown(client: FlaskClient, board: Exchange) -> None:
    picture = base64.b64encode(b"\x89PNG").decode()
    wanted = {"to": OURS, "body": "Look", "media": [{"content_type": "image/png", "data": picture}]}
    sent = client.post(f"{DOOR}/{THEIRS}/messages", json=wanted).get_json()
    board.run_for(2)
    (arrived,) = device(client, THEIRS, sent["n"])["messages"]
    shown = client.get(arrived["media"][0]["url"])

    assert (sent["state"], arrived["state"], arrived["sid"]) == ("sending", "arrived", sent["sid"])
    assert (shown.data, shown.mimetype) == (b"\x89PNG", "image/png")
    assert "sandbox" in shown.headers["Content-Security-Policy"]


def test_a_poll_may_wait_for_news(client: FlaskClient, board: Exchange) -> None:
    seen = device(client, THEIRS)["next"]
    began = time.monotonic()
    client.get(f"{DOOR}/{THEIRS}?after={seen}&wait=0.2")
    nothing = time.monotonic() - began
    board.text(THEIRS, OURS, "Hi")
    news = client.get(f"{DOOR}/{THEIRS}?after={seen}&wait=20").get_json()

    assert nothing >= 0.2
    assert [one["body"] for one in news["messages"]] == ["Hi"]


CALL = f"{DOOR}/{THEIRS}/calls/{{sid}}"
ODD: list[tuple[str, str, Any, int]] = [
    ("PUT", f"{DOOR}/{THEIRS}", {"answers": "loudly"}, 422),
    ("PUT", f"{DOOR}/{'x' * 129}", {"answers": "by hand"}, 422),
    ("POST", f"{DOOR}/{THEIRS}/calls", {}, 422),
    ("POST", f"{DOOR}/{THEIRS}/calls", {"to": 12}, 422),
    ("POST", f"{DOOR}/{THEIRS}/calls", {"to": OURS, "pace": 0}, 422),
    ("POST", f"{DOOR}/{THEIRS}/calls", {"to": OURS, "colour": "red"}, 422),
    ("POST", f"{DOOR}/{THEIRS}/calls", [OURS], 422),
    ("POST", f"{CALL}/keys", {"digits": "x"}, 422),
    ("POST", f"{CALL}/keys", {"digits": "1"}, 409),
    ("POST", f"{CALL}/words", {"text": " "}, 422),
    ("POST", f"{CALL}/answer", {}, 409),
    ("POST", f"{CALL}/sing", {}, 404),
    ("POST", f"{DOOR}/+15145550111/calls/{{sid}}/end", {}, 404),
    ("POST", f"{DOOR}/{THEIRS}/messages", {"to": OURS, "body": ""}, 422),
    ("POST", f"{DOOR}/{THEIRS}/messages", {"to": OURS, "media": [{"data": "?"}]}, 422),
    ("PUT", "/sandbox/clock", {"speed": 1000}, 422),
    ("POST", "/sandbox/clock/steps", {"seconds": -1}, 422),
    ("PUT", "/sandbox/faults", {"rest": [1]}, 422),
    ("POST", "/sandbox/mails", {"from": "a@b.example"}, 422),
    ("GET", "/sandbox/media/ME1", None, 404),
]


def test_odd_input_gets_a_sentence(client: FlaskClient, board: Exchange) -> None:
    sid = board.dial(THEIRS, OURS)  # nobody has picked up yet
    for method, path, body, status in ODD:
        answer = client.open(path.format(sid=sid), method=method, json=body)

        assert answer.status_code == status, (method, path, body)
        assert answer.get_json()["detail"], (method, path, body)


def test_nothing_is_done_for_a_form_of_somebody_elses_page(client: FlaskClient) -> None:
    answer = client.post(f"{DOOR}/{THEIRS}/calls", data={"to": OURS})

    assert answer.status_code == 415


def test_the_plan_of_troubles_is_set_shown_and_cleared(client: FlaskClient, board: Exchange) -> None:
    plan = {"rest": [{"operation": "create_message", "does": "refuse", "status": 429, "code": 20429}]}
    shown = client.put("/sandbox/faults", json=plan).get_json()
    refused = rest(board, "POST", "Messages.json", To=THEIRS, From=OURS, Body="Hi").status
    client.put("/sandbox/faults", json=plan)
    cleared = client.delete("/sandbox/faults", json={}).get_json()

    assert shown["rest"][0].items() >= plan["rest"][0].items()
    assert refused == 429
    assert cleared == {"rest": [], "webhooks": []}


def test_beside_the_sandbox_there_is_one_web_process(base_settings: Settings) -> None:
    many = replace(base_settings, database_url="postgresql+psycopg://desk@db/desk", web_workers=4)

    assert options(many, None)["workers"] == 1
    assert options(replace(many, sandbox=False), None)["workers"] == 4
