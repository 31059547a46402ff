"""`POST /inbound/email`: who has the inbox's secret may bring mail, and nobody else."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from channels.models import InboundItem
from config.settings import Settings
from tests import make
from tests.channels import letters
from ticketing.envelope import Channel
from ticketing.secrets import encrypt
from ticketing.store import db

SECRET = "the secret of this inbox"


@pytest.fixture
def door(app: Flask, client: FlaskClient, settings: Settings) -> FlaskClient:
    """A client of a desk with one mail inbox."""
    make.inbox(Channel.EMAIL, address=letters.US, secret=encrypt(SECRET, settings.secret_key))
    return client


def bring(client: FlaskClient, raw: bytes, secret: str = SECRET) -> tuple[int, dict[str, object]]:
    answer = client.post(
        "/inbound/email", data=raw, content_type="message/rfc822", headers={"Authorization": f"Bearer {secret}"}
    )
    return answer.status_code, answer.get_json()


def test_a_mail_is_kept_and_told(door: FlaskClient) -> None:
    raw = letters.mail("<1@home.example>", "Kettle", "It drips.")

    first, again = bring(door, raw), bring(door, raw)

    assert first[0] == again[0] == 200
    assert (first[1]["state"], first[1]["duplicate"], again[1]["duplicate"]) == ("processed", False, True)
    assert first[1]["ticket"] == again[1]["ticket"]


@pytest.mark.parametrize("secret", ["wrong", "", "é" * 20])
def test_without_the_secret_nothing_is_kept(door: FlaskClient, secret: str) -> None:
    status, problem = bring(door, b"Subject: x\r\n\r\nx", secret)

    assert (status, problem["code"]) == (403, "invalid_signature")
    assert db.session().scalar(select(func.count()).select_from(InboundItem)) == 0


def test_an_empty_mail_is_refused_and_kept(door: FlaskClient) -> None:
    status, problem = bring(door, b"\r\n")

    assert (status, problem["code"]) == (400, "malformed_payload")
    assert db.session().scalar(select(func.count()).select_from(InboundItem)) == 1


def test_the_secret_itself_is_not_kept_with_the_mail(door: FlaskClient) -> None:
    bring(door, letters.mail("<1@home.example>", "Kettle", "It drips."))

    (item,) = db.session().scalars(select(InboundItem))
    assert SECRET not in repr((item.headers, item.meta, item.url))


def test_the_envelope_is_kept_where_it_is_told_and_makes_sense(door: FlaskClient) -> None:
    told = {"X-Envelope-Sender": " <> ", "X-Envelope-Recipient": "support+t1.0123@desk.example"}
    odd = {"X-Envelope-Sender": "a@b c@d", "X-Envelope-Recipient": "x" * 400}

    for number, headers in enumerate((told, odd, {})):
        mail = letters.mail(f"<{number}@home.example>", "Kettle", "It drips.")
        answer = door.post("/inbound/email", data=mail, headers={"Authorization": f"Bearer {SECRET}", **headers})
        assert answer.status_code == 200

    first, *others = [one.meta for one in db.session().scalars(select(InboundItem).order_by(InboundItem.id))]
    assert (first["envelope_sender"], first["envelope_recipient"]) == ("", "support+t1.0123@desk.example")
    assert all("envelope_sender" not in meta and meta["envelope_recipient"] == "" for meta in others)
