"""Addresses from which the desk takes nothing: who blocks them, and what becomes of what comes from there."""

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from channels.models import InboundItem
from tests import make
from tests.api.desk import Desk
from tests.channels import twilio_forms
from ticketing.envelope import Channel
from ticketing.models import AuditEntry, Ticket
from ticketing.store import db

SMS = "/inbound/twilio/sms"


def text(client: FlaskClient, app: Flask, number: int) -> int:
    form = twilio_forms.text(number)
    settings = app.extensions["comptoir.settings"]
    return client.post(
        SMS, data=form, headers={"X-Twilio-Signature": twilio_forms.sign(settings, SMS, form)}
    ).status_code


def test_what_comes_from_a_blocked_address_is_kept_and_ignored_until_it_is_not_blocked(
    app: Flask, client: FlaskClient
) -> None:
    desk = Desk(client)
    make.inbox(Channel.SMS)
    karim = make.customer("Karim", phone=twilio_forms.THEIRS)
    make.ticket(customer=karim)
    block = f"/customers/{karim.id}/handles/{karim.handles[0].id}/block"

    blocked = desk.put(block, {"reason": "  Threatens whoever\tanswers. "})
    text(client, app, 1)

    (handle,) = blocked.json["handles"]
    assert handle["blocked_at"] is not None
    assert handle["blocked_reason"] == "Threatens whoever answers."
    assert len(db.session().scalars(select(Ticket)).all()) == 1
    assert [row.state for row in db.session().scalars(select(InboundItem))] == ["ignored"]

    assert desk.delete(block).status_code == 204
    assert desk.delete(block).status_code == 204
    text(client, app, 2)

    assert len(db.session().scalars(select(Ticket)).all()) == 2
    kinds = [row.kind for row in db.session().scalars(select(AuditEntry).order_by(AuditEntry.id))]
    assert kinds == ["handle_blocked", "handle_unblocked"]
    (handle,) = desk.get(f"/customers/{karim.id}").json["handles"]
    assert (handle["blocked_at"], handle["blocked_reason"]) == (None, "")


def test_a_block_needs_a_reason_and_an_address_of_that_customer(sqlite_app: Flask) -> None:
    desk = Desk(sqlite_app.test_client())
    karim, other = make.customer("Karim"), make.customer("Lina")
    make.ticket(customer=karim)
    mine, theirs = (f"/customers/{karim.id}/handles/{one.handles[0].id}/block" for one in (karim, other))

    for body in ({}, {"reason": " "}, {"reason": 3}, {"reason": "x" * 501}, {"reason": "x", "colour": "red"}):
        assert desk.put(mine, body).status_code == 422
    assert desk.put(theirs, {"reason": "Rude."}).status_code == 404
    assert desk.delete(theirs).status_code == 404
