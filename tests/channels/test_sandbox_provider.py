"""The sandbox answers Twilio's own SDK as Twilio would, and keeps what arrived."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import requests
from flask import Flask
from twilio.rest import Client

from api.app import create_app
from channels import twilio_api
from channels.errors import PermanentFailure, TransientFailure
from channels.sandbox.store import Arrived, SandboxStore
from config.settings import Settings
from tests.channels import live_desk
from tests.conftest import NOON
from ticketing.store import db

OURS, THEIRS = "+15145550100", "+14165550177"
SAY = '<Say language="en-US">'
TWIML = f"<Response><Pause/>{SAY}Your kettle</Say>{SAY}is ready.</Say></Response>"


def settings_of(desk: Flask) -> Settings:
    settings: Settings = desk.extensions["comptoir.settings"]
    return settings


def client(desk: Flask, **account: str) -> Client:
    twilio = settings_of(desk).twilio
    assert twilio is not None
    return twilio_api.connect(replace(twilio, **account))


def outbox(desk: Flask, **filters: str) -> list[dict[str, str]]:
    answer = requests.get(f"{settings_of(desk).local_url}/sandbox/outbox", params=filters, timeout=60)
    items: list[dict[str, str]] = answer.json()["items"]
    return items


def test_the_sdk_reads_the_answer_to_a_message(desk: Flask) -> None:
    message = client(desk).messages.create(to=THEIRS, from_=OURS, body="Ünïcode & more")

    assert message.sid.startswith("SM")
    assert (message.status, message.direction, message.to, message.from_) == ("queued", "outbound-api", THEIRS, OURS)
    assert message.date_created.tzinfo is not None
    live_desk.settle(desk)
    (item,) = outbox(desk)
    assert item.pop("at").endswith("Z")
    assert item == {
        "channel": "sms",
        "to": THEIRS,
        "from": OURS,
        "body": "Ünïcode & more",
        "provider_id": message.sid,
    }


def test_the_sdk_reads_the_answer_to_a_call_and_its_words_arrive(desk: Flask) -> None:
    call = client(desk).calls.create(to=THEIRS, from_=OURS, twiml=TWIML, status_callback_event=["ringing", "completed"])

    assert call.sid.startswith("CA")
    assert call.status == "queued"
    live_desk.settle(desk)
    assert [item["body"] for item in outbox(desk, channel="phone")] == ["Your kettle is ready."]


def test_the_outbox_is_in_order_and_can_be_filtered(desk: Flask) -> None:
    for to, body in ((THEIRS, "one"), ("+14165550178", "two"), (THEIRS, "three")):
        client(desk).messages.create(to=to, from_=OURS, body=body)
    live_desk.settle(desk)

    assert [item["body"] for item in outbox(desk)] == ["one", "two", "three"]
    assert [item["body"] for item in outbox(desk, to=THEIRS)] == ["one", "three"]
    assert [item["body"] for item in outbox(desk, limit="2")] == ["two", "three"]
    assert outbox(desk, channel="email") == []


@pytest.mark.parametrize("account", [{"auth_token": "wrong"}, {"account_sid": "AC" + "0" * 32}])
def test_a_stranger_is_not_served(desk: Flask, account: dict[str, str]) -> None:
    with pytest.raises(TransientFailure, match="TWILIO_AUTH_TOKEN"), twilio_api.handing_over():
        client(desk, **account).messages.create(to=THEIRS, from_=OURS, body="Hi")

    live_desk.settle(desk)
    assert outbox(desk) == []


@pytest.mark.parametrize(
    ("to", "body", "code"),
    [
        ("+15005550001", "Hi", 21211),
        ("+15005550004", "Hi", 21610),
        ("+15005550009", "Hi", 21614),
        (THEIRS, "", 21602),
        (THEIRS, "x" * 1601, 21617),
    ],
)
def test_what_twilio_refuses_is_refused(desk: Flask, to: str, body: str, code: int) -> None:
    with pytest.raises(PermanentFailure, match=f"error {code}"), twilio_api.handing_over():
        client(desk).messages.create(to=to, from_=OURS, body=body)

    assert outbox(desk) == []


def test_a_call_that_twilio_refuses_is_refused(desk: Flask) -> None:
    for to, twiml, code in (("+15005550001", TWIML, 21217), (THEIRS, "no XML", 21205)):
        with pytest.raises(PermanentFailure, match=f"error {code}"), twilio_api.handing_over():
            client(desk).calls.create(to=to, from_=OURS, twiml=twiml)


def test_the_sandbox_calls_nobody_back_but_this_desk(desk: Flask) -> None:
    with pytest.raises(PermanentFailure, match="21609"), twilio_api.handing_over():
        client(desk).messages.create(to=THEIRS, from_=OURS, body="Hi", status_callback="http://elsewhere.example/")


def test_what_arrived_is_there_for_another_process(base_settings: Settings) -> None:
    first = Arrived("sms", OURS, THEIRS, "Hello", "SM1", NOON)
    SandboxStore(base_settings).keep(first)

    assert SandboxStore(base_settings).arrived(recipient=THEIRS, limit=10)[-1] == first.shown()


def test_many_may_write_at_once(desk: Flask) -> None:
    settings = settings_of(desk)

    def write(number: int) -> None:
        SandboxStore(settings).keep(Arrived("sms", OURS, THEIRS, str(number), f"SM{number}", NOON))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(write, range(64)))

    assert sorted(int(item["body"]) for item in outbox(desk)) == list(range(64))


def test_there_is_no_sandbox_beside_a_real_account(base_settings: Settings) -> None:
    app = create_app(replace(base_settings, sandbox=False))
    client = app.test_client()

    assert client.get("/sandbox/outbox").status_code == 404
    assert client.post("/sandbox/twilio/2010-04-01/Accounts/AC1/Messages.json").status_code == 404
    assert client.post("/sandbox/recordings").status_code == 404
    with app.app_context():
        db.engine.dispose()
