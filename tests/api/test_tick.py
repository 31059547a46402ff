"""What the ticker finds and does, and that exactly one ticker acts."""

from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from api import tick
from api.leader import Leadership
from channels.errors import TransientFailure
from channels.models import ChatSession
from config.settings import Settings
from sla.models import Clock
from tests import fakes, make
from ticketing.envelope import Channel, MessageState
from ticketing.models import Message, Ticket
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

LONG_AGO = utc_now() - timedelta(hours=1)


@pytest.fixture
def channel(app: Flask) -> fakes.FakeChannel:
    """A text channel, with an inbox."""
    fake = fakes.FakeChannel()
    fakes.plug_in(app, fake)
    make.inbox(Channel.SMS)
    return fake


def a_ticket() -> Ticket:
    return make.ticket(channel=Channel.SMS, customer=make.customer(phone="+15145550123"))


def state(message: Message) -> MessageState:
    db.session.rollback()
    return db.session().get_one(Message, message.id, populate_existing=True).state


def test_without_a_job_queue_the_ticker_itself_does_what_is_left(app: Flask, channel: fakes.FakeChannel) -> None:
    message = make.reply(a_ticket(), make.agent(), at=LONG_AGO)

    tick.tick(app)

    assert state(message) is MessageState.SENT
    assert len(channel.sent) == 1


def test_a_due_retry_is_made(app: Flask, channel: fakes.FakeChannel) -> None:
    channel.outcomes = [TransientFailure("busy")]
    message = make.reply(a_ticket(), make.agent(), at=LONG_AGO)
    tick.tick(app)
    assert state(message) is MessageState.QUEUED
    with transaction("test") as session:
        session.get_one(Message, message.id).next_attempt_at = LONG_AGO

    tick.tick(app)

    assert state(message) is MessageState.SENT


def test_one_tasks_trouble_does_not_stop_the_others(
    app: Flask, channel: fakes.FakeChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    message = make.reply(a_ticket(), make.agent(), at=LONG_AGO)
    monkeypatch.setattr(tick, "TASKS", (fail, *tick.TASKS))

    tick.tick(app)

    assert state(message) is MessageState.SENT


def test_exactly_one_ticker_acts_and_another_takes_over(app: Flask, settings: Settings) -> None:
    settings = replace(settings)
    first, second = Leadership(app, settings), Leadership(app, settings)

    assert [first.is_mine(), second.is_mine(), first.is_mine()] == [True, False, True]
    first.give_up()
    assert second.is_mine()
    assert not first.is_mine()
    second.give_up()


def test_one_entry_that_always_fails_stops_none_behind_it(app: Flask, channel: fakes.FakeChannel) -> None:
    ada = make.agent()
    poison = make.reply(a_ticket(), ada, at=LONG_AGO)
    healthy = make.reply(
        make.ticket(channel=Channel.SMS, customer=make.customer(phone="+15145550124")), ada, at=LONG_AGO
    )
    with transaction("test") as session:
        session.get_one(Message, poison.id).handle_id = None  # no route: nothing that can be sent

    tick.tick(app)

    assert state(healthy) is MessageState.SENT


def test_a_visitor_who_went_without_a_word_no_longer_waits_live(app: Flask) -> None:
    make.inbox(Channel.CHAT, address="website")
    client = app.test_client()
    token = client.post("/chat/sessions", json={}).get_json()["visitor_token"]
    visitor = {"Authorization": f"Bearer {token}"}
    ticket_id = client.post("/chat/messages", json={"body": "Hi", "client_id": "c"}, headers=visitor).get_json()[
        "ticket"
    ]
    with transaction("test") as session:
        session.scalars(select(ChatSession)).one().seen_at = LONG_AGO

    client.get("/chat/messages", headers=visitor)  # still there
    tick.tick(app)
    there = db.session().get_one(Ticket, ticket_id, populate_existing=True).live
    with transaction("test") as session:
        session.scalars(select(ChatSession)).one().seen_at = LONG_AGO
    tick.tick(app)
    gone = not db.session().get_one(Ticket, ticket_id, populate_existing=True).live

    assert (there, gone) == (True, True)


def test_a_sweep_goes_on_where_a_batch_held_more_clocks_than_asked_for(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = make.agent()
    for _ in range(5):
        ticket = make.ticket()
        make.promise(ticket, ada, "A call", due_at=LONG_AGO)
        make.promise(ticket, ada, "A letter", due_at=LONG_AGO)
    monkeypatch.setattr(tick, "CLOCKS", 1)

    tick.flag_due_clocks()

    assert db.session().scalar(select(func.count()).where(Clock.breached_at.is_not(None))) == 10
