"""The defaults are loaded once, and never over what people have changed."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

import config
from sla.agreement import Agreement, Metric
from sla.defaults import load_defaults
from sla.errors import InvalidCalendar, InvalidPolicy, NeverOpen
from sla.facts import Facts
from sla.hours import BusinessHours, elapsed
from sla.models import Calendar, Policy
from sla.rules import in_force
from tests.sla.desk import HOURS, NOON
from ticketing.envelope import Channel
from ticketing.errors import InvalidInput
from ticketing.status import Priority
from ticketing.store import db
from ticketing.transaction import transaction

SHIPPED = tomllib.loads((Path(config.__file__).parent / "defaults.toml").read_text(encoding="utf-8"))
TARGETS = {"first_response": {"allowance_seconds": 60}}


def load(toml: dict[str, Any]) -> None:
    with transaction("test"):
        load_defaults(toml, NOON)


def rows() -> list[tuple[Any, ...]]:
    policies = select(Policy.id, Policy.name, Policy.position, Policy.archived_at).order_by(Policy.id)
    calendars = select(Calendar.id, Calendar.name, Calendar.archived_at).order_by(Calendar.id)
    return [tuple(row) for query in (policies, calendars) for row in db.session().execute(query)]


def agreement_for(channel: Channel, priority: Priority = Priority.NORMAL) -> Agreement:
    facts = Facts(channel=channel, queue_id=1, priority=priority, opened_at=NOON, waiting_since=NOON)
    found = in_force().agreement_for(facts, NOON)
    assert found is not None
    return found


def test_every_channel_and_priority_has_a_policy(app: Flask) -> None:
    load(SHIPPED)

    for channel in Channel:
        for priority in Priority:
            assert Metric.FIRST_RESPONSE in agreement_for(channel, priority).targets


def test_who_waits_live_is_owed_an_answer_before_who_wrote(app: Flask) -> None:
    load(SHIPPED)

    def allowance(channel: Channel) -> int:
        return int(agreement_for(channel).targets[Metric.FIRST_RESPONSE].allowance.total_seconds())

    assert allowance(Channel.PHONE) == allowance(Channel.CHAT) < allowance(Channel.SMS) < allowance(Channel.EMAIL)


def test_who_waits_on_the_line_is_taken_before_supervisors_hear_of_it(app: Flask) -> None:
    load(SHIPPED)

    for channel in (Channel.PHONE, Channel.CHAT):
        target = agreement_for(channel).targets[Metric.QUEUE_WAIT]
        assert target.actions == {0 * target.allowance: [{"kind": "notify", "to": ["supervisors"]}]}


def test_every_shipped_calendar_is_open_on_sundays() -> None:
    sunday = NOON.replace(day=8, hour=0)

    for calendar in SHIPPED["calendars"]:
        hours = BusinessHours.from_dict({key: value for key, value in calendar.items() if key != "name"})
        assert elapsed(sunday, sunday.replace(day=9), hours)


def test_loading_twice_changes_nothing(app: Flask) -> None:
    load(SHIPPED)
    before = rows()
    load(SHIPPED)

    assert rows() == before


def test_what_people_archived_does_not_come_back(app: Flask) -> None:
    load(SHIPPED)
    with transaction("test"):
        archived = db.session().scalars(select(Policy)).first()
        assert archived is not None
        archived.archived_at = NOON
    before = rows()
    load(SHIPPED)

    assert rows() == before


def policy(**changes: Any) -> dict[str, Any]:
    return {"name": "All", "position": 1, "calendar": "Desk", "targets": TARGETS, **changes}


def with_policy(**changes: Any) -> dict[str, Any]:
    return {"calendars": [{"name": "Desk", **HOURS}], "policies": [policy(**changes)]}


@pytest.mark.parametrize(
    ("toml", "error", "sentence"),
    [
        pytest.param({"calendars": [HOURS]}, InvalidPolicy, "calendar in the defaults needs a name", id="unnamed"),
        pytest.param({"calendars": [{"name": "Desk"}]}, InvalidCalendar, "needs a time_zone", id="a bad calendar"),
        pytest.param({"policies": [policy()]}, InvalidPolicy, "needs a calendar in force", id="no such calendar"),
        pytest.param(
            with_policy(channel="sms"), InvalidPolicy, "policy 'All': a policy has no channel", id="unknown keys"
        ),
        pytest.param(
            with_policy(calendar=["Desk"]), InvalidPolicy, "needs a calendar in force", id="a list of calendars"
        ),
        pytest.param(with_policy(position="1"), InvalidPolicy, "needs a position", id="no number for a position"),
        pytest.param(with_policy(conditions={"channel": []}), InvalidPolicy, "condition on", id="bad conditions"),
        pytest.param(with_policy(targets={}), InvalidPolicy, "needs targets", id="no targets"),
        pytest.param(
            {"calendars": [{"name": "Desk", "time_zone": "UTC"}], "policies": [policy()]},
            NeverOpen,
            "does not open",
            id="a promise that nobody could keep",
        ),
    ],
)
def test_nonsense_in_the_defaults_is_refused(
    app: Flask, toml: dict[str, Any], error: type[InvalidInput], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        load(toml)
    assert rows() == []
