"""What a ticket's clocks show is true at the moment of looking, with or without a sweep."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from sla.readings import Reading, clocks_of
from tests.sla import desk
from tests.sla.desk import NOON
from ticketing import lifecycle
from ticketing.envelope import Channel
from ticketing.transaction import transaction

pytestmark = pytest.mark.usefixtures("calls")

HOUR = timedelta(hours=1)


def test_a_running_clock_is_read() -> None:
    ticket = desk.opened()

    assert clocks_of(ticket.id, NOON + HOUR / 4) == [
        Reading(
            metric="first_response",
            policy="Calls",
            policy_version=1,
            state="running",
            allowance_seconds=3600,
            started_at=NOON,
            due_at=NOON + HOUR,
            paused_by=None,
            remaining_seconds=2700,
            met_at=None,
            breached_at=None,
        )
    ]


def test_a_breach_shows_though_nobody_swept() -> None:
    ticket = desk.opened()

    (reading,) = clocks_of(ticket.id, NOON + 2 * HOUR)

    assert (reading.state, reading.breached_at, reading.remaining_seconds) == ("breached", NOON + HOUR, -3600)


def test_an_answered_clock_shows_when_it_was_met() -> None:
    ticket = desk.opened()
    with transaction("test"):
        desk.reply(lifecycle.lock_ticket(ticket.id), after=HOUR / 2)

    (reading,) = clocks_of(ticket.id, NOON + 2 * HOUR)

    assert (reading.state, reading.met_at, reading.remaining_seconds) == ("met", NOON + HOUR / 2, 1800)


def test_a_ticket_without_clocks_has_none_to_read() -> None:
    ticket = desk.opened(channel=Channel.EMAIL)

    assert clocks_of(ticket.id, NOON) == []


def test_reading_costs_one_statement(statements: Callable[[], list[str]]) -> None:
    ticket = desk.opened()
    ticket_id = ticket.id
    statements()

    clocks_of(ticket_id, NOON)

    assert len(statements()) == 1
