"""A reply goes round an address that takes nothing, or says why there is no way."""

import pytest
from flask import Flask
from sqlalchemy import select

from tests import make
from tests.conftest import NOON
from ticketing import reachability
from ticketing.envelope import Channel, HandleKind
from ticketing.errors import ConsentWithheld, NoReachableChannel, NotFound
from ticketing.events import Actor
from ticketing.models import AuditEntry, Consent, Customer, Handle, Message, Ticket
from ticketing.store import db
from ticketing.transaction import transaction

REASON = "The mailbox does not exist (5.1.1)"


def dead(customer: Customer, address: str) -> None:
    with transaction("test") as session:
        row = session.scalars(select(Handle).where(Handle.customer_id == customer.id, Handle.address == address)).one()
        row.unreachable_at, row.unreachable_reason = NOON, REASON


def karim(**handles: str) -> Customer:
    return make.customer("Karim", **handles)


def second_address(customer: Customer, address: str) -> None:
    with transaction("test") as session:
        row = Handle(customer_id=customer.id, kind=HandleKind.EMAIL, address=address, shown=address, created_at=NOON)
        session.add(row)


@pytest.fixture
def ticket(sqlite_app: Flask) -> Ticket:
    """A ticket of Karim, who writes mail from home and has a telephone."""
    make.inbox(Channel.EMAIL)
    make.inbox(Channel.SMS)
    return make.ticket(customer=karim(email="karim@home.example", phone="+15145550123"))


def went_to(message: Message) -> tuple[str, str | None]:
    row = db.session().get_one(Message, message.id, populate_existing=True)
    assert row.handle is not None
    return row.handle.address, row.channel_reason


def test_a_reply_takes_another_address_of_the_channel_before_another_channel(ticket: Ticket) -> None:
    agent = make.agent()
    second_address(ticket.customer, "karim@work.example")
    dead(ticket.customer, "karim@home.example")

    assert went_to(make.reply(ticket, agent)) == ("karim@work.example", "unreachable")
    dead(ticket.customer, "karim@work.example")
    assert went_to(make.reply(ticket, agent)) == ("+15145550123", "unreachable")


def test_an_unreachable_address_that_nobody_would_have_chosen_changes_nothing(ticket: Ticket) -> None:
    dead(ticket.customer, "+15145550123")

    assert went_to(make.reply(ticket, make.agent())) == ("karim@home.example", "last_used")


def test_a_reply_is_refused_with_the_reason_where_nothing_takes_it(ticket: Ticket) -> None:
    agent = make.agent()
    dead(ticket.customer, "karim@home.example")

    with pytest.raises(NoReachableChannel, match=r"no address .* for email .*The mailbox does not exist \(5.1.1\)"):
        make.reply(ticket, agent, channel=Channel.EMAIL)
    assert went_to(make.reply(ticket, agent, channel=Channel.SMS))[1] == "asked_for"
    dead(ticket.customer, "+15145550123")
    with pytest.raises(NoReachableChannel, match="nothing that we send reaches"):
        make.reply(ticket, agent)


def test_what_the_customer_forbids_is_no_way_out_of_what_does_not_arrive(ticket: Ticket) -> None:
    dead(ticket.customer, "karim@home.example")
    with transaction("test") as session:
        session.add(Consent(customer_id=ticket.customer_id, channel=Channel.SMS, given=False, reason="No.", at=NOON))

    with pytest.raises(ConsentWithheld):
        make.reply(ticket, make.agent())


def test_an_agent_clears_the_mark_once_and_only_on_the_customers_own_address(app: Flask) -> None:
    make.inbox(Channel.EMAIL)
    customer, other = karim(email="karim@home.example"), make.customer("Ann", email="ann@home.example")
    dead(customer, "karim@home.example")
    dead(other, "ann@home.example")
    mine, theirs = customer.handles[0].id, other.handles[0].id

    with transaction("test") as session:
        person, by = session.get_one(Customer, customer.id), Actor.agent(1)
        for _ in range(2):
            reachability.clear_by_hand(person, mine, by=by, at=NOON)
        with pytest.raises(NotFound):
            reachability.clear_by_hand(person, theirs, by=by, at=NOON)

    session = db.session()
    assert session.get_one(Handle, mine, populate_existing=True).unreachable_at is None
    assert session.get_one(Handle, theirs, populate_existing=True).unreachable_at == NOON
    kinds = session.scalars(select(AuditEntry.kind).where(AuditEntry.kind == "handle_reachable")).all()
    assert kinds == ["handle_reachable"]
