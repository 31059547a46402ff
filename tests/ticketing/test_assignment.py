"""Queues that hand out their work by themselves: to whom, in which order, when, and never too much."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from flask import Flask
from sqlalchemy import select

from api import assigning, tick
from tests import make
from tests.conftest import NOON
from ticketing import journal, lifecycle, routing
from ticketing.agents import Caller
from ticketing.assignment import plan
from ticketing.envelope import Channel
from ticketing.events import SYSTEM, AssignmentDue, TicketAssigned
from ticketing.models import Agent, Assignment, JournalEntry, Presence, Queue, Role, Ticket
from ticketing.moment import utc_now
from ticketing.people import change_agent
from ticketing.presence import set_presence
from ticketing.skills import change_skills
from ticketing.status import Status
from ticketing.store import db
from ticketing.transaction import transaction

ROUND_ROBIN, LEAST_LOADED = Assignment.ROUND_ROBIN, Assignment.LEAST_LOADED
on_postgresql = pytest.mark.parametrize("app", ["postgresql"], indirect=True)


def online(name: str = "Ada", **values: object) -> Agent:
    return make.agent(name=name, presence=Presence.ONLINE, **values)


def come(agent: Agent) -> None:
    with transaction("api"):
        set_presence(agent.id, Presence.ONLINE, by=SYSTEM, at=NOON)


def change(ticket: Ticket, how: Callable[[Ticket], None]) -> None:
    with transaction("api"):
        how(lifecycle.lock_ticket(ticket.id))


def holder(ticket: Ticket) -> int | None:
    return db.session().scalar(select(Ticket.assignee_id).where(Ticket.id == ticket.id))


def given() -> list[tuple[int, int]]:
    """Who was given which ticket by a queue itself, in the order in which it happened."""
    entries = db.session().scalars(select(JournalEntry).order_by(JournalEntry.id)).all()
    events = [(row.ticket_id, journal.entry_of(row).event) for row in entries]
    return [(ticket, one.after) for ticket, one in events if isinstance(one, TicketAssigned) and one.automatic]


def test_a_new_ticket_finds_an_agent_by_itself(app: Flask) -> None:
    ada = online()
    make.agent(name="Offline")
    make.agent(name="Away", presence=Presence.AWAY)
    ticket = make.ticket(queue=make.queue(assignment=ROUND_ROBIN))

    make.work_off()

    assert holder(ticket) == ada.id
    assert given() == [(ticket.id, ada.id)]


def test_a_queue_that_does_not_assign_leaves_no_trace_of_it(app: Flask) -> None:
    online(capacity={"email": 1})
    ticket = make.ticket(queue=make.queue())
    change(ticket, lambda row: lifecycle.resolve(row, by=SYSTEM, at=NOON))

    make.work_off()

    assert given() == []
    assert AssignmentDue.kind() not in set(db.session().scalars(select(JournalEntry.kind)))


def test_only_members_of_a_members_queue_are_given_its_tickets(app: Flask) -> None:
    member = online()
    online(name="Stranger")
    online(name="Boss", role=Role.ADMIN)
    queue = make.queue(members=[member], assignment=ROUND_ROBIN)

    tickets = [make.ticket(queue=queue) for _ in range(3)]
    make.work_off()

    assert [holder(one) for one in tickets] == [member.id] * 3


def test_round_robin_gives_each_one_in_turn(app: Flask) -> None:
    ada, bob, eve = online("Ada"), online("Bob"), online("Eve")
    queue = make.queue(assignment=ROUND_ROBIN)
    for _ in range(7):
        make.ticket(queue=queue)
        make.work_off()

    assert [agent for _, agent in given()] == [ada.id, bob.id, eve.id, ada.id, bob.id, eve.id, ada.id]


def test_least_loaded_gives_to_who_has_the_least_in_hand(app: Flask) -> None:
    ada, bob = online("Ada"), online("Bob")
    elsewhere = make.queue()
    for _ in range(3):
        make.ticket(queue=elsewhere, assignee=ada)
    make.ticket(queue=elsewhere, assignee=bob)
    queue = make.queue(assignment=LEAST_LOADED)
    for _ in range(4):
        make.ticket(queue=queue)
    make.work_off()

    assert Counter(agent for _, agent in given()) == {bob.id: 3, ada.id: 1}


def test_who_comes_gets_what_waits_in_the_order_of_next(app: Flask) -> None:
    ada, queue = make.agent(), make.queue(assignment=ROUND_ROBIN)
    young = make.ticket(queue=queue, at=NOON)
    old = make.ticket(queue=queue, at=NOON - timedelta(hours=2))
    live = make.ticket(queue=queue, channel=Channel.CHAT, live=True)
    due = make.ticket(queue=queue)
    change(due, lambda row: setattr(row, "due_at", NOON))
    make.work_off()
    before = given()

    come(ada)
    assigning.drain_for(ada.id)

    assert before == []
    assert [ticket for ticket, _ in given()] == [live.id, due.id, old.id, young.id]


def test_nobody_gets_more_than_they_take_and_the_rest_comes_when_there_is_room(app: Flask) -> None:
    ada = online(capacity={"email": 2})
    queue = make.queue(assignment=ROUND_ROBIN)
    tickets = [make.ticket(queue=queue, at=NOON + timedelta(minutes=n)) for n in range(4)]
    make.work_off()
    first = [holder(one) for one in tickets]

    change(tickets[0], lambda row: lifecycle.resolve(row, by=SYSTEM, at=NOON))
    change(tickets[1], lambda row: lifecycle.change_status(row, Status.PENDING, by=SYSTEM, at=NOON))
    make.work_off()

    assert first == [ada.id, ada.id, None, None]
    assert [holder(one) for one in tickets[2:]] == [ada.id, ada.id]


def test_room_that_work_in_another_queue_has_freed_counts(app: Flask) -> None:
    ada = online(capacity={"email": 1})
    by_hand = make.ticket(queue=make.queue(), assignee=ada)
    ticket = make.ticket(queue=make.queue(assignment=LEAST_LOADED))
    make.work_off()
    before = holder(ticket)

    change(by_hand, lambda row: lifecycle.release(row, by=SYSTEM, at=NOON))
    make.work_off()

    assert (before, holder(ticket)) == (None, ada.id)


def test_a_ticket_that_nobody_is_able_to_do_blocks_none_behind_it(app: Flask) -> None:
    ada, bob = online("Ada"), online("Bob", skills=["french"])
    queue = make.queue(assignment=ROUND_ROBIN)
    dutch = [make.ticket(queue=queue, skills=["dutch"], at=NOON - timedelta(hours=9)) for _ in range(25)]
    french = [make.ticket(queue=queue, skills=["french"], at=NOON - timedelta(hours=1)) for _ in range(2)]
    plain = [make.ticket(queue=queue) for _ in range(2)]
    make.work_off()

    assert {holder(one) for one in dutch} == {None}
    assert [holder(one) for one in french] == [bob.id, bob.id]
    assert ada.id in {holder(one) for one in plain}
    assert None not in {holder(one) for one in plain}


def test_who_learns_something_gets_what_waited_for_it(app: Flask) -> None:
    boss, ada = make.agent(Role.ADMIN), online()
    ticket = make.ticket(queue=make.queue(assignment=ROUND_ROBIN), skills=["french"])
    make.work_off()
    before = holder(ticket)

    with transaction("api"):
        change_agent(Caller(boss.id, "Boss", Role.ADMIN, frozenset()), ada.id, {"skills": ["French"]}, at=NOON)
    assigning.drain_for(ada.id)

    assert (before, holder(ticket)) == (None, ada.id)


def test_a_ticket_that_asks_for_less_finds_its_agent(app: Flask) -> None:
    ada = online()
    ticket = make.ticket(queue=make.queue(assignment=ROUND_ROBIN), skills=["french"])
    make.work_off()

    change(ticket, lambda row: change_skills(row, [], by=SYSTEM, at=NOON))
    make.work_off()

    assert holder(ticket) == ada.id


def test_a_ticket_that_is_moved_to_such_a_queue_finds_its_agent(app: Flask) -> None:
    ada, there = online(), make.queue(assignment=ROUND_ROBIN)
    ticket = make.ticket(queue=make.queue())

    change(ticket, lambda row: lifecycle.move(row, db.session().get_one(Queue, there.id), by=SYSTEM, at=NOON))
    make.work_off()

    assert holder(ticket) == ada.id


def test_a_ticket_that_opens_again_after_its_agent_has_left_finds_another(app: Flask) -> None:
    boss, ada = make.agent(Role.ADMIN), online("Ada")
    ticket = make.ticket(queue=make.queue(assignment=ROUND_ROBIN), assignee=ada)
    change(ticket, lambda row: lifecycle.resolve(row, by=SYSTEM, at=NOON))
    with transaction("api"):
        change_agent(Caller(boss.id, "Boss", Role.ADMIN, frozenset()), ada.id, {"is_active": False}, at=NOON)
    bob = online("Bob")

    change(ticket, lambda row: lifecycle.reopen(row, by=SYSTEM, at=NOON))
    make.work_off()

    assert holder(ticket) == bob.id


@pytest.mark.parametrize("late", [True, False])
def test_what_a_lost_worker_left_is_found_by_the_sweep(app: Flask, late: bool) -> None:
    ada, queue = make.agent(), make.queue(assignment=ROUND_ROBIN)
    ticket = make.ticket(queue=queue)
    make.work_off()
    with transaction("api"):  # and then nobody is woken
        at = utc_now() - timedelta(minutes=1 if late else -1)  # a minute ahead: it is early, however slow the tick
        set_presence(ada.id, Presence.ONLINE, by=SYSTEM, at=at)

    tick.tick(app)

    assert holder(ticket) == (ada.id if late else None)
    due = db.session().scalar(select(Agent.drain_due_at).where(Agent.id == ada.id))
    assert (due is None) == late


def test_a_journal_entry_whose_worker_was_lost_is_found_too(app: Flask) -> None:
    ada = online()
    ticket = make.ticket(queue=make.queue(assignment=ROUND_ROBIN), at=utc_now() - timedelta(minutes=1))

    tick.tick(app)

    assert holder(ticket) == ada.id


def test_a_backlog_larger_than_a_job_is_handed_out_by_the_jobs_after_it(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assigning, "ROUNDS", 1)
    ada, queue = make.agent(), make.queue(assignment=ROUND_ROBIN)
    tickets = [make.ticket(queue=queue) for _ in range(30)]
    come(ada)

    assigning.drain_for(ada.id)
    first = len(given())
    assigning.drain_for(ada.id)

    assert (first, len(given())) == (20, 30)
    assert {holder(one) for one in tickets} == {ada.id}


def test_a_plan_that_is_out_of_date_does_no_harm(app: Flask) -> None:
    ada, queue = online(capacity={"email": 1}), make.queue(assignment=ROUND_ROBIN)
    ticket, other = make.ticket(queue=queue), make.ticket(queue=queue)
    lines = plan(queue.id, at=NOON)
    with transaction("api") as session:
        lifecycle.assign(lifecycle.lock_ticket(other.id), session.get_one(Agent, ada.id), by=SYSTEM, at=NOON)

    done = assigning._carry_out(lines)

    assert lines == [(ticket.id, ada.id)]
    assert (done, holder(ticket)) == (0, None)


@on_postgresql
def test_drains_and_claims_at_once_give_nobody_too_much_and_no_ticket_twice(app: Flask) -> None:
    queue = make.queue(assignment=LEAST_LOADED)
    crew = [make.agent(name=f"Agent {n}", capacity={"email": 5}) for n in range(6)]
    tickets = [make.ticket(queue=queue) for _ in range(60)]
    make.work_off()
    for one in crew:
        come(one)
    queue_id, agents, every = queue.id, [one.id for one in crew], {one.id for one in tickets}
    claimed: list[int] = []

    def claim(agent_id: int) -> None:
        with transaction("api") as session:
            where, who = session.get_one(Queue, queue_id), session.get_one(Agent, agent_id)
            ticket = routing.claim_next(where, who, at=NOON)
        if ticket is not None:
            claimed.append(ticket.id)

    drains = [partial(assigning.drain, queue_id)] * 4 + [partial(assigning.drain_for, one) for one in agents]
    at_once(app, drains + [partial(claim, one) for one in agents])

    db.session.remove()
    held = Counter(db.session().scalars(select(Ticket.assignee_id).where(Ticket.assignee_id.is_not(None))))
    assert held == dict.fromkeys(agents, 5)
    handed = [ticket for ticket, _ in given()] + claimed
    assert len(handed) == len(set(handed)) == 30
    assert set(handed) < every


def at_once(app: Flask, works: Sequence[Callable[[], None]]) -> None:
    """Do several things at the same time; raises what one of them raises."""
    ready = threading.Barrier(len(works))

    def run(work: Callable[[], None]) -> None:
        with app.app_context():
            ready.wait(60)
            try:
                work()
            finally:
                db.session.remove()

    with ThreadPoolExecutor(len(works)) as pool:
        list(pool.map(run, works))
