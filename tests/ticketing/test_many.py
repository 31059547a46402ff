"""Many rows in one statement are what as many statements would have made."""

from datetime import timedelta
from typing import Any, cast

from flask import Flask
from sqlalchemy import Table, select

from tests import make
from tests.conftest import NOON
from ticketing.filters import among
from ticketing.many import insert_many, update_many
from ticketing.models import JournalEntry, QueueMember, Ticket
from ticketing.status import Priority
from ticketing.store import db
from ticketing.transaction import transaction

TICKETS, MEMBERS, JOURNAL = (cast(Table, one.__table__) for one in (Ticket, QueueMember, JournalEntry))


def fresh(ticket: Ticket) -> Ticket:
    db.session().refresh(ticket)
    return ticket


def test_values_of_every_kind_arrive_as_they_are(app: Flask) -> None:
    first, second, third = (make.ticket() for _ in range(3))
    versions = [fresh(one).version for one in (first, second, third)]
    late = NOON + timedelta(microseconds=1)
    lines: list[dict[str, Any]] = [
        {"id": first.id, "due_at": late, "priority": Priority.HIGH, "sla_breached": True, "fields": {"a": ["é", None]}},
        {"id": second.id, "due_at": None, "priority": Priority.LOW, "sla_breached": False, "fields": {}},
    ]

    with transaction("test"):
        update_many(TICKETS, lines, next_version=True)

    for ticket, line in zip((first, second), lines, strict=True):
        assert {name: getattr(fresh(ticket), name) for name in line} == line
    assert [fresh(one).version for one in (first, second, third)] == [versions[0] + 1, versions[1] + 1, versions[2]]


def test_what_a_unique_key_knows_is_passed_over(app: Flask) -> None:
    ada, grace = make.agent(), make.agent(name="Grace")
    queue = make.queue(members=[ada])

    with transaction("test"):
        lines = [{"queue_id": queue.id, "agent_id": one.id} for one in (ada, grace)]
        insert_many(MEMBERS, lines, unless_there=True)
        insert_many(MEMBERS, [])

    assert db.session().scalars(select(QueueMember.agent_id).order_by(QueueMember.agent_id)).all() == [ada.id, grace.id]


def test_lines_that_are_alike_are_as_many_rows(app: Flask) -> None:
    ticket = make.ticket()
    line = {
        "ticket_id": ticket.id,
        "kind": "note_written",
        "actor_type": "system",
        "actor_id": None,
        "source": "test",
        "data": {},
        "at": NOON,
        "dispatched_at": NOON,
        "attempts": 0,
    }

    with transaction("test"):
        insert_many(JOURNAL, [line, line])

    kinds = select(JournalEntry.kind).where(JournalEntry.ticket_id == ticket.id, JournalEntry.source == "test")
    assert db.session().scalars(kinds).all().count("note_written") == 2


def test_rows_are_found_by_many_ids(app: Flask) -> None:
    ids = [make.ticket().id for _ in range(3)]

    query = select(Ticket.id).where(among(Ticket.id, "tickets", ids[:2])).order_by(Ticket.id)
    found = db.session().scalars(query).all()

    assert found == ids[:2]
