"""What `next` hands out to whom: skills and capacity respected, by one and by 64 at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, select, text

from tests import make
from tests.api.desk import Desk
from tests.conftest import NOON
from ticketing import lifecycle, routing
from ticketing.envelope import Channel
from ticketing.events import SYSTEM
from ticketing.models import Agent, Customer, Queue, Ticket
from ticketing.routing import MOST_PRESSING
from ticketing.status import Status
from ticketing.store import db
from ticketing.transaction import transaction

CLIENTS, TICKETS = 64, 1000


def claim(queue: Queue, agent: Agent, channel: Channel | None = None) -> int | None:
    with transaction("api") as session:
        queue, agent = session.get_one(Queue, queue.id), session.get_one(Agent, agent.id)
        ticket = routing.claim_next(queue, agent, at=NOON, channel=channel)
    return ticket.id if ticket else None


def let_go(ticket_id: int, status: Status) -> None:
    with transaction("test"):
        lifecycle.change_status(lifecycle.lock_ticket(ticket_id), status, by=SYSTEM, at=NOON)


def test_a_ticket_waits_for_somebody_who_is_able(app: Flask) -> None:
    queue = make.queue()
    french = make.ticket(queue=queue, skills=["French"], at=NOON - timedelta(hours=2))
    both = make.ticket(queue=queue, skills=["french", "billing"], at=NOON - timedelta(hours=1))
    plain = make.ticket(queue=queue)
    ada, bob = make.agent(), make.agent(skills=["french"])
    eve = make.agent(skills=["billing", "french", "tax"])

    handed = [claim(queue, who) for who in (ada, ada, bob, bob, eve, eve)]

    assert handed == [plain.id, None, french.id, None, both.id, None]


def test_a_full_channel_is_left_out_until_there_is_room(app: Flask) -> None:
    queue, ada = make.queue(), make.agent(capacity={"email": 1, "chat": 1})
    first = make.ticket(queue=queue, at=NOON - timedelta(hours=3))
    second = make.ticket(queue=queue, at=NOON - timedelta(hours=2))
    chat = make.ticket(queue=queue, channel=Channel.CHAT)
    texts = [make.ticket(queue=queue, channel=Channel.SMS).id for _ in range(3)]

    handed = [claim(queue, ada) for _ in range(5)]
    full = [claim(queue, ada), claim(queue, ada, Channel.EMAIL)]
    let_go(first.id, Status.PENDING)
    after = [claim(queue, ada), claim(queue, ada)]

    assert handed == [first.id, chat.id, *texts]
    assert full == [None, None]
    assert after == [second.id, None]


def test_who_takes_nothing_at_all_gets_nothing(app: Flask) -> None:
    queue, ada = make.queue(), make.agent(capacity={one.value: 0 for one in Channel})
    make.ticket(queue=queue)

    assert claim(queue, ada) is None


@pytest.mark.parametrize("released", [True, False])
def test_what_is_given_back_or_put_off_no_longer_counts(app: Flask, released: bool) -> None:
    queue, ada = make.queue(), make.agent(capacity={"email": 1})
    held = make.ticket(queue=make.queue(), assignee=ada)
    waiting = make.ticket(queue=queue)
    before = claim(queue, ada)
    with transaction("test"):
        row = lifecycle.lock_ticket(held.id)
        if released:
            lifecycle.release(row, by=SYSTEM, at=NOON)
        else:
            row.snoozed_until = NOON + timedelta(days=1)

    after = claim(queue, ada)

    assert (before, after) == (None, waiting.id)


def test_calls_of_one_agent_at_once_never_get_more_than_they_take(app: Flask) -> None:
    queue, ada = make.queue(), make.agent(capacity={"email": 3})
    for _ in range(20):
        make.ticket(queue=queue)

    db.session.remove()  # so that the threads read their own copies, never ours

    handed = at_once(app, 8, lambda _: claim(queue, ada))

    assert len([one for one in handed if one is not None]) == 3


def test_64_clients_at_once_empty_a_queue_of_1000_in_order(app: Flask) -> None:
    """No ticket twice, none lost, and the order holds as far as it can be seen from outside.

    Each client's own tickets come in the promised order. Over all clients together, when one is told of a ticket, the
    more pressing ones of which nobody has been told yet are on their way to the others: to each at most one.
    """
    queue = make.queue()
    promised = a_thousand(queue)
    desks = [Desk(app.test_client(), make.agent(name=f"Agent {number}")) for number in range(CLIENTS)]
    path = f"/queues/{queue.id}/next"
    noted: list[int] = []
    lock = threading.Lock()

    def work(number: int) -> list[int]:
        got = []
        while (answer := desks[number].post(path)).status_code == 200:
            got.append(answer.json["id"])
            with lock:
                noted.append(answer.json["id"])
        assert answer.status_code == 204, answer.json
        return got

    by_client = at_once(app, CLIENTS, work)

    rank = {ticket_id: number for number, ticket_id in enumerate(promised)}
    assert sorted(noted) == sorted(promised)
    for got in by_client:
        assert [rank[one] for one in got] == sorted(rank[one] for one in got)
    for number, one in enumerate(noted):
        assert sum(rank[later] < rank[one] for later in noted[number + 1 :]) < CLIENTS
    held = {row.id: row.assignee_id for row in db.session().execute(select(Ticket.id, Ticket.assignee_id))}
    assert held == {one: desks[number].agent.id for number, got in enumerate(by_client) for one in got}


def test_one_client_alone_gets_exactly_the_promised_order(app: Flask) -> None:
    queue, ada = make.queue(), make.agent()
    promised = a_thousand(queue)[:150]

    assert [claim(queue, ada) for _ in range(150)] == promised


def test_skills_do_not_cost_the_walk_along_the_index(app: Flask) -> None:
    queue, ada = make.queue(), make.agent(skills=["french"])
    a_thousand(queue)
    with transaction("test") as session:
        session.execute(text("INSERT INTO ticket_skill SELECT id, 'dutch' FROM ticket WHERE id % 3 = 0"))
    db.session.remove()
    with db.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))
    query = routing.next_for(db.session().get_one(Queue, queue.id), db.session().get_one(Agent, ada.id))
    sql = query.compile(db.engine, compile_kwargs={"literal_binds": True})
    explain = "EXPLAIN QUERY PLAN" if db.engine.dialect.name == "sqlite" else "EXPLAIN"

    steps = " ".join(str(row) for row in db.session().execute(text(f"{explain} {sql}")))

    assert "ix_ticket_next" in steps
    assert "Sort" not in steps
    assert "TEMP B-TREE" not in steps


def a_thousand(queue: Queue) -> list[int]:
    """Open a thousand waiting tickets, of which many tie; return their ids in the order that is promised."""
    with transaction("test") as session:
        someone = Customer(name="Karim", created_at=NOON)
        session.add(someone)
        session.flush()
        shared: dict[str, Any] = {"subject": "x", "queue_id": queue.id, "customer_id": someone.id, "version": 1}
        shared |= {"status": "new", "priority": "normal", "fields": {}, "sla_breached": False, "sla_tracked": False}
        rows = [
            {
                **shared,
                "channel": list(Channel)[number % 5],
                "live": number % 97 == 0,
                "due_at": NOON + timedelta(minutes=number * 7 % 60) if number % 3 else None,
                "waiting_since": NOON - timedelta(minutes=number * 11 % 40) if number % 7 else None,
                "created_at": NOON,
                "updated_at": NOON,
            }
            for number in range(TICKETS)
        ]
        session.execute(insert(Ticket), rows)
    tickets = db.session().scalars(select(Ticket)).all()
    late = NOON + timedelta(days=9999)
    ordered = sorted(tickets, key=lambda t: (not t.live, t.due_at or late, t.waiting_since or late, t.id))
    assert [one.id for one in ordered] == list(db.session().scalars(select(Ticket.id).order_by(*MOST_PRESSING)))
    db.session.remove()
    return [one.id for one in ordered]


def at_once(app: Flask, count: int, work: Any) -> list[Any]:
    """Let `count` threads do their work at the same time; return what each of them says."""
    ready = threading.Barrier(count)

    def run(number: int) -> Any:
        with app.app_context():
            ready.wait(60)
            try:
                return work(number)
            finally:
                db.session.remove()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))
