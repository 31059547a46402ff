"""The wait of a caller, as they lived it: from their call over a change of channel and a callback until a person speaks
with them; reckoned and explained.
"""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from channels.phone import callbacks
from channels.phone.models import Callback
from channels.phone.states import CallState
from sla.agreement import Metric
from sla.explanations import explanations_of
from sla.models import Clock, Promise
from sla.words import Language
from tests import make
from tests.channels.test_callbacks import Line, callback, due, free, hang_up, speak, take_next
from tests.conftest import NOON
from ticketing import lifecycle, lines
from ticketing.envelope import Channel
from ticketing.events import SYSTEM
from ticketing.store import db
from ticketing.transaction import transaction

MINUTE = timedelta(minutes=1)


def wait_of(ticket_id: int) -> Clock:
    clocks = db.session().scalars(select(Clock).where(Clock.ticket_id == ticket_id, Clock.metric == Metric.QUEUE_WAIT))
    (found,) = clocks.all()
    return found


@pytest.fixture
def line(sqlite_app: Flask) -> Line:
    make.policy("Calls", targets={"queue_wait": {"allowance_seconds": 600}})
    return Line(attempts=3, retry_seconds=300)


def test_the_wait_goes_on_over_a_callback_and_a_change_of_channel_until_somebody_speaks(line: Line) -> None:
    call = line.caller(at=NOON)
    ticket_id = db.session().get_one(callbacks.Call, call).ticket_id
    with transaction("phone"):  # they go on by text message, and then want to be called after all
        lines.begin(lifecycle.lock_ticket(ticket_id), Channel.SMS, on_phone=False, since=NOON, by=SYSTEM, at=NOON)
    line.ask_for_callback(call, at=NOON + 2 * MINUTE)
    agent, other = line.agent(), line.agent()
    take_next(line, agent, at=NOON + 3 * MINUTE)
    with transaction("phone"):
        lifecycle.release(lifecycle.lock_ticket(ticket_id), by=SYSTEM, at=NOON + 4 * MINUTE, reason="did not pick up")
    take_next(line, other, at=NOON + 5 * MINUTE)
    running = wait_of(ticket_id).met_at
    speak(ticket_id, other, at=NOON + 6 * MINUTE)
    (told,) = explanations_of(ticket_id, NOON + 9 * MINUTE, language=Language.ENGLISH, metric=Metric.QUEUE_WAIT)
    (french,) = explanations_of(ticket_id, NOON + 9 * MINUTE, language=Language.FRENCH, metric=Metric.QUEUE_WAIT)

    assert running is None
    assert (wait_of(ticket_id).started_at, wait_of(ticket_id).met_at) == (NOON, NOON + 6 * MINUTE)
    assert (told.elapsed_seconds, told.differs) == (360, None)
    assert [one.why for one in told.intervals] == [
        "Open from 12:00 to 12:06 on Wednesday 18 November. "
        "At 12:03 somebody took it and phones rang, which is no answer yet. "
        "At 12:04 it was given back, and the customer kept their place. "
        "At 12:05 somebody took it and phones rang, which is no answer yet. "
        "Then somebody spoke with the customer"
    ]
    assert "un téléphone a sonné, ce qui n’est pas une réponse" in french.intervals[0].why
    assert "quelqu’un a parlé avec le client" in french.summary.lower().replace("'", "’")


def test_time_that_the_customer_chose_to_be_called_later_is_told_and_not_counted(line: Line) -> None:
    call = line.caller(at=NOON)
    owed = line.ask_for_callback(call, at=NOON + 2 * MINUTE, not_before=NOON + 60 * MINUTE)
    due(NOON + 60 * MINUTE)
    agent = line.agent()
    ticket_id = take_next(line, agent, at=NOON + 61 * MINUTE) or 0
    speak(ticket_id, agent, at=NOON + 62 * MINUTE)
    (told,) = explanations_of(ticket_id, NOON + 70 * MINUTE, language=Language.ENGLISH, metric=Metric.QUEUE_WAIT)

    assert callback(owed).ticket_id == ticket_id
    assert [(one.kind, one.counted_seconds) for one in told.intervals] == [
        ("counted", 120),
        ("paused", 0),
        ("counted", 120),
    ]
    assert told.differs is None


def test_a_customer_whose_agent_is_gone_waits_since_they_called_and_that_is_told(line: Line) -> None:
    call = line.caller(at=NOON)
    ticket_id = db.session().get_one(callbacks.Call, call).ticket_id
    agent = line.agent()
    take_next(line, agent, at=NOON + MINUTE)
    speak(ticket_id, agent, at=NOON + 2 * MINUTE)
    with transaction("phone"):
        row = lifecycle.lock_ticket(ticket_id)
        lines.lose(row, Channel.PHONE, since=NOON, by=SYSTEM, at=NOON + 5 * MINUTE)
    (_, told) = explanations_of(ticket_id, NOON + 6 * MINUTE, language=Language.ENGLISH, metric=Metric.QUEUE_WAIT)

    assert (told.started_at, told.elapsed_seconds) == (NOON, 360)
    assert "At 12:05 whoever spoke with the customer was gone" in told.intervals[0].why


def test_a_window_that_was_promised_is_a_promise_of_the_ticket(line: Line) -> None:
    window = {"not_before": NOON + 60 * MINUTE, "not_after": NOON + 120 * MINUTE}
    numbers = ("+15145550131", "+15145550132", "+15145550133")
    spoken, missed, cancelled = (
        line.ask_for_callback(line.caller(one, at=NOON), at=NOON + MINUTE, **window) for one in numbers
    )
    by_window = [promise(one).due_at for one in (spoken, missed, cancelled)]
    last = callback(cancelled).promise_id
    ticket_id = callback(cancelled).ticket_id
    with transaction("api") as session:
        ticket = lifecycle.lock_ticket(ticket_id)
        row = session.get_one(Callback, cancelled)
        callbacks.cancel(row, ticket, why="they wrote", by=SYSTEM, at=NOON + 5 * MINUTE)
    due(NOON + 60 * MINUTE)
    agent = line.agent()
    take_next(line, agent, at=NOON + 61 * MINUTE)
    speak(callback(spoken).ticket_id, agent, at=NOON + 62 * MINUTE)
    free(agent)
    take_next(line, agent, at=NOON + 63 * MINUTE)
    hang_up(callback(missed).call_id or 0, at=NOON + 64 * MINUTE, state=CallState.UNANSWERED)

    assert by_window == [NOON + 120 * MINUTE] * 3
    assert promise(spoken).kept_at == NOON + 62 * MINUTE
    assert promise(missed).kept_at == NOON + 64 * MINUTE  # they were called, though not reached
    assert db.session().get_one(Promise, last).withdrawn_at == NOON + 5 * MINUTE


def promise(callback_id: int) -> Promise:
    return db.session().get_one(Promise, callback(callback_id).promise_id)
