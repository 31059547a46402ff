"""Calls, callbacks and kept places of tickets that are merged, or parted."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from channels.phone.models import Callback, CallbackState
from channels.phone.states import Stage
from sla.models import Promise
from tests import make
from tests.api.desk import Desk
from tests.channels import phone_desk
from tests.channels.phone_desk import PhoneDesk
from tests.channels.test_phone_places import ALWAYS, NOW, assigned, choose, press, settle
from ticketing import lifecycle
from ticketing.envelope import Channel
from ticketing.events import SYSTEM
from ticketing.models import Agent, Presence, Queue, Ticket, Wait
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

LATER = "2"  # the second key: a window of some hours


@pytest.fixture
def desk(app: Flask) -> Iterator[PhoneDesk]:
    with phone_desk.running(app) as running:
        make.inbox(Channel.SMS, queue=running.queue)
        settle(running, **ALWAYS)
        yield running


@pytest.fixture
def one(sqlite_app: Flask) -> Iterator[PhoneDesk]:
    with phone_desk.running(sqlite_app) as running:
        make.inbox(Channel.SMS, queue=running.queue)
        settle(running, **ALWAYS)
        yield running


def other_ticket(desk: PhoneDesk, agent: Agent | None = None, queue: Queue | None = None) -> Ticket:
    """Another matter of the same customer, answered, and perhaps somebody's."""
    ticket = make.ticket(queue=queue or desk.queue, channel=Channel.EMAIL)
    with transaction("test") as session:
        row = session.get_one(Ticket, ticket.id)
        row.waiting_since = None
        if agent is not None:
            lifecycle.assign(row, session.get_one(Agent, agent.id), by=SYSTEM, at=utc_now())
    return ticket


def merge(who: Desk, call_id: int, desk: PhoneDesk, into: Ticket) -> None:
    assert who.post(f"/tickets/{desk.ticket_of(call_id).id}/merge", {"into": into.id}).status_code == 200
    db.session.rollback()


def test_a_caller_on_hold_rings_at_the_agent_who_has_the_ticket_that_theirs_goes_into(desk: PhoneDesk) -> None:
    ada = Desk(desk.client, desk.agent())
    call_id, theirs = desk.arrive(), other_ticket(desk, ada.agent)

    merge(ada, call_id, desk, theirs)

    (rung,) = desk.work()
    assert rung.form["To"] == f"client:agent-{ada.agent.id}"
    assert (desk.the_call(call_id).stage, desk.ticket_of(call_id).id) == (Stage.OFFERED, theirs.id)
    desk.talk(call_id)
    assert desk.kinds(call_id)[-1] == "customer_answered"


@pytest.mark.parametrize("values", [{"presence": Presence.AWAY}, {"device_kind": ""}, None])
def test_a_caller_on_hold_is_for_whoever_is_next_where_nobody_can_be_rung(
    one: PhoneDesk, values: dict[str, str] | None
) -> None:
    bo = Desk(one.client, one.agent("Bo"))
    call_id = one.arrive()
    merge(bo, call_id, one, other_ticket(one, one.agent("Ada", **values) if values is not None else None))

    taken = bo.post(f"/queues/{one.queue.id}/next")

    assert (taken.status_code, taken.json and taken.json["id"]) == (200, one.ticket_of(call_id).id)
    assert [ask.form["To"] for ask in one.work()] == [f"client:agent-{bo.agent.id}"]


def test_a_device_that_rings_goes_on_ringing_and_its_agent_has_what_was_merged(desk: PhoneDesk) -> None:
    ada = Desk(desk.client, desk.agent())
    call_id = desk.arrive()
    ada.post(f"/calls/{call_id}/answer")
    desk.work()

    merge(ada, call_id, desk, other_ticket(desk))
    desk.work()

    assert (desk.ticket_of(call_id).assignee_id, desk.the_call(call_id).stage) == (ada.agent.id, Stage.OFFERED)
    assert assigned(call_id)[-1].rings
    desk.leg_status(desk.legs(call_id)[0], "no-answer")
    assert (desk.ticket_of(call_id).assignee_id, desk.the_call(call_id).stage) == (None, Stage.HOLDING)
    assert desk.ticket_of(call_id).on_phone


def test_a_device_rings_no_more_for_a_caller_whose_ticket_becomes_anothers(one: PhoneDesk) -> None:
    ada, bo = Desk(one.client, one.agent()), one.agent("Bo")
    call_id = one.arrive()
    ada.post(f"/calls/{call_id}/answer")
    one.work()

    merge(ada, call_id, one, other_ticket(one, bo))
    one.work()

    assert [leg.agent_id for leg in one.legs(call_id) if leg.ended_at is None] == [bo.id]
    assert one.agent_now(ada.agent).on_call_since is None
    assert one.agent_now(ada.agent).presence is Presence.ONLINE


def test_who_speaks_goes_on_speaking_and_nobody_else_is_given_the_customer(desk: PhoneDesk) -> None:
    ada, bo = Desk(desk.client, desk.agent()), Desk(desk.client, desk.agent("Bo"))
    call_id = desk.arrive()
    ada.post(f"/calls/{call_id}/answer")
    desk.talk(call_id)
    asks_too = make.ticket(queue=desk.queue, channel=Channel.EMAIL)  # and waits for an answer

    merge(ada, call_id, desk, asks_too)

    assert bo.post(f"/queues/{desk.queue.id}/next").status_code == 204
    ticket = desk.ticket_of(call_id)
    assert (ticket.id, ticket.assignee_id, desk.the_call(call_id).stage) == (asks_too.id, ada.agent.id, Stage.TALKING)
    assert "customer_answered" in desk.kinds(call_id)
    desk.caller_hangs_up()
    desk.work()
    assert not desk.ticket_of(call_id).live
    assert desk.agent_now(ada.agent).on_call_since is None


def test_of_two_callbacks_to_one_number_one_is_owed_with_the_older_place(desk: PhoneDesk) -> None:
    ada = Desk(desk.client, desk.agent())
    call_id = desk.arrive()
    press(desk, call_id, "1")
    choose(desk, call_id, LATER)
    desk.caller_hangs_up()
    older = desk.ticket_of(call_id).waiting_since
    theirs = other_ticket(desk)
    number = desk.the_call(call_id).number
    at = utc_now() + timedelta(days=3)
    window = {"not_before": at.isoformat(), "not_after": (at + timedelta(hours=2)).isoformat()}
    assert ada.post(f"/tickets/{theirs.id}/callbacks", {"number": number, **window}).status_code == 201

    merge(ada, call_id, desk, theirs)

    rows = db.session().scalars(select(Callback).order_by(Callback.id)).all()
    assert [(one.state, one.ticket_id) for one in rows] == [
        (CallbackState.BOOKED, theirs.id),
        (CallbackState.CANCELLED, theirs.id),
    ]
    assert rows[0].waiting_since == older
    withdrawn = db.session().scalars(select(Promise.withdrawn_at).order_by(Promise.id)).all()
    assert [one is None for one in withdrawn] == [True, False]


def test_calls_owed_to_two_numbers_are_both_made(one: PhoneDesk) -> None:
    ada = Desk(one.client, one.agent())
    call_id = one.arrive()
    press(one, call_id, "1")
    choose(one, call_id, LATER)
    one.caller_hangs_up()
    theirs = other_ticket(one)
    ada.post(f"/tickets/{theirs.id}/callbacks", {"number": "+14165550188"})

    merge(ada, call_id, one, theirs)
    assert ada.post(f"/queues/{one.queue.id}/next").status_code == 200

    states = db.session().scalars(select(Callback.state).order_by(Callback.id)).all()
    assert states == [CallbackState.BOOKED, CallbackState.CALLING]  # the one that is due


def test_a_callback_that_is_due_is_made_by_who_has_the_ticket_that_it_comes_to(one: PhoneDesk) -> None:
    ada = Desk(one.client, one.agent())
    call_id = one.arrive()
    press(one, call_id, "1")
    choose(one, call_id, NOW)
    one.caller_hangs_up()

    merge(ada, call_id, one, other_ticket(one, ada.agent))

    assert [ask.form["To"] for ask in one.work()] == [f"client:agent-{ada.agent.id}"]
    assert db.session().scalars(select(Callback.state)).all() == [CallbackState.CALLING]


def test_a_wait_goes_on_in_the_line_of_the_other_queue(one: PhoneDesk) -> None:
    ada, billing = Desk(one.client, one.agent()), make.queue("Billing")
    call_id = one.arrive()

    merge(ada, call_id, one, other_ticket(one, queue=billing))

    waits = db.session().scalars(select(Wait).order_by(Wait.id)).all()
    assert [(wait.queue_id, wait.end) for wait in waits] == [(one.queue.id, "left"), (billing.id, None)]


@pytest.mark.parametrize("key", ["1", "3"])
def test_a_kept_place_goes_where_its_call_goes(desk: PhoneDesk, key: str) -> None:
    ada = Desk(desk.client, desk.agent())
    call_id = desk.arrive()
    press(desk, call_id, key)
    if key == "1":
        choose(desk, call_id, LATER)
    desk.caller_hangs_up()
    since = desk.ticket_of(call_id).waiting_since
    into = other_ticket(desk)

    merge(ada, call_id, desk, into)
    there = desk.ticket_of(call_id)
    assert (there.id, there.live, there.on_phone, there.waiting_since) == (into.id, True, False, since)
    make.message(into)
    parted = ada.post(f"/tickets/{into.id}/split", {"message": desk.the_call(call_id).message_id})

    assert parted.status_code == 201, parted.text
    left, gone = (db.session().get_one(Ticket, one, populate_existing=True) for one in (into.id, parted.json["id"]))
    assert [(one.live, one.on_phone) for one in (left, gone)] == [(False, False), (True, False)]
    assert left.snoozed_until is None
    assert (gone.snoozed_until is not None) == (key == "1")
