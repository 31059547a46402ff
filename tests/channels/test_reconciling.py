"""What Twilio had for us and no webhook told is taken in once, and its troubles are told and gone over later."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from sqlalchemy import func, select

from api.embedded import ports
from channels import gateway, reconciling
from channels.models import Call, InboundItem, Reconciled
from channels.phone.models import Callback
from tests import make
from tests.channels import twilio_forms
from tests.channels.twilio_forms import OURS, THEIRS, sid
from tests.conftest import NOON
from ticketing.envelope import Channel
from ticketing.models import Message, Ticket
from ticketing.store import db
from ticketing.transaction import transaction

HOUR = timedelta(hours=1)


class Twilio(BaseHTTPRequestHandler):
    """Plays the two lists, in pages; `status` is what it answers to everything."""

    server: "Playing"

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        asked = parse_qs(address.query)
        self.server.asked.append(self.path)
        kind = "messages" if "Messages" in address.path else "calls"
        page, size = int(asked.get("Page", ["0"])[0]), self.server.page_size
        rows = self.server.rows[kind]
        shown = {kind: rows[page * size : (page + 1) * size]}
        if len(rows) > (page + 1) * size:
            shown["next_page_uri"] = f"{address.path}?Page={page + 1}&PageSize={size}"  # type: ignore[assignment]
        self.send_response(self.server.status)
        if self.server.status == 429:
            self.send_header("Retry-After", "1200")
        self.end_headers()
        self.wfile.write(json.dumps(shown if self.server.status == 200 else {"message": "no", "code": 1}).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Playing(ThreadingHTTPServer):
    """Twilio, with what it has for us."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", ports.free_port()), Twilio)
        self.rows: dict[str, list[dict[str, Any]]] = {"messages": [], "calls": []}
        self.asked: list[str] = []
        self.status, self.page_size = 200, 2

    def text(self, number: int, *, at: datetime = NOON - HOUR, **values: Any) -> None:
        """A message; the newest is listed first."""
        row = {"sid": sid("SM", number), "from": THEIRS, "to": OURS, "body": f"Hello {number}", "num_media": "0"}
        row |= {"direction": "inbound", "status": "received", "date_sent": format_datetime(at), **values}
        self.rows["messages"].insert(0, row)

    def call(self, number: int, *, at: datetime = NOON - HOUR, **values: Any) -> None:
        row = {"sid": sid("CA", number), "from": THEIRS, "to": OURS, "direction": "inbound", "status": "completed"}
        row |= {"duration": "42", "start_time": format_datetime(at), "end_time": format_datetime(at), **values}
        self.rows["calls"].insert(0, row)


@pytest.fixture
def twilio(app: Flask) -> Iterator[Playing]:
    """Twilio, which the application asks."""
    make.inbox(Channel.SMS)
    make.inbox(Channel.PHONE)
    with Playing() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        settings = app.extensions["comptoir.settings"]
        account = replace(settings.twilio, api_base=f"http://127.0.0.1:{server.server_port}")
        app.extensions["comptoir.settings"] = replace(settings, twilio=account)
        yield server
        server.shutdown()
        thread.join()


def reconcile(at: datetime = NOON) -> int:
    return reconciling.reconcile(lambda: at)


def count(model: type) -> int:
    return db.session().scalar(select(func.count()).select_from(model)) or 0


def bodies() -> list[str]:
    return list(db.session().scalars(select(Message.body).order_by(Message.id)))


def test_messages_that_no_webhook_told_are_taken_in_once_the_oldest_first(app: Flask, twilio: Playing) -> None:
    for number in range(1, 6):
        twilio.text(number, at=NOON - HOUR + timedelta(minutes=number))

    first, second = reconcile(), reconcile(NOON + HOUR / 2)

    assert (first, second) == (5, 0)
    assert bodies() == ["Hello 4", "Hello 5", "Hello 2", "Hello 3", "Hello 1"]
    assert count(Ticket) == 1
    received = db.session().scalars(select(Message.created_at).order_by(Message.created_at)).first()
    assert received == NOON - HOUR + timedelta(minutes=1)
    assert db.session().get_one(Reconciled, "messages").found == 5
    assert db.session().scalars(select(InboundItem)).first().meta == {"door": "reconciled"}  # type: ignore[union-attr]


def test_the_webhook_that_comes_after_all_is_a_duplicate_and_the_other_way_round(app: Flask, twilio: Playing) -> None:
    settings = app.extensions["comptoir.settings"]
    known, late = (
        twilio_forms.item(settings, Channel.SMS, "message", "/inbound/twilio/sms", twilio_forms.text(number))
        for number in (1, 2)
    )
    gateway.receive(known, at=NOON - HOUR)
    twilio.text(1)
    twilio.text(2)

    found = reconcile()

    assert found == 1
    assert gateway.receive(late, at=NOON).duplicate
    assert bodies() == ["Hello", "Hello 2"]


def test_only_what_is_ours_and_not_brand_new_is_looked_at(app: Flask, twilio: Playing) -> None:
    twilio.text(1, to="+15145550999")
    twilio.text(2, at=NOON - timedelta(seconds=30))
    twilio.text(3, at=NOON - timedelta(days=30))
    twilio.call(1, to="+15145550999")
    twilio.call(2, status="in-progress")

    assert reconcile() == 0
    assert count(InboundItem) == 0


def test_the_state_of_our_message_is_learnt(app: Flask, twilio: Playing) -> None:
    ticket = make.ticket(channel=Channel.SMS, customer=make.customer(phone=THEIRS))
    replies = [make.reply(ticket, make.agent(), channel=Channel.SMS) for _ in range(2)]
    with transaction("test") as session:
        for number, reply in enumerate(replies):
            row = session.get_one(Message, reply.id)
            row.provider_id, row.state = sid("SM", number), "sent"
    out = {"direction": "outbound-api", "from": OURS, "to": THEIRS}
    twilio.text(0, status="undelivered", error_code=30003, **out)
    twilio.text(1, status="delivered", **out)

    found = [reconcile(), reconcile(NOON + HOUR)]

    states = [db.session().get_one(Message, one.id, populate_existing=True).state for one in replies]
    assert (found, states) == ([2, 0], ["failed", "delivered"])


def test_a_call_that_we_missed_is_a_ticket_that_is_over(app: Flask, twilio: Playing) -> None:
    twilio.call(1)

    found = [reconcile(), reconcile(NOON + HOUR)]

    call = db.session().scalars(select(Call)).one()
    ticket = db.session().scalars(select(Ticket)).one()
    assert found == [1, 0]
    assert (call.state, call.duration_seconds, ticket.live) == ("ended", 42, False)
    assert [(one.reason, one.number) for one in db.session().scalars(select(Callback))] == [("abandoned", THEIRS)]


def test_the_end_of_a_call_that_nobody_told_is_learnt(app: Flask, twilio: Playing) -> None:
    settings = app.extensions["comptoir.settings"]
    form = twilio_forms.call()
    gateway.receive(twilio_forms.item(settings, Channel.PHONE, "call", "/inbound/twilio/voice", form), at=NOON - HOUR)
    twilio.call(1)

    found = reconcile()

    call = db.session().scalars(select(Call).execution_options(populate_existing=True)).one()
    assert found == 1
    assert (call.state, call.duration_seconds) == ("ended", 42)


@pytest.mark.parametrize("status", [500, 401, 404])
def test_twilio_in_trouble_is_told_and_asked_again_later(app: Flask, twilio: Playing, status: int) -> None:
    twilio.text(1)
    twilio.status = status

    nothing = reconcile()
    told = reconciling.trouble(NOON)
    twilio.status = 200
    later = reconcile(NOON + reconciling.EVERY)

    assert (nothing, later) == (0, 1)
    assert told == f"calls: Twilio answered {status}; messages: Twilio answered {status}"
    assert reconciling.trouble(NOON + reconciling.EVERY) == ""


def test_twilio_that_asks_us_to_slow_down_is_left_alone_for_as_long(app: Flask, twilio: Playing) -> None:
    twilio.status = 429

    reconcile()

    assert "slow down" in reconciling.trouble(NOON)
    assert not reconciling.is_due(NOON + timedelta(seconds=1190))
    assert reconciling.is_due(NOON + timedelta(seconds=1210))


def test_nobody_asks_twice_within_minutes_nor_without_an_account(app: Flask, twilio: Playing) -> None:
    due = [reconciling.is_due(NOON)]
    reconcile()
    asked = len(twilio.asked)
    reconcile(NOON + timedelta(minutes=1))
    due += [reconciling.is_due(NOON + timedelta(minutes=1)), reconciling.is_due(NOON + timedelta(minutes=6))]
    app.extensions["comptoir.settings"] = replace(app.extensions["comptoir.settings"], twilio=None)
    due += [reconciling.is_due(NOON + HOUR)]

    assert due == [True, False, True, False]
    assert len(twilio.asked) == asked
    assert (reconcile(NOON + HOUR), reconciling.trouble(NOON + HOUR)) == (0, "")


def test_what_lies_behind_the_bound_is_told(app: Flask, twilio: Playing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciling, "MOST_PAGES", 2)
    for number in range(1, 8):
        twilio.text(number)

    found = reconcile()

    assert found == 4
    assert "something older may be missing" in reconciling.trouble(NOON)
    assert db.session().get_one(Reconciled, "messages").until_at == NOON.astimezone(UTC)
