"""One ticket made two, and tickets linked."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from channels.models import ChatSession
from sla.readings import clocks_of
from tests import make
from tests.api.desk import promise
from tests.conftest import NOON
from tests.ticketing.test_merging import again, bodies
from ticketing import journal, lifecycle, splitting
from ticketing.agents import Caller
from ticketing.envelope import Channel, MessageState
from ticketing.errors import Conflict, InvalidInput, InvalidTransition
from ticketing.events import SYSTEM
from ticketing.links import LinkWord, links_of
from ticketing.models import Message, Role, Ticket
from ticketing.status import Status
from ticketing.store import db
from ticketing.transaction import transaction

HOUR = timedelta(hours=1)


@pytest.fixture
def caller(sqlite_app: Flask) -> Caller:
    return Caller(make.agent(Role.ADMIN).id, "Grace", Role.ADMIN, frozenset())


def split(ticket: Ticket, message: Message, **values: object) -> Ticket:
    with transaction("test"):
        row = lifecycle.lock_ticket(ticket.id)
        return splitting.split(row, message.id, by=SYSTEM, at=NOON + 5 * HOUR, **values)  # type: ignore[arg-type]


def test_a_message_goes_to_a_new_ticket_of_its_author(app: Flask) -> None:
    promise()
    ticket = make.ticket(subject="Kettle", body="one")
    second = make.message(ticket, "two", at=NOON + HOUR)
    make.message(ticket, "three", at=NOON + 2 * HOUR)

    new = again(split(ticket, second))

    assert (bodies(ticket), bodies(new)) == (["one", "three"], ["two"])
    assert (new.subject, new.status, new.customer_id, new.queue_id) == (
        "Kettle",
        Status.NEW,
        ticket.customer_id,
        ticket.queue_id,
    )
    assert (again(ticket).waiting_since, new.waiting_since) == (NOON, NOON + HOUR)
    assert [one.started_at for one in clocks_of(new.id, NOON)] == [NOON + HOUR]
    assert [row.kind for row in journal.lines(ticket.id)][-2:] == ["ticket_split", "link_added"]


def test_with_what_follows_and_the_wait_goes_with_it(app: Flask) -> None:
    make.inbox(Channel.EMAIL)
    ticket = make.ticket(body="one")
    reply = make.reply(ticket, make.agent(), "answer", at=NOON + HOUR)
    with transaction("test") as session:
        session.get_one(Message, reply.id).state = MessageState.SENT
    second = make.message(ticket, "two", at=NOON + 2 * HOUR)
    make.message(ticket, "three", at=NOON + 3 * HOUR)

    new = split(ticket, second, following=True, subject="Another")

    assert (bodies(ticket), bodies(new), new.subject) == (["one", "answer"], ["two", "three"], "Another")
    assert (again(ticket).waiting_since, again(new).waiting_since) == (None, NOON + 2 * HOUR)


def test_an_answered_message_waits_no_more_on_its_new_ticket(app: Flask) -> None:
    make.inbox(Channel.EMAIL)
    ticket = make.ticket(body="one")
    second = make.message(ticket, "two", at=NOON + HOUR)
    make.reply(ticket, make.agent(), "answer", at=NOON + 2 * HOUR)

    new = split(ticket, second)

    assert again(new).waiting_since is None


def test_what_cannot_be_split_is_refused(app: Flask) -> None:
    make.inbox(Channel.EMAIL)
    ticket, other, ada = make.ticket(), make.ticket(), make.agent()
    first = db.session().scalars(select(Message).where(Message.ticket_id == ticket.id)).one()
    foreign = db.session().scalars(select(Message).where(Message.ticket_id == other.id)).one()
    with pytest.raises(Conflict, match="nothing but notes would be left"):
        split(ticket, first)
    reply = make.reply(ticket, ada)

    with pytest.raises(InvalidInput, match="has no message"):
        split(ticket, foreign)
    with pytest.raises(Conflict, match="on its way"):
        split(ticket, reply)
    with transaction("test") as session:
        session.get_one(Message, reply.id).state = MessageState.SENT
    with pytest.raises(Conflict, match="not from a customer"):
        split(ticket, reply)
    with transaction("test"):
        lifecycle.lock_ticket(ticket.id).status = Status.CLOSED
    with pytest.raises(InvalidTransition, match="is closed"):
        split(ticket, first)


def test_a_chat_goes_on_where_its_last_word_is(app: Flask) -> None:
    inbox, ticket = make.inbox(Channel.CHAT), make.ticket(channel=Channel.CHAT, live=True)
    customer = make.customer()
    with transaction("test") as session:
        handle = customer.handles[0]
        row = session.get_one(type(handle), handle.id)
        row.kind, row.address = "visitor", "v"
        about = {"ticket_id": ticket.id, "inbox_id": inbox.id}
        session.add(ChatSession(visitor="v", name="", created_at=NOON, seen_at=NOON, **about))
    last = make.message(ticket, "another thing")
    with transaction("test") as session:
        session.get_one(Message, last.id).handle_id = handle.id

    new = split(ticket, last)

    assert db.session().scalars(select(ChatSession.ticket_id)).all() == [new.id]
    assert (again(ticket).live, again(new).live) == (False, True)


@pytest.mark.parametrize(
    ("word", "mirrored"),
    [("parent", "child"), ("child", "parent"), ("relates", "relates"), ("duplicates", "duplicated_by")],
)
def test_a_link_reads_the_other_way_round_from_the_other_side(caller: Caller, word: str, mirrored: str) -> None:
    one, other = make.ticket(), make.ticket()

    made = make.link(other, one, LinkWord(word))

    assert [(link.id, link.kind, link.ticket.id) for link in links_of(caller, other, after=0, limit=9)] == [
        (made.id, word, one.id)
    ]
    assert [(link.id, link.kind, link.ticket.id) for link in links_of(caller, one, after=0, limit=9)] == [
        (made.id, mirrored, other.id)
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [("relates", "relates"), ("duplicates", "duplicated_by"), ("duplicates", "duplicates"), ("parent", "child")],
)
def test_a_pair_is_not_linked_twice_alike(caller: Caller, first: str, second: str) -> None:
    one, other = make.ticket(), make.ticket()
    make.link(one, other, LinkWord(first))

    with pytest.raises(Conflict):
        make.link(other, one, LinkWord(second))
    with pytest.raises(Conflict):
        make.link(one, other, LinkWord(first))


def test_parents_make_no_circle(app: Flask) -> None:
    one, two, three = make.ticket(), make.ticket(), make.ticket()
    make.link(one, two, LinkWord.PARENT)
    make.link(two, three, LinkWord.PARENT)

    with pytest.raises(Conflict, match="below"):
        make.link(three, one, LinkWord.PARENT)
    with pytest.raises(Conflict, match="itself"):
        make.link(one, one)
