"""What is put off comes back to the second, and what was solved for long enough is closed, whoever comes by when."""

from datetime import datetime, timedelta

import pytest
from flask import Flask

from tests import make
from tests.conftest import NOON
from tests.ticketing.test_intake import mail, take_in
from tests.ticketing.test_merging import again
from ticketing import closing, conversation, journal, lifecycle, snoozing
from ticketing.envelope import Channel, HandleKind, InboundMessage, Sender, ThreadHints
from ticketing.errors import InvalidInput, InvalidTransition
from ticketing.events import SYSTEM
from ticketing.models import Agent, Ticket
from ticketing.routing import claim_next
from ticketing.status import Status
from ticketing.store import db
from ticketing.transaction import transaction

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def snooze(ticket: Ticket, until: datetime = NOON + DAY, *, at: datetime = NOON) -> None:
    with transaction("test"):
        snoozing.snooze(lifecycle.lock_ticket(ticket.id), until, by=SYSTEM, at=at)


def resolve(ticket: Ticket, *, at: datetime = NOON) -> None:
    with transaction("test"):
        lifecycle.resolve(lifecycle.lock_ticket(ticket.id), by=SYSTEM, at=at)


def tell(ticket: Ticket) -> tuple[str, dict[str, object], datetime]:
    last = journal.lines(ticket.id)[-1]
    return last.kind, last.data, last.at


def test_a_snoozed_ticket_is_not_handed_out_until_it_wakes(app: Flask) -> None:
    ticket, ada = make.ticket(), make.agent()
    snooze(ticket)

    with transaction("test") as session:
        queue, agent = again(ticket).queue, session.get_one(Agent, ada.id)
        assert claim_next(queue, agent, at=NOON) is None
    with transaction("test"):
        assert snoozing.wake_due(NOON + DAY - timedelta(seconds=1)) == 0
        assert snoozing.wake_due(NOON + DAY + HOUR) == 1
    with transaction("test") as session:
        claimed = claim_next(again(ticket).queue, session.get_one(Agent, ada.id), at=NOON)

    assert claimed is not None
    assert [(row.kind, row.at) for row in journal.lines(ticket.id)][3] == ("ticket_woke", NOON + DAY)


def test_the_customers_words_wake_it_at_once(app: Flask) -> None:
    ticket = make.ticket()
    snooze(ticket)

    make.message(ticket, at=NOON + HOUR)

    assert again(ticket).snoozed_until is None
    assert tell(ticket) == ("ticket_woke", {"why": "reply"}, NOON + HOUR)


def test_words_that_come_after_the_moment_find_it_awake_since_then(app: Flask) -> None:
    ticket = make.ticket()
    snooze(ticket)

    make.message(ticket, at=NOON + DAY + HOUR)

    assert tell(ticket) == ("ticket_woke", {"why": "due"}, NOON + DAY)


def test_resolving_ends_it(app: Flask) -> None:
    ticket = make.ticket()
    snooze(ticket)

    resolve(ticket)

    assert again(ticket).snoozed_until is None
    with pytest.raises(InvalidTransition, match="is solved"):
        snooze(ticket)


@pytest.mark.parametrize("until", [NOON, NOON - HOUR, NOON + 367 * DAY], ids=["now", "past", "after a year"])
def test_the_moment_is_to_come_within_a_year(app: Flask, until: datetime) -> None:
    with pytest.raises(InvalidInput):
        snooze(make.ticket(), until)


def test_a_solved_ticket_is_closed_with_the_moment_at_which_its_grace_ended(app: Flask) -> None:
    ticket = make.ticket()
    resolve(ticket)

    with transaction("test"):
        assert closing.close_due(NOON + 4 * DAY - timedelta(seconds=1)) == 0
        assert closing.close_due(NOON + 5 * DAY) == 1

    assert (again(ticket).status, again(ticket).closed_at) == (Status.CLOSED, NOON + 4 * DAY)
    assert tell(ticket) == ("ticket_closed", {"solved_at": "2026-11-18T12:00:00Z"}, NOON + 4 * DAY)


@pytest.mark.parametrize(("after", "opened"), [(4 * DAY - HOUR, False), (4 * DAY, True)], ids=["in time", "too late"])
def test_the_moment_of_a_reply_decides_whether_it_reopens_not_the_ticker(
    app: Flask, after: timedelta, opened: bool
) -> None:
    inbox = make.inbox(Channel.EMAIL)
    first = take_in(mail("one"), inbox)
    resolve(first.ticket)

    hints = ThreadHints(ticket_ids=(first.ticket.id,))
    second = take_in(mail("two", received_at=NOON + after, hints=hints), inbox)

    assert second.opened is opened
    assert second.ticket.waiting_since == NOON + after
    assert second.ticket.follows_id == (first.ticket.id if opened else None)
    assert again(first.ticket).status is (Status.CLOSED if opened else Status.OPEN)


@pytest.mark.parametrize("channel", [Channel.SMS, Channel.PHONE])
def test_words_after_closing_follow_also_on_channels_without_threads(app: Flask, channel: Channel) -> None:
    inbox = make.inbox(channel)
    sender = Sender(HandleKind.PHONE, "+15145550123")
    first = take_in(InboundMessage(channel, "1", sender, text="Hello", received_at=NOON), inbox)
    with transaction("test"):
        row = lifecycle.lock_ticket(first.ticket.id)
        row.status, row.solved_at = Status.CLOSED, NOON

    second = take_in(InboundMessage(channel, "2", sender, text="Hello?", received_at=NOON + HOUR), inbox)
    third = take_in(InboundMessage(channel, "3", sender, text="You there?", received_at=NOON + HOUR), inbox)

    assert second.ticket.follows_id == first.ticket.id
    assert third.ticket.id == second.ticket.id


def test_nobody_at_the_desk_writes_on_or_reopens_what_is_over(app: Flask) -> None:
    make.inbox(Channel.EMAIL)
    ticket, ada = make.ticket(), make.agent()
    resolve(ticket)

    with pytest.raises(InvalidTransition, match="is closed"):
        make.reply(ticket, ada, at=NOON + 4 * DAY)
    with transaction("test"), pytest.raises(InvalidTransition, match="is closed"):
        lifecycle.reopen(lifecycle.lock_ticket(ticket.id), by=SYSTEM, at=NOON + 4 * DAY)
    make.reply(ticket, ada, at=NOON + 4 * DAY - HOUR)

    assert again(ticket).status is Status.OPEN


def test_the_wait_is_since_the_oldest_unanswered_message(app: Flask) -> None:
    make.inbox(Channel.EMAIL)
    ticket, ada = make.ticket(), make.agent()

    make.message(ticket, at=NOON + HOUR)
    assert again(ticket).waiting_since == NOON
    make.reply(ticket, ada, at=NOON + 2 * HOUR)
    assert again(ticket).waiting_since is None
    make.message(ticket, at=NOON + 4 * HOUR)
    make.message(ticket, at=NOON + 3 * HOUR)  # was kept in quarantine
    assert again(ticket).waiting_since == NOON + 3 * HOUR
    resolve(ticket, at=NOON + 5 * HOUR)
    assert again(ticket).waiting_since is None
    make.message(ticket, at=NOON + 6 * HOUR)

    assert (again(ticket).waiting_since, again(ticket).status) == (NOON + 6 * HOUR, Status.OPEN)


def test_a_note_answers_nobody(app: Flask) -> None:
    ticket, ada = make.ticket(), make.agent()

    with transaction("test") as session:
        conversation.note(lifecycle.lock_ticket(ticket.id), "Hm", agent=session.get_one(Agent, ada.id), at=NOON)

    assert db.session().get_one(Ticket, ticket.id).waiting_since == NOON
