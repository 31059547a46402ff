"""Clocks are kept as the journal is written, and the ticket shows how they stand."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from sla import rules
from sla.life import replay
from sla.models import Clock
from sla.sweep import flag_due
from tests.sla import desk
from tests.sla.desk import NOON
from ticketing import journal, lifecycle
from ticketing.envelope import Channel
from ticketing.events import SYSTEM, Actor
from ticketing.models import Ticket
from ticketing.store import db
from ticketing.transaction import transaction

pytestmark = pytest.mark.usefixtures("calls")

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
Statements = Callable[[], list[str]]


def the_clock(ticket: Ticket) -> Clock:
    return db.session().scalars(select(Clock).where(Clock.ticket_id == ticket.id)).one()


def about_clocks(statements: list[str]) -> list[str]:
    return [one for one in statements if any(table in one for table in ("policy", "calendar", "clock"))]


def test_opening_a_ticket_starts_its_clock() -> None:
    ticket = desk.opened()

    clock = the_clock(ticket)
    assert (clock.metric, clock.sequence, clock.allowance_seconds) == ("first_response", 1, 3600)
    assert (clock.started_at, clock.due_at, clock.warn_at) == (NOON, NOON + HOUR, NOON + 50 * MINUTE)
    assert (ticket.due_at, ticket.warn_at) == (NOON + HOUR, NOON + 50 * MINUTE)
    assert (ticket.sla_tracked, ticket.sla_breached) == (True, False)


def test_the_first_policy_in_order_that_matches_counts() -> None:
    with transaction("test"):
        desk.policy("Everything", {}, position=9, allowance_seconds=60)
        desk.policy("Urgent mail", {"channel": ["email"], "priority": ["urgent"]}, position=2, allowance_seconds=120)
        mail = desk.policy("Mail", {"channel": ["email"]}, position=3, allowance_seconds=180)
        desk.policy("Once", {"channel": ["email"]}, position=1, archived_at=NOON, allowance_seconds=240)
        ticket = desk.ticket(channel=Channel.EMAIL)

    assert the_clock(ticket).policy_id == mail.id


@pytest.mark.parametrize(
    ("channel", "waiting"),
    [
        pytest.param(Channel.EMAIL, True, id="no policy for it"),
        pytest.param(Channel.PHONE, False, id="nobody waits"),
    ],
)
def test_a_ticket_to_which_nothing_is_owed_has_no_clock(channel: Channel, waiting: bool) -> None:
    with transaction("test"):
        ticket = desk.ticket(channel=channel, waiting=waiting)

    assert db.session().scalars(select(Clock)).all() == []
    assert (ticket.due_at, ticket.warn_at, ticket.sla_tracked) == (None, None, False)


def test_a_calendar_that_has_run_out_does_not_keep_a_ticket_out() -> None:
    with transaction("test"):
        over = desk.calendar("Fair", {"time_zone": "UTC", "exceptions": {"2025-05-05": [["09:00", "17:00"]]}})
        desk.policy("Mail", {"channel": ["email"]}, calendar_id=over.id, allowance_seconds=60)
        ticket = desk.ticket(channel=Channel.EMAIL)

    assert ticket.id
    assert not ticket.sla_tracked


def test_an_answer_in_time_meets_the_clock() -> None:
    ticket = desk.opened()
    with transaction("test"):
        desk.reply(lifecycle.lock_ticket(ticket.id), after=20 * MINUTE)

    assert the_clock(ticket).met_at == NOON + 20 * MINUTE
    assert (ticket.due_at, ticket.warn_at) == (None, None)
    assert (ticket.sla_tracked, ticket.sla_breached) == (True, False)


def test_an_answer_that_comes_late_leaves_the_ticket_breached() -> None:
    ticket = desk.opened()
    with transaction("test"):
        desk.reply(lifecycle.lock_ticket(ticket.id), after=2 * HOUR)

    clock = the_clock(ticket)
    assert (clock.met_at, clock.breached_at) == (NOON + 2 * HOUR, NOON + HOUR)
    assert (ticket.due_at, ticket.warn_at, ticket.sla_breached) == (None, None, True)


def test_a_machines_answer_leaves_the_clock_running() -> None:
    ticket = desk.opened()
    with transaction("test"):
        desk.reply(lifecycle.lock_ticket(ticket.id), after=MINUTE, automatic=True)

    assert the_clock(ticket).met_at is None
    assert ticket.due_at == NOON + HOUR


def test_resolving_without_words_stops_the_clock() -> None:
    ticket = desk.opened()
    with transaction("test"):
        lifecycle.resolve(lifecycle.lock_ticket(ticket.id), by=Actor.agent(1), at=NOON + MINUTE)

    assert the_clock(ticket).met_at == NOON + MINUTE
    assert ticket.due_at is None


def test_a_ticket_may_be_opened_and_answered_in_one_transaction() -> None:
    with transaction("test"):
        ticket = desk.ticket()
        desk.reply(ticket, after=MINUTE)

    assert the_clock(ticket).met_at == NOON + MINUTE
    assert (ticket.due_at, ticket.sla_tracked) == (None, True)


def test_a_clock_costs_two_statements_to_start_and_two_to_meet(statements: Statements) -> None:
    ticket = desk.opened()
    starting = about_clocks(statements())
    with transaction("test"):
        desk.reply(lifecycle.lock_ticket(ticket.id), after=MINUTE)
    meeting = about_clocks(statements())

    assert [one.split()[0] for one in starting[-2:]] == ["SELECT", "INSERT"]
    assert [one.split()[0] for one in meeting] == ["SELECT", "UPDATE"]


def test_what_moves_no_clock_asks_for_none(statements: Statements) -> None:
    ticket = desk.opened()
    statements()
    with transaction("test"):
        lifecycle.change_subject(lifecycle.lock_ticket(ticket.id), "Help me", by=SYSTEM, at=NOON)

    assert about_clocks(statements()) == []


def test_a_ticket_without_clocks_is_answered_without_asking_for_them(statements: Statements) -> None:
    ticket = desk.opened(channel=Channel.EMAIL)
    statements()
    with transaction("test"):
        desk.reply(lifecycle.lock_ticket(ticket.id), after=MINUTE)

    assert about_clocks(statements()) == []


def test_the_journal_alone_tells_the_same_as_the_clock_that_was_kept() -> None:
    ticket = desk.opened()
    with transaction("ticker"):
        flag_due(NOON + 2 * HOUR)
    with transaction("test"):
        desk.reply(lifecycle.lock_ticket(ticket.id), after=3 * HOUR)
    with transaction("test"):
        lifecycle.resolve(lifecycle.lock_ticket(ticket.id), by=Actor.agent(1), at=NOON + 4 * HOUR)
    entries = [journal.entry_of(line) for line in journal.lines(ticket.id)]

    told = replay(entries, rules.history())

    assert told
    assert [the_clock(ticket).value()] == told.clocks
