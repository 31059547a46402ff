"""What two at once do to one ticket, on a database where they really wait for one another."""

import threading
import time
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select, text, update

from tests import make
from tests.conftest import NOON
from ticketing import (
    conversation,
    customer_merge,
    customers,
    erasure,
    known,
    lifecycle,
    profile,
    queries,
    routing,
    splitting,
)
from ticketing.agents import Caller
from ticketing.envelope import Channel, HandleKind, InboundMessage, Sender
from ticketing.errors import Conflict, NoReachableChannel, NotFound
from ticketing.events import SYSTEM
from ticketing.models import Agent, Customer, Message, Queue, Role, Ticket
from ticketing.status import Priority
from ticketing.store import db
from ticketing.transaction import transaction

on_postgresql = pytest.mark.parametrize("app", ["postgresql"], indirect=True)


def while_held(
    app: Flask, change: Callable[[], None], then: Callable[[], None], begun: threading.Event | None = None
) -> None:
    """Run `change` in a transaction that stays open for a moment, and `then`, which has to wait for it, meanwhile.

    With `begun`, which `change` sets on its way, `then` does not wait for its end.
    """
    changed = begun or threading.Event()

    def hold() -> None:
        with app.app_context():
            with transaction("other"):
                change()
                db.session().flush()
                changed.set()
                time.sleep(0.3)
            db.session.remove()

    holder = threading.Thread(target=hold)
    holder.start()
    assert changed.wait(60)
    try:
        then()
    finally:
        holder.join()


@on_postgresql
def test_a_ticket_that_is_moved_while_we_wait_is_still_there(app: Flask) -> None:
    ada, ticket, elsewhere = make.agent(Role.ADMIN), make.ticket(), make.queue("Elsewhere")
    caller = Caller(ada.id, "Ada", Role.SUPERVISOR, frozenset())

    def move() -> None:
        there = db.session().get_one(Queue, elsewhere.id)
        lifecycle.move(lifecycle.lock_ticket(ticket.id), there, by=SYSTEM, at=NOON)

    def read() -> None:
        with transaction("api"):
            assert queries.lock_seen(caller, ticket.id).queue.name == "Elsewhere"

    while_held(app, move, read)


@on_postgresql
def test_a_stranger_does_not_wait_for_a_ticket_that_is_not_theirs_to_see(app: Flask) -> None:
    secret = make.ticket(queue=make.queue(members=[make.agent()]))
    stranger = make.calling(make.agent())

    def hold() -> None:
        lifecycle.lock_ticket(secret.id)

    def ask() -> None:
        with transaction("api") as session:
            session.execute(text("SET LOCAL lock_timeout = 1"))  # milliseconds: who waits at all fails
            with pytest.raises(NotFound):
                queries.lock_seen(stranger, secret.id)

    while_held(app, hold, ask)


@on_postgresql
def test_who_was_given_the_ticket_while_we_wait_is_named(app: Flask) -> None:
    ada, ticket = make.agent(name="Ada"), make.ticket()
    caller = Caller(ada.id, "Ada", Role.AGENT, frozenset())

    def assign() -> None:
        lifecycle.assign(lifecycle.lock_ticket(ticket.id), db.session().get_one(Agent, ada.id), by=SYSTEM, at=NOON)

    def read() -> None:
        with transaction("api"):
            assignee = queries.lock_seen(caller, ticket.id).assignee
            assert assignee is not None
            assert assignee.name == "Ada"

    while_held(app, assign, read)


@on_postgresql
def test_a_ticket_that_is_locked_for_a_moment_is_handed_out_all_the_same(app: Flask) -> None:
    ada, queue = make.agent(), make.queue()
    ticket = make.ticket(queue=queue)

    def touch() -> None:
        lifecycle.change_priority(lifecycle.lock_ticket(ticket.id), Priority.URGENT, by=SYSTEM, at=NOON)

    def claim() -> None:
        with transaction("api") as session:
            where, who = session.get_one(Queue, queue.id), session.get_one(Agent, ada.id)
            claimed = routing.claim_next(where, who, at=NOON)
        assert claimed is not None
        assert (claimed.id, claimed.priority) == (ticket.id, Priority.URGENT)

    while_held(app, touch, claim)


def test_locking_again_keeps_what_was_changed_before(app: Flask) -> None:
    ticket = make.ticket()

    with transaction("test"):
        lifecycle.lock_ticket(ticket.id).subject = "Changed"
        again = lifecycle.lock_ticket(ticket.id)

    assert again.subject == "Changed"
    assert db.session().get_one(Ticket, ticket.id, populate_existing=True).subject == "Changed"


@on_postgresql
def test_words_that_are_written_while_we_wait_are_forgotten_too(app: Flask) -> None:
    ada, who = make.agent(), make.customer()
    ticket = make.ticket(customer=who)

    def write() -> None:
        by = db.session().get_one(Agent, ada.id)
        conversation.note(lifecycle.lock_ticket(ticket.id), "Karim is bankrupt.", agent=by, at=NOON)

    def erase() -> None:
        with transaction("api"):
            erasure.erase(who.id, by=SYSTEM, at=NOON)

    while_held(app, write, erase)

    bodies = db.session().scalars(select(Message.body).where(Message.ticket_id == ticket.id)).all()
    assert bodies == [erasure.ERASED, erasure.ERASED]


@on_postgresql
def test_a_split_and_a_merge_of_its_customer_do_not_wait_for_one_another(app: Flask) -> None:
    caller, who, same = make.calling(make.agent(Role.ADMIN)), make.customer(), make.customer()
    ticket = make.ticket(customer=who)
    said = make.message(ticket)

    def split() -> None:
        row = splitting.lock_with_author(caller, ticket.id, said.id)
        threading.Timer(0.1, begun.set).start()
        time.sleep(0.3)  # meanwhile the other one begins
        splitting.split(row, said.id, by=SYSTEM, at=NOON)

    def merge() -> None:
        with transaction("api"):
            customer_merge.merge(caller, who.id, same.id, at=NOON)

    begun = threading.Event()
    while_held(app, split, merge, begun)

    assert db.session().scalars(select(Ticket.customer_id)).all() == [same.id, same.id]


@on_postgresql
def test_words_that_come_in_and_a_merge_of_their_customer_do_not_wait_for_one_another(app: Flask) -> None:
    caller, who, same = make.calling(make.agent(Role.ADMIN)), make.customer(), make.customer()
    ticket = make.ticket(customer=who)

    def receive() -> None:
        row = lifecycle.lock_ticket(ticket.id)
        threading.Timer(0.1, begun.set).start()
        time.sleep(0.3)  # meanwhile the other one begins
        words = InboundMessage(Channel.PHONE, "m", Sender(HandleKind.PHONE, ""), text="Hello?", received_at=NOON)
        conversation.receive(row, words, customer=row.customer, handle=None, inbox=None, files=(), at=NOON)

    def merge() -> None:
        with transaction("api"):
            customer_merge.merge(caller, who.id, same.id, at=NOON)

    begun = threading.Event()
    while_held(app, receive, merge, begun)

    assert db.session().scalars(select(Ticket.customer_id)).all() == [same.id]


@on_postgresql
def test_who_was_merged_away_is_not_locked_on_the_way_to_who_they_are_now(app: Flask) -> None:
    kept = make.customer()
    merged = make.merged(into=kept)

    def use() -> None:
        assert customers.customer_in_use(merged.id).id == kept.id

    def lock() -> None:  # as who parts them does, who locks in the order of ids
        with transaction("api") as session:
            session.execute(select(Customer.id).where(Customer.id == merged.id).with_for_update(nowait=True))

    while_held(app, use, lock)


@on_postgresql
def test_who_erases_two_that_are_one_locks_them_in_the_order_of_their_ids(app: Flask) -> None:
    caller, merged, kept = make.calling(make.agent(Role.ADMIN)), make.customer(), make.customer()
    with transaction("test"):
        customer_merge.merge(caller, merged.id, kept.id, at=NOON)

    def lock() -> None:
        customers.lock_customer(db.session().get_one(Customer, merged.id))
        threading.Timer(0.1, begun.set).start()
        time.sleep(0.3)  # meanwhile the other one begins
        customers.lock_customer(db.session().get_one(Customer, kept.id))

    def erase() -> None:
        with transaction("api"):
            erasure.erase(kept.id, by=SYSTEM, at=NOON)

    begun = threading.Event()
    while_held(app, lock, erase, begun)

    assert db.session().scalars(select(Customer.erased_at)).all() == [NOON, NOON]


either_way = pytest.mark.parametrize("has_written", [False, True], ids=["deleted", "detached"])


def someone(*, has_written: bool) -> tuple[Ticket, int]:
    """Return a ticket and its customer's address, from which they have written, or not yet."""
    make.inbox()
    who = make.customer()
    ticket = make.ticket(customer=who)
    if not has_written:
        with transaction("test") as session:
            session.execute(update(Message).values(handle_id=None))
    return ticket, who.handles[0].id


@on_postgresql
@either_way
def test_an_address_that_a_reply_is_written_to_is_not_taken_away_meanwhile(app: Flask, has_written: bool) -> None:
    ada, (ticket, handle) = make.agent(), someone(has_written=has_written)
    caller, who = make.calling(ada), ticket.customer_id

    def write() -> None:
        by = db.session().get_one(Agent, ada.id)
        conversation.reply(lifecycle.lock_ticket(ticket.id), "We send a new one.", agent=by, at=NOON)

    def drop() -> None:
        with pytest.raises(Conflict, match="still on its way"), transaction("api"):
            profile.drop_handle(known.lock_known(caller, who), handle, at=NOON)

    while_held(app, write, drop)

    assert db.session().scalars(select(Message.handle_id).where(Message.state == "queued")).all() == [handle]


@on_postgresql
@either_way
def test_nobody_writes_to_an_address_that_is_just_taken_away(app: Flask, has_written: bool) -> None:
    ada, (ticket, handle) = make.agent(), someone(has_written=has_written)
    caller, who = make.calling(ada), ticket.customer_id

    def drop() -> None:
        profile.drop_handle(known.lock_known(caller, who), handle, at=NOON)

    def write() -> None:
        with transaction("api") as session:
            by, row = session.get_one(Agent, ada.id), lifecycle.lock_ticket(ticket.id)
            with pytest.raises(NoReachableChannel):
                conversation.reply(row, "We send a new one.", agent=by, at=NOON)

    while_held(app, drop, write)


@on_postgresql
def test_two_first_messages_at_once_find_one_another(app: Flask) -> None:
    mail, phone = Sender(HandleKind.EMAIL, "karim@home.example"), Sender(HandleKind.PHONE, "+15145550123")

    def first() -> None:
        customers.recognise([mail], at=NOON)

    def second() -> None:
        with transaction("test"):
            customers.recognise([phone, mail], at=NOON)  # the mail address is taken while we wait

    while_held(app, first, second)

    (karim,) = db.session().scalars(select(Customer))
    assert [handle.kind for handle in karim.handles] == [HandleKind.EMAIL, HandleKind.PHONE]
