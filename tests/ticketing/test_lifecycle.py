"""What may happen to a ticket, and the one journal entry that each change leaves."""

from itertools import product

import pytest
from flask import Flask

from tests import make
from tests.conftest import NOON
from ticketing import journal, lifecycle
from ticketing.envelope import Channel
from ticketing.errors import AlreadyAssigned, InvalidInput, InvalidTransition
from ticketing.events import SYSTEM, Actor
from ticketing.models import Agent, Ticket
from ticketing.status import TRANSITIONS, Priority, Status, may_go
from ticketing.store import db
from ticketing.transaction import transaction


def kinds(ticket: Ticket) -> list[str]:
    return [row.kind for row in journal.lines(ticket.id)]


def test_opening_assigning_and_resolving_leave_one_entry_each(app: Flask) -> None:
    ada = make.agent()
    ticket = make.ticket()

    with transaction("api") as session:
        row = lifecycle.lock_ticket(ticket.id)
        lifecycle.assign(row, session.get_one(Agent, ada.id), by=Actor.agent(ada.id), at=NOON)
        lifecycle.resolve(row, by=Actor.agent(ada.id), at=NOON)

    assert kinds(ticket) == [
        "ticket_opened",
        "message_received",
        "ticket_assigned",
        "status_changed",
        "ticket_resolved",
    ]
    assert {row.source for row in journal.lines(ticket.id)} == {"test", "api"}


def test_who_has_a_ticket_keeps_it_unless_it_is_stolen(app: Flask) -> None:
    ada, ben = make.agent(), make.agent()
    ticket = make.ticket(assignee=ada)

    with transaction("api") as session, pytest.raises(AlreadyAssigned):
        lifecycle.assign(lifecycle.lock_ticket(ticket.id), session.get_one(Agent, ben.id), by=SYSTEM, at=NOON)
    with transaction("api") as session:
        row = lifecycle.lock_ticket(ticket.id)
        lifecycle.assign(row, session.get_one(Agent, ben.id), by=SYSTEM, at=NOON, steal=True)

    assert row.assignee_id == ben.id
    assert journal.lines(ticket.id)[-1].data == {
        "before": ada.id,
        "after": ben.id,
        "stolen": True,
        "automatic": False,
        "reason": "",
        "rings": False,
        "awaits": False,
        "passed_over": [],
    }


@pytest.mark.parametrize(("before", "after"), [p for p in product(Status, Status) if p[0] is not p[1]])
def test_the_table_of_transitions_is_the_law(sqlite_app: Flask, before: Status, after: Status) -> None:
    ticket = make.ticket()
    allowed = may_go(before, after) and after is not Status.CLOSED

    with transaction("test"):
        row = lifecycle.lock_ticket(ticket.id)
        row.status = before
        if allowed:
            lifecycle.change_status(row, after, by=SYSTEM, at=NOON)
        else:
            with pytest.raises(InvalidTransition):
                lifecycle.change_status(row, after, by=SYSTEM, at=NOON)

    assert row.status is (after if allowed else before)


def test_nothing_leads_out_of_closed() -> None:
    assert TRANSITIONS[Status.CLOSED] == frozenset()


def test_doing_a_thing_twice_leaves_one_entry(app: Flask) -> None:
    ticket = make.ticket()

    with transaction("test"):
        row = lifecycle.lock_ticket(ticket.id)
        for _ in range(2):
            lifecycle.change_priority(row, Priority.HIGH, by=SYSTEM, at=NOON)
            lifecycle.change_subject(row, "Kettle", by=SYSTEM, at=NOON)
            lifecycle.change_tags(row, ["Leak", "kettle "], by=SYSTEM, at=NOON)
            lifecycle.change_fields(row, {"order": 7}, by=SYSTEM, at=NOON)
            lifecycle.resolve(row, by=SYSTEM, at=NOON)

    assert kinds(ticket)[2:] == [
        "priority_changed",
        "subject_changed",
        "tags_changed",
        "fields_changed",
        "ticket_resolved",
    ]
    assert db.session().get_one(Ticket, ticket.id).tags == ["kettle", "leak"]


def test_tags_keep_their_bounds(sqlite_app: Flask) -> None:
    ticket = make.ticket()

    with transaction("test"), pytest.raises(InvalidInput):
        lifecycle.change_tags(lifecycle.lock_ticket(ticket.id), [""], by=SYSTEM, at=NOON)
    with transaction("test"), pytest.raises(InvalidInput):
        lifecycle.change_tags(lifecycle.lock_ticket(ticket.id), ["x" * 61], by=SYSTEM, at=NOON)


def test_resolving_ends_the_live_wait(app: Flask) -> None:
    ticket = make.ticket(channel=Channel.CHAT, live=True)

    with transaction("test"):
        row = lifecycle.lock_ticket(ticket.id)
        lifecycle.resolve(row, by=SYSTEM, at=NOON)

    assert not row.live
    assert kinds(ticket)[-1] == "live_ended"


def test_the_version_grows_with_every_change(app: Flask) -> None:
    ticket = make.ticket()
    before = ticket.version

    with transaction("test"):
        lifecycle.change_priority(lifecycle.lock_ticket(ticket.id), Priority.URGENT, by=SYSTEM, at=NOON)

    assert db.session().get_one(Ticket, ticket.id, populate_existing=True).version > before
