"""A place in the line is the customer's: while they say when to be called, when they call again, when tickets merge."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import func, select

from channels.models import Call
from channels.phone.models import Callback, CallbackState
from channels.phone.states import Stage
from tests import make
from tests.api.desk import Desk
from tests.channels import phone_desk, twilio_forms
from tests.channels.phone_desk import VOICE, PhoneDesk
from ticketing.envelope import Channel
from ticketing.events import TicketAssigned
from ticketing.models import JournalEntry, Queue, Ticket, Wait
from ticketing.store import db
from ticketing.transaction import transaction

ALWAYS = {"callback": {"hours": [["00:00", "24:00"]]}}
NOW = "1"  # the first key: as soon as it is their turn


@pytest.fixture
def desk(app: Flask) -> Iterator[PhoneDesk]:
    with phone_desk.running(app) as running:
        make.inbox(Channel.SMS, queue=running.queue)
        yield running


@pytest.fixture
def one(sqlite_app: Flask) -> Iterator[PhoneDesk]:
    with phone_desk.running(sqlite_app) as running:
        make.inbox(Channel.SMS, queue=running.queue)
        yield running


def press(desk: PhoneDesk, call_id: int, key: str, number: int = 1) -> None:
    """A key on hold, and what comes at once when the caller has left the line."""
    desk.post(f"/keys?call={call_id}", twilio_forms.call(number, Digits=key))
    desk.post(f"/left?call={call_id}", twilio_forms.call(number, QueueResult="leave"))
    desk.work()


def choose(desk: PhoneDesk, call_id: int, key: str) -> None:
    """When to be called back."""
    desk.post(f"/callback/choice?call={call_id}", twilio_forms.call(Digits=key))


def settle(desk: PhoneDesk, **settings: object) -> None:
    with transaction("test") as session:
        session.get_one(Queue, desk.queue.id).settings = settings


def assigned(call_id: int) -> list[TicketAssigned]:
    """How the call's ticket was assigned, time after time."""
    of_ticket = select(Call.ticket_id).where(Call.id == call_id).scalar_subquery()
    query = select(JournalEntry.data).where(JournalEntry.ticket_id == of_ticket)
    found = db.session().scalars(query.where(JournalEntry.kind == "ticket_assigned").order_by(JournalEntry.id))
    return [TicketAssigned(**one) for one in found]


def wait_ends(ticket_id: int) -> list[str | None]:
    return list(db.session().scalars(select(Wait.end).where(Wait.ticket_id == ticket_id).order_by(Wait.id)))


def test_who_takes_a_caller_that_is_booking_a_callback_has_answered_nobody(desk: PhoneDesk) -> None:
    settle(desk, **ALWAYS)
    ada = Desk(desk.client, desk.agent())
    call_id = desk.arrive()
    press(desk, call_id, "1")

    assert (desk.the_call(call_id).stage, desk.ticket_of(call_id).on_phone) == (Stage.BOOKING, True)
    assert ada.post(f"/queues/{desk.queue.id}/next").status_code == 200
    assert [one.rings for one in assigned(call_id)] == [True]
    assert wait_ends(desk.ticket_of(call_id).id) == [None]
    assert (desk.work(), desk.agent_now(ada.agent).on_call_since) == ([], None)  # there is nothing to ring yet

    choose(desk, call_id, NOW)
    (rung,) = desk.work()

    owed = db.session().scalars(select(Callback)).one()
    assert (rung.form["To"], owed.state) == (f"client:agent-{ada.agent.id}", CallbackState.CALLING)
    assert "customer_answered" not in desk.kinds(call_id)


def test_a_caller_who_books_a_later_window_is_nobodys_until_then(desk: PhoneDesk) -> None:
    settle(desk, **ALWAYS)
    ada = Desk(desk.client, desk.agent())
    call_id = desk.arrive()
    press(desk, call_id, "1")
    ada.post(f"/queues/{desk.queue.id}/next")

    choose(desk, call_id, "2")
    desk.caller_hangs_up()
    desk.work()

    ticket = desk.ticket_of(call_id)
    assert (ticket.assignee_id, ticket.live, ticket.on_phone) == (None, True, False)
    assert ticket.snoozed_until is not None
    assert "customer_answered" not in desk.kinds(call_id)


def test_who_books_and_cannot_be_called_keeps_a_place_for_which_nothing_rings(one: PhoneDesk) -> None:
    settle(one, **ALWAYS)
    call_id = one.arrive(From="anonymous")
    press(one, call_id, "1")

    choose(one, call_id, NOW)

    assert (one.the_call(call_id).stage, one.ticket_of(call_id).on_phone) == (Stage.LEAVING, False)


@pytest.mark.parametrize(
    ("key", "then", "on_phone"), [("3", "hold", True), ("2", "hold", True), ("3", "menu", True), ("1", "hold", True)]
)
def test_a_second_call_that_is_abandoned_leaves_the_place_that_the_first_one_kept(
    desk: PhoneDesk, key: str, then: str, on_phone: bool
) -> None:
    settle(desk, **ALWAYS)
    first = desk.arrive(1)
    press(desk, first, key)
    if key == "1":
        choose(desk, first, NOW)
    desk.caller_hangs_up(1)
    since = desk.ticket_of(first).waiting_since
    if then == "menu":
        with transaction("test") as session:
            menu = {"menu": {"prompt": "For orders, press 1.", "options": {"1": desk.queue.id}}}
            session.get_one(make.Inbox, desk.inbox.id).settings = menu

    second = desk.arrive(2)
    desk.caller_hangs_up(2)

    ticket = desk.ticket_of(first)
    assert desk.the_call(second).ticket_id == ticket.id
    assert (ticket.live, ticket.on_phone, ticket.waiting_since) == (True, on_phone, since)  # and is called now
    assert "live_ended" not in desk.kinds(first)
    assert db.session().scalar(select(func.count()).select_from(Callback)) == 1


def test_a_place_that_was_kept_ends_with_the_second_call_in_which_they_were_answered(desk: PhoneDesk) -> None:
    ada = Desk(desk.client, desk.agent())
    first = desk.arrive(1)
    press(desk, first, "3")
    desk.caller_hangs_up(1)
    second = desk.arrive(2)
    ada.post(f"/calls/{second}/answer")
    desk.talk(second)

    desk.caller_hangs_up(2)

    assert not desk.ticket_of(first).live


def test_a_call_of_ours_that_reaches_nobody_leaves_the_place(one: PhoneDesk) -> None:
    ada = Desk(one.client, one.agent())
    first = one.arrive(1)
    press(one, first, "3")
    one.caller_hangs_up(1)
    placed = ada.post(f"/tickets/{one.ticket_of(first).id}/calls").json["id"]
    one.work()
    one.pick_up(one.legs(placed)[0])
    one.work()
    sid = one.the_call(placed).provider_id or ""

    one.post(f"/room-status?call={placed}", {"CallSid": sid, "CallStatus": "no-answer"})

    assert (one.ticket_of(first).live, one.ticket_of(first).on_phone) == (True, False)


@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
def test_callers_who_come_at_once_never_overfill_a_line(desk: PhoneDesk) -> None:
    settle(desk, max_waiting=2)
    gate = threading.Barrier(6)

    def ring(number: int) -> int:
        form = twilio_forms.call(number, From=f"+1416555017{number}")
        headers = {"X-Twilio-Signature": twilio_forms.sign(desk.settings, VOICE, form)}
        gate.wait(60)
        return desk.app.test_client().post(VOICE, data=form, headers=headers).status_code

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(ring, range(6))) == {200}

    assert db.session().scalar(select(func.count()).select_from(Ticket).where(Ticket.live)) == 2
