"""Explanations from the store, and the door through which they are read."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from api.resources import explanation
from sla.agreement import Metric
from sla.explanations import explanations_of
from sla.models import Clock
from sla.promises import make_promise
from sla.words import Language
from tests import make
from tests.api.desk import Desk, promise
from tests.sla import desk
from tests.sla.desk import NOON
from ticketing import lifecycle
from ticketing.events import SYSTEM
from ticketing.models import Role
from ticketing.status import Status
from ticketing.store import db
from ticketing.transaction import transaction

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def support(app: Any) -> None:
    """Phone calls are answered within an hour and solved within four, unless they wait on the customer."""
    with transaction("test"):
        desk.policy("Mail", {"channel": ["email"]}, position=1, allowance_seconds=60)
        row = desk.policy("Calls", {"channel": ["phone"]}, position=2, allowance_seconds=3600)
        row.targets = {**row.targets, "resolution": {"allowance_seconds": 4 * 3600}}


def shown(ticket_id: int, after: timedelta) -> list[tuple[str, int, str | None, list[tuple[str, int]]]]:
    found = explanations_of(ticket_id, NOON + after, language=Language.ENGLISH)
    told = [
        (one.metric, one.elapsed_seconds, one.differs, [(each.kind, each.counted_seconds) for each in one.intervals])
        for one in found
    ]
    return sorted(told)  # those that start at once do so in any order


@pytest.mark.usefixtures("support")
def test_a_life_is_told_from_the_store() -> None:
    ticket = desk.opened()
    for minutes, status in ((30, Status.PENDING), (90, Status.OPEN)):
        with transaction("test"):
            locked = lifecycle.lock_ticket(ticket.id)
            lifecycle.change_status(locked, status, by=SYSTEM, at=NOON + minutes * MINUTE)

    told = shown(ticket.id, 2 * HOUR)
    (solution,) = explanations_of(ticket.id, NOON + 2 * HOUR, language=Language.FRENCH, metric=Metric.RESOLUTION)

    assert told == [
        ("first_response", 7200, None, [("counted", 7200)]),
        ("resolution", 3600, None, [("counted", 1800), ("paused", 0), ("counted", 1800)]),
    ]
    assert solution.policy is not None
    assert (solution.policy.name, solution.policy.version, solution.time_zone) == ("Calls", 1, "UTC")
    assert "« Calls »" in solution.why_policy.replace("\u202f", " ")
    assert "« Mail »" in solution.why_policy.replace("\u202f", " ")


@pytest.mark.usefixtures("support")
def test_a_clock_that_was_put_right_by_hand_is_told_as_it_was_kept() -> None:
    ticket = desk.opened()
    with transaction("test"):
        row = db.session().query(Clock).filter_by(ticket_id=ticket.id, metric="resolution").one()
        row.counted_microseconds = 600_000_000

    told = shown(ticket.id, HOUR)

    assert told[1][:2] == ("resolution", 4200)
    assert told[1][2] is not None
    assert "1 hour counted" in told[1][2]


def test_a_promise_of_no_policy_is_told_in_the_zone_of_the_ticket_s_other_clocks(sqlite_app: Flask) -> None:
    with transaction("test"):
        paris = desk.calendar("Paris", {**desk.HOURS, "time_zone": "Europe/Paris"})
        desk.policy("Calls", {"channel": ["phone"]}, calendar_id=paris.id, allowance_seconds=3600)
        ticket = desk.ticket()
        make_promise(ticket, words="We call back.", due_at=NOON + HOUR, by=SYSTEM, at=NOON)

    (found,) = explanations_of(ticket.id, NOON + HOUR / 2, language=Language.ENGLISH, metric=Metric.PROMISE)

    assert found.summary == (
        "At 13:00 on Wednesday 18 November 2026 it was promised for 14:00 on Wednesday 18 November, Paris time. "
        "30 minutes of that has gone by and 30 minutes is left, so it is due at 14:00 on Wednesday 18 November."
    )
    assert found.why_policy == "No policy speaks of this promise: an agent named the moment."


@pytest.mark.usefixtures("support")
def test_a_very_long_journal_is_not_read_again() -> None:
    ticket = desk.opened()
    with transaction("test"):
        desk.reply(lifecycle.lock_ticket(ticket.id), after=MINUTE)

    found = explanations_of(ticket.id, NOON + HOUR, language=Language.ENGLISH, most_entries=1)

    assert {(one.elapsed_seconds, one.intervals[-1].counted_seconds) for one in found} == {(60, 60), (3600, 3600)}
    assert {one.differs for one in found} == {
        "The ticket's journal is too long to be read again; the clock is shown as it was kept."
    }


@pytest.mark.usefixtures("support")
def test_an_explanation_costs_few_statements_however_many_clocks(statements: Callable[[], list[str]]) -> None:
    ticket_id = desk.opened().id
    explanations_of(ticket_id, NOON + HOUR, language=Language.ENGLISH)
    statements()

    explanations_of(ticket_id, NOON + HOUR, language=Language.ENGLISH)

    assert len(statements()) <= 5


def test_the_door_speaks_the_language_that_is_asked_for(sqlite_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explanation, "read_at", lambda: NOON + HOUR)  # all of them at one moment: a text counts seconds
    promise()
    caller = Desk(sqlite_app.test_client(), make.agent(Role.ADMIN))
    path = f"/tickets/{make.ticket().id}/sla/explanation"

    english = caller.get(path)
    by_header = caller.get(path, headers={"Accept-Language": "de, fr-CA;q=0.9, en;q=0.5"})
    by_query = caller.get(f"{path}?language=fr&metric=first_response", headers={"Accept-Language": "en"})
    others = caller.get(f"{path}?metric=promise")

    (found,) = english.json
    assert found["metric"] == "first_response"
    assert found["policy"]["name"] == "Standard"
    assert found["summary"].startswith("A first answer was promised within 4 hours of opening time")
    assert sum(one["counted_seconds"] for one in found["intervals"]) == found["elapsed_seconds"]
    assert found["intervals"][0]["from"] == found["started_at"]
    assert [one.headers["Content-Language"] for one in (english, by_header, by_query)] == ["en", "fr", "fr"]
    assert by_header.json[0]["summary"] == by_query.json[0]["summary"]
    assert "Accept-Language" in english.headers["Vary"]
    assert others.json == []


def test_the_door_refuses_what_it_does_not_know(sqlite_app: Flask) -> None:
    caller = Desk(sqlite_app.test_client(), make.agent(Role.ADMIN))
    path = f"/tickets/{make.ticket().id}/sla/explanation"

    for query in ("language=de", "language=", "metric=kettle", "metric=1", "words=fr"):
        answer = caller.get(f"{path}?{query}")

        assert answer.status_code == 422, query
