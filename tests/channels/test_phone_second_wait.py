"""Customers who wait in the line for a second time, or beside another caller of the same number: somebody's turn."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask

from channels.models import Call
from channels.phone.states import Stage
from tests import make
from tests.api.desk import Desk
from tests.channels import phone_desk
from tests.channels.phone_desk import PhoneDesk, verbs
from tests.channels.test_phone_places import settle
from ticketing.moment import rfc3339, utc_now
from ticketing.transaction import transaction

TOMORROW = rfc3339(utc_now() + timedelta(days=1))


@pytest.fixture
def desk(sqlite_app: Flask) -> Iterator[PhoneDesk]:
    with phone_desk.running(sqlite_app) as running:
        make.queue("Billing")
        yield running


def spoken(desk: PhoneDesk, agent: Desk) -> int:
    """A call that the agent has taken from the line, and speaks."""
    call_id = desk.arrive()
    agent.post(f"/queues/{desk.queue.id}/next")
    desk.talk(call_id)
    return call_id


def hand_on(desk: PhoneDesk, agent: Desk, call_id: int) -> None:
    assert agent.post(f"/calls/{call_id}/transfer", json={"to": {"queue": "Billing"}}).status_code == 200
    desk.work()


def test_the_longest_wait_counts_from_the_moment_at_which_they_wait_again(desk: PhoneDesk) -> None:
    settle(desk, max_wait_seconds=600)
    ada = Desk(desk.client, desk.agent())
    call_id = spoken(desk, ada)
    with transaction("test") as session:  # for more than an hour
        call = session.get_one(Call, call_id)
        call.held_at = (call.held_at or utc_now()) - timedelta(hours=1)

    hand_on(desk, ada, call_id)
    customer = {"CallSid": desk.the_call(call_id).provider_id or ""}

    assert verbs(desk.post(f"/room/back?call={call_id}&why=transfer", customer))[-1] == "Enqueue"
    assert "Leave" not in verbs(desk.post(f"/wait?call={call_id}", customer))


@pytest.mark.parametrize(
    ("method", "path", "change"),
    [
        ("PATCH", "", {"status": "pending"}),
        ("PUT", "/snooze", {"until": TOMORROW}),
        ("PUT", "/resolution", None),
    ],
    ids=["pending", "snoozed", "solved"],
)
def test_who_is_handed_on_is_somebodys_turn_whatever_became_of_the_ticket(
    desk: PhoneDesk, method: str, path: str, change: dict[str, str] | None
) -> None:
    ada, bo = Desk(desk.client, desk.agent()), Desk(desk.client, desk.agent("Bo"))
    call_id = spoken(desk, ada)
    done = ada.call(method, f"/tickets/{desk.ticket_of(call_id).id}{path}", json=change)
    assert done.status_code == 200, done.text

    hand_on(desk, ada, call_id)

    assert bo.post(f"/queues/{desk.ticket_of(call_id).queue_id}/next").status_code == 200


def test_who_loses_the_agent_of_a_solved_ticket_is_somebodys_turn(desk: PhoneDesk) -> None:
    ada, bo = Desk(desk.client, desk.agent()), Desk(desk.client, desk.agent("Bo"))
    call_id = spoken(desk, ada)
    ada.put(f"/tickets/{desk.ticket_of(call_id).id}/resolution")
    for outcome in ("completed", "no-answer"):  # the browser vanishes, and is not back when it rings again
        desk.leg_status(desk.legs(call_id)[-1], outcome)
        desk.work()

    assert bo.post(f"/queues/{desk.queue.id}/next").status_code == 200


def test_two_callers_with_one_number_are_both_answered(desk: PhoneDesk) -> None:
    ada, bo = Desk(desk.client, desk.agent()), Desk(desk.client, desk.agent("Bo"))
    first, second = desk.arrive(1), desk.arrive(2)
    ada.post(f"/queues/{desk.queue.id}/next")
    desk.talk(second)

    ada.post(f"/calls/{second}/end")
    desk.caller_hangs_up(2)
    desk.work()

    ticket = desk.ticket_of(first)
    assert (desk.the_call(second).ticket_id, ticket.waiting_since) == (ticket.id, desk.the_call(first).waiting_since)
    assert bo.post(f"/queues/{desk.queue.id}/next").status_code == 200
    desk.talk(first)
    assert desk.the_call(first).stage == Stage.TALKING
    desk.caller_hangs_up(1)
    assert not desk.ticket_of(first).live
