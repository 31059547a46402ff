"""Places in the line of a queue, and what whoever waits there is told."""

from datetime import datetime, timedelta

from flask import Flask
from sqlalchemy import insert, select, text

from tests import make
from tests.api.test_statements import statements
from tests.conftest import NOON
from ticketing import lifecycle, lines, snoozing, waits
from ticketing.envelope import Channel
from ticketing.events import SYSTEM
from ticketing.models import Agent, Queue, Ticket, Wait, WaitEnd
from ticketing.pace import Estimate
from ticketing.routing import claim_next
from ticketing.status import Priority
from ticketing.store import db, dialect
from ticketing.transaction import transaction

MINUTE = timedelta(minutes=1)


def waiting(queue: Queue, minutes: int, **values: object) -> Ticket:
    """A caller on hold for so many minutes."""
    at = NOON - minutes * MINUTE
    return make.ticket(queue=queue, channel=Channel.PHONE, live=True, at=at, **values)  # type: ignore[arg-type]


def answered(queue: Queue, *, ended: datetime, minutes: int, ticket: Ticket) -> dict[str, object]:
    began = ended - minutes * MINUTE
    times = {"began_at": began, "ended_at": ended}
    return {"ticket_id": ticket.id, "queue_id": queue.id, "channel": Channel.PHONE, "end": WaitEnd.ANSWERED, **times}


def place(ticket: Ticket) -> int:
    return waits.position(db.session().get_one(Ticket, ticket.id))


def test_the_place_in_the_line_is_that_of_next(app: Flask) -> None:
    queue, ada = make.queue(), make.agent()
    make.ticket(queue=queue, at=NOON - timedelta(days=1))  # a mail, which waits in no line
    callers = [waiting(queue, minutes) for minutes in (9, 7, 5, 3)]
    elsewhere = waiting(make.queue(), 20)
    places = [place(one) for one in callers]
    with transaction("test"):
        snoozing.snooze(lifecycle.lock_ticket(callers[1].id), NOON + MINUTE, by=SYSTEM, at=NOON)
    while_one_is_away = [place(one) for one in callers]
    with transaction("api") as session:
        taken = claim_next(session.get_one(Queue, queue.id), ada, at=NOON)
    after = [place(one) for one in callers]

    assert places == [1, 2, 3, 4]
    assert place(elsewhere) == 1
    assert while_one_is_away == [1, 0, 2, 3]
    assert taken is not None
    assert taken.id == callers[0].id
    assert after == [0, 0, 1, 2]


def test_an_earlier_deadline_comes_first_in_the_line_too(sqlite_app: Flask) -> None:
    make.policy("Gold", conditions={"priority": ["urgent"]}, targets={"first_response": {"allowance_seconds": 60}})
    queue = make.queue()
    calm, urgent = waiting(queue, 30), waiting(queue, 1, priority=Priority.URGENT)

    assert [place(calm), place(urgent)] == [2, 1]


def test_a_place_costs_one_statement_along_the_index_of_next(app: Flask) -> None:
    queue = make.queue()
    caller = [waiting(queue, minutes) for minutes in (3, 2, 1)][-1]
    with statements() as seen:
        ticket = db.session().get_one(Ticket, caller.id)
        asked = len(seen)
        found = waits.position(ticket)
    plan = explained(ticket)

    assert found == 3
    assert len(seen) - asked == 1
    assert "ix_ticket_next" in plan


def explained(place: Ticket) -> str:
    """Return how the database finds a place, told that it may not read the whole table.

    Nor all that wait live: of three tickets, both ways cost the same.
    """
    values = {"queue": place.queue_id, "due": waits.LAST, "since": NOON, "ticket": place.id}
    asked = waits._PLACE.params(values).compile(db.engine, compile_kwargs={"literal_binds": True})
    with transaction("test") as session:
        if dialect() == "postgresql":
            session.execute(text("SET LOCAL enable_seqscan = off"))
            session.execute(text("SET LOCAL enable_bitmapscan = off"))
            session.execute(text("DROP INDEX ix_ticket_live"))
        word = "EXPLAIN QUERY PLAN" if dialect() == "sqlite" else "EXPLAIN"
        found = str(session.execute(text(f"{word} {asked}".replace(":", r"\:"))).all())
        session.rollback()
        return found


def test_what_is_told_follows_from_the_waits_of_the_queue(app: Flask) -> None:
    queue, other = make.queue(), make.queue()
    ticket = make.ticket(queue=queue)
    rows = [answered(queue, ended=NOON - number * MINUTE, minutes=3, ticket=ticket) for number in range(1, 40)]
    with transaction("test") as session:
        session.execute(insert(Wait), rows)

    front, third = (waits.estimate(queue.id, one, at=NOON) for one in (1, 3))

    assert front == Estimate(0, 60)
    assert third == Estimate(120, 180)
    assert waits.estimate(other.id, 1, at=NOON) == Estimate(0, None)


def test_the_same_hour_of_the_weeks_before_tells_when_today_does_not(app: Flask) -> None:
    queue = make.queue()
    ticket = make.ticket(queue=queue)
    ends = [NOON - week * timedelta(days=7) + number * MINUTE for week in (1, 2) for number in range(-25, 25)]
    other_hour = [NOON - timedelta(days=7, hours=5) + number * MINUTE for number in range(40)]
    with transaction("test") as session:
        session.execute(insert(Wait), [answered(queue, ended=one, minutes=2, ticket=ticket) for one in ends])
        session.execute(insert(Wait), [answered(queue, ended=one, minutes=40, ticket=ticket) for one in other_hour])

    assert waits.estimate(queue.id, 2, at=NOON) == Estimate(60, 120)


def test_what_was_learned_serves_all_callers_for_some_seconds(app: Flask) -> None:
    queue = make.queue()
    with statements() as first:
        waits.estimate(queue.id, 1, at=NOON)
    with statements() as again:
        for number in range(1, 500):
            waits.estimate(queue.id, number, at=NOON + timedelta(seconds=4))
    with statements() as later:
        waits.estimate(queue.id, 1, at=NOON + timedelta(seconds=6))

    assert [len(first), len(again), len(later)] == [2, 0, 1]
    assert "ended_at IS NOT NULL" in first[0]  # as the indexes have it
    assert "ended_at IS NULL" in first[0]


def test_a_caller_who_is_moved_waits_in_the_other_queue(app: Flask) -> None:
    queue, other, ada = make.queue(), make.queue(), make.agent()
    caller = waiting(queue, 10)
    with transaction("test") as session:
        ticket = lifecycle.lock_ticket(caller.id)
        lifecycle.move(ticket, session.get_one(Queue, other.id), by=SYSTEM, at=NOON)
        lines.answer(ticket, session.get_one(Agent, ada.id), Channel.PHONE, at=NOON + MINUTE)
    rows = db.session().scalars(select(Wait).order_by(Wait.id)).all()

    assert [(row.queue_id, row.began_at, row.ended_at, row.end) for row in rows] == [
        (queue.id, NOON - 10 * MINUTE, NOON, WaitEnd.LEFT),
        (other.id, NOON, NOON + MINUTE, WaitEnd.ANSWERED),
    ]
