"""Twilio's doors with retries, behind proxies, and with forms that Twilio would never send: never an error of ours."""

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from api.app import create_app
from channels.models import Call
from config.settings import Settings
from tests import make
from tests.channels import twilio_forms
from ticketing.envelope import Channel
from ticketing.models import KeptAnswer, Message
from ticketing.store import db
from ticketing.transaction import transaction

DOORS = "/inbound/twilio/"
VOICE = "/inbound/twilio/voice"
LONG = "x" * 5_000
TOKEN = "b8f0a9e2-6b0c-4a53-9d0b-5d4d43d3a1ef"
FORMS: dict[str, dict[str, str]] = {
    "nothing": {},
    "a call alone": {"CallSid": twilio_forms.sid("CA")},
    "a whole call": twilio_forms.call() | {"Digits": "1", "CallStatus": "in-progress", "QueuePosition": "2"},
    "nonsense": dict.fromkeys(
        ("CallSid", "MessageSid", "RecordingSid", "ConferenceSid", "CallStatus", "Digits", "QueueResult"), "\x00 ॐ '\"<"
    ),
    "too long": dict.fromkeys(("CallSid", "MessageSid", "From", "To", "Body", "Digits", "RecordingUrl"), LONG),
    "numbers": twilio_forms.call()
    | {"QueuePosition": "-1", "QueueTime": "1e999", "AvgQueueTime": "NaN", "CallDuration": "9" * 400, "NumMedia": "-1"}
    | {
        "SequenceNumber": "٣",
        "Digits": "*#" * 50,
        "RecordingDuration": "-1",
        "StatusCallbackEvent": "participant-join",
    },
}
QUERIES = (
    "",
    "?call=1&leg=1&callback=1&message=1&inbox=%2B15145550100",
    "?call=-1&leg=x&callback=&message=%00&tries=x",
)


def sign(settings: Settings, url: str, form: dict[str, str]) -> dict[str, str]:
    """The header of a genuine request with this form, as the door will read it."""
    assert settings.twilio is not None
    validator = RequestValidator(settings.twilio.auth_token)
    return {"X-Twilio-Signature": validator.compute_signature(settings.public_url + url, MultiDict(form))}


def post(client: FlaskClient, settings: Settings, url: str, form: dict[str, str], **headers: str) -> TestResponse:
    signed = {**sign(settings, url, form), **headers}
    return client.post(url, data=urlencode(form).encode(), content_type=twilio_forms.FORM, headers=signed)


def doors(app: Flask) -> Iterator[str]:
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(DOORS) and "POST" in (rule.methods or ()) and not rule.arguments:
            yield rule.rule


def test_no_form_that_is_genuine_makes_an_error_of_ours(sqlite_app: Flask) -> None:
    make.inbox(Channel.SMS)
    make.inbox(Channel.PHONE)
    settings: Settings = sqlite_app.extensions["comptoir.settings"]
    client = sqlite_app.test_client()
    post(client, settings, VOICE, twilio_forms.call())

    answers = {
        (door, query, name): post(client, settings, door + query, form).status_code
        for door in doors(sqlite_app)
        for query in QUERIES
        for name, form in FORMS.items()
    }

    assert len(answers) > 100
    assert {where: status for where, status in answers.items() if status >= 500} == {}
    assert set(answers.values()) <= {200, 204, 400, 404}


@pytest.mark.parametrize("change", ["body", "query", "signature"])
def test_a_genuine_request_that_was_changed_on_the_way_is_refused_at_every_door(sqlite_app: Flask, change: str) -> None:
    settings: Settings = sqlite_app.extensions["comptoir.settings"]
    client, form = sqlite_app.test_client(), twilio_forms.call()

    for door in doors(sqlite_app):
        headers = sign(settings, f"{door}?call=1", form)
        sent = form | {"From": "+14165550199"} if change == "body" else form
        url = f"{door}?call=2" if change == "query" else f"{door}?call=1"
        if change == "signature":
            headers["X-Twilio-Signature"] = headers["X-Twilio-Signature"][::-1]
        answer = client.post(url, data=urlencode(sent).encode(), content_type=twilio_forms.FORM, headers=headers)

        assert answer.status_code == 403, door


def test_a_retry_is_answered_as_the_first_time_though_things_have_moved_on(
    client: FlaskClient, settings: Settings
) -> None:
    make.inbox(Channel.PHONE)
    again = {"I-Twilio-Idempotency-Token": TOKEN}
    first = post(client, settings, VOICE, twilio_forms.call(), **again)
    with transaction("test") as session:
        session.execute(Message.__table__.update().values(body="changed"))
        session.scalars(select(Call)).one().stage = "over"

    retry = post(client, settings, VOICE, twilio_forms.call(), **again)
    other = post(client, settings, VOICE, twilio_forms.call(2), **again)

    assert retry.text == first.text
    assert retry.mimetype == "text/xml"
    assert other.text != first.text  # another request under the same token is another request
    assert db.session().scalar(select(func.count()).select_from(Call)) == 2
    assert db.session().scalars(select(KeptAnswer.holder)).all() == ["twilio"]


def test_who_knows_a_retrys_token_and_cannot_sign_hears_nothing(sqlite_app: Flask) -> None:
    make.inbox(Channel.PHONE)
    settings: Settings = sqlite_app.extensions["comptoir.settings"]
    client = sqlite_app.test_client()
    again = {"I-Twilio-Idempotency-Token": TOKEN}
    post(client, settings, VOICE, twilio_forms.call(), **again)

    answer = client.post(VOICE, data=twilio_forms.call(), headers=again)

    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("given", "headers", "status"),
    [
        (True, {"X-Forwarded-Host": "desk.example", "X-Forwarded-Proto": "https"}, 200),  # signed for the public URL
        (False, {"X-Forwarded-Host": "tunnel.example", "X-Forwarded-Proto": "https"}, 200),
        (False, {"X-Forwarded-Host": "tunnel.example, inner.example"}, 200),
        (False, {"X-Forwarded-Host": "elsewhere.example"}, 403),
        (False, {}, 403),
        (True, {"X-Forwarded-Host": "tunnel.example"}, 403),
    ],
)
def test_behind_a_proxy(sqlite_app: Flask, given: bool, headers: dict[str, str], status: int) -> None:
    """A proxy that changes `Host` says by which name it was called; where a public URL is given, that alone counts."""
    make.inbox(Channel.SMS)
    where = "https://desk.example" if given else "http://127.0.0.1:8000"
    ours = sqlite_app.extensions["comptoir.settings"]
    settings = replace(ours, public_url=where, public_url_is_given=given)
    signed_for = "desk.example" if given and status == 200 else "tunnel.example"
    form = twilio_forms.text()
    validator = RequestValidator(settings.twilio.auth_token)
    signature = validator.compute_signature(f"https://{signed_for}{DOORS}sms", form)
    app = create_app(settings)

    with app.app_context():
        headers = {**headers, "X-Twilio-Signature": signature}
        answer = app.test_client().post(f"{DOORS}sms", base_url="http://127.0.0.1:8000", data=form, headers=headers)
        db.session.remove()
        db.engine.dispose()

    assert answer.status_code == status
