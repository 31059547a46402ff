"""`next` hands out the most pressing ticket, and never the same one to two."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from flask import Flask

from tests import make
from tests.conftest import NOON
from ticketing import lifecycle, routing
from ticketing.envelope import Channel
from ticketing.models import Agent, Queue, Ticket
from ticketing.store import db
from ticketing.transaction import transaction


def set_clock(ticket: Ticket, minutes: int) -> None:
    with transaction("test"):
        lifecycle.lock_ticket(ticket.id).due_at = NOON + timedelta(minutes=minutes)


def claim(queue: Queue, agent: Agent, channel: Channel | None = None) -> Ticket | None:
    with transaction("api") as session:
        queue, agent = session.get_one(Queue, queue.id), session.get_one(Agent, agent.id)
        return routing.claim_next(queue, agent, at=NOON, channel=channel)


def test_the_order_is_live_then_deadline_then_wait_then_age(app: Flask) -> None:
    queue, ada = make.queue(), make.agent()
    oldest = make.ticket(queue=queue, at=NOON)
    waits_longer = make.ticket(queue=queue, at=NOON - timedelta(hours=5))
    due_later = make.ticket(queue=queue)
    due_soon = make.ticket(queue=queue)
    live = make.ticket(queue=queue, channel=Channel.CHAT, live=True)
    set_clock(due_later, 60)
    set_clock(due_soon, 5)
    make.ticket(queue=make.queue())  # another queue's

    handed = [claim(queue, ada) for _ in range(6)]

    expected = [live, due_soon, due_later, waits_longer, oldest]
    assert [one.id if one else None for one in handed] == [*[one.id for one in expected], None]


def test_a_channel_can_be_asked_for(app: Flask) -> None:
    queue, ada = make.queue(), make.agent()
    make.ticket(queue=queue, channel=Channel.EMAIL)
    text = make.ticket(queue=queue, channel=Channel.SMS)

    first, second = claim(queue, ada, Channel.SMS), claim(queue, ada, Channel.SMS)

    assert first is not None
    assert first.id == text.id
    assert second is None


def test_many_at_once_get_each_ticket_once(app: Flask) -> None:
    queue, ada = make.queue(), make.agent()
    tickets = [make.ticket(queue=queue) for _ in range(40)]

    def claim_until_empty() -> list[int]:
        got = []
        with app.app_context():
            while (ticket := claim(queue, ada)) is not None:
                got.append(ticket.id)
            db.session.remove()
        return got

    with ThreadPoolExecutor(8) as pool:
        handed = [one for got in pool.map(lambda _: claim_until_empty(), range(8)) for one in got]

    assert sorted(handed) == sorted(one.id for one in tickets)
