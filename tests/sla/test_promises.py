"""Promises to customers: their clocks, and what becomes of them when tickets are solved, merged or erased."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from sla import rules
from sla.agreement import Metric
from sla.life import replay
from sla.models import Clock, Promise
from sla.promises import PromiseState, keep_promise, make_promise, page, state_of, withdraw_promise
from tests import make
from tests.conftest import NOON
from ticketing import erasure, journal, lifecycle
from ticketing.errors import Conflict, InvalidInput, InvalidTransition, NotFound
from ticketing.events import SYSTEM, Actor
from ticketing.models import Agent, Role, Ticket
from ticketing.store import db
from ticketing.transaction import transaction

HOUR = timedelta(hours=1)
DAY = 24 * HOUR


@pytest.fixture
def ada(app: Flask) -> Agent:
    return make.agent(Role.ADMIN)


def promise(
    ticket_id: int, by: Agent, *, due_at: datetime = NOON + DAY, at: datetime = NOON, words: str = "A call"
) -> int:
    with transaction("test"):
        ticket = lifecycle.lock_ticket(ticket_id)
        return make_promise(ticket, words=words, due_at=due_at, by=Actor.agent(by.id), at=at).id


def keep(promise_id: int, by: Agent, *, at: datetime) -> None:
    with transaction("test"):
        keep_promise(make.calling(by), promise_id, at=at)


def withdraw(promise_id: int, by: Agent, *, at: datetime) -> None:
    with transaction("test"):
        withdraw_promise(make.calling(by), promise_id, at=at)


def the_promise(promise_id: int) -> Promise:
    db.session().rollback()
    db.session().expire_all()
    return db.session().get_one(Promise, promise_id)


def clocks(ticket_id: int) -> list[tuple[Any, ...]]:
    """Its promises' clocks: whose, until when, met, breached, cancelled."""
    db.session().expire_all()
    wanted = select(Clock).where(Clock.ticket_id == ticket_id, Clock.metric == Metric.PROMISE).order_by(Clock.id)
    rows = db.session().scalars(wanted).all()
    life = replay(map(journal.entry_of, journal.lines(ticket_id, limit=1000)), rules.history())
    assert life is not None
    assert [row.value() for row in rows] == [one for one in life.clocks if one.metric is Metric.PROMISE]
    return [(row.promise_id, row.due_at, row.met_at, row.breached_at, row.cancelled_at) for row in rows]


def test_a_promise_runs_until_its_moment_whatever_the_hour(ada: Agent) -> None:
    ticket_id = make.ticket().id

    first, second = promise(ticket_id, ada), promise(ticket_id, ada, due_at=NOON + HOUR, words=" An offer ")

    assert clocks(ticket_id) == [(first, NOON + DAY, None, None, None), (second, NOON + HOUR, None, None, None)]
    row = the_promise(second)
    assert (row.words, row.made_by_id, row.made_at) == ("An offer", ada.id, NOON)
    assert db.session().get_one(Ticket, ticket_id).due_at == NOON + HOUR


@pytest.mark.parametrize(
    ("after", "state", "breached"),
    [
        pytest.param(DAY - timedelta(microseconds=1), PromiseState.KEPT, None, id="in time"),
        pytest.param(DAY, PromiseState.BROKEN, NOON + DAY, id="at the moment itself"),
        pytest.param(2 * DAY, PromiseState.BROKEN, NOON + DAY, id="late"),
    ],
)
def test_a_promise_is_kept_before_its_moment(
    ada: Agent, after: timedelta, state: PromiseState, breached: datetime | None
) -> None:
    ticket_id = make.ticket().id
    kept = promise(ticket_id, ada)

    keep(kept, ada, at=NOON + after)
    keep(kept, ada, at=NOON + 3 * DAY)  # twice is as good as once

    assert clocks(ticket_id) == [(kept, NOON + DAY, NOON + after, breached, None)]
    assert state_of(the_promise(kept), NOON + 9 * DAY) is state
    assert len([line for line in journal.lines(ticket_id, limit=99) if line.kind == "promise_kept"]) == 1


def test_a_promise_that_nobody_kept_is_broken_at_its_moment(ada: Agent) -> None:
    row = the_promise(promise(make.ticket().id, ada))

    assert state_of(row, NOON + DAY - timedelta(microseconds=1)) is PromiseState.OPEN
    assert state_of(row, NOON + DAY) is PromiseState.BROKEN


def test_what_is_withdrawn_before_its_moment_has_no_verdict(ada: Agent) -> None:
    ticket_id = make.ticket().id
    one = promise(ticket_id, ada)

    withdraw(one, ada, at=NOON + HOUR)
    withdraw(one, ada, at=NOON + 2 * DAY)

    assert clocks(ticket_id) == [(one, NOON + DAY, None, None, NOON + HOUR)]
    assert state_of(the_promise(one), NOON + 9 * DAY) is PromiseState.WITHDRAWN
    with pytest.raises(Conflict, match="was withdrawn; make another one"):
        keep(one, ada, at=NOON + HOUR)


def test_what_is_over_is_not_withdrawn(ada: Agent) -> None:
    kept, broken = (promise(make.ticket().id, ada) for _ in range(2))
    keep(kept, ada, at=NOON + HOUR)

    with pytest.raises(Conflict, match="was kept"):
        withdraw(kept, ada, at=NOON + 2 * HOUR)
    with pytest.raises(Conflict, match="has passed; it can be kept late"):
        withdraw(broken, ada, at=NOON + DAY)
    with pytest.raises(NotFound, match="no promise 99"):
        withdraw(99, ada, at=NOON)


def test_a_promise_stands_when_its_ticket_is_solved(ada: Agent) -> None:
    ticket_id = make.ticket().id
    one = promise(ticket_id, ada)
    with transaction("test"):
        lifecycle.resolve(lifecycle.lock_ticket(ticket_id), by=SYSTEM, at=NOON + HOUR)

    assert clocks(ticket_id) == [(one, NOON + DAY, None, None, None)]
    keep(one, ada, at=NOON + 2 * HOUR)
    assert clocks(ticket_id) == [(one, NOON + DAY, NOON + 2 * HOUR, None, None)]


def test_promises_go_with_a_ticket_that_is_merged(ada: Agent) -> None:
    source, target = make.ticket().id, make.ticket().id
    kept, broken, waiting = promise(source, ada), promise(source, ada, due_at=NOON + HOUR), promise(source, ada)
    keep(kept, ada, at=NOON + HOUR)
    merged_at = NOON + 2 * HOUR

    make.merge(db.session().get_one(Ticket, source), into=db.session().get_one(Ticket, target), at=merged_at)

    assert [the_promise(one).ticket_id for one in (kept, broken, waiting)] == [source, target, target]
    assert clocks(source) == [
        (kept, NOON + DAY, NOON + HOUR, None, None),
        (broken, NOON + HOUR, None, NOON + HOUR, merged_at),
        (waiting, NOON + DAY, None, None, merged_at),
    ]
    assert clocks(target) == [(waiting, NOON + DAY, None, None, None)]
    keep(broken, ada, at=NOON + 3 * HOUR)
    keep(waiting, ada, at=NOON + 3 * HOUR)
    assert clocks(target) == [(waiting, NOON + DAY, NOON + 3 * HOUR, None, None)]
    assert state_of(the_promise(broken), NOON + DAY) is PromiseState.BROKEN


def test_the_words_go_with_a_customer_who_is_erased(ada: Agent) -> None:
    karim, other = make.customer(), make.ticket()
    own, merged = make.ticket(customer=karim).id, make.ticket(customer=karim).id
    theirs = promise(other.id, ada, words="Another's")
    mine = [promise(own, ada, words="Karim's kettle"), promise(merged, ada, words="Karim's lamp")]
    make.merge(db.session().get_one(Ticket, merged), into=other, at=NOON)

    with transaction("test"):
        erasure.erase(karim.id, by=SYSTEM, at=NOON + HOUR)

    assert [the_promise(one).words for one in mine] == ["[erased]", "[erased]"]
    assert the_promise(theirs).words == "Another's"
    assert clocks(own) == [(mine[0], NOON + DAY, None, None, None)]


def test_absurd_promises_are_refused(ada: Agent) -> None:
    ticket_id, over = make.ticket().id, make.ticket(at=NOON - 30 * DAY).id
    with transaction("test"):
        lifecycle.resolve(lifecycle.lock_ticket(over), by=SYSTEM, at=NOON - 20 * DAY)

    with pytest.raises(InvalidInput, match="a moment to come; it is 2026-11-18T12:00:00Z now"):
        promise(ticket_id, ada, due_at=NOON)
    with pytest.raises(InvalidInput, match="within a year"):
        promise(ticket_id, ada, due_at=NOON + 367 * DAY)
    with pytest.raises(InvalidTransition, match="is closed"):
        promise(over, ada)
    for _ in range(20):
        promise(ticket_id, ada)
    with pytest.raises(Conflict, match="has 20 promises that wait"):
        promise(ticket_id, ada)


def test_promises_are_listed_by_how_they_stand(ada: Agent) -> None:
    ticket, late = make.ticket().id, make.ticket(queue=make.queue()).id
    kept, soon, broken, withdrawn = (promise(ticket, ada, due_at=NOON + n * HOUR) for n in (30, 40, 2, 20))
    too_late = promise(late, ada, due_at=NOON + 3 * HOUR)
    far = promise(ticket, make.agent(), due_at=NOON + 90 * HOUR)
    keep(kept, ada, at=NOON + HOUR)
    keep(too_late, ada, at=NOON + 5 * HOUR)
    withdraw(withdrawn, ada, at=NOON + HOUR)

    def listed(state: PromiseState | None, **asked: Any) -> list[int]:
        values: dict[str, Any] = {"made_by": None, "queue_id": None, "after": None, "limit": 9, **asked}
        return [one.id for one in page(make.calling(ada), state=state, now=NOON + DAY, **values)]

    assert listed(PromiseState.OPEN) == [soon, far]
    assert listed(PromiseState.OPEN, after=(NOON + 40 * HOUR, soon)) == [far]
    assert listed(PromiseState.KEPT) == [kept]
    assert listed(PromiseState.BROKEN) == [too_late, broken]
    assert listed(PromiseState.BROKEN, after=(NOON + 3 * HOUR, too_late)) == [broken]
    assert listed(PromiseState.WITHDRAWN) == [withdrawn]
    assert listed(None, limit=2) == [far, soon]
    assert listed(PromiseState.OPEN, made_by=ada.id) == [soon]
    assert listed(None, queue_id=db.session().get_one(Ticket, late).queue_id) == [too_late]
    for state in (PromiseState.OPEN, PromiseState.KEPT, PromiseState.BROKEN, PromiseState.WITHDRAWN):
        assert {state_of(the_promise(one), NOON + DAY) for one in listed(state)} == {state}
