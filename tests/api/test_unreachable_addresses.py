"""What comes back is shown on the customer's address, refuses a reply with its reason, and is cleared by hand."""

from flask import Flask
from flask.testing import FlaskClient

from tests import make
from tests.api.desk import Desk
from tests.conftest import NOON
from ticketing.envelope import Channel
from ticketing.models import Handle
from ticketing.transaction import transaction


def test_an_agent_sees_why_nothing_arrives_and_uses_the_address_again(app: Flask, client: FlaskClient) -> None:
    make.inbox(Channel.EMAIL)
    ticket = make.ticket()
    handle = ticket.customer.handles[0].id
    with transaction("test") as session:
        row = session.get_one(Handle, handle)
        row.unreachable_at, row.unreachable_reason, row.complained_at = NOON, "The mailbox does not exist", NOON
    desk = Desk(client)
    path = f"/customers/{ticket.customer_id}/handles/{handle}/unreachability"

    (shown,) = desk.get(f"/customers/{ticket.customer_id}").json["handles"]
    refused = desk.post(f"/tickets/{ticket.id}/replies", {"body": "Hello"})
    cleared = [desk.delete(path).status_code for _ in range(2)]
    written = desk.post(f"/tickets/{ticket.id}/replies", {"body": "Hello"})

    moment = "2026-11-18T12:00:00Z"
    assert (shown["unreachable_at"], shown["complained_at"]) == (moment, moment)
    assert (refused.status_code, refused.json["code"]) == (409, "no_reachable_channel")
    assert "The mailbox does not exist" in refused.json["detail"]
    assert f"DELETE {path}" in refused.json["detail"]
    assert (cleared, written.status_code) == ([204, 204], 201)
    assert desk.delete(path.replace(f"/{handle}/", "/99999/")).status_code == 404
    assert desk.delete(path.replace(f"/{handle}/", "/x/")).status_code == 404
