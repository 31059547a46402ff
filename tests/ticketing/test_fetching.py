"""What is run past SQLAlchemy's execution comes to the same, and what is inserted past the flush lies there alike."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Select, bindparam, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from tests import make
from ticketing import rows
from ticketing.agents import HOLDER
from ticketing.envelope import HandleKind
from ticketing.fetching import fetch, fetch_one
from ticketing.inserting import fresh, insert_now, insert_unless_taken, update_now
from ticketing.models import Handle, Ticket, TicketTag
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


def test_what_is_made_at_once_lies_there_like_any_other() -> None:
    customer = make.customer(email="karim@home.example")
    with transaction("test"):
        handle = fresh(
            Handle,
            customer_id=customer.id,
            kind=HandleKind.EMAIL,
            address="other@home.example",
            shown="",
            created_at=utc_now(),
        )
        insert_now(handle)
        of, unsaid = handle.customer.id, handle.blocked_at

    found = select(Handle.address, Handle.blocked_at).where(Handle.id == handle.id)
    assert (of, unsaid) == (customer.id, None)
    assert fetch_one(found) == ("other@home.example", None)


def test_what_a_model_does_not_have_is_refused() -> None:
    with pytest.raises(TypeError, match="Handle has no colour"), transaction("test"):
        insert_now(fresh(Handle, colour="red"))


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


def test_a_row_whose_key_is_taken_is_left_out_and_the_transaction_goes_on() -> None:
    ticket = make.ticket(subject="Before")
    handle = make.customer(email="karim@home.example").handles[0]
    shared = {"customer_id": handle.customer_id, "kind": HandleKind.EMAIL, "shown": "", "created_at": utc_now()}

    with transaction("test") as session:
        other = Handle(address="other@home.example", **shared)
        done = [insert_unless_taken(one) for one in (Handle(address=handle.address, **shared), other)]
        session.get_one(Ticket, ticket.id).subject = "After"

    assert done == [False, True]
    assert other.id > handle.id
    assert fetch_one(select(Ticket.subject).where(Ticket.id == ticket.id)) == ("After",)


def test_a_change_is_written_at_once_with_its_version() -> None:
    ticket = make.ticket()
    before = ticket.version
    with transaction("test") as session:
        row = session.get_one(Ticket, ticket.id)
        row.subject = "Another"
        update_now(row)
        written = (
            *fetch_one(select(Ticket.subject, Ticket.version).where(Ticket.id == ticket.id)),
            bool(session.dirty),
        )
        row.subject = "A third"

    assert written == ("Another", before + 1, False)
    assert fetch_one(select(Ticket.subject, Ticket.version).where(Ticket.id == ticket.id)) == (
        "A third",
        before + 2,
    )


def test_a_change_beside_one_of_its_neighbours_is_left_to_the_flush() -> None:
    ticket = make.ticket()
    with transaction("test") as session:
        row = session.get_one(Ticket, ticket.id)
        row.subject, row.tag_rows = "Another", [TicketTag(name="new")]
        update_now(row)

    assert fetch(select(Ticket.subject, TicketTag.name).join(TicketTag).where(Ticket.id == ticket.id)) == [
        ("Another", "new")
    ]


def test_a_change_to_what_has_changed_meanwhile_is_refused() -> None:
    ticket = make.ticket()

    with transaction("test") as session:
        session.connection().execute(update(rows.TICKET).where(rows.TICKET.c.id == ticket.id).values(version=100))
        ticket.subject = "Another"
        with pytest.raises(StaleDataError):
            update_now(ticket)
        session.refresh(ticket)
