"""Replays, comparisons of shadows and staffing by the API."""

import csv
import io
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from api import replaying, tick
from sla.models import Policy
from tests import make
from tests.api.desk import Desk, admin, promise
from ticketing.models import Role
from ticketing.moment import rfc3339, utc_now
from ticketing.store import db
from ticketing.transaction import transaction

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TODAY = utc_now().replace(hour=12, minute=0, second=0, microsecond=0)
NOON = TODAY - (TODAY.weekday() + 5) * DAY  # last week's Wednesday, or that of the week before
WEEK = {"from": rfc3339(NOON - 2 * DAY - 12 * HOUR), "to": rfc3339(NOON + 4 * DAY + 12 * HOUR)}
TWO_WEEKS = f"from={WEEK['from']}&to={rfc3339(NOON + 11 * DAY + 12 * HOUR)}"
STRICT = {
    "name": "Strict",
    "position": 1,
    "calendar": 1,
    "targets": {"first_response": {"allowance_seconds": 1800, "warn_seconds_before": 0}},
}


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    return sqlite_app.test_client()


@pytest.fixture
def answered(sqlite_app: Flask) -> list[int]:
    """Three mails, answered after an hour, after ten minutes, and never."""
    promise()
    make.inbox()
    who = make.agent()
    tickets = [make.ticket(at=NOON + number * timedelta(minutes=1)) for number in range(3)]
    make.reply(tickets[0], who, at=NOON + HOUR)
    make.reply(tickets[1], who, at=NOON + timedelta(minutes=11))
    return [one.id for one in tickets]


def test_a_supervisor_sees_what_a_proposal_would_have_done(client: FlaskClient, answered: list[int]) -> None:
    supervisor = Desk(client, make.agent(Role.SUPERVISOR))

    asked = supervisor.post("/sla/replays", {"policies": [STRICT], **WEEK, "time_zone": "Asia/Kolkata"})
    waiting = supervisor.get(f"/sla/replays/{asked.json['id']}").json
    replaying.carry_on(asked.json["id"])
    answer = supervisor.get(f"/sla/replays/{asked.json['id']}").json

    assert (asked.status_code, asked.json["state"], asked.json["asked_by"]) == (202, "queued", supervisor.agent.id)
    assert (waiting["results"], waiting["flipped"]["items"]) == (None, [])
    assert (answer["state"], answer["progress"]) == ("done", {"done": 3, "total": 3})
    assert [one["calendar"] for one in answer["proposal"]["policies"]] == ["Always"]
    results = answer["results"]
    first = {"metric": "first_response", "tickets": 3, "clocks_now": 3, "clocks_proposed": 3}
    first |= {"breaches_now": 1, "breaches_proposed": 2, "newly_breached": 1, "no_longer_breached": 0}
    assert (results["tickets"], results["flips"], results["time_zone"]) == (3, 1, "Asia/Kolkata")
    (by_metric,) = results["metrics"]
    assert by_metric.items() >= first.items()
    assert results["places"] == [{**first, "channel": "email", "priority": "normal"}]
    assert [one["queue"]["id"] for one in results["queues"]] == [1]
    assert results["hours"] == [{**first, "hour": 2 * 24 + 17}]  # at noon UTC it is half past five there
    (flip,) = answer["flipped"]["items"]
    assert flip == {
        "ticket": answered[0],
        "subject": "The kettle leaks",
        "metric": "first_response",
        "started_at": rfc3339(NOON),
        "verdict_now": "met",
        "verdict_proposed": "breached",
    }
    assert supervisor.get(results["staffing"].removeprefix("/api/v1") + "&target_seconds=60&handle_seconds=60").json


def test_flips_come_in_pages_and_by_verdict(client: FlaskClient, answered: list[int]) -> None:
    desk, path = admin(client), "/sla/replays/1/tickets"
    desk.post(
        "/sla/replays", {"policies": [{**STRICT, "targets": {"first_response": {"allowance_seconds": 60}}}], **WEEK}
    )
    replaying.carry_on(1)

    first = desk.get(f"{path}?limit=1").json
    second = desk.get(f"{path}?limit=1&after={first['next']}").json

    assert [one["ticket"] for one in first["items"] + second["items"]] == answered[:2]
    assert second["next"] is None
    assert desk.get(f"{path}?verdict_proposed=met").json["items"] == []
    assert desk.get(f"{path}?metric=resolution").json["items"] == []
    assert desk.get("/sla/replays/2/tickets").status_code == 404


def test_the_list_is_newest_first_and_removing_needs_two_steps(client: FlaskClient, answered: list[int]) -> None:
    desk = admin(client)
    for _ in range(2):
        desk.post("/sla/replays", {"policies": [], **WEEK})

    page = desk.get("/sla/replays?limit=1").json
    rest = desk.get(f"/sla/replays?limit=1&after={page['next']}").json
    states = []
    for _ in range(2):
        assert desk.delete("/sla/replays/1").status_code == 204
        states.append(desk.get("/sla/replays/1"))

    assert [one["id"] for one in page["items"] + rest["items"]] == [2, 1]
    assert (states[0].json["state"], states[1].status_code) == ("cancelled", 404)


def test_the_ticker_goes_on_with_what_was_left_alone_and_compares_shadows(
    sqlite_app: Flask, client: FlaskClient, answered: list[int]
) -> None:
    desk = admin(client)
    me = desk.agent.id
    made = desk.post("/sla/policies", {**STRICT, "position": 0, "shadow": True}).json["id"]
    with transaction("test") as session:
        session.execute(update(Policy).where(Policy.id == made).values(created_at=NOON - 3 * DAY))
    assert desk.get(f"/sla/policies/{made}/comparison").status_code == 404

    tick.compare_shadows()
    tick.go_on_replaying()

    db.session.remove()
    compared = desk.get(f"/sla/policies/{made}/comparison").json
    again = desk.post(f"/sla/policies/{made}/comparison").json
    assert (compared["state"], compared["shadow"], compared["asked_by"]) == ("done", made, None)
    assert compared["results"]["metrics"][0]["newly_breached"] == 1
    assert (again["state"], again["asked_by"]) == ("queued", me)


REFUSED = [
    ({}, "from"),
    ({"from": "yesterday", "to": WEEK["to"], "policies": []}, "from"),
    ({**WEEK, "policies": "all"}, "policies"),
    ({**WEEK, "policies": [7]}, "policies"),
    ({**WEEK, "policies": [STRICT] * 1000}, "policies"),
    (
        {**WEEK, "policies": [{**STRICT, "targets": {"first_response": {"allowance_seconds": 10**9}}}]},
        "number 1 ('Strict')",
    ),
    ({**WEEK, "policies": [{**STRICT, "targets": {"lunch": {}}}]}, "'lunch' is nothing that is measured"),
    ({**WEEK, "policies": [{**STRICT, "calendar": [1]}]}, "number 1: `calendar`"),
    ({**WEEK, "calendars": [{"name": "A", "time_zone": "UTC", "colour": 1}]}, "'colour'"),
    ({**WEEK, "policies": [], "time_zone": "Europe"}, "time_zone"),
    ({**WEEK, "policies": [], "colour": 1}, "colour"),
    (WEEK, "olicies, calendars or both"),
    ({"from": WEEK["to"], "to": WEEK["from"], "policies": []}, "rom must come before to"),
]


def test_what_makes_no_sense_is_refused(client: FlaskClient, answered: list[int]) -> None:
    desk = admin(client)

    for body, words in REFUSED:
        answer = desk.post("/sla/replays", body)

        assert (answer.status_code, words in answer.text) == (422, True), (body, answer.text[:500])
    assert desk.get("/sla/replays").json["items"] == []


def test_staffing_says_how_many_agents_each_hour_needs(client: FlaskClient, answered: list[int]) -> None:
    desk = admin(client)
    asked = f"{TWO_WEEKS}&target_seconds=20&handle_seconds=7200"

    report = desk.get(f"/reports/staffing?{asked}").json
    impatient = desk.get(f"/reports/staffing?{asked}&patience_seconds=60").json
    table = list(csv.DictReader(io.StringIO(desk.get(f"/reports/staffing.csv?{asked}").text.lstrip("\ufeff"))))

    noon = report["items"][2 * 24 + 12]
    assert len(report["items"]) == len(table) == 168
    assert (report["model"], impatient["model"], report["time_zone"]) == ("erlang_c", "erlang_a", "UTC")
    # Three tickets on one of two Wednesdays: 1.5 an hour, of two hours each.
    assert (noon["weekday"], noon["hour"], noon["opened"], noon["erlangs"]) == ("wed", 12, 3, 3.0)
    assert (noon["arrivals_per_hour"], noon["agents"], noon["abandoned"]) == (1.5, 6, 0.0)
    assert noon["within_target"] >= 0.8
    assert impatient["items"][2 * 24 + 12]["agents"] <= 6
    assert report["items"][0]["agents"] == 0
    assert table[2 * 24 + 12]["agents"] == "6"
    assert any("Nobody gives up" in one for one in report["assumptions"])
    assert any("gives up after a time" in one for one in impatient["assumptions"])
    assert desk.get(f"/reports/staffing?{asked}&channel=phone").json["items"][60]["opened"] == 0


def test_staffing_for_what_no_desk_could_staff_is_refused(client: FlaskClient, answered: list[int]) -> None:
    desk = admin(client)

    for asked in (
        "target_seconds=20",
        "handle_seconds=60",
        "target_seconds=20&handle_seconds=0",
        "target_seconds=20&handle_seconds=100000000",
        "target_seconds=-1&handle_seconds=60",
        "target_seconds=20&handle_seconds=60&share=1",
        "target_seconds=20&handle_seconds=60&share=nan",
        "target_seconds=20&handle_seconds=60&patience_seconds=0",
        "target_seconds=20&handle_seconds=60&queue=Moon",
        "target_seconds=20&handle_seconds=60&from=2020-01-01&to=2026-01-01",
        "target_seconds=20&handle_seconds=60&colour=blue",
    ):
        assert desk.get(f"/reports/staffing?{asked}").status_code == 422, asked
