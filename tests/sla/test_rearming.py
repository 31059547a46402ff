"""An edit of the rules reaches the tickets that are open: each once, whoever dies on the way."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from api import rearming as job
from api import tick
from sla import policies, rearming, rules
from sla.agreement import Metric
from sla.life import replay
from sla.models import Clock, JobState, Policy, Rearming
from tests import make
from tests.conftest import NOON
from ticketing import journal, lifecycle
from ticketing.events import SYSTEM, Actor
from ticketing.models import JournalEntry, Ticket
from ticketing.status import Priority
from ticketing.store import db
from ticketing.transaction import transaction

HOUR = timedelta(hours=1)
DAY = 24 * HOUR
LATER = NOON + HOUR
FOUR_HOURS = {"allowance_seconds": 14_400}
TWO_HOURS = {"allowance_seconds": 7200}
BOTH = {"first_response": FOUR_HOURS, "resolution": {"allowance_seconds": 86_400}}


def edit(policy: Policy, by: Actor = SYSTEM, **changes: Any) -> int:
    """Edit a policy for open tickets too; the id of the work."""
    with transaction("test"):
        words = {**policies.words_of(policies.find_policy(policy.origin)), **changes}
        row = policies.revise(policy.origin, words, by=SYSTEM, at=LATER)
        return rearming.ask([row.origin], by=by, at=LATER).id


def look_anew() -> None:
    """Forget what this session has read so far."""
    db.session().rollback()
    db.session().expire_all()


def go_on(rearming_id: int, limit: int = 100) -> bool:
    with transaction("worker"):
        return rearming.carry_on(rearming_id, at=LATER + HOUR, limit=limit)


def die_on_the_way(rearming_id: int) -> None:
    with transaction("worker"):
        rearming.carry_on(rearming_id, at=LATER + HOUR, limit=2)
        raise KeyboardInterrupt  # before the commit


def is_done(rearming_id: int) -> bool:
    look_anew()
    return db.session().get_one(Rearming, rearming_id).state is JobState.DONE


def finish(rearming_id: int) -> Rearming:
    while go_on(rearming_id):
        pass
    look_anew()
    return rearming.find_rearming(rearming_id)


def entries() -> list[int]:
    """The tickets that have been told, each as often as it was."""
    look_anew()
    told = select(JournalEntry.ticket_id).where(JournalEntry.kind == "sla_rearmed").order_by(JournalEntry.ticket_id)
    return list(db.session().scalars(told))


def clocks(ticket_id: int) -> list[tuple[str, int | None, int]]:
    look_anew()
    rows = db.session().scalars(select(Clock).where(Clock.ticket_id == ticket_id).order_by(Clock.id))
    return sorted((row.metric.value, row.policy_id, row.allowance_seconds) for row in rows)


def lives_agree(ticket_ids: list[int]) -> bool:
    """Say whether the clocks that are kept are those that the journal tells of."""
    history = rules.history()
    for ticket_id in ticket_ids:
        life = replay(map(journal.entry_of, journal.lines(ticket_id, limit=1000)), history)
        kept = db.session().scalars(select(Clock).where(Clock.ticket_id == ticket_id).order_by(Clock.id)).all()
        assert life is not None
        if [row.value() for row in kept] != life.clocks:
            return False
    return True


def test_open_tickets_go_on_under_the_new_version(app: Flask) -> None:
    policy = make.policy(targets=BOTH)
    waiting, answered = make.ticket().id, make.ticket().id
    with transaction("test"):
        lifecycle.change_priority(lifecycle.lock_ticket(answered), Priority.HIGH, by=SYSTEM, at=NOON)
    version = db.session().get_one(Ticket, waiting).version

    by = Actor.agent(make.agent().id)
    done = finish(edit(policy, by, targets={"first_response": TWO_HOURS, "next_response": TWO_HOURS}))

    newer = policies.find_policy(policy.id).id
    assert clocks(waiting) == [("first_response", newer, 7200), ("resolution", policy.id, 86_400)]
    ticket = db.session().get_one(Ticket, waiting)
    assert (ticket.due_at, ticket.version, ticket.updated_at) == (NOON + 2 * HOUR, version + 1, LATER + HOUR)
    (resolution,) = db.session().scalars(
        select(Clock).where(Clock.ticket_id == waiting, Clock.metric == Metric.RESOLUTION)
    )
    assert resolution.cancelled_at == LATER + HOUR
    assert (done.state, done.total, done.done, done.changed) == (JobState.DONE, 2, 2, 2)
    assert (done.finished_at, done.asked_by_id) == (LATER + HOUR, by.id)
    assert entries() == [waiting, answered]
    told = journal.lines(waiting, limit=100)[-1]
    assert (told.data, told.actor_id, told.source) == ({"change_id": done.id}, by.id, "worker")
    assert lives_agree([waiting, answered])


def test_only_what_an_edit_is_about_moves(app: Flask) -> None:
    mail, phone = make.policy("Mail", conditions={"channel": ["email"]}), make.policy("Rest", position=9)
    of_mail, urgent = make.ticket().id, make.ticket(priority=Priority.URGENT).id
    solved = make.ticket().id
    with transaction("test"):
        lifecycle.resolve(lifecycle.lock_ticket(solved), by=SYSTEM, at=NOON)
        words = policies.words_of(policies.find_policy(mail.id))
        policies.revise(mail.id, {**words, "targets": BOTH}, by=SYSTEM, at=NOON)  # for new tickets only

    done = finish(edit(phone, position=-1, conditions={"priority": ["urgent"]}))

    assert entries() == [urgent]
    assert (done.done, done.changed) == (2, 1)
    assert {policy_id for _, policy_id, _ in clocks(of_mail) + clocks(solved)} == {mail.id}
    assert clocks(urgent)[0][1] == policies.find_policy(phone.id).id


def test_tickets_of_an_archived_policy_fall_under_the_next_one(app: Flask) -> None:
    first, second = make.policy("First"), make.policy("Second", position=2, targets={"resolution": FOUR_HOURS})
    ticket_id = make.ticket().id
    with transaction("test"):
        policies.archive(first.id, by=SYSTEM, at=LATER)
        asked = rearming.ask([first.id], by=SYSTEM, at=LATER).id

    finish(asked)

    assert clocks(ticket_id) == [("first_response", first.id, 14_400), ("resolution", second.id, 14_400)]
    assert db.session().get_one(Ticket, ticket_id).sla_tracked


def test_whoever_comes_after_a_killed_worker_goes_on_where_it_was(app: Flask) -> None:
    policy = make.policy()
    tickets = [make.ticket().id for _ in range(5)]
    asked = edit(policy, targets={"first_response": TWO_HOURS})
    go_on(asked, limit=2)
    with pytest.raises(KeyboardInterrupt):
        die_on_the_way(asked)

    assert entries() == tickets[:2]
    row = db.session().get_one(Rearming, asked)
    assert (row.state, row.done, row.changed, row.after_id) == (JobState.RUNNING, 2, 2, tickets[1])

    done = finish(asked)
    assert entries() == tickets
    assert (done.state, done.done, done.changed, done.total) == (JobState.DONE, 5, 5, 5)
    assert not go_on(asked)
    assert entries() == tickets
    assert lives_agree(tickets)


def test_several_workers_at_once_do_nothing_twice(app: Flask) -> None:
    policy = make.policy()
    tickets = [make.ticket().id for _ in range(12)]
    asked = edit(policy, targets={"first_response": TWO_HOURS})

    def work() -> None:
        with app.app_context():
            patient_until = time.monotonic() + 60
            while not is_done(asked) and time.monotonic() < patient_until:
                go_on(asked, limit=2)  # or another has it just now
            db.session.remove()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()

    assert entries() == tickets
    row = db.session().get_one(Rearming, asked)
    assert (row.state, row.done, row.changed) == (JobState.DONE, 12, 12)


def test_tickets_that_came_in_before_the_work_began_are_counted(app: Flask) -> None:
    policy = make.policy()
    make.ticket()
    asked = edit(policy, targets={"first_response": TWO_HOURS})
    make.ticket()  # after the edit: under the new version already

    done = finish(asked)

    assert (done.total, done.done, done.changed) == (2, 2, 1)


def test_the_ticker_finds_what_nobody_works_on(sqlite_app: Flask) -> None:
    policy = make.policy()
    ticket_id = make.ticket().id
    asked = edit(policy, targets={"first_response": TWO_HOURS})

    tick.go_on_rearming()

    db.session.remove()
    assert rearming.find_rearming(asked).state is JobState.DONE
    assert entries() == [ticket_id]
    assert job.left_alone() == []


def test_what_somebody_works_on_is_left_to_them(sqlite_app: Flask) -> None:
    asked = edit(make.policy(), position=3)

    def left_alone(since: Any) -> list[int]:
        with transaction("ticker"):
            return rearming.left_alone(since=since, at=LATER + HOUR)

    assert left_alone(LATER - HOUR) == []
    assert left_alone(LATER) == [asked]
    assert left_alone(LATER) == []  # claimed


def test_a_re_arming_says_nothing_of_tickets_of_which_the_journal_must_be_read_again(app: Flask) -> None:
    policy = make.policy()
    ticket_id = make.ticket().id
    with transaction("test"):
        lifecycle.lock_ticket(ticket_id).sla_state = None

    finish(edit(policy, targets={"first_response": TWO_HOURS}))

    assert clocks(ticket_id) == [("first_response", policies.find_policy(policy.id).id, 7200)]


def test_last_months_verdicts_are_the_same_to_the_last_digit(app: Flask) -> None:
    policy = make.policy(targets={**BOTH, "queue_wait": {"allowance_seconds": 600}})
    agent, _ = make.agent(), make.inbox()
    last_month = NOON - 30 * DAY
    for number in range(6):  # met, breached, answered late, reopened, cancelled by a merge, open to this day
        ticket = make.ticket(at=last_month + number * HOUR)
        make.reply(ticket, agent, at=last_month + number * (2 * HOUR + timedelta(microseconds=number)))
        if number < 5:
            with transaction("test"):
                row = lifecycle.lock_ticket(ticket.id)
                lifecycle.resolve(row, by=SYSTEM, at=last_month + (number * 13 + 1) * HOUR)
    other = make.ticket(at=last_month)
    make.merge(make.ticket(at=last_month), into=other, at=last_month + HOUR)

    def ended() -> list[tuple[Any, ...]]:
        look_anew()
        over = (Clock.met_at.is_not(None)) | (Clock.cancelled_at.is_not(None)) | (Clock.breached_at.is_not(None))
        query = select(*Clock.__table__.c).where(over, Clock.started_at < NOON - DAY).order_by(Clock.id)
        return [tuple(row) for row in db.session().execute(query)]

    before = ended()
    open_ones = edit(
        policy, targets={"first_response": {"allowance_seconds": 60}, "queue_wait": TWO_HOURS}, name="Other", position=3
    )
    finish(open_ones)

    assert len(before) > 10
    assert [row for row in ended() if row in before] == before
