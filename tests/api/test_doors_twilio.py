"""Twilio's doors over HTTP: what a genuine request gets, and what a forged or broken one does."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from api.app import create_app
from channels.models import Call, InboundItem
from config.settings import Settings
from tests import make
from tests.channels import twilio_forms
from ticketing.envelope import Channel
from ticketing.models import Message, Ticket
from ticketing.store import db

SMS = "/inbound/twilio/sms"
VOICE = "/inbound/twilio/voice"
DOORS = [
    SMS,
    "/inbound/twilio/message-status",
    VOICE,
    f"{VOICE}/recorded",
    f"{VOICE}/recording",
    f"{VOICE}/status",
    f"{VOICE}/reply-status",
]
STEPS = [f"{VOICE}/{step}" for step in ("fallback", "menu", "wait", "keys", "left", "number")]
ROOMS = [f"{VOICE}/{step}" for step in ("agent", "agent/accept", "agent/left", "room", "room/back", "room/left")]
ROOMS += [f"{VOICE}/{step}" for step in ("room/hold", "room-status", "leg-status", "conference")]
STEPS += ROOMS


@pytest.fixture
def inboxes(app: Flask) -> None:
    """A number that takes texts and calls."""
    make.inbox(Channel.SMS)
    make.inbox(Channel.PHONE)


def post(client: FlaskClient, settings: Settings, url: str, form: dict[str, str]) -> TestResponse:
    return client.post(url, data=form, headers={"X-Twilio-Signature": twilio_forms.sign(settings, url, form)})


def heard(answer: TestResponse) -> list[str]:
    """The verbs of the TwiML answered."""
    assert answer.mimetype == "text/xml"
    return [verb.tag for verb in ElementTree.fromstring(answer.text)]


def count(model: type) -> int:
    return db.session().scalar(select(func.count()).select_from(model)) or 0


def test_a_text_message_is_taken_in_and_answered_with_nothing(
    client: FlaskClient, settings: Settings, inboxes: None
) -> None:
    answer = post(client, settings, SMS, twilio_forms.text(Unheard="of"))

    assert answer.status_code == 200
    assert heard(answer) == []
    assert db.session().scalars(select(Ticket)).one().channel is Channel.SMS


def test_a_call_is_a_ticket_and_the_caller_is_greeted(client: FlaskClient, settings: Settings, inboxes: None) -> None:
    answer = post(client, settings, VOICE, twilio_forms.call())

    assert heard(answer) == ["Say", "Enqueue"]
    assert db.session().scalars(select(Ticket)).one().channel is Channel.PHONE


def test_a_call_that_twilio_asks_about_twice_is_greeted_twice_and_noted_once(
    client: FlaskClient, settings: Settings, inboxes: None
) -> None:
    first = post(client, settings, VOICE, twilio_forms.call())
    second = post(client, settings, VOICE, twilio_forms.call())

    assert second.text == first.text
    assert count(Call) == 1


def test_the_greeting_speaks_the_inboxes_language(client: FlaskClient, settings: Settings) -> None:
    make.inbox(Channel.PHONE, settings={"language": "fr-CA"})

    answer = post(client, settings, VOICE, twilio_forms.call())

    assert "Bonjour" in answer.text


def test_the_caller_hears_thanks_after_a_voicemail(client: FlaskClient, settings: Settings, inboxes: None) -> None:
    post(client, settings, VOICE, twilio_forms.call())
    url = f"{VOICE}/recorded?inbox=%2B15145550100"

    answer = post(client, settings, url, twilio_forms.recording())

    assert "recorded" in answer.text
    assert count(Message) == 2


def test_a_call_that_cannot_be_noted_is_kept_and_the_caller_hears_the_truth(
    client: FlaskClient, settings: Settings
) -> None:
    answer = post(client, settings, VOICE, twilio_forms.call())

    assert answer.status_code == 200
    assert "something is wrong on our side" in answer.text
    assert heard(answer) == ["Say", "Hangup"]
    assert count(InboundItem) == 1


def test_news_of_a_call_is_always_taken(client: FlaskClient, settings: Settings, inboxes: None) -> None:
    post(client, settings, VOICE, twilio_forms.call())

    for state in ("ringing", "in-progress", "completed", "levitating"):
        assert post(client, settings, f"{VOICE}/status", twilio_forms.status(state)).status_code == 204


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-Twilio-Signature": ""}, {"X-Twilio-Signature": "nonsense"}, {"X-Twilio-Signature": "a" * 5000}],
    ids=["none", "empty", "wrong", "huge"],
)
def test_without_twilios_signature_nothing_is_taken(sqlite_app: Flask, headers: dict[str, str]) -> None:
    client = sqlite_app.test_client()

    answers = [client.post(door, data=twilio_forms.text(), headers=headers) for door in DOORS + STEPS]

    assert {(one.status_code, one.mimetype) for one in answers} == {(403, "application/problem+json")}
    assert count(InboundItem) == 0


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", ""),
        (b"\xff\xfe\x00", "application/x-www-form-urlencoded"),
        (b'{"a": 1}', "application/json"),
        (b"%00%ff&&==", "application/x-www-form-urlencoded; charset=klingon"),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x"),
        (b"a=1&" * 5000, "application/x-www-form-urlencoded"),
    ],
    ids=["empty", "binary", "json", "odd", "multipart", "many"],
)
def test_forged_garbage_is_refused_and_never_an_error_of_ours(
    sqlite_app: Flask, body: bytes, content_type: str
) -> None:
    client, headers = sqlite_app.test_client(), {"X-Twilio-Signature": "bm9uc2Vuc2U="}
    addresses = [door + query for door in DOORS + STEPS for query in ("", "?bodySHA256=1&a[]=%FF&message=x")]

    answers = [client.post(url, data=body, content_type=content_type, headers=headers) for url in addresses]

    assert {one.status_code for one in answers} == {403}


def test_a_request_that_is_far_too_large_is_refused_unread(client: FlaskClient, inboxes: None) -> None:
    assert client.post(SMS, data=b"a" * 70_000).status_code == 413


def test_a_signed_form_without_sense_is_malformed_and_kept(
    client: FlaskClient, settings: Settings, inboxes: None
) -> None:
    answers = [post(client, settings, door, {"Nothing": door}) for door in DOORS]

    assert {one.status_code for one in answers} == {400}
    assert all("kept as item" in one.get_json()["detail"] for one in answers)
    assert count(InboundItem) == len(DOORS)


def test_another_method_is_not_known(client: FlaskClient) -> None:
    assert client.get(VOICE).status_code == 405


def test_the_same_message_ten_times_at_once_is_one_message(app: Flask, settings: Settings, inboxes: None) -> None:
    form = twilio_forms.text()

    def deliver(_: int) -> int:
        return post(app.test_client(), settings, SMS, form).status_code

    with ThreadPoolExecutor(10) as pool:
        statuses = list(pool.map(deliver, range(10)))

    assert statuses == [200] * 10
    assert count(Message) == 1


@pytest.fixture
def no_twilio(base_settings: Settings) -> Iterator[FlaskClient]:
    """A client of a desk without a Twilio account."""
    app = create_app(replace(base_settings, sandbox=False, twilio=None))
    yield app.test_client()
    with app.app_context():
        db.engine.dispose()


def test_a_desk_without_a_twilio_account_has_no_such_doors(no_twilio: FlaskClient) -> None:
    for door in DOORS + STEPS:
        assert no_twilio.post(door, data=twilio_forms.text()).status_code == 404


def test_a_signed_word_on_a_room_without_sense_is_malformed(sqlite_app: Flask) -> None:
    client, settings = sqlite_app.test_client(), sqlite_app.extensions["comptoir.settings"]
    odd = [
        "",
        "?leg=&call=",
        "?leg=x&call=x",
        "?leg=-1&call=-1",
        f"?leg={'9' * 40}&call={'9' * 40}",
        "?call=%00&leg=%00",
    ]

    for door in [one for one in ROOMS if not one.endswith("agent/left")]:
        for query in odd:
            answer = post(client, settings, door + query, {"CallSid": "CA1", "CallStatus": "completed"})
            assert answer.status_code == 400, (door, query, answer.text)
    known = ROOMS[:1] + ROOMS[3:4]
    for door in known:  # no such leg, no such call, and no line named
        assert post(client, settings, f"{door}?leg=9&call=9", {"CallSid": "CA1"}).status_code == 200
        assert post(client, settings, f"{door}?leg=9&call=9", {}).status_code == 400
