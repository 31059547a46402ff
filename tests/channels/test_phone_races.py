"""What two do at once to one caller, and what nobody does at all: the time limits."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from api import calling, tick
from channels.models import Call
from channels.phone import answering
from channels.phone.models import Callback, CallbackState, CallLeg
from channels.phone.states import Stage
from tests import make
from tests.api.desk import Desk
from tests.channels import phone_desk, twilio_forms
from tests.channels.phone_desk import Answer, PhoneDesk
from tests.channels.test_phone_places import ALWAYS, NOW, choose, press, settle
from ticketing import assignment, wrap_up
from ticketing.models import Assignment, Presence, Ticket
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

on_postgresql = pytest.mark.parametrize("app", ["postgresql"], indirect=True)


@pytest.fixture
def desk(app: Flask) -> Iterator[PhoneDesk]:
    with phone_desk.running(app) as running:
        yield running


@pytest.fixture
def one(sqlite_app: Flask) -> Iterator[PhoneDesk]:
    with phone_desk.running(sqlite_app) as running:
        yield running


def at_once(*acts: Callable[[], int]) -> list[int]:
    """Do everything at the same moment; the statuses."""
    gate = threading.Barrier(len(acts))

    def act(one: Callable[[], int]) -> int:
        gate.wait(60)
        return one()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(act, acts))


def asking(desk: PhoneDesk, caller: Desk, method: str, path: str, json: object = None) -> Callable[[], int]:
    """Somebody's request, by a client of its own."""
    headers = caller.headers

    def ask() -> int:
        answer = desk.app.test_client().open(f"/api/v1{path}", method=method, headers=headers, json=json)
        return answer.status_code

    return ask


def hanging_up(desk: PhoneDesk) -> Callable[[], int]:
    form = twilio_forms.status("completed")
    headers = {"X-Twilio-Signature": twilio_forms.sign(desk.settings, f"{phone_desk.VOICE}/status", form)}

    def hang_up() -> int:
        return desk.app.test_client().post(f"{phone_desk.VOICE}/status", data=form, headers=headers).status_code

    return hang_up


@on_postgresql
def test_two_nexts_of_one_agent_get_one_caller(desk: PhoneDesk) -> None:
    ada = Desk(desk.client, desk.agent())
    desk.arrive(1)
    desk.arrive(2, From="+14165550178")
    ask = asking(desk, ada, "POST", f"/queues/{desk.queue.id}/next")

    statuses = at_once(ask, ask)

    assert sorted(statuses) == [200, 204]
    assert len(db.session().scalars(select(Ticket.id).where(Ticket.assignee_id == ada.agent.id)).all()) == 1
    assert len(desk.work()) == 1


@on_postgresql
def test_one_caller_goes_to_one_of_two_agents(desk: PhoneDesk) -> None:
    people = [Desk(desk.client, desk.agent(name)) for name in ("Ada", "Bo")]
    call_id = desk.arrive()

    statuses = at_once(*(asking(desk, who, "POST", f"/calls/{call_id}/answer") for who in people))

    assert sorted(statuses) == [200, 409]
    assert len(desk.legs(call_id)) == 1


@on_postgresql
@pytest.mark.parametrize("round_", range(3))
def test_a_claim_and_a_hang_up_at_once_leave_nothing_ringing(desk: PhoneDesk, round_: int) -> None:
    ada = Desk(desk.client, desk.agent())
    call_id = desk.arrive()

    claimed, told = at_once(asking(desk, ada, "POST", f"/calls/{call_id}/answer"), hanging_up(desk))
    desk.work()

    assert (claimed in {200, 409}, told) == (True, 204)
    assert not [leg for leg in desk.legs(call_id) if leg.ended_at is None]
    assert (desk.the_call(call_id).state, desk.ticket_of(call_id).live) == ("ended", False)
    assert desk.agent_now(ada.agent).on_call_since is None
    assert desk.ticket_of(call_id).assignee_id is None or claimed == 409


@on_postgresql
@pytest.mark.parametrize("round_", range(3))
def test_a_call_that_is_given_back_goes_to_who_claims_it_at_that_moment(desk: PhoneDesk, round_: int) -> None:
    ada, bo = Desk(desk.client, desk.agent()), Desk(desk.client, desk.agent("Bo"))
    call_id = desk.arrive()
    ada.post(f"/calls/{call_id}/answer")
    desk.work()
    (leg,) = desk.legs(call_id)
    url = f"{phone_desk.VOICE}/leg-status?leg={leg.id}"
    form = {"CallSid": leg.provider_id or "", "CallStatus": "no-answer"}
    headers = {"X-Twilio-Signature": twilio_forms.sign(desk.settings, url, form)}
    ticket = f"/tickets/{desk.ticket_of(call_id).id}/assignment"

    def give_back() -> int:
        return desk.app.test_client().post(url, data=form, headers=headers).status_code

    steal = asking(desk, bo, "PUT", ticket, {"agent": "me", "steal": True})
    assert at_once(give_back, steal) == [204, 200]
    desk.work()

    assert desk.ticket_of(call_id).assignee_id == bo.agent.id
    assert [one.agent_id for one in desk.legs(call_id) if one.ended_at is None] == [bo.agent.id]
    assert desk.agent_now(ada.agent).on_call_since is None


@on_postgresql
@pytest.mark.parametrize("round_", range(3))
def test_an_end_and_a_transfer_at_once_do_not_wait_for_one_another(desk: PhoneDesk, round_: int) -> None:
    ada, bo = Desk(desk.client, desk.agent()), desk.agent("Bo")
    call_id = desk.arrive()
    ada.post(f"/calls/{call_id}/answer")
    desk.talk(call_id)
    path = f"/calls/{call_id}"

    ended, handed = at_once(
        asking(desk, ada, "POST", f"{path}/end"),
        asking(desk, ada, "POST", f"{path}/transfer", {"to": {"agent": bo.id}}),
    )
    desk.work()

    assert (ended, handed) in {(200, 409), (403, 200)}
    assert desk.the_call(call_id).stage in {Stage.OVER, Stage.OFFERED}


def later(desk: PhoneDesk, call_id: int, seconds: int) -> None:
    """Let the ticker look at the desk so many seconds from now: everything happened earlier."""
    by = timedelta(seconds=seconds)
    with transaction("test"):
        call = db.session().get_one(Call, call_id)
        call.joined_at = call.joined_at and call.joined_at - by
        for leg in db.session().scalars(select(CallLeg).where(CallLeg.call_id == call_id)):
            leg.started_at -= by
            leg.answered_at = leg.answered_at and leg.answered_at - by
            leg.ended_at = leg.ended_at and leg.ended_at - by
        for agent in db.session().scalars(select(make.Agent)):
            agent.on_call_since = agent.on_call_since and agent.on_call_since - by
    tick.catch_up_calls()
    db.session.rollback()


def test_a_device_of_which_no_word_comes_gives_the_call_back(one: PhoneDesk) -> None:
    ada, desk = Desk(one.client, one.agent()), one
    call_id, who = desk.arrive(), ada.agent.id
    ada.post(f"/calls/{call_id}/answer")
    desk.exchange.answers = [Answer(500)]
    desk.work()

    later(desk, call_id, 30)
    assert desk.the_call(call_id).stage == Stage.OFFERED  # it may ring still
    later(desk, call_id, 15)
    desk.work()

    assert (desk.ticket_of(call_id).assignee_id, desk.the_call(call_id).stage) == (None, Stage.HOLDING)
    assert desk.agent_now(who).presence is Presence.AWAY


def test_a_customer_who_is_not_brought_into_the_room_goes_back_to_their_place(one: PhoneDesk) -> None:
    ada, desk = Desk(one.client, one.agent()), one
    call_id = desk.arrive()
    ada.post(f"/calls/{call_id}/answer")
    desk.work()
    desk.pick_up(desk.legs(call_id)[0])

    later(desk, call_id, 60)

    assert (desk.ticket_of(call_id).assignee_id, desk.the_call(call_id).stage) == (None, Stage.HOLDING)


def test_a_lost_word_of_the_room_does_not_part_those_who_speak(one: PhoneDesk) -> None:
    ada, desk = Desk(one.client, one.agent()), one
    call_id = desk.arrive()
    ada.post(f"/calls/{call_id}/answer")
    desk.work()
    desk.pick_up(desk.legs(call_id)[0])
    desk.enter(call_id)

    later(desk, call_id, 60)

    assert (desk.the_call(call_id).stage, desk.kinds(call_id)[-1]) == (Stage.TALKING, "customer_answered")


def test_an_agent_of_a_call_that_nobody_knows_is_freed(one: PhoneDesk) -> None:
    ada = one.agent(on_call_since=utc_now() - timedelta(minutes=3))

    tick.catch_up_calls()

    assert one.agent_now(ada).on_call_since is None


def test_who_speaks_is_not_overdue(one: PhoneDesk) -> None:
    ada, desk = Desk(one.client, one.agent()), one
    call_id = desk.arrive()
    ada.post(f"/calls/{call_id}/answer")
    desk.talk(call_id)

    later(desk, call_id, 3600)

    assert desk.the_call(call_id).stage == Stage.TALKING
    assert answering.overdue(utc_now()) == []
    calling.catch_up(call_id)  # and if it were, nothing would happen
    assert desk.the_call(call_id).stage == Stage.TALKING


def test_a_queue_hands_its_callers_to_who_can_be_rung_and_to_no_other(desk: PhoneDesk) -> None:
    with transaction("test"):
        db.session().get_one(make.Queue, desk.queue.id).assignment = Assignment.ROUND_ROBIN
    at = utc_now()
    people = {
        "rings": desk.agent("Ada"),
        "deaf": desk.agent("Bo", device_kind=""),
        "speaks": desk.agent("Cy", on_call_since=at),
        "wraps up": desk.agent("Di", wrap_up_until=at + timedelta(hours=1)),
    }
    calls = [desk.arrive(1), desk.arrive(2, From="+14165550178")]

    assert assignment.plan(desk.queue.id, at=at) == []
    assert [desk.ticket_of(one).assignee_id for one in calls] == [people["rings"].id, None]
    assert not assignment_given(desk, calls[1], people["wraps up"].id)
    with transaction("test"):
        wrap_up.end(people["wraps up"].id, at=at)
    assert assignment_given(desk, calls[1], people["wraps up"].id)


def assignment_given(desk: PhoneDesk, call_id: int, agent_id: int) -> bool:
    with transaction("test"):
        return assignment.hand_over(desk.ticket_of_now(call_id), agent_id, at=utc_now())


def test_the_next_call_flows_when_the_wrap_up_is_over(one: PhoneDesk) -> None:
    desk, at = one, utc_now()
    with transaction("test"):
        db.session().get_one(make.Queue, desk.queue.id).assignment = Assignment.ROUND_ROBIN
    until = at + timedelta(seconds=30)
    ada = desk.agent(wrap_up_until=until, drain_due_at=at)

    with transaction("test"):
        assignment.drained(ada.id, since=at, at=at)

    assert desk.agent_now(ada).drain_due_at == until - assignment.SWEEP_AFTER
    with transaction("test"):
        assert assignment.left_undrained(until - timedelta(seconds=1)) == []
        assert assignment.left_undrained(until) == [ada.id]


def test_a_callback_of_whose_dialling_nothing_is_known_is_tried_again_when_the_agent_hangs_up(one: PhoneDesk) -> None:
    settle(one, **ALWAYS)
    call_id = one.arrive()
    ada = Desk(one.client, one.agent())
    press(one, call_id, "1")
    choose(one, call_id, NOW)
    one.caller_hangs_up()
    ada.post(f"/queues/{one.queue.id}/next")
    one.work()
    call_id = owed().call_id or 0
    one.pick_up(one.legs(call_id)[0])
    one.exchange.answers = [Answer(503)]
    one.work()
    assert one.the_call(call_id).stage == Stage.DIALLED

    one.leg_status(one.legs(call_id)[0], "completed")
    one.work()
    for _ in range(4):
        later(one, call_id, 3600)
        one.work()

    assert owed().state is not CallbackState.CALLING
    assert one.the_call(call_id).ended_at is not None


def owed() -> Callback:
    return db.session().scalars(select(Callback).execution_options(populate_existing=True)).one()
