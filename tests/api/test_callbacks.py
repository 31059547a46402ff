"""Callbacks and the line of a queue through the API, and the doors at which callers choose when to be called."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from flask import Flask
from flask.testing import FlaskClient

from channels.models import Call
from channels.phone import callbacks
from channels.phone.models import CallbackState
from channels.phone.states import Stage
from config.settings import Settings
from tests import make
from tests.api.desk import Desk
from tests.channels.test_callbacks import NUMBER, Line
from tests.channels.twilio_forms import sign
from ticketing.envelope import Channel
from ticketing.models import Presence, Queue
from ticketing.moment import rfc3339, utc_now
from ticketing.store import db
from ticketing.transaction import transaction

HOUR = timedelta(hours=1)


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    return sqlite_app.test_client()


def test_an_agent_arranges_changes_and_cancels_a_callback(client: FlaskClient) -> None:
    desk, ours = Desk(client), make.inbox(Channel.PHONE)
    ticket = make.ticket(customer=make.customer(phone=NUMBER), at=utc_now())
    since, until = (rfc3339((utc_now() + hours * HOUR).replace(microsecond=0)) for hours in (1, 2))
    path = f"/tickets/{ticket.id}/callbacks"
    made = desk.post(path, {"not_before": since, "not_after": until})
    again = desk.post(path, {})
    one = f"/callbacks/{made.json['id']}"
    listed, elsewhere = desk.get(f"/callbacks?ticket={ticket.id}"), desk.get("/callbacks?ticket=99")
    changed = desk.patch(one, {"number": "+15145550166"})
    promised = desk.get(f"/tickets/{ticket.id}/promises").json["items"]
    cancelled, twice = desk.delete(one), desk.delete(one)
    late = desk.patch(one, {"number": NUMBER})

    assert made.status_code == 201
    expected = {"number": NUMBER, "reason": "agent", "state": "booked", "not_after": until, "inbox": ours.id}
    assert {name: made.json[name] for name in expected} == expected
    assert again.status_code == 409
    assert [[row["id"] for row in page.json["items"]] for page in (listed, elsewhere)] == [[made.json["id"]], []]
    assert changed.json["number"] == "+15145550166"
    assert [(one["due_at"], one["state"]) for one in promised][-1] == (until, "open")
    assert (cancelled.json["state"], twice.json["state"], late.status_code) == ("cancelled", "cancelled", 409)
    assert desk.get("/callbacks").json["items"] == []
    assert len(desk.get("/callbacks?state=cancelled&state=done").json["items"]) == 1
    assert desk.get(one).json["outcome"] == "an agent cancelled it"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"number": "12"}, 422),
        ({"number": ""}, 422),
        ({"number": 5}, 422),
        ({"number": "+1" + "5" * 60}, 422),
        ({"not_before": "tomorrow"}, 422),
        ({"not_after": "2020-01-01T00:00:00Z"}, 422),
        ({"not_before": "2999-01-01T00:00:00Z"}, 422),
        ({"inbox": 999}, 404),
        ({"inbox": "1"}, 422),
        ({"when": "now"}, 422),
        ([], 422),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(client: FlaskClient, body: Any, status: int) -> None:
    desk = Desk(client)
    make.inbox(Channel.PHONE)
    ticket = make.ticket(customer=make.customer(phone=NUMBER), at=utc_now())

    answer = desk.post(f"/tickets/{ticket.id}/callbacks", body)

    assert answer.status_code == status, answer.json
    assert answer.json["detail"]


def test_an_agent_calls_now_with_a_device_only(client: FlaskClient) -> None:
    line = Line()
    owed = line.ask_for_callback(line.caller(at=utc_now()), at=utc_now())
    without = Desk(client)
    device = {"device_kind": "number", "device_address": "+15145550199", "presence": Presence.ONLINE}
    ready = Desk(client, make.agent(**device))
    refused = without.post(f"/callbacks/{owed}/attempts")
    made = ready.post(f"/callbacks/{owed}/attempts")
    twice = ready.post(f"/callbacks/{owed}/attempts")

    assert (refused.status_code, refused.json["code"]) == (409, "no_device")
    assert (made.status_code, made.json["state"], made.json["attempts"]) == (201, "calling", 1)
    assert db.session().get_one(Call, made.json["call"]).agent_id == ready.agent.id
    assert twice.status_code == 409


def test_the_line_shows_who_waits_in_the_order_of_next(client: FlaskClient) -> None:
    line, desk = Line(), Desk(client)
    now = utc_now()
    calls = [line.caller(f"+1514555013{number}", at=now - (3 - number) * HOUR / 60) for number in range(3)]
    make.ticket(queue=line.queue)  # a mail: it waits in no line
    tickets = [db.session().get_one(Call, one).ticket_id for one in calls]
    first = desk.get(f"/queues/{line.queue.id}/line?limit=2")
    rest = desk.get(f"/queues/{line.queue.id}/line?limit=2&after={first.json['next']}")

    assert [(row["position"], row["ticket"]) for row in first.json["items"]] == [(1, tickets[0]), (2, tickets[1])]
    assert [(row["position"], row["ticket"]) for row in rest.json["items"]] == [(3, tickets[2])]
    assert rest.json["next"] is None
    told = {"channel": "phone", "on_phone": True, "estimate": {"low_seconds": 0, "high_seconds": None}}
    assert {name: rest.json["items"][0][name] for name in told} == told


class Caller:
    """Somebody on the line who has asked to be called back."""

    def __init__(self, client: FlaskClient, settings: Settings) -> None:
        self.client, self.settings, self.line = client, settings, Line()
        self.call = self.line.caller(at=utc_now())
        with transaction("test") as session:
            session.get_one(Call, self.call).stage = Stage.BOOKING

    def asks(self, path: str, **form: str) -> ElementTree.Element:
        form = {"CallSid": "CA1", **form}
        signed = {"X-Twilio-Signature": sign(self.settings, path, form)}
        answer = self.client.post(path, data=form, headers=signed)
        assert answer.status_code == 200, answer.text
        return ElementTree.fromstring(answer.text)

    def next_step(self, document: ElementTree.Element) -> str:
        gather, redirect = document.find("Gather"), document.find("Redirect")
        address = gather.get("action") if gather is not None else redirect.text if redirect is not None else ""
        parts = urlsplit(address or "")
        return f"{parts.path}?{parts.query}"


def test_a_caller_chooses_a_window_by_a_key(client: FlaskClient, sqlite_app: Flask) -> None:
    caller = Caller(client, sqlite_app.extensions["comptoir.settings"])
    with transaction("test") as session:
        always = {"callback": {"hours": [["00:00", "24:00"]]}}
        session.get_one(Queue, caller.line.queue.id).settings = always
    path = f"/inbound/twilio/voice/callback?call={caller.call}"
    asked = caller.asks(path)
    odd = caller.asks(caller.next_step(asked), Digits="9")
    last = int("".join(asked.itertext()).count("Press "))
    done = caller.asks(caller.next_step(odd), Digits=str(last))
    twice = caller.asks(caller.next_step(odd), Digits=str(last))
    (owed,) = db.session().query(callbacks.Callback).all()

    assert "When shall we call you? Press 1 for as soon as it is your turn." in "".join(asked.itertext())
    assert "We will call you tomorrow at" in "".join(done.itertext())
    assert "".join(twice.itertext()) == "".join(done.itertext())
    assert [one.tag for one in done] == ["Say", "Hangup"]
    assert (owed.reason, owed.state, owed.number) == ("asked", CallbackState.BOOKED, NUMBER)
    assert owed.not_after is not None
    assert db.session().get_one(Call, caller.call).stage == Stage.LEAVING


def test_the_doors_for_callbacks_take_nothing_unsigned_and_know_no_strangers(
    client: FlaskClient, sqlite_app: Flask
) -> None:
    caller = Caller(client, sqlite_app.extensions["comptoir.settings"])
    forged = client.post(f"/inbound/twilio/voice/callback?call={caller.call}", data={"CallSid": "CA1"})
    odd = [
        caller.asks(f"/inbound/twilio/voice/callback{step}{query}", Digits=keys)
        for step in ("", "/choice")
        for query, keys in (
            ("?call=999", "1"),
            ("", ""),
            ("?call=x&tries=-1&asked=z", "*"),
            ("?call=" + "9" * 30, "1" * 40),
        )
    ]

    assert forged.status_code == 403
    assert all(document[-1].tag == "Hangup" for document in odd)
