"""Who takes part threads by what can be guessed; whoever does not gets a ticket of their own, with a suggestion."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests import make
from tests.conftest import NOON
from ticketing import intake, lifecycle, participants, splitting
from ticketing.envelope import Channel, Forwarded, HandleKind, InboundMessage, MessageState, Sender, ThreadHints
from ticketing.events import SYSTEM
from ticketing.intake import Taken
from ticketing.models import Inbox, Message, Participant, Ticket
from ticketing.status import Status
from ticketing.store import db
from ticketing.transaction import transaction


def person(address: str, name: str = "") -> Sender:
    return Sender(HandleKind.EMAIL, address, name)


LUCIE, BOSS, MALLORY = person("lucie@home.example", "Lucie"), person("boss@work.example"), person("mallory@x.example")
US = person("support@desk.example")


@pytest.fixture
def inbox(app: Flask) -> Inbox:
    """Our mail address."""
    return make.inbox()


def mail(key: str, *, sender: Sender = LUCIE, at: datetime = NOON, **values: Any) -> InboundMessage:
    values = {"subject": "Kettle", "text": "It leaks.", "to": (US,), "sent_at": at, **values}
    return InboundMessage(Channel.EMAIL, f"<{key}>", sender, received_at=at, **values)


def take_in(message: InboundMessage, inbox: Inbox, *, at: datetime | None = None) -> Taken:
    with transaction("test") as session:
        return intake.take_in(message, session.get_one(Inbox, inbox.id), files=(), at=at or message.received_at)


def answering(*keys: str) -> ThreadHints:
    return ThreadHints(message_ids=tuple(f"<{key}>" for key in keys))


def named(ticket: Ticket) -> list[str]:
    rows = db.session().scalars(select(Participant).where(Participant.ticket_id == ticket.id).order_by(Participant.id))
    return [row.address for row in rows]


def test_whom_the_customer_named_threads_by_the_customers_own_mail_and_it_stays_the_customers(inbox: Inbox) -> None:
    first = take_in(mail("1", cc=(person("Boss@Work.example", "The boss"),)), inbox)

    answer = take_in(mail("2", sender=BOSS, hints=answering("1")), inbox)
    stranger = take_in(mail("3", sender=MALLORY, hints=answering("1")), inbox)

    assert answer.ticket.id == first.ticket.id
    assert answer.message.author_customer.handles[0].address == BOSS.address
    assert answer.ticket.customer_id == first.ticket.customer_id == first.message.author_customer_id
    assert (stranger.opened, stranger.ticket.suggested_id) == (True, first.ticket.id)


def test_a_stranger_with_a_subject_token_gets_a_ticket_with_a_suggestion_and_changes_nothing(inbox: Inbox) -> None:
    first = take_in(mail("1"), inbox)
    version = first.ticket.version

    guess = ThreadHints(subject_ticket_ids=(first.ticket.id,))
    stranger = take_in(mail("2", sender=MALLORY, hints=guess, cc=(MALLORY, BOSS)), inbox)
    again = take_in(mail("3", sender=BOSS, hints=guess), inbox)

    assert (stranger.opened, stranger.ticket.suggested_id) == (True, first.ticket.id)
    assert stranger.ticket.customer_id != first.ticket.customer_id
    assert (again.opened, again.ticket.suggested_id) == (True, first.ticket.id)  # a stranger's Cc counts elsewhere
    assert db.session().get_one(Ticket, first.ticket.id, populate_existing=True).version == version
    assert named(first.ticket) == []


@pytest.mark.parametrize("address", ["lucie@home.example", "lucie@work.example", "l.tremblay@mail.example"])
def test_the_customer_with_three_addresses_threads_from_any_of_them(inbox: Inbox, address: str) -> None:
    who = make.customer("Lucie", email="lucie@home.example")
    for other in ("lucie@work.example", "l.tremblay@mail.example"):
        make.merged(into=who, name="Lucie", email=other)
    first = take_in(mail("1"), inbox)

    by_token = take_in(
        mail("2", sender=person(address), hints=ThreadHints(subject_ticket_ids=(first.ticket.id,))), inbox
    )
    by_id = take_in(mail("3", sender=person(address), hints=answering("1")), inbox)

    assert by_token.ticket.id == by_id.ticket.id == first.ticket.id


def test_of_several_guesses_the_one_in_which_the_writer_takes_part_counts(inbox: Inbox) -> None:
    other = take_in(mail("1", sender=MALLORY), inbox)
    own = take_in(mail("2"), inbox)

    hints = ThreadHints(message_ids=("<1>",), subject_ticket_ids=(other.ticket.id, own.ticket.id, 10**17))
    answer = take_in(mail("3", hints=hints), inbox)

    assert answer.ticket.id == own.ticket.id


def test_who_is_named_is_kept_once_without_us_and_within_bounds(inbox: Inbox) -> None:
    make.inbox(address="sales@desk.example")
    crowd = tuple(person(f"p{number}@crowd.example") for number in range(60))
    ours = (person("Support@Desk.example"), person("sales+t1@desk.example"), person("no address"))

    first = take_in(mail("1", to=(US, *ours, BOSS), cc=(person("BOSS@work.example"), LUCIE)), inbox)
    assert named(first.ticket) == ["boss@work.example"]

    take_in(mail("2", cc=crowd, hints=answering("1")), inbox)
    assert len(named(first.ticket)) == 51

    for start in range(4):
        more = tuple(person(f"p{start}-{number}@crowd.example") for number in range(50))
        take_in(mail(f"more {start}", cc=more, hints=answering("1")), inbox)
    assert len(named(first.ticket)) == participants.MOST


def test_a_machine_names_nobody(inbox: Inbox) -> None:
    taken = take_in(mail("1", cc=(BOSS,), automatic=True), inbox)

    assert named(taken.ticket) == []
    assert taken.message.data["cc"] == [{"name": "", "address": "boss@work.example"}]


def test_the_same_mail_to_two_inboxes_is_one_ticket_of_the_first(inbox: Inbox) -> None:
    sales = make.inbox(address="sales@desk.example", queue=make.queue("Sales"))
    both = mail("1", to=(US, person("sales@desk.example")))

    first, copy = take_in(both, inbox), take_in(both, sales)
    reused = take_in(mail("1", at=NOON + timedelta(hours=1)), sales)
    others = take_in(mail("1", sender=MALLORY), sales)

    assert (copy.again, copy.opened, copy.message.id, copy.ticket.id) == (
        True,
        False,
        first.message.id,
        first.ticket.id,
    )
    assert copy.ticket.queue_id == inbox.queue_id
    assert (reused.again, others.again) == (False, False)
    assert reused.ticket.id != first.ticket.id != others.ticket.id


def test_two_copies_at_once_are_one_message(app: Flask, inbox: Inbox) -> None:
    both = [inbox.id, make.inbox(address="sales@desk.example").id]

    def deliver(inbox_id: int) -> int:
        with app.app_context():
            try:
                with transaction("test") as session:
                    ours = session.get_one(Inbox, inbox_id)
                    return intake.take_in(mail("1"), ours, files=(), at=NOON).message.id
            finally:
                db.session.remove()

    with ThreadPoolExecutor(2) as pool:
        found = set(pool.map(deliver, both))

    assert len(found) == 1


@pytest.fixture
def answered(inbox: Inbox) -> Ticket:
    """A ticket on which we wrote at noon, and the customer wrote nothing since."""
    ticket = take_in(mail("1"), inbox).ticket
    row = make.reply(ticket, make.agent())
    with transaction("test") as session:
        session.get_one(Message, row.id).state = MessageState.SENT
        lifecycle.resolve(lifecycle.lock_ticket(ticket.id), by=SYSTEM, at=NOON)
    return db.session().get_one(Ticket, ticket.id, populate_existing=True)


def test_an_automatic_answer_that_names_no_mail_lies_where_we_last_wrote(inbox: Inbox, answered: Ticket) -> None:
    later = NOON + timedelta(days=1)

    away = take_in(mail("away", automatic=True, at=later), inbox)
    person_ = take_in(mail("question", at=later), inbox)
    late = take_in(mail("late", automatic=True, at=NOON + timedelta(days=15)), inbox)
    noise = take_in(mail("news", sender=MALLORY, automatic=True, at=later), inbox)

    assert (away.opened, away.ticket.id) == (False, answered.id)
    assert (answered.status, answered.waiting_since) == (Status.SOLVED, None)
    assert person_.opened
    assert late.opened
    assert (noise.opened, noise.ticket.waiting_since) == (True, None)


FORWARD = Forwarded(person("lucie@home.example", "Lucie"), "It leaks.", "Ada: please help her.")


@pytest.mark.parametrize(
    ("settings", "sender", "author", "by_customer"),
    [
        ({"agents_forward": True}, "ada@desk.example", FORWARD.author, True),
        ({"agents_forward": True}, "ADA@desk.example", FORWARD.author, True),
        ({}, "ada@desk.example", FORWARD.author, False),
        ({"agents_forward": True}, "gone@desk.example", FORWARD.author, False),
        ({"agents_forward": True}, "mallory@x.example", FORWARD.author, False),
        ({"agents_forward": True}, "ada@desk.example", US, False),
        ({"agents_forward": True}, "ada@desk.example", person("nonsense"), False),
    ],
)
def test_what_an_agent_passes_on_is_the_customers_where_the_inbox_wants_it(
    sqlite_app: Flask, settings: dict[str, Any], sender: str, author: Sender, by_customer: bool
) -> None:
    make.agent(name="Ada", email="ada@desk.example")
    make.agent(name="Gone", email="gone@desk.example", is_active=False)
    inbox = make.inbox(settings=settings)
    forward = Forwarded(author, "It leaks.", "Please help her.")

    taken = take_in(mail("1", sender=person(sender, "Ada"), text="all of it", forwarded=forward), inbox)

    handles = [one.address for one in taken.ticket.customer.handles]
    if by_customer:
        assert (handles, taken.message.body) == (["lucie@home.example"], "It leaks.")
        by = {"name": "Ada", "address": sender, "comment": "Please help her."}
        assert taken.message.data["forwarded_by"] == by
        assert taken.message.data["no_automatic_answer"] is True
    else:
        assert (handles, taken.message.body) == ([sender.casefold()], "all of it")
        assert "forwarded_by" not in taken.message.data


def test_who_was_named_goes_along_with_a_merge_and_a_split(inbox: Inbox) -> None:
    source = take_in(mail("1", cc=(BOSS, MALLORY)), inbox)
    target = take_in(mail("2", sender=person("karim@home.example"), cc=(MALLORY,)), inbox)
    make.merge(source.ticket, target.ticket)

    assert named(source.ticket) == []
    assert named(target.ticket) == ["boss@work.example", "mallory@x.example"]

    with transaction("test"):
        row = lifecycle.lock_ticket(target.ticket.id)
        new = splitting.split(row, source.message.id, by=SYSTEM, at=NOON)

    assert named(new) == ["boss@work.example", "mallory@x.example"]
    assert take_in(mail("3", sender=BOSS, hints=answering("1")), inbox).ticket.id == new.id
