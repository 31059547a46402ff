"""Whatever happens to tickets, in whatever order: the clocks that are kept are those that their journals tell of."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from sla import rules
from sla.agreement import Metric, Target
from sla.clock import SLAClock, as_of, counted_at
from sla.events import PromiseKept, PromiseMade, PromiseWithdrawn, SLARearmed
from sla.hours import elapsed
from sla.life import replay
from sla.models import Clock, Policy, Promise
from sla.sweep import flag_due
from tests import make
from tests.sla import desk
from tests.sla.desk import NOON
from ticketing import conversation, journal, lifecycle, lines, merging, snoozing, splitting
from ticketing.envelope import Channel, HandleKind, InboundMessage, Sender
from ticketing.errors import TicketingError
from ticketing.events import (
    SYSTEM,
    Actor,
    Entry,
    Event,
    PriorityChanged,
    StatusChanged,
    TagsChanged,
    TicketAbsorbed,
    TicketMoved,
    TicketReopened,
    TicketResolved,
    TicketSnoozed,
    TicketWoke,
)
from ticketing.models import Agent, Customer, JournalEntry, Message, MessageKind, Queue, Ticket
from ticketing.moment import rfc3339
from ticketing.status import Priority, Status
from ticketing.store import db
from ticketing.transaction import transaction

HOUR = 3600
TARGETS = {
    "first_response": {"allowance_seconds": 4 * HOUR, "warn_seconds_before": HOUR},
    "next_response": {"allowance_seconds": 2 * HOUR, "pause_on": ["on_hold", "snoozed"]},
    "update": {"allowance_seconds": 8 * HOUR, "wall_clock": True},
    "resolution": {"allowance_seconds": 24 * HOUR, "steps": [{"offset_seconds": HOUR, "actions": []}]},
    "queue_wait": {"allowance_seconds": HOUR},
}
MOST_SECONDS = 9 * HOUR  # between two things that happen
Deed = Callable[[Ticket, datetime], None]


class World:
    """A desk to which things happen at random, always the same ones for the same seed."""

    def __init__(self, seed: int, *, calm: bool = False) -> None:
        self.chance = random.Random(seed)
        self.calm = calm  # nothing that brings a ticket under another agreement
        self.now = NOON
        self.edits = 0
        self.agents = [make.agent(name="Ada").id, make.agent(name="Bob").id]
        self.queues = [make.queue("One").id, make.queue("Two").id]
        make.inbox(Channel.EMAIL)
        self.customer = make.customer(email="karim@example.org").id
        with transaction("test"):
            self.policy("Urgent", 1, {"priority": ["urgent"]}, on_reopen="restart")
            self.policy("Billing", 2, {"tag": ["billing"], "queue": self.queues}, on_reopen="keep")
            self.policy("All", 3, {}, automatic_answers_count=True)
        for _ in range(4):
            self.open_ticket()

    def policy(self, name: str, position: int, conditions: dict[str, object], **said: object) -> None:
        wanted = self.chance.sample(sorted(TARGETS), 4)
        targets = {metric: TARGETS[metric] for metric in wanted}
        row = desk.policy(name, conditions, position=position, allowance_seconds=60)
        row.targets, row.rules, row.created_at = targets, said, self.now

    def step(self) -> None:
        """Let some time pass, and something happen."""
        self.now += timedelta(seconds=self.chance.randrange(1, MOST_SECONDS))
        edit = [] if self.calm else [self.edit_policy]
        deed = self.chance.choice([self.open_ticket, self.sweep, *edit, *[self.work] * 12])
        deed()

    def open_ticket(self) -> None:
        with transaction("test") as session:
            lifecycle.open_ticket(
                subject="Help",
                customer=customer(self.customer),
                queue=session.get_one(Queue, self.chance.choice(self.queues)),
                channel=Channel.EMAIL,
                priority=self.chance.choice(list(Priority)),
                tags=self.chance.choice([[], ["billing"]]),
                live=self.chance.random() < 0.3,
                waiting=self.chance.random() < 0.8,
                by=SYSTEM,
                at=self.now,
            )

    def edit_policy(self) -> None:
        """Put a new version of one in force, and perhaps carry it over to the tickets that are there."""
        with transaction("test") as session:
            old = self.chance.choice(list(session.scalars(select(Policy).where(Policy.archived_at.is_(None)))))
            old.archived_at = self.now
            session.add(
                Policy(
                    origin_id=old.origin,
                    name=old.name,
                    version=old.version + 1,
                    position=old.position,
                    conditions=old.conditions,
                    targets={metric: TARGETS[metric] for metric in self.chance.sample(sorted(TARGETS), 3)},
                    rules=old.rules,
                    calendar_id=old.calendar_id,
                    created_at=self.now,
                )
            )
            session.flush()
        self.edits += 1
        if self.chance.random() < 0.5:
            self.now += timedelta(seconds=1)
            with transaction("test") as session:
                for one in session.scalars(select(Ticket.id).order_by(Ticket.id)).all():
                    journal.append(lifecycle.lock_ticket(one), SLARearmed(self.edits), by=SYSTEM, at=self.now)

    def sweep(self) -> None:
        with transaction("ticker"):
            flag_due(self.now)

    def work(self) -> None:
        """Do something to one of the tickets, if it lets that be done."""
        every = db.session().scalars(select(Ticket.id).where(Ticket.merged_into_id.is_(None))).all()
        if not every:
            return
        deed: Deed = self.chance.choice(self.deeds())
        wanted = sorted(self.chance.sample(every, min(2, len(every))))
        try:
            with transaction("test"):
                locked = [lifecycle.lock_ticket(one) for one in wanted]
                if len(locked) == 2 and not self.calm and self.chance.random() < 0.05:
                    merging.merge(*locked, by=SYSTEM, at=self.now)
                else:
                    deed(self.chance.choice(locked), self.now)
        except TicketingError:
            db.session().rollback()  # not possible as the ticket is: nothing has happened

    def deeds(self) -> list[Deed]:
        chance, by = self.chance, SYSTEM
        turns: list[Deed] = [
            lambda ticket, at: lifecycle.reopen(ticket, by=by, at=at),
            lambda ticket, at: lifecycle.change_priority(ticket, chance.choice(list(Priority)), by=by, at=at),
            lambda ticket, at: lifecycle.change_tags(ticket, chance.choice([[], ["billing"]]), by=by, at=at),
            lambda ticket, at: lifecycle.move(ticket, queue(chance.choice(self.queues)), by=by, at=at),
            self.split,
        ]
        return [
            *([] if self.calm else turns),
            *[self.message] * 4,
            *[self.reply] * 3,
            *[self.rest] * 3,
            self.automatic_reply,
            lambda ticket, at: lifecycle.assign(ticket, agent(chance.choice(self.agents)), by=by, at=at, steal=True),
            lambda ticket, at: lifecycle.release(ticket, by=by, at=at),
            lambda ticket, at: lifecycle.resolve(ticket, by=by, at=at, answer_needed=chance.random() < 0.7),
            lambda ticket, at: lines.end(ticket, by=by, at=at),
            lambda ticket, at: lines.begin(
                ticket, Channel.PHONE, on_phone=chance.random() < 0.7, since=at, by=by, at=at
            ),
            self.speak,
            lambda ticket, at: snoozing.snooze(ticket, at + timedelta(hours=5), by=by, at=at),
            lambda ticket, at: snoozing.wake(ticket, why="agent", by=by, at=at),
            self.promise,
            self.keep_promise,
        ]

    def rest(self, ticket: Ticket, at: datetime) -> None:
        status = self.chance.choice([Status.PENDING, Status.ON_HOLD, Status.OPEN])
        lifecycle.change_status(ticket, status, by=SYSTEM, at=at)

    def message(self, ticket: Ticket, at: datetime) -> None:
        late = timedelta(minutes=self.chance.choice([0, 0, 0, 200]))  # one that was kept back somewhere
        said = InboundMessage(
            channel=Channel.EMAIL,
            provider_id=f"<{self.chance.random()}@example.org>",
            sender=Sender(HandleKind.EMAIL, "karim@example.org"),
            text="Any news?",
            received_at=at - late,
            automatic=self.chance.random() < 0.1,
        )
        person = customer(self.customer)
        conversation.receive(ticket, said, customer=person, handle=None, inbox=None, files=(), at=at - late)

    def reply(self, ticket: Ticket, at: datetime) -> None:
        conversation.reply(ticket, "We are on it.", agent=agent(self.chance.choice(self.agents)), at=at)

    def speak(self, ticket: Ticket, at: datetime) -> None:
        since = ticket.waiting_since
        lines.answer(ticket, agent(self.chance.choice(self.agents)), Channel.PHONE, at=at)
        if since is not None and self.chance.random() < 0.3:
            lines.lose(ticket, Channel.PHONE, since=since, by=SYSTEM, at=at)

    def automatic_reply(self, ticket: Ticket, at: datetime) -> None:
        desk.reply(ticket, after=at - NOON, automatic=True)

    def split(self, ticket: Ticket, at: datetime) -> None:
        query = select(Message.id).where(Message.ticket_id == ticket.id, Message.kind == MessageKind.INBOUND)
        found = db.session().scalars(query.order_by(Message.id)).all()
        if len(found) > 1:
            splitting.split(ticket, self.chance.choice(found), by=SYSTEM, at=at, following=self.chance.random() < 0.5)

    def promise(self, ticket: Ticket, at: datetime) -> None:
        due_at = at + timedelta(seconds=self.chance.randrange(1, 3 * MOST_SECONDS))
        row = Promise(ticket_id=ticket.id, words="We call back", due_at=due_at, made_at=at)
        db.session().add(row)
        db.session().flush()
        journal.append(ticket, PromiseMade(row.id, rfc3339(due_at)), by=SYSTEM, at=at)

    def keep_promise(self, ticket: Ticket, at: datetime) -> None:
        found = db.session().scalars(select(Promise.id).where(Promise.ticket_id == ticket.id)).all()
        if found:
            kind = self.chance.choice([PromiseKept, PromiseWithdrawn])
            journal.append(ticket, kind(self.chance.choice(found)), by=Actor.agent(self.agents[0]), at=at)


def agent(agent_id: int) -> Agent:
    return db.session().get_one(Agent, agent_id)


def queue(queue_id: int) -> Queue:
    return db.session().get_one(Queue, queue_id)


def customer(customer_id: int) -> Customer:
    return db.session().get_one(Customer, customer_id)


def kept(ticket_id: int, now: datetime) -> list[SLAClock]:
    rows = db.session().scalars(select(Clock).where(Clock.ticket_id == ticket_id).order_by(Clock.id))
    return [as_of(row.value(), now) for row in rows]


def journal_of(ticket_id: int) -> list[Entry]:
    query = select(JournalEntry).where(JournalEntry.ticket_id == ticket_id).order_by(JournalEntry.id)
    return [journal.entry_of(line) for line in db.session().scalars(query)]


def told(ticket_id: int, now: datetime) -> list[SLAClock]:
    life = replay(journal_of(ticket_id), rules.history())
    return [as_of(one, now) for one in life.clocks] if life else []


def reckoned(clock: SLAClock, entries: list[Entry], target: Target, now: datetime) -> timedelta | None:
    """Reckon what the clock has counted from the journal alone, in a way of its own; None: that is too difficult.

    It is where the ticket came under another agreement meanwhile, or was opened again.
    """
    if any(isinstance(one.event, DIFFICULT) and one.at >= clock.started_at for one in entries):
        return None
    end = clock.met_at or clock.cancelled_at or now
    states, since, counted = set[str](), clock.started_at, timedelta(0)
    for one in entries:
        if clock.has_ended and one.at == end:
            break  # whatever was written after it, though it had happened before
        if not isinstance(one.event, StatusChanged | TicketSnoozed | TicketWoke | TicketResolved):
            continue
        moment = min(max(one.at, since), max(end, since))
        if states.isdisjoint(target.pause_on):
            counted += elapsed(since, moment, target.hours)
        since = moment
        states = _after(states, one.event)
    return counted + (elapsed(since, max(end, since), target.hours) if states.isdisjoint(target.pause_on) else NOTHING)


DIFFICULT = (TicketMoved, PriorityChanged, TagsChanged, SLARearmed, TicketReopened, TicketAbsorbed)
NOTHING = timedelta(0)


def _after(states: set[str], event: Event) -> set[str]:
    match event:
        case StatusChanged(after=status):
            return (states & {"snoozed"}) | {status}
        case TicketSnoozed():
            return states | {"snoozed"}
        case TicketWoke():
            return states - {"snoozed"}
    return states & {"snoozed"}


@pytest.mark.parametrize("seed", range(3))
def test_the_clocks_that_are_kept_are_those_that_the_journal_tells_of(app: Flask, seed: int) -> None:
    world = World(seed)
    for _ in range(150):
        world.step()
    db.session().rollback()
    tickets = db.session().scalars(select(Ticket.id).order_by(Ticket.id)).all()

    for one in tickets:
        assert kept(one, world.now) == told(one, world.now)
    assert len(tickets) > 4
    assert world.edits > 3
    assert db.session().scalar(select(Clock.id).where(Clock.breached_at.is_not(None)).limit(1))


@pytest.mark.parametrize("seed", range(3))
def test_what_a_clock_has_counted_can_be_reckoned_in_another_way(sqlite_app: Flask, seed: int) -> None:
    world, reckoned_ones = World(seed, calm=True), 0
    for _ in range(150):
        world.step()
    db.session().rollback()
    history = rules.history()

    for ticket_id in db.session().scalars(select(Ticket.id)).all():
        entries = journal_of(ticket_id)
        for one in told(ticket_id, world.now):
            if one.metric is Metric.PROMISE or one.policy_id is None:
                continue
            target = history.agreement(one.policy_id).targets[one.metric]
            expected = reckoned(one, entries, target, world.now)
            if expected is None:
                continue
            reckoned_ones += 1
            assert counted_at(one, world.now, target.hours) == expected
            if one.breached_at:
                assert reckoned(replace(one, met_at=one.breached_at), entries, target, world.now) == one.allowance
            else:
                assert expected <= one.allowance
    assert reckoned_ones > 20
