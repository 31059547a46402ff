"""What is run past SQLAlchemy's execution comes to the same, and what is inserted past the flush lies there alike."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Select, bindparam, select
from sqlalchemy.exc import IntegrityError

from tests import make
from ticketing import rows
from ticketing.agents import HOLDER
from ticketing.envelope import HandleKind
from ticketing.fetching import fetch, fetch_one
from ticketing.inserting import insert_now
from ticketing.models import Handle, Ticket
from ticketing.moment import utc_now
from ticketing.store import db, dialect
from ticketing.transaction import transaction


@pytest.fixture(autouse=True)
def desk(app: Flask) -> None:
    make.inbox()
    agent = make.agent()
    for ticket in (make.ticket(tags=["a", "b"], assignee=agent), make.ticket()):
        make.message(ticket)
        make.reply(ticket, agent)


def by_sqlalchemy(statement: Any, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.session().connection().execute(statement, values)]


def statements() -> dict[str, Select[Any]]:
    return {
        "tickets": rows.tickets_from(rows.TICKETS, dialect()).where(rows.TICKET.c.id > bindparam("after")),
        "messages": rows.messages(dialect()).where(rows.MESSAGE.c.id > bindparam("after")),
        "holder": HOLDER,
    }


@pytest.mark.parametrize("name", ["tickets", "messages", "holder"])
def test_both_ways_give_the_same_rows(name: str) -> None:
    values = {"after": 0, "digest": "unknown"}

    past, through = fetch(statements()[name], values), by_sqlalchemy(statements()[name], values)

    assert [tuple(row) for row in past] == through
    assert bool(past) is (name != "holder")


def test_an_error_of_the_driver_is_sqlalchemys() -> None:
    handle = make.customer(email="karim@home.example").handles[0]
    twin = Handle(
        customer_id=handle.customer_id, kind=HandleKind.EMAIL, address=handle.address, shown="", created_at=utc_now()
    )

    with pytest.raises(IntegrityError), transaction("test"):
        insert_now(twin)


def test_what_is_inserted_at_once_can_be_changed_as_ever() -> None:
    made = make.ticket()
    before = made.version
    with transaction("test"):
        ticket = db.session().get_one(Ticket, made.id)
        ticket.subject = "Another"

    assert fetch_one(select(Ticket.subject, Ticket.version).where(Ticket.id == made.id)) == (
        "Another",
        before + 1,
    )
