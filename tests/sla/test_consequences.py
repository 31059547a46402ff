"""What policies want done at the steps of clocks is done once, or it is said why not."""

import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from sla import consequences
from sla.events import PromiseMade
from sla.models import Alert, Clock, Consequence, ConsequenceState, Policy, Promise
from sla.sweep import Swept, flag_due
from tests import make
from tests.sla import desk
from tests.sla.desk import NOON
from ticketing import journal, lifecycle
from ticketing.agents import find_agent
from ticketing.events import SYSTEM
from ticketing.filters import sla_state
from ticketing.models import Agent, JournalEntry, Queue, Role, Ticket
from ticketing.moment import rfc3339
from ticketing.status import Priority, Status
from ticketing.store import db
from ticketing.transaction import transaction

HOUR = timedelta(hours=1)
DUE = NOON + HOUR
Action = Mapping[str, Any]


def promise(*steps: tuple[int, Action], conditions: Mapping[str, Any] | None = None, name: str = "Calls") -> Policy:
    """An answer within an hour, and what is to happen so many seconds from the deadline."""
    wanted: dict[int, list[Action]] = {}
    for offset, action in steps:
        wanted.setdefault(offset, []).append(action)
    target = {
        "allowance_seconds": 3600,
        "steps": [{"offset_seconds": offset, "actions": actions} for offset, actions in wanted.items()],
    }
    with transaction("test") as session:
        policy = desk.policy(name, dict(conditions or {}), allowance_seconds=3600)
        policy.targets = {"first_response": target}
        session.flush()
        return policy


def sweep(after: timedelta) -> Swept:
    with transaction("ticker"):
        return flag_due(DUE + after)


def carry_out_all(after: timedelta = HOUR) -> None:
    while True:
        with transaction("sla"):
            ids = consequences.claim(DUE + after, 50)
        if not ids:
            return
        for one in ids:
            with transaction("sla"):
                consequences.carry_out(one, at=DUE + after)


def rows() -> list[Consequence]:
    return list(db.session().scalars(select(Consequence).order_by(Consequence.id)))


def fresh(ticket: Ticket) -> Ticket:
    return (
        db.session()
        .scalars(select(Ticket).where(Ticket.id == ticket.id), execution_options={"populate_existing": True})
        .one()
    )


def kinds(ticket: Ticket) -> list[str]:
    return [row.kind for row in journal.lines(ticket.id, limit=100)]


def test_warnings_breach_and_escalation_are_told_at_their_moments_each_once(app: Flask) -> None:
    tag = {"kind": "tag", "tags": ["late"]}
    promise((-1800, tag), (-600, tag), (0, tag), (1800, tag), (3600, tag))
    ticket = desk.opened()

    told = [sweep(timedelta(seconds=offset)).clocks for offset in (-1801, -1800, -1700, -600, 0, 0, 1800, 7200, 9000)]

    entries = [one for one in journal.lines(ticket.id) if one.kind.startswith("sla_")]
    assert told == [0, 1, 0, 1, 1, 0, 1, 1, 0]
    assert [(one.kind, (one.at - DUE).total_seconds()) for one in entries] == [
        ("sla_warned", -1800),
        ("sla_warned", -600),
        ("sla_breached", 0),
        ("sla_escalated", 1800),
        ("sla_escalated", 3600),
    ]
    assert [one.offset_seconds for one in rows()] == [-1800, -600, 0, 1800, 3600]
    assert db.session().scalars(select(Clock.next_at)).one() is None


def test_who_slept_through_everything_breaches_and_escalates_without_a_warning(sqlite_app: Flask) -> None:
    promise((-1800, {"kind": "tag", "tags": ["soon"]}), (1800, {"kind": "tag", "tags": ["late"]}))
    ticket = desk.opened()

    swept = sweep(HOUR)

    assert swept == Swept(clocks=1, breached=1, consequences=1)
    assert kinds(ticket)[-2:] == ["sla_breached", "sla_escalated"]


def test_the_ticket_comes_first_by_its_deadline_from_the_warning_to_the_escalation(sqlite_app: Flask) -> None:
    promise((-1800, {"kind": "tag", "tags": ["soon"]}), (1800, {"kind": "tag", "tags": ["late"]}))
    ticket = desk.opened()

    states = []
    for offset in (-1800, 0, 1800):
        sweep(timedelta(seconds=offset))
        found = fresh(ticket)
        states.append((found.due_at, sla_state(found, DUE + timedelta(seconds=offset)).value))

    assert states == [(DUE, "at_risk"), (DUE, "breached"), (DUE, "breached")]


def test_an_answer_between_breach_and_escalation_ends_the_steps(sqlite_app: Flask) -> None:
    promise((0, {"kind": "tag", "tags": ["late"]}), (1800, {"kind": "tag", "tags": ["very late"]}))
    ticket = desk.opened()
    sweep(timedelta(0))
    with transaction("test"):
        desk.reply(lifecycle.lock_ticket(ticket.id), after=HOUR + timedelta(minutes=10))

    assert sweep(2 * HOUR).clocks == 0
    assert len(rows()) == 1


def test_a_ticket_is_changed_as_the_policy_says_and_the_journal_tells_of_it(app: Flask) -> None:
    _, other = make.queue("Support"), make.queue("Escalations")
    agent = make.agent(name="Grace")
    promise(
        (0, {"kind": "raise_priority", "to": "urgent"}),
        (0, {"kind": "move", "queue": other.id}),
        (0, {"kind": "assign", "agent": agent.id}),
        (0, {"kind": "tag", "tags": ["Late"]}),
    )
    ticket = desk.opened()
    sweep(timedelta(0))

    carry_out_all()

    found = fresh(ticket)
    assert (found.priority, found.queue_id, found.assignee_id, found.tags) == (
        Priority.URGENT,
        other.id,
        agent.id,
        ["late"],
    )
    assert {(one.state, one.reason, one.next_at) for one in rows()} == {(ConsequenceState.DONE, "", None)}
    changed = [one for one in journal.lines(ticket.id) if one.source == "sla"]
    assert [one.kind for one in changed][:4] == [
        "priority_changed",
        "ticket_moved",
        "ticket_assigned",
        "status_changed",
    ]
    assert changed[2].data["reason"] == "breached"
    assert found.due_at == DUE  # still first in its new queue


def test_what_cannot_or_need_not_be_done_says_why(sqlite_app: Flask) -> None:
    gone = make.agent(name="Gone")
    with transaction("test"):
        find_agent(gone.id).is_active = False
    actions = [
        {"kind": "raise_priority", "to": "low"},
        {"kind": "assign", "agent": gone.id},
        {"kind": "assign", "agent": 4711},
        {"kind": "move", "queue": 4711},
        {"kind": "tag", "tags": ["late"]},
        {"kind": "tag", "tags": ["late"]},
        {"kind": "notify", "to": ["assignee"]},
    ]
    promise(*[(0, one) for one in actions])
    ticket = desk.opened()
    sweep(timedelta(0))

    carry_out_all()

    assert fresh(ticket).priority is Priority.NORMAL
    assert [one.reason for one in rows()] == [
        "the priority is normal already",
        f"agent {gone.id} has left the desk",
        "agent 4711 has left the desk",
        "there is no queue 4711",
        "",
        "it has these tags already",
        "there is nobody to be told",
    ]


def test_a_ticket_that_was_solved_or_merged_meanwhile_is_left_alone(sqlite_app: Flask) -> None:
    promise((0, {"kind": "raise_priority", "to": "urgent"}))
    solved, merged = desk.opened(), desk.opened()
    sweep(timedelta(0))
    with transaction("test"):
        lifecycle.resolve(lifecycle.lock_ticket(solved.id), by=SYSTEM, at=DUE)
    with transaction("test"):
        row = lifecycle.lock_ticket(merged.id)
        row.status, row.merged_into_id = Status.CLOSED, solved.id

    carry_out_all()

    assert [one.reason for one in rows()] == ["the ticket is solved", f"the ticket is merged into {solved.id}"]
    assert {fresh(one).priority for one in (solved, merged)} == {Priority.NORMAL}


def test_a_warning_is_not_carried_out_once_the_answer_is_there(sqlite_app: Flask) -> None:
    promise((-1800, {"kind": "raise_priority", "to": "urgent"}))
    ticket = desk.opened()
    sweep(timedelta(seconds=-1800))
    with transaction("test"):
        desk.reply(lifecycle.lock_ticket(ticket.id), after=timedelta(minutes=40))

    carry_out_all()

    assert [one.reason for one in rows()] == ["what was awaited has happened in time"]


def test_a_ticket_that_comes_back_to_a_policy_has_its_consequences_once(app: Flask) -> None:
    warned = {"kind": "tag", "tags": ["soon"]}
    promise((-1800, warned), conditions={"priority": ["normal"]}, name="Normal")
    promise((-1800, warned), conditions={"priority": ["high"]}, name="High")
    ticket = desk.opened()
    for number, priority in enumerate((Priority.HIGH, Priority.NORMAL, Priority.HIGH)):
        sweep(timedelta(seconds=-1800 + number))
        with transaction("test"):
            row = lifecycle.lock_ticket(ticket.id)
            lifecycle.change_priority(row, priority, by=SYSTEM, at=DUE - timedelta(seconds=1800 - number))

    sweep(timedelta(seconds=-1700))

    assert len({one.policy_id for one in rows()}) == len(rows()) == 2


def test_a_broken_promise_is_told_once_though_its_ticket_comes_under_another_policy(sqlite_app: Flask) -> None:
    for name in ("normal", "high"):
        policy = promise(conditions={"priority": [name]}, name=name)
        with transaction("test") as session:
            session.get_one(Policy, policy.id).targets = {"promise": {}}
    ticket = desk.opened()
    with transaction("test") as session:
        row = lifecycle.lock_ticket(ticket.id)
        made = Promise(ticket_id=row.id, words="We call back.", due_at=DUE, made_at=NOON)
        session.add(made)
        session.flush()
        journal.append(row, PromiseMade(made.id, rfc3339(DUE)), by=SYSTEM, at=NOON)
    sweep(timedelta(0))
    with transaction("test"):
        lifecycle.change_priority(lifecycle.lock_ticket(ticket.id), Priority.HIGH, by=SYSTEM, at=DUE + HOUR)

    sweep(2 * HOUR)

    assert kinds(ticket).count("sla_breached") == 1
    assert db.session().scalars(select(Clock.policy_id)).one() == policy.id


def test_who_is_told(app: Flask) -> None:
    boss, other_boss = make.agent(Role.SUPERVISOR, name="Boss"), make.agent(Role.SUPERVISOR, name="Elsewhere")
    member, assignee, named = (make.agent(name=name) for name in ("Member", "Assignee", "Named"))
    queue = make.queue("Ours", members=[boss, member])
    promise((0, {"kind": "notify", "to": ["assignee", "supervisors", "members", named.id, boss.id]}))
    with transaction("test"):
        ticket = desk.ticket()
        lifecycle.move(ticket, db.session().get_one(Queue, queue.id), by=SYSTEM, at=NOON)
        lifecycle.assign(ticket, find_agent(assignee.id), by=SYSTEM, at=NOON)
    sweep(timedelta(0))

    carry_out_all()

    told = db.session().scalars(select(Alert).order_by(Alert.agent_id)).all()
    assert [one.agent_id for one in told] == sorted([boss.id, member.id, assignee.id, named.id])
    assert other_boss.id not in {one.agent_id for one in told}
    assert {one.kind for one in told} == {"sla_breached"}
    assert told[0].data == {
        "metric": "first_response",
        "due_at": "2026-11-18T13:00:00Z",
        "offset_seconds": 0,
        "policy": 1,
        "queue": queue.id,
        "priority": "normal",
        "assignee": assignee.id,
    }


def test_admins_stand_in_for_supervisors_where_there_are_none(sqlite_app: Flask) -> None:
    admin = make.agent(Role.ADMIN)
    promise((0, {"kind": "notify", "to": ["supervisors"]}))
    desk.opened()
    sweep(timedelta(0))

    carry_out_all()

    assert db.session().scalars(select(Alert.agent_id)).all() == [admin.id]


def test_what_is_claimed_is_left_alone_until_the_lease_ends(app: Flask) -> None:
    promise((0, {"kind": "tag", "tags": ["late"]}))
    desk.opened()
    sweep(timedelta(0))

    claims = []
    for after in (timedelta(0), HOUR, HOUR + consequences.LEASE / 2, HOUR + consequences.LEASE):
        with transaction("sla"):
            claims.append(len(consequences.claim(DUE + after, 10)))

    assert claims == [1, 1, 0, 1]
    assert rows()[0].attempts == sum(claims)


def test_two_workers_at_once_do_each_thing_once(app: Flask) -> None:
    agents = [make.agent(name=f"Agent {number}") for number in range(3)]
    promise((0, {"kind": "notify", "to": [one.id for one in agents]}), (0, {"kind": "raise_priority", "to": "high"}))
    for _ in range(10):
        desk.opened()
    sweep(timedelta(0))
    ids = [one.id for one in rows()]
    db.session.remove()
    start = threading.Barrier(2)

    def work() -> None:
        with app.app_context():
            start.wait()
            for one in ids:  # both claim everything: the row's own state decides
                with transaction("sla"):
                    consequences.carry_out(one, at=DUE)
            db.session.remove()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()

    raised = select(func.count()).select_from(JournalEntry).where(JournalEntry.kind == "priority_changed")
    assert db.session().scalar(raised) == 10
    assert db.session().scalar(select(func.count()).select_from(Alert)) == 30
    assert db.session().scalar(select(func.count()).select_from(Agent)) == 3
    assert {one.reason for one in rows()} == {""}


@pytest.mark.parametrize(
    ("attempts", "for_good", "expected"),
    [
        pytest.param(1, False, (ConsequenceState.PENDING, timedelta(seconds=30)), id="after the first"),
        pytest.param(3, False, (ConsequenceState.PENDING, timedelta(seconds=120)), id="later and later"),
        pytest.param(11, False, (ConsequenceState.PENDING, timedelta(hours=1)), id="at most an hour"),
        pytest.param(12, False, (ConsequenceState.FAILED, None), id="the twelfth was the last"),
        pytest.param(1, True, (ConsequenceState.FAILED, None), id="no use"),
    ],
)
def test_what_failed_is_tried_again_later_and_later(
    sqlite_app: Flask, attempts: int, for_good: bool, expected: tuple[ConsequenceState, timedelta | None]
) -> None:
    promise((0, {"kind": "webhook", "url": "https://hooks.example/late"}))
    desk.opened()
    sweep(timedelta(0))
    with transaction("test"):
        row = rows()[0]
        row.attempts = attempts

    with transaction("sla"):
        consequences.failed(row.id, "it answered 500", at=DUE, for_good=for_good)

    row = rows()[0]
    assert (row.state, row.next_at and row.next_at - DUE) == expected
    assert row.reason == "it answered 500"
