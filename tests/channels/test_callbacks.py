"""Calls that we owe customers: the place kept, the right moment, phones that ring, and what comes of it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from api import calling_back
from channels.events import CallbackCancelled
from channels.models import Call
from channels.phone import callbacks, ending
from channels.phone.callbacks import Window
from channels.phone.models import Callback, CallbackState
from channels.phone.states import CallState, Stage
from tests import make
from tests.conftest import NOON
from ticketing import conversation, lifecycle, lines, routing, waits
from ticketing.envelope import Channel, MessageState
from ticketing.errors import Conflict, InvalidInput
from ticketing.events import SYSTEM, Actor
from ticketing.models import Agent, JournalEntry, Message, MessageKind, Presence, Queue, Ticket
from ticketing.status import Status
from ticketing.store import db
from ticketing.transaction import transaction

NUMBER = "+15145550123"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class Line:
    """A queue with a number, its callers and its agents."""

    def __init__(self, **callback: Any) -> None:
        self.queue = make.queue()
        self.inbox = make.inbox(Channel.PHONE, queue=self.queue)
        with transaction("test") as session:
            session.get_one(Queue, self.queue.id).settings = {"callback": callback} if callback else {}

    def caller(self, number: str = NUMBER, *, at: datetime = NOON) -> int:
        """A caller who holds the line; the id of their call."""
        who = make.customer(phone=number)
        ticket = make.ticket(queue=self.queue, channel=Channel.PHONE, customer=who, at=at)
        with transaction("phone") as session:
            row = lifecycle.lock_ticket(ticket.id)
            call = Call(
                provider_id=f"CA{ticket.id}",
                ticket_id=ticket.id,
                inbox_id=self.inbox.id,
                state=CallState.ANSWERED,
                stage=Stage.HOLDING,
                number=number,
                language="en-US",
                waiting_since=at,
                held_at=at,
                started_at=at,
            )
            session.add(call)
            lines.begin(row, Channel.PHONE, on_phone=True, since=at, by=Actor.customer(who.id), at=at)
            session.flush()
            return call.id

    def agent(self, **values: Any) -> int:
        """An agent who is there, with a telephone."""
        device = {"device_kind": "number", "device_address": "+15145550199", "presence": Presence.ONLINE}
        return make.agent(**{**device, **values}).id

    def ask_for_callback(self, call_id: int, *, at: datetime, **window: Any) -> int:
        """A caller who asks to be called back, and hangs up."""
        with transaction("phone") as session:
            call = session.get_one(Call, call_id)
            ticket = lifecycle.lock_ticket(call.ticket_id)
            call.stage = Stage.LEAVING
            wanted = Window(window.get("not_before", at), window.get("not_after"))
            callback = callbacks.book_for_caller(ticket, call, wanted, reason="asked", at=at)
            callback_id = callback.id
        hang_up(call_id, at=at)
        return callback_id


def hang_up(call_id: int, *, at: datetime, state: CallState = CallState.ENDED) -> None:
    with transaction("phone") as session:
        call = session.get_one(Call, call_id)
        ticket = lifecycle.lock_ticket(call.ticket_id)
        call.provider_id = call.provider_id or f"CA-out-{call.id}"
        ending.close(ticket, call, state, at=at)


def take_next(line: Line, agent_id: int, *, at: datetime) -> int | None:
    with transaction("api") as session:
        queue, agent = session.get_one(Queue, line.queue.id), session.get_one(Agent, agent_id)
        ticket = routing.claim_next(queue, agent, at=at)
        return ticket.id if ticket else None


def speak(ticket_id: int, agent_id: int, *, at: datetime) -> None:
    with transaction("phone") as session:
        lines.answer(lifecycle.lock_ticket(ticket_id), session.get_one(Agent, agent_id), Channel.PHONE, at=at)


def free(agent_id: int) -> None:
    with transaction("test") as session:
        agent = session.get_one(Agent, agent_id)
        agent.on_call_since, agent.presence = None, Presence.ONLINE


def callback(callback_id: int) -> Callback:
    db.session.remove()
    return db.session().get_one(Callback, callback_id)


def ticket_of(callback_id: int) -> Ticket:
    ticket_id = callback(callback_id).ticket_id  # first: it begins a new session
    return db.session().get_one(Ticket, ticket_id)


def kinds(ticket_id: int, *of: str) -> list[str]:
    query = select(JournalEntry.kind).where(JournalEntry.ticket_id == ticket_id, JournalEntry.kind.in_(of))
    return list(db.session().scalars(query.order_by(JournalEntry.id)))


def told(ticket_id: int, kind: str) -> list[dict[str, Any]]:
    query = select(JournalEntry.data).where(JournalEntry.ticket_id == ticket_id, JournalEntry.kind == kind)
    return list(db.session().scalars(query.order_by(JournalEntry.id)))


def test_who_asks_to_be_called_as_soon_as_it_is_their_turn_keeps_their_place(app: Flask) -> None:
    line = Line()
    calls = [line.caller(f"+1514555012{number}", at=NOON + number * MINUTE) for number in range(3)]
    owed = line.ask_for_callback(calls[1], at=NOON + 5 * MINUTE)
    ticket = ticket_of(owed)

    assert callback(owed).state is CallbackState.DUE
    assert (ticket.live, ticket.on_phone, ticket.waiting_since) == (True, True, NOON + MINUTE)
    assert waits.position(ticket) == 2
    assert kinds(ticket.id, "callback_booked", "callback_due", "live_ended") == ["callback_booked", "callback_due"]


def test_the_agent_who_takes_it_is_rung_first_and_it_is_done_when_they_speak(app: Flask) -> None:
    line = Line()
    owed = line.ask_for_callback(line.caller(), at=NOON + MINUTE)
    agent = line.agent()
    taken = take_next(line, agent, at=NOON + 2 * MINUTE)
    calling = callback(owed)
    call = db.session().get_one(Call, calling.call_id)
    rung = (call.outbound, call.number, call.stage, call.agent_id, call.waiting_since)
    state, attempts = calling.state, calling.attempts
    speak(calling.ticket_id, agent, at=NOON + 3 * MINUTE)

    assert taken == callback(owed).ticket_id
    assert (state, attempts) == (CallbackState.CALLING, 1)
    assert rung == (True, NUMBER, Stage.OFFERED, agent, NOON)
    assert callback(owed).state is CallbackState.DONE
    assert callback(owed).finished_at == NOON + 3 * MINUTE
    assert told(callback(owed).ticket_id, "callback_done") == [{"callback_id": owed, "agent_id": agent}]


def test_an_agent_who_does_not_pick_up_gives_it_back_to_its_place(app: Flask) -> None:
    line = Line()
    owed = line.ask_for_callback(line.caller(), at=NOON + MINUTE)
    later = line.caller("+15145550188", at=NOON + MINUTE)
    absent, present = line.agent(), line.agent()
    take_next(line, absent, at=NOON + 2 * MINUTE)
    placed = callback(owed).call_id
    with transaction("phone") as session:
        call = session.get_one(Call, placed)
        ticket = lifecycle.lock_ticket(call.ticket_id)
        ending.end_call(ticket, call, "did not pick up", by=SYSTEM, at=NOON + 3 * MINUTE)
    given_back = callback(owed).state, callback(owed).attempts, ticket_of(owed).assignee_id
    taken = take_next(line, present, at=NOON + 4 * MINUTE)

    assert given_back == (CallbackState.DUE, 0, None)
    assert taken == callback(owed).ticket_id
    assert (callback(owed).state, callback(owed).attempts) == (CallbackState.CALLING, 1)
    assert db.session().get_one(Ticket, db.session().get_one(Call, later).ticket_id).assignee_id is None


def test_a_customer_who_is_not_there_is_tried_again_by_rule_and_then_left_word(app: Flask) -> None:
    line = Line(attempts=2, retry_seconds=300)
    texts = make.inbox(Channel.SMS, queue=line.queue)
    owed = line.ask_for_callback(line.caller(), at=NOON)
    agent = line.agent()
    take_next(line, agent, at=NOON + MINUTE)
    hang_up(callback(owed).call_id or 0, at=NOON + 2 * MINUTE, state=CallState.BUSY)
    waiting = ticket_of(owed)
    between = callback(owed).state, callback(owed).next_at, waiting.assignee_id, waiting.live, waits.position(waiting)
    free(agent)
    due(NOON + 6 * MINUTE), due(NOON + 7 * MINUTE)
    again = callback(owed).state, waits.position(ticket_of(owed)), ticket_of(owed).waiting_since
    take_next(line, agent, at=NOON + 8 * MINUTE)
    hang_up(callback(owed).call_id or 0, at=NOON + 9 * MINUTE, state=CallState.UNANSWERED)
    ticket = ticket_of(owed)
    written = (
        db.session().scalars(select(Message).where(Message.kind == MessageKind.OUTBOUND).order_by(Message.id)).all()
    )

    assert between == (CallbackState.BOOKED, NOON + 7 * MINUTE, None, True, 0)
    assert again == (CallbackState.DUE, 1, NOON)
    assert (callback(owed).state, ticket.live, ticket.on_phone, ticket.assignee_id) == (
        *(CallbackState.MISSED, False, False),
        agent,
    )
    assert [(one.channel, one.inbox_id, one.automatic, one.state) for one in written] == [
        (Channel.PHONE, line.inbox.id, True, MessageState.QUEUED),
        (Channel.SMS, texts.id, True, MessageState.QUEUED),
    ]
    assert [one["outcome"] for one in told(ticket.id, "callback_tried")] == ["the line was busy", "nobody picked up"]
    assert told(ticket.id, "callback_missed") == [{"callback_id": owed, "attempts": 2}]


def due(at: datetime) -> None:
    """Let the ticker come by."""
    for callback_id in callbacks.due_ids(at):
        with transaction("ticker"):
            callbacks.fall_due(callback_id, opens_at=None, at=at)


def test_who_chooses_a_later_window_is_put_away_until_then_and_comes_before_later_callers(app: Flask) -> None:
    line = Line()
    call = line.caller()
    owed = line.ask_for_callback(call, at=NOON + 5 * MINUTE, not_before=NOON + HOUR, not_after=NOON + 2 * HOUR)
    agent = line.agent()
    until_then = take_next(line, agent, at=NOON + 10 * MINUTE), ticket_of(owed).live, waits.position(ticket_of(owed))
    line.caller("+15145550188", at=NOON + 50 * MINUTE)
    due(NOON + HOUR - MINUTE)
    early = callback(owed).state
    due(NOON + HOUR)
    taken = take_next(line, agent, at=NOON + HOUR)

    assert until_then == (None, True, 0)
    assert early is CallbackState.BOOKED
    assert taken == callback(owed).ticket_id
    assert callback(owed).state is CallbackState.CALLING
    assert ticket_of(owed).waiting_since == NOON


def test_who_hangs_up_waiting_asks_to_be_called_back_in_the_ordinary_order(app: Flask) -> None:
    line = Line()
    gone = line.caller()
    abandoned = db.session().get_one(Call, gone).ticket_id
    hang_up(gone, at=NOON + 3 * MINUTE)
    holds = line.caller("+15145550188", at=NOON + 4 * MINUTE)
    waiting = db.session().get_one(Call, holds).ticket_id
    one, other = line.agent(), line.agent()
    taken = [take_next(line, one, at=NOON + 5 * MINUTE), take_next(line, other, at=NOON + 5 * MINUTE)]
    owed = callbacks.open_on(abandoned)

    assert owed is not None
    assert (owed.reason, owed.state, owed.waiting_since) == ("abandoned", CallbackState.CALLING, NOON)
    assert taken == [waiting, abandoned]
    assert db.session().get_one(Call, owed.call_id).number == NUMBER
    speak(abandoned, other, at=NOON + 6 * MINUTE)
    assert (ticket_of(owed.id).live, ticket_of(owed.id).on_phone) == (False, False)


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        ("speak", "somebody spoke with them meanwhile"),
        ("reply", "they were answered in writing"),
        ("solve", "the ticket was solved"),
        ("book", "another one was booked"),
        ("close", "the ticket is solved"),
    ],
)
def test_a_callback_that_nobody_needs_any_more_is_cancelled_and_says_why(
    sqlite_app: Flask, happens: str, why: str
) -> None:
    line = Line()
    call = line.caller()
    make.inbox(Channel.SMS, queue=line.queue)
    owed = line.ask_for_callback(call, at=NOON + MINUTE, not_before=NOON + HOUR)
    agent, at = make.agent().id, NOON + 10 * MINUTE
    ticket_id = callback(owed).ticket_id
    with transaction("test") as session:
        ticket, who = lifecycle.lock_ticket(ticket_id), session.get_one(Agent, agent)
        if happens == "speak":  # they have called again, and somebody has taken that call
            lines.answer(ticket, who, Channel.PHONE, at=at)
        elif happens == "reply":
            conversation.reply(ticket, "It is on its way.", agent=who, channel=Channel.SMS, at=at)
        elif happens == "solve":
            lifecycle.resolve(ticket, by=SYSTEM, at=at)
        elif happens == "book":
            again = Window(NOON + 2 * HOUR)
            callbacks.book_for_caller(ticket, session.get_one(Call, call), again, reason="asked", at=at)
        else:  # as a merge or an older version may have left it
            ticket.status = Status.SOLVED
    due(NOON + HOUR)

    assert callback(owed).state is CallbackState.CANCELLED
    assert told(ticket_id, CallbackCancelled.kind()) == [{"callback_id": owed, "why": why}]


def test_who_calls_again_and_hangs_up_is_called_as_agreed(app: Flask) -> None:
    line = Line()
    owed = line.ask_for_callback(line.caller(), at=NOON + MINUTE, not_before=NOON + HOUR)
    with transaction("phone") as session:
        ticket = lifecycle.lock_ticket(callback_ticket := session.get_one(Callback, owed).ticket_id)
        again = Call(
            provider_id="CAagain",
            ticket_id=callback_ticket,
            inbox_id=line.inbox.id,
            state=CallState.ANSWERED,
            stage=Stage.HOLDING,
            number=NUMBER,
            started_at=NOON + 5 * MINUTE,
        )
        session.add(again)
        ticket.snoozed_until = None
        lines.begin(ticket, Channel.PHONE, on_phone=True, since=NOON + 5 * MINUTE, by=SYSTEM, at=NOON + 5 * MINUTE)
        session.flush()
        again_id = again.id
    hang_up(again_id, at=NOON + 6 * MINUTE)

    assert (callback(owed).state, ticket_of(owed).on_phone, ticket_of(owed).live) == (CallbackState.BOOKED, False, True)
    assert ticket_of(owed).snoozed_until == NOON + HOUR + callbacks.SPARE


def test_nobody_is_called_while_the_line_is_closed(sqlite_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = make.calendar("Mornings", time_zone="UTC", weekly={"wed": [["09:00", "12:30"]], "thu": [["09:00", "12:30"]]})
    line = Line()
    with transaction("test") as session:
        session.get_one(Queue, line.queue.id).settings = {"calendar": desk.id}
    owed = line.ask_for_callback(line.caller(), at=NOON, not_before=NOON + HOUR)
    monkeypatch.setattr(calling_back, "utc_now", lambda: NOON + HOUR)

    calling_back.fall_due(owed)

    assert callback(owed).state is CallbackState.BOOKED
    assert callback(owed).next_at == NOON + timedelta(hours=21)
    assert ticket_of(owed).snoozed_until == NOON + timedelta(hours=21) + callbacks.SPARE


def test_windows_that_are_none_are_refused(sqlite_app: Flask) -> None:
    ticket = make.ticket(customer=make.customer(phone=NUMBER))
    ours = make.inbox(Channel.PHONE)
    windows = [
        Window(NOON + HOUR, NOON + HOUR),
        Window(NOON - HOUR, NOON - MINUTE),
        Window(NOON, NOON + timedelta(days=2)),
        Window(NOON + timedelta(days=90)),
    ]
    for window in windows:
        with pytest.raises(InvalidInput):
            arrange(ticket.id, window)
    made = arrange(ticket.id, Window(NOON + HOUR))
    with pytest.raises(Conflict):
        arrange(ticket.id, Window(NOON))

    assert (made.number, made.inbox_id, made.waiting_since) == (NUMBER, ours.id, NOON)


def test_an_agent_who_has_the_ticket_and_is_there_is_rung_when_it_falls_due(sqlite_app: Flask) -> None:
    line = Line()
    there, gone = line.agent(), line.agent(presence=Presence.OFFLINE)
    found = []
    for agent in (there, gone):
        who = make.customer(phone=f"+1514555030{agent}")
        ticket = make.ticket(queue=line.queue, customer=who, assignee=db.session().get_one(Agent, agent))
        found.append(arrange(ticket.id, Window(NOON + HOUR)).id)
    due(NOON + HOUR)

    assert [callback(one).state for one in found] == [CallbackState.CALLING, CallbackState.DUE]
    call_id = callback(found[0]).call_id
    assert db.session().get_one(Call, call_id).agent_id == there
    assert ticket_of(found[1]).assignee_id is None


def arrange(ticket_id: int, window: Window) -> Callback:
    with transaction("api"):
        row = lifecycle.lock_ticket(ticket_id)
        return callbacks.arrange(row, number="", inbox_id=None, window=window, by=SYSTEM, at=NOON)
