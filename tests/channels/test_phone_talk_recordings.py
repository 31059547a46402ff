"""Recordings of talks whose ticket is merged meanwhile, that are deleted meanwhile, or that never come."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from api import recorded
from channels.phone import recorded_sound, recordings
from channels.phone.models import Recording, RecordingState
from tests import make
from tests.channels import phone_desk, twilio_forms
from tests.channels.phone_desk import Answer, PhoneDesk
from tests.channels.test_phone_places import settle
from tests.ticketing.test_concurrency import while_held
from ticketing import lifecycle, merging
from ticketing.envelope import Channel
from ticketing.events import SYSTEM
from ticketing.models import JournalEntry, Message
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction


@pytest.fixture
def desk(app: Flask) -> Iterator[PhoneDesk]:
    with phone_desk.running(app) as running:
        yield running


@pytest.fixture
def one(sqlite_app: Flask) -> Iterator[PhoneDesk]:
    with phone_desk.running(sqlite_app) as running:
        yield running


def word() -> dict[str, str]:
    """Twilio's word that a talk was recorded."""
    sid = twilio_forms.sid("RE", 5)
    return {
        "RecordingSid": sid,
        "RecordingUrl": f"https://api.twilio.com/2010-04-01/Accounts/AC0/Recordings/{sid}",
        "RecordingStatus": "completed",
        "RecordingDuration": "60",
        "ConferenceSid": twilio_forms.sid("CF", 1),
    }


def the_recording() -> Recording:
    return db.session().scalars(select(Recording).execution_options(populate_existing=True)).one()


def test_one_that_could_not_be_fetched_is_deleted_too_when_its_days_are_over(one: PhoneDesk) -> None:
    settle(one, retention_days=30)
    call_id = one.arrive()
    one.exchange.answers = [Answer(403)]
    one.post(f"/recording?call={call_id}", word())
    one.work()
    assert the_recording().state is RecordingState.FAILED
    with transaction("test") as session:
        session.get_one(Recording, the_recording().id).delete_after = utc_now() - timedelta(days=1)

    recorded.delete_overdue()

    assert the_recording().state is RecordingState.DELETED


def test_what_arrives_of_one_that_was_deleted_meanwhile_is_not_kept(one: PhoneDesk) -> None:
    call_id = one.arrive()
    one.post(f"/recording?call={call_id}", word())
    recording_id = the_recording().id
    with transaction("test"):  # while its sound is on the way
        ticket, recording = recorded_sound.lock(recording_id)
        recordings.discard(ticket, recording, words=True, by=SYSTEM, at=utc_now())

    recorded_sound._keep(recording_id, b"RIFF secret", utc_now())

    said = select(JournalEntry).where(JournalEntry.kind == "recording_deleted").order_by(JournalEntry.id.desc())
    newest = db.session().scalars(said).first()
    assert newest is not None
    assert newest.data["files"] == [hashlib.sha256(b"RIFF secret").hexdigest()]


@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
def test_one_that_is_told_while_its_ticket_is_merged_is_on_the_ticket_that_there_is_now(desk: PhoneDesk) -> None:
    call_id = desk.arrive()
    source = desk.ticket_of(call_id).id
    into = make.ticket(queue=desk.queue, channel=Channel.EMAIL).id
    db.session.rollback()

    def merge() -> None:
        rows = {ticket_id: lifecycle.lock_ticket(ticket_id) for ticket_id in sorted((source, into))}
        merging.merge(rows[source], rows[into], by=SYSTEM, at=utc_now())

    while_held(desk.app, merge, lambda: desk.post(f"/recording?call={call_id}", word()))

    shown = select(Message.ticket_id).join(Recording, Recording.message_id == Message.id)
    assert desk.the_call(call_id).ticket_id == into
    assert db.session().scalars(shown).all() == [into]
