"""What falls due is flagged once, at its deadline, however many sweep."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select

from sla.models import Clock
from sla.sweep import flag_due
from tests.sla import desk
from tests.sla.desk import NOON
from ticketing import journal, lifecycle
from ticketing.events import SYSTEM
from ticketing.filters import SLAState, sla_state
from ticketing.models import JournalEntry, Ticket
from ticketing.moment import rfc3339
from ticketing.store import db
from ticketing.transaction import transaction

pytestmark = pytest.mark.usefixtures("calls")

DEADLINE = NOON + timedelta(hours=1)  # of a call that came at noon
LATER = DEADLINE + timedelta(minutes=5)
ONE_SECOND = timedelta(seconds=1)

# SQLite has one writer at a time: nobody else can hold or change a ticket while we sweep.
on_postgresql = pytest.mark.parametrize("app", ["postgresql"], indirect=True)


def sweep(now: datetime, limit: int = 500) -> int:
    with transaction("ticker"):
        return flag_due(now, limit).breached


def breaches() -> list[JournalEntry]:
    entries = select(JournalEntry).where(JournalEntry.kind == "sla_breached").order_by(JournalEntry.ticket_id)
    return list(db.session().scalars(entries))


def fresh(ticket: Ticket) -> Ticket:
    db.session().refresh(ticket)
    return ticket


def state(ticket: Ticket) -> SLAState:
    return sla_state(fresh(ticket), LATER)


def test_a_deadline_that_passed_is_flagged_with_the_deadline_itself() -> None:
    ticket = desk.opened()

    assert sweep(LATER) == 1

    clock = db.session().scalars(select(Clock)).one()
    (entry,) = breaches()
    assert clock.breached_at == clock.due_at == DEADLINE
    assert (entry.ticket_id, entry.at, entry.source) == (ticket.id, DEADLINE, "ticker")
    assert (entry.actor_type, entry.actor_id) == (SYSTEM.type, None)
    assert journal.entry_of(entry).event.data() == {
        "metric": "first_response",
        "clock_id": clock.id,
        "due_at": rfc3339(DEADLINE),
    }


def test_a_breached_ticket_keeps_its_deadline_so_that_it_comes_first() -> None:
    ticket = desk.opened()
    sweep(LATER)

    assert state(ticket) is SLAState.BREACHED
    assert ticket.due_at == DEADLINE


def test_a_flag_does_not_change_the_ticket() -> None:
    ticket = desk.opened()
    before = fresh(ticket).version, ticket.updated_at
    sweep(LATER)

    assert (fresh(ticket).version, ticket.updated_at) == before


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param(DEADLINE - ONE_SECOND, 0, id="a second before"),
        pytest.param(DEADLINE, 1, id="at the deadline"),
    ],
)
def test_a_clock_is_flagged_from_its_deadline_on(now: datetime, expected: int) -> None:
    desk.opened()

    assert sweep(now) == expected


def test_a_clock_is_flagged_once() -> None:
    desk.opened()

    assert [sweep(LATER), sweep(LATER)] == [1, 0]
    assert len(breaches()) == 1


def test_an_answered_ticket_is_not_flagged() -> None:
    ticket = desk.opened()
    with transaction("test"):
        answer(lifecycle.lock_ticket(ticket.id))

    assert sweep(LATER) == 0
    assert state(ticket) is SLAState.OK


def test_the_earliest_deadlines_come_first() -> None:
    late, early = desk.opened(at=NOON + ONE_SECOND), desk.opened(at=NOON)

    assert sweep(LATER, limit=1) == 1
    assert [entry.ticket_id for entry in breaches()] == [early.id]
    assert sweep(LATER, limit=1) == 1
    assert [entry.ticket_id for entry in breaches()] == [late.id, early.id]


def test_an_answer_in_time_that_had_to_wait_for_the_sweep_counts() -> None:
    ticket = desk.opened()
    sweep(LATER)
    with transaction("test"):
        answer(lifecycle.lock_ticket(ticket.id))

    assert state(ticket) is SLAState.OK
    assert ticket.due_at is None


def answer(ticket: Ticket) -> None:
    desk.reply(ticket, after=DEADLINE - ONE_SECOND - NOON)


def test_two_sweepers_at_once_flag_each_clock_once(app: Flask) -> None:
    with transaction("test"):
        for _ in range(60):
            desk.ticket()
    start, flagged = threading.Barrier(2), []

    def sweep_all() -> None:
        with app.app_context():
            start.wait()
            while number := sweep(LATER, limit=7):
                flagged.append(number)
            db.session.remove()

    sweepers = [threading.Thread(target=sweep_all) for _ in range(2)]
    for sweeper in sweepers:
        sweeper.start()
    for sweeper in sweepers:
        sweeper.join()
    flagged.append(sweep(LATER))  # what both left to each other

    assert sum(flagged) == 60
    assert len({entry.ticket_id for entry in breaches()}) == len(breaches()) == 60


@on_postgresql
def test_a_ticket_that_somebody_works_on_is_left_for_the_next_time(app: Flask) -> None:
    held, free = desk.opened(), desk.opened()

    with locked_elsewhere(app, held.id):
        assert sweep(LATER) == 1
        assert [entry.ticket_id for entry in breaches()] == [free.id]
    assert sweep(LATER) == 1


@contextmanager
def locked_elsewhere(app: Flask, ticket_id: int) -> Iterator[None]:
    """Let another thread hold the ticket's lock."""
    has_it, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with app.app_context():
            with transaction("test"):
                lifecycle.lock_ticket(ticket_id)
                has_it.set()
                may_end.wait(60)
            db.session.remove()

    holder = threading.Thread(target=hold)
    holder.start()
    assert has_it.wait(60)
    yield
    may_end.set()
    holder.join()


def test_the_sweep_goes_by_the_index_of_running_clocks() -> None:
    with asked_about_clocks() as queries:
        sweep(LATER)

    ((statement, parameters),) = queries
    assert "ix_clock_next" in plan_of(statement, parameters)


@contextmanager
def asked_about_clocks() -> Iterator[list[tuple[str, Any]]]:
    """Yield the queries of the clock table, with their parameters, as they are sent."""
    queries: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if "FROM clock" in statement:
            queries.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    yield queries
    event.remove(db.engine, "before_cursor_execute", note)


def plan_of(statement: str, parameters: Any) -> str:
    """Return how the database would go about it if there were more than a handful of rows."""
    with transaction("test") as session:
        connection, explain = session.connection(), "EXPLAIN QUERY PLAN"
        if db.engine.dialect.name == "postgresql":
            for node in ("seqscan", "bitmapscan", "sort"):  # which are quicker for a handful of rows
                connection.exec_driver_sql(f"SET LOCAL enable_{node} = off")
            explain = "EXPLAIN"
        return "\n".join(str(row) for row in connection.exec_driver_sql(f"{explain} {statement}", parameters))
