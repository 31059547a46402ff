"""Whatever the order in which Twilio tells of a call, and however often, it ends in the same state."""

import itertools
import random

import pytest
from flask import Flask
from sqlalchemy import select

from api import recorded
from channels import gateway
from channels.models import Call
from channels.phone.models import Recording
from tests import make
from tests.channels import twilio_forms
from tests.channels.twilio_forms import sid
from tests.conftest import NOON
from ticketing import journal
from ticketing.envelope import Channel
from ticketing.models import JournalEntry, Message, Ticket
from ticketing.store import db, write_options

SEED = 6
RECORDED = "/inbound/twilio/voice/recording?inbox=%2B15145550100"
TALK = "/inbound/twilio/voice/recording?call=1"
TRANSCRIPT = "/inbound/twilio/voice/transcript"
STATUS = "/inbound/twilio/voice/status"
URL = "https://api.twilio.com/2010-04-01/Accounts/AC1/Recordings/"

Told = tuple[str, str, dict[str, str]]  # of which kind, by which address, the form

ARRIVAL: Told = ("call", "/inbound/twilio/voice", twilio_forms.call())
VOICEMAIL: Told = ("recording", RECORDED, twilio_forms.recording())
WORDS: Told = (
    "transcript",
    TRANSCRIPT,
    {"TranscriptionSid": sid("TR"), "RecordingSid": sid("RE"), "TranscriptionStatus": "completed"}
    | {"TranscriptionText": "It drips."},
)
SPOKEN: Told = (
    "talk",
    TALK,
    {"RecordingSid": sid("RE", 2), "RecordingUrl": f"{URL}{sid('RE', 2)}", "RecordingDuration": "9"},
)


def status(state: str, **fields: str) -> Told:
    return "call-status", STATUS, twilio_forms.status(state, **fields)


COURSES: dict[str, list[Told]] = {
    "a voicemail": [ARRIVAL, status("in-progress"), VOICEMAIL, WORDS, status("completed", CallDuration="42")],
    "a recorded talk": [ARRIVAL, status("in-progress"), SPOKEN, status("completed", CallDuration="42")],
    "hung up at once": [ARRIVAL, status("ringing"), status("canceled", CallDuration="0")],
    "a line that fails": [ARRIVAL, status("in-progress"), status("failed", CallDuration="3")],
}


def tell(app: Flask, told: Told) -> None:
    kind, url, form = told
    settings = app.extensions["comptoir.settings"]
    item = twilio_forms.item(settings, Channel.PHONE, kind, url, form)
    gateway.receive(item, at=NOON)
    _work_off()


def _work_off() -> None:
    """Do what the workers do of it, but for fetching the sound."""
    done = set[int]()
    while rows := [row for row in db.session().scalars(FOLLOWED) if row.id not in done]:
        entries = {row.id: journal.entry_of(row) for row in rows}
        for entry in entries.values():
            recorded.take_in_what_came_early(entry)
        done |= entries.keys()


FOLLOWED = select(JournalEntry).where(JournalEntry.kind.in_(("call_arrived", "voicemail_recorded", "talk_recorded")))


def outcome() -> object:
    """How everything stands in the end; not when it was told."""
    db.session().rollback()
    calls = [(one.state, one.stage, one.duration_seconds, one.ended_at) for one in db.session().scalars(select(Call))]
    recordings = db.session().execute(select(Recording.provider_id, Recording.kind, Recording.transcript)).all()
    messages = db.session().execute(select(Message.kind, Message.body)).all()
    tickets = [(one.live, one.on_phone, one.status) for one in db.session().scalars(select(Ticket))]
    kinds = sorted(kind for kind in db.session().scalars(select(JournalEntry.kind)) if kind in TOLD_ONCE)
    return calls, sorted(map(tuple, recordings)), sorted(map(tuple, messages)), tickets, kinds


TOLD_ONCE = {"call_arrived", "call_ended", "voicemail_recorded", "talk_recorded", "transcript_added", "live_ended"}


def orders(course: list[Told]) -> list[list[Told]]:
    """Orders of what is told, with one of them twice: a sample that is the same every time."""
    doubled = [[*order, again] for order in itertools.permutations(course) for again in course]
    # The address by which a talk is told has our own id of the call, so that it cannot come first.
    doubled = [one for one in doubled if SPOKEN not in one or one.index(ARRIVAL) < one.index(SPOKEN)]
    shuffled = random.Random(SEED)
    for one in doubled:
        one.insert(shuffled.randrange(one.index(ARRIVAL) + 1, len(one)), one.pop())
    return [course, *shuffled.sample(doubled, min(len(doubled), 14))]


@pytest.mark.parametrize("name", COURSES)
def test_every_order_and_doubling_ends_in_the_same_state(sqlite_app: Flask, name: str) -> None:
    make.inbox(Channel.PHONE)
    outcomes = []
    for order in orders(COURSES[name]):
        for told in order:
            tell(sqlite_app, told)
        outcomes.append(outcome())
        _forget_all()

    assert outcomes[1:] == outcomes[:1] * (len(outcomes) - 1)


def _forget_all() -> None:
    """Empty what a call leaves, so that the next order begins anew."""
    db.session().rollback()
    tables = ("recording", "callback", "call_leg", "delivery", "inbound_item", "call", "journal", "wait", "attachment")
    with db.engine.connect().execution_options(**write_options()) as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        for table in (*tables, "message", "ticket", "handle", "customer", "search_entry"):
            connection.exec_driver_sql(f'DELETE FROM "{table}"')
        connection.commit()
    db.session.remove()
