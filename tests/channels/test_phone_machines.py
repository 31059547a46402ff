"""A callback that a mailbox picks up has reached nobody, though who is there hears the agent at once."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from api import tick
from channels.models import Call
from channels.phone.models import Callback, CallbackState
from channels.phone.states import Stage
from channels.sandbox.devices import Answers
from config.settings import Settings
from tests.api.desk import Desk
from tests.channels import phone_desk, twilio_forms
from tests.channels.phone_desk import PhoneDesk
from tests.channels.scripted_desk import OURS, THEIRS, URL, exchange, rest
from tests.channels.test_phone_places import ALWAYS, NOW, choose, press, settle
from ticketing.models import Message, MessageKind
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction


class CalledBack:
    """An agent in the room, and the phone of a customer that rings for a callback."""

    def __init__(self, desk: PhoneDesk, **callback: object) -> None:
        settle(desk, callback={**ALWAYS["callback"], **callback})
        self.desk, self.agent = desk, desk.agent()
        first = desk.arrive()
        press(desk, first, "1")
        choose(desk, first, NOW)
        desk.caller_hangs_up()
        Desk(desk.client, self.agent).post(f"/queues/{desk.queue.id}/next")
        (self.rung,) = desk.work()
        self.id = self.owed.call_id or 0
        desk.pick_up(desk.legs(self.id)[0])
        (self.dialled,) = desk.work()

    @property
    def owed(self) -> Callback:
        return db.session().scalars(select(Callback).execution_options(populate_existing=True)).one()

    @property
    def sid(self) -> str:
        return self.desk.the_call(self.id).provider_id or ""

    def comes_in(self) -> None:
        """Whoever picked up is in the room."""
        self.desk.enter(self.id)
        self.desk.conference(self.id, self.sid, "participant-join", 3)

    def told(self, by: str) -> None:
        """What Twilio has found out."""
        self.desk.post(f"/room-machine?call={self.id}", {"CallSid": self.sid, "AnsweredBy": by})

    def line_ends(self, status: str = "completed") -> None:
        self.desk.post(f"/room-status?call={self.id}", {"CallSid": self.sid, "CallStatus": status})
        self.desk.work()

    def answered(self) -> bool:
        return "customer_answered" in self.desk.kinds(self.id)


@pytest.fixture
def desk(app: Flask) -> Iterator[PhoneDesk]:
    with phone_desk.running(app) as running:
        yield running


@pytest.fixture
def one(sqlite_app: Flask) -> Iterator[PhoneDesk]:
    with phone_desk.running(sqlite_app) as running:
        yield running


def test_twilio_listens_for_machines_while_the_customer_hears_the_agent(one: PhoneDesk) -> None:
    call = CalledBack(one)

    assert "MachineDetection" not in call.rung.form  # at the agent's own telephone a person presses a key
    asked = {name: value for name, value in call.dialled.form.items() if "Machine" in name or "Amd" in name}
    assert asked == {
        "MachineDetection": "Enable",
        "MachineDetectionTimeout": "10",
        "AsyncAmd": "true",
        "AsyncAmdStatusCallback": f"http://desk.example{phone_desk.VOICE}/room-machine?call={call.id}",
        "AsyncAmdStatusCallbackMethod": "POST",
    }


@pytest.mark.parametrize("by", ["human", "unknown"])
@pytest.mark.parametrize("first", ["room", "word"])
def test_a_person_is_answered_once_it_is_known_that_they_are_one(one: PhoneDesk, by: str, first: str) -> None:
    call = CalledBack(one)
    if first == "room":
        call.comes_in()
        assert (one.the_call(call.id).stage, call.answered()) == (Stage.TALKING, False)
    call.told(by)
    assert call.answered() == (first == "room")
    if first == "word":
        call.comes_in()

    assert call.answered()
    assert (call.owed.state, one.the_call(call.id).answered_at is not None) == (CallbackState.DONE, True)
    call.told("machine_start")  # twice, or too late: no news
    assert one.the_call(call.id).stage == Stage.TALKING


@pytest.mark.parametrize("by", ["machine_start", "fax"])
def test_a_mailbox_is_not_the_customer_who_is_called_again_by_rule(desk: PhoneDesk, by: str) -> None:
    call = CalledBack(desk, attempts=2)
    call.comes_in()
    place = call.owed.waiting_since

    call.told(by)
    cut = desk.work()
    call.line_ends()

    assert not call.answered()
    assert {(one.resource, one.form.get("Status", "words")) for one in cut} == {
        (f"Calls/{call.sid}", "completed"),
        (f"Calls/{desk.legs(call.id)[0].provider_id}", "words"),
    }
    assert "A mailbox picked up" in next(one.form["Twiml"] for one in cut if "Twiml" in one.form)
    owed, ticket = call.owed, desk.ticket_of(call.id)
    assert (owed.state, owed.attempts, owed.outcome) == (CallbackState.BOOKED, 1, "a mailbox picked up")
    assert (ticket.assignee_id, ticket.live, ticket.on_phone, ticket.waiting_since) == (None, True, False, place)
    assert desk.agent_now(call.agent).on_call_since is None


def test_after_the_last_mailbox_we_leave_word(one: PhoneDesk) -> None:
    call = CalledBack(one, attempts=1)
    call.comes_in()
    call.told("machine_start")
    call.line_ends()

    assert (call.owed.state, call.answered()) == (CallbackState.MISSED, False)
    left = db.session().scalars(select(Message.body).where(Message.kind == MessageKind.OUTBOUND)).all()
    assert [words for words in left if "we could not reach you" in words]


def test_an_agent_who_hangs_up_on_a_mailbox_before_twilio_knows_has_spoken_with_nobody(one: PhoneDesk) -> None:
    call = CalledBack(one)
    call.comes_in()

    Desk(one.client, call.agent).post(f"/calls/{call.id}/end")
    one.work()
    call.line_ends()

    assert (call.owed.state, call.owed.outcome, call.answered()) == (CallbackState.BOOKED, "nobody spoke", False)
    assert one.agent_now(call.agent).presence == "online"


def test_where_twilio_says_nothing_it_was_a_person(one: PhoneDesk) -> None:
    call = CalledBack(one)
    call.comes_in()
    tick.catch_up_calls()
    assert not call.answered()
    with transaction("test") as session:
        row = session.get_one(Call, call.id)
        row.joined_at = utc_now() - timedelta(seconds=31)

    tick.catch_up_calls()
    db.session.rollback()

    assert call.answered()


def test_word_of_a_machine_in_a_call_that_nobody_asked_about_is_no_news(one: PhoneDesk) -> None:
    call_id = one.arrive()

    one.post(f"/room-machine?call={call_id}", {"CallSid": twilio_forms.sid("CA", 1), "AnsweredBy": "machine_start"})

    assert one.the_call(call_id).stage == Stage.HOLDING


@pytest.mark.parametrize(("answers", "by"), [(Answers.MAILBOX, "machine_start"), (Answers.ITSELF, "human")])
def test_the_sandbox_tells_a_machine_from_a_person_while_the_call_goes_on(
    answers: Answers, by: str, base_settings: Settings, tmp_path: Path
) -> None:
    board, desk = exchange(base_settings, tmp_path, {"/answer": "<Dial><Conference>room</Conference></Dial>"})
    board.open(THEIRS, answers)
    listens = {"MachineDetection": "Enable", "AsyncAmd": "true", "AsyncAmdStatusCallback": f"{URL}/machine"}
    rest(board, "POST", "Calls.json", To=THEIRS, From=OURS, Url=f"{URL}/answer", **listens)
    board.run_for(60)

    assert "AnsweredBy" not in desk.asked("/answer")[0]
    assert [form["AnsweredBy"] for form in desk.asked("/machine")] == [by]
