"""Whole entities are read past SQLAlchemy's execution, and are the session's all the same."""

from flask import Flask
from sqlalchemy import bindparam, inspect, update

from tests import make
from ticketing.models import Customer, Ticket
from ticketing.reading import read, read_one, whole
from ticketing.store import db
from ticketing.transaction import transaction

TICKET = whole(Ticket).where(Ticket.id == bindparam("ticket", type_=Ticket.id.type))
WITH_CUSTOMER = (
    whole(Ticket, Customer)
    .join(Customer, Customer.id == Ticket.customer_id)
    .where(Ticket.id == bindparam("ticket", type_=Ticket.id.type))
)


def test_what_is_read_is_the_session_s_and_its_changes_are_written(app: Flask) -> None:
    ticket_id = make.ticket(subject="Kettle").id
    db.session.remove()

    with transaction("test") as session:
        found = read_one(TICKET, Ticket, {"ticket": ticket_id})
        assert session.get(Ticket, ticket_id) is found
        assert not inspect(found).modified
        found.subject = "Teapot"
    db.session.remove()

    assert db.session.get_one(Ticket, ticket_id).subject == "Teapot"


def test_what_was_loaded_before_is_as_new_as_what_is_read(app: Flask) -> None:
    ticket = make.ticket(subject="Kettle")
    assert ticket.tags == []
    with transaction("test") as session:
        newer = update(Ticket).where(Ticket.id == ticket.id).values(subject="Teapot")
        session.execute(newer.execution_options(synchronize_session=False))
        found = read_one(TICKET, Ticket, {"ticket": ticket.id})

    assert found is ticket
    assert found.subject == "Teapot"
    assert "tag_rows" not in vars(found)  # asked for anew when somebody wants to know


def test_every_column_and_row_is_the_same_as_the_orm_reads(app: Flask) -> None:
    ticket_id = make.ticket(subject="Kettle").id
    db.session.remove()
    ticket = db.session.get_one(Ticket, ticket_id)
    wanted = {one.key: getattr(ticket, one.key) for one in inspect(Ticket).column_attrs}
    db.session.remove()

    ((found, customer),) = read(WITH_CUSTOMER, [Ticket, Customer], {"ticket": ticket_id})

    assert {key: getattr(found, key) for key in wanted} == wanted
    assert found.customer is customer


def test_where_there_is_nothing_nothing_is_read(sqlite_app: Flask) -> None:
    assert read_one(TICKET, Ticket, {"ticket": 404}) is None
