"""The wait of a visitor in a chat, as they lived it: until somebody writes to them, whoever has the ticket by then."""

from datetime import timedelta

from flask import Flask
from sqlalchemy import select

from sla.agreement import Metric
from sla.explanations import explanations_of
from sla.models import Clock
from sla.words import Language
from tests import make
from tests.conftest import NOON
from ticketing import lifecycle
from ticketing.envelope import Channel
from ticketing.events import SYSTEM
from ticketing.models import Agent, Ticket, Wait, WaitEnd
from ticketing.store import db
from ticketing.transaction import transaction

MINUTE = timedelta(minutes=1)


def wait_of(ticket: Ticket) -> Clock:
    clocks = select(Clock).where(Clock.ticket_id == ticket.id, Clock.metric == Metric.QUEUE_WAIT)
    return db.session().scalars(clocks.execution_options(populate_existing=True)).one()


def in_line(ticket: Ticket) -> WaitEnd | None:
    return db.session().scalars(select(Wait.end).where(Wait.ticket_id == ticket.id)).one()


def take(ticket: Ticket, agent: Agent, *, after: int) -> None:
    with transaction("test") as session:
        row = lifecycle.lock_ticket(ticket.id)
        lifecycle.assign(row, session.get_one(Agent, agent.id), by=SYSTEM, at=NOON + after * MINUTE)


def test_to_be_given_to_an_agent_is_no_answer_to_who_waits_in_a_chat(app: Flask) -> None:
    make.policy("Chats", targets={"queue_wait": {"allowance_seconds": 600}})
    make.inbox(Channel.EMAIL)
    ada, ben = make.agent(), make.agent(name="Ben")
    chat = make.ticket(channel=Channel.CHAT, live=True)
    mail = make.ticket()
    take(chat, ada, after=1)
    take(mail, ada, after=1)
    taken = wait_of(chat).met_at, in_line(chat), wait_of(mail).met_at
    with transaction("test"):
        lifecycle.release(lifecycle.lock_ticket(chat.id), by=SYSTEM, at=NOON + 2 * MINUTE, reason="busy")
    take(chat, ben, after=3)
    make.reply(chat, ben, at=NOON + 4 * MINUTE)
    (told,) = explanations_of(chat.id, NOON + 9 * MINUTE, language=Language.ENGLISH, metric=Metric.QUEUE_WAIT)
    (french,) = explanations_of(chat.id, NOON + 9 * MINUTE, language=Language.FRENCH, metric=Metric.QUEUE_WAIT)

    assert taken == (None, None, NOON + MINUTE)
    assert (wait_of(chat).started_at, wait_of(chat).met_at, in_line(chat)) == (
        NOON,
        NOON + 4 * MINUTE,
        WaitEnd.ANSWERED,
    )
    assert (told.elapsed_seconds, told.differs) == (240, None)
    assert [one.why for one in told.intervals] == [
        "Open from 12:00 to 12:04 on Wednesday 18 November. "
        "At 12:01 somebody took it, and had not written to the customer yet. "
        "At 12:02 it was given back, and the customer kept their place. "
        "At 12:03 somebody took it, and had not written to the customer yet. "
        "Then the answer came"
    ]
    assert "sans avoir encore écrit au client" in french.intervals[0].why
