"""Calls as Twilio tells of them: arrival, voicemail and end, each once, in any order."""

from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import func, select

from channels import gateway
from channels.gateway import Received
from channels.models import Call, ItemState
from channels.phone.models import Recording
from channels.phone.opening import Opening
from config.settings import Settings
from tests import make
from tests.channels import twilio_forms
from tests.conftest import NOON
from ticketing.envelope import Channel
from ticketing.models import Customer, Handle, JournalEntry, Message, Ticket
from ticketing.store import db

RECORDING = "/inbound/twilio/voice/recording?inbox=%2B15145550100"


@pytest.fixture
def phone(app: Flask) -> Settings:
    """A desk with a phone number."""
    make.inbox(Channel.PHONE)
    settings: Settings = app.extensions["comptoir.settings"]
    return settings


def ring(settings: Settings, number: int = 1, **fields: str) -> Received:
    form = twilio_forms.call(number, **fields)
    item = twilio_forms.item(settings, Channel.PHONE, "call", "/inbound/twilio/voice", form)
    return gateway.receive(replace(item, meta=Opening().meta()), at=NOON)  # as the door knows it: the line is open


def record(settings: Settings, number: int = 1, **fields: str) -> Received:
    form = twilio_forms.recording(number, **fields)
    return gateway.receive(twilio_forms.item(settings, Channel.PHONE, "recording", RECORDING, form), at=NOON)


def tell(settings: Settings, state: str, number: int = 1, **fields: str) -> Received:
    form = twilio_forms.status(state, number, **fields)
    item = twilio_forms.item(settings, Channel.PHONE, "call-status", "/inbound/twilio/voice/status", form)
    return gateway.receive(item, at=NOON)


def kinds(ticket_id: int | None) -> list[str]:
    query = select(JournalEntry.kind).where(JournalEntry.ticket_id == ticket_id).order_by(JournalEntry.id)
    return list(db.session().scalars(query))


def count(model: type) -> int:
    return db.session().scalar(select(func.count()).select_from(model)) or 0


def the_call() -> Call:
    return db.session().scalars(select(Call).execution_options(populate_existing=True)).one()


def the_ticket() -> Ticket:
    return db.session().scalars(select(Ticket).execution_options(populate_existing=True)).one()


def test_a_call_is_a_live_ticket_while_it_rings(phone: Settings) -> None:
    received = ring(phone)

    assert kinds(received.ticket_id) == ["ticket_opened", "message_received", "call_arrived", "live_began"]
    assert the_ticket().live
    assert the_ticket().subject == "Phone call"
    assert (the_call().state, the_call().message_id) == ("ringing", received.message_id)


def test_a_caller_is_known_by_the_number(phone: Settings) -> None:
    known = make.customer("Karim", phone=twilio_forms.THEIRS)

    ring(phone)

    assert the_ticket().customer_id == known.id


@pytest.mark.parametrize(
    "number",
    ["+266696687", "266696687", "+7378742833", "+2562533", "+8656696", "+86282452253", "Anonymous", "RESTRICTED", ""],
)
def test_a_withheld_number_is_a_person_without_handle(phone: Settings, number: str) -> None:
    received = ring(phone, From=number)

    assert received.state is ItemState.PROCESSED
    assert db.session().get_one(Message, received.message_id).body == "Called with the number withheld."
    assert count(Handle) == 0


def test_a_caller_without_a_telephone_number_is_not_turned_away(phone: Settings) -> None:
    ring(phone, From="sip:karim@home.example")

    assert the_ticket().customer.name == "sip:karim@home.example"
    assert count(Handle) == 0


def test_a_voicemail_lies_on_its_calls_ticket(phone: Settings) -> None:
    arrived = ring(phone)

    received = record(phone)

    assert received.ticket_id == arrived.ticket_id
    assert db.session().get_one(Message, received.message_id).body == "Left a voicemail of 7 seconds."
    recording = db.session().scalars(select(Recording)).one()
    assert (recording.call_id, recording.message_id) == (the_call().id, received.message_id)
    assert recording.state == "announced"
    assert kinds(received.ticket_id)[4:] == ["message_received", "voicemail_recorded"]
    assert (the_ticket().live, the_ticket().on_phone) == (True, False)  # the place is kept


def test_the_voicemail_of_a_withheld_number_is_the_callers(phone: Settings) -> None:
    ring(phone, From="anonymous")

    received = record(phone)

    assert db.session().get_one(Message, received.message_id).author_customer_id == the_ticket().customer_id
    assert count(Customer) == 1


def test_both_doors_tell_of_a_voicemail_and_it_is_one(phone: Settings) -> None:
    ring(phone)
    form = twilio_forms.call() | twilio_forms.recording() | {"CallStatus": "in-progress", "Digits": "#"}
    del form["RecordingStatus"]
    url = "/inbound/twilio/voice/recorded?inbox=%2B15145550100"

    first = gateway.receive(twilio_forms.item(phone, Channel.PHONE, "recording", url, form), at=NOON)
    second = record(phone)

    assert second.duplicate
    assert first.message_id == second.message_id
    assert count(Message) == 2


@pytest.mark.parametrize("status", ["absent", "failed", "in-progress"])
def test_a_recording_that_is_none_is_ignored(phone: Settings, status: str) -> None:
    ring(phone)

    assert record(phone, RecordingStatus=status).state is ItemState.IGNORED
    assert count(Message) == 1


def test_a_voicemail_of_an_unknown_call_waits_for_the_call(phone: Settings) -> None:
    early = record(phone)
    ring(phone)

    again = gateway.replay(early.item_id, at=NOON)

    assert early.state is ItemState.QUARANTINED
    assert not early.malformed
    assert again.state is ItemState.PROCESSED
    assert again.ticket_id == the_ticket().id


def test_the_end_of_a_call_ends_the_wait_at_the_other_end(phone: Settings) -> None:
    ring(phone)
    tell(phone, "in-progress")

    tell(phone, "completed", CallDuration="42")

    assert (the_call().state, the_call().duration_seconds, the_call().ended_at) == ("ended", 42, NOON)
    assert kinds(the_ticket().id)[4:7] == ["call_ended", "live_ended", "call_abandoned"]
    assert not the_ticket().live


def test_late_and_double_news_changes_nothing(phone: Settings) -> None:
    ring(phone)
    tell(phone, "completed")
    before = kinds(the_ticket().id)

    double, late, other = tell(phone, "completed"), tell(phone, "in-progress"), tell(phone, "no-answer")

    assert double.duplicate
    assert late.state is ItemState.IGNORED
    assert other.state is ItemState.IGNORED
    assert the_call().state == "ended"
    assert kinds(the_ticket().id) == before


def test_an_end_that_overtakes_the_arrival_counts_all_the_same(phone: Settings) -> None:
    early = tell(phone, "completed")

    ring(phone)

    assert early.state is ItemState.QUARANTINED
    assert the_call().state == "ended"
    assert not the_ticket().live
    assert tell(phone, "completed").duplicate


def test_the_first_calls_end_does_not_hang_up_the_second(phone: Settings) -> None:
    ring(phone, 1)
    ring(phone, 2)

    tell(phone, "completed", 1)

    assert the_ticket().live
    tell(phone, "completed", 2)
    assert not the_ticket().live


@pytest.mark.parametrize("missing", ["CallSid", "RecordingSid", "RecordingUrl"])
def test_a_recording_without_what_it_needs_is_malformed(phone: Settings, missing: str) -> None:
    assert record(phone, **{missing: ""}).malformed
