"""Policies, how they reach open tickets, promises, and a customer's thanks: over HTTP."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api import rearming as job
from tests import make
from tests.api.desk import Desk
from ticketing.models import Role, Ticket
from ticketing.moment import rfc3339, utc_now
from ticketing.store import db

ANSWER = {"first_response": {"allowance_seconds": 14_400, "warn_seconds_before": 1800}}
HOOK = {"kind": "webhook", "url": "https://hooks.example/services/T0/secret"}


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    return sqlite_app.test_client()


@pytest.fixture
def samir(client: FlaskClient) -> Desk:
    make.queue("Support")
    make.policy("Rest", position=1000)
    return Desk(client, make.agent(Role.SUPERVISOR, name="Samir"))


def gold(**changes: Any) -> dict[str, Any]:
    return {"name": "Gold", "position": 5, "calendar": 1, "targets": ANSWER, **changes}


def in_an_hour() -> str:
    return rfc3339(utc_now() + timedelta(hours=1))


def test_a_policy_is_made_read_edited_and_archived(samir: Desk, client: FlaskClient) -> None:
    made = samir.post("/sla/policies", gold(conditions={"tag": ["vip"]}, on_reopen="restart"))
    path = f"/sla/policies/{made.json['id']}"
    edited = samir.put(path, gold(name="Golden"))

    assert (made.status_code, edited.status_code) == (201, 200)
    same = {"calendar": 1, "calendar_version": 1, "targets": ANSWER, "shadow": False, "rearming": None}
    assert made.json | same == made.json
    assert (made.json["version"], made.json["on_reopen"], made.json["archived_at"]) == (1, "restart", None)
    assert (edited.json["id"], edited.json["version"], edited.json["name"]) == (made.json["id"], 2, "Golden")
    assert (edited.json["conditions"], edited.json["on_reopen"]) == ({}, "continue")  # what PUT does not name
    assert samir.get(path).json == {name: one for name, one in edited.json.items() if name != "rearming"}
    versions = samir.get(f"{path}/versions?limit=1").json
    rest = samir.get(f"{path}/versions?after={versions['next']}").json
    assert [one["version"] for one in versions["items"] + rest["items"]] == [1, 2]
    assert versions["items"][0]["archived_at"] == edited.json["created_at"]
    first = samir.get("/sla/policies?limit=1").json
    second = samir.get(f"/sla/policies?after={first['next']}").json
    assert [one["name"] for one in first["items"] + second["items"]] == ["Golden", "Rest"]

    assert samir.delete(path).status_code == 204
    assert samir.delete(path).status_code == 204
    assert samir.get(path).json["archived_at"]
    assert [one["name"] for one in samir.get("/sla/policies?archived=true").json["items"]] == ["Golden"]
    assert samir.put(path, gold()).json["code"] == "conflict"


def test_what_was_read_can_be_put(samir: Desk) -> None:
    read = samir.get("/sla/policies/1").json
    words = ("name", "position", "calendar", "conditions", "targets", "on_reopen", "automatic_answers_count", "shadow")

    answer = samir.put("/sla/policies/1", {name: read[name] for name in words})

    assert (answer.status_code, answer.json["version"]) == (200, 1)


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        pytest.param(gold(targets={}), 422, "A policy needs targets", id="no targets"),
        pytest.param(gold(targets=[]), 422, "targets: Not a valid mapping type.", id="a list of targets"),
        pytest.param(gold(position=True), 422, "position: Not a valid integer.", id="a truth for a position"),
        pytest.param(gold(position=10**9), 422, "a whole number from -1000000", id="a far position"),
        pytest.param(gold(name=" "), 422, "A policy needs a name", id="a blank name"),
        pytest.param(gold(calendar="Always"), 422, "calendar: Not a valid integer.", id="a calendar's name"),
        pytest.param(gold(calendar=99), 422, "A policy needs a calendar in force", id="no such calendar"),
        pytest.param(gold(applies_to="all"), 422, "applies_to: Must be one of: new, open.", id="an unknown reach"),
        pytest.param(gold(steps=[]), 422, "steps: There is no such field here.", id="an unknown field"),
        pytest.param(gold(conditions={"queue": [2**63]}), 422, "takes ids", id="an id beyond all ids"),
        pytest.param(gold(name="Rest"), 409, "There is a policy 'Rest' already", id="a taken name"),
        pytest.param([], 422, "body: Must be a JSON object.", id="a list"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(samir: Desk, body: Any, status: int, sentence: str) -> None:
    for answer in (samir.post("/sla/policies", body), samir.put("/sla/policies/2", body)):
        if answer.status_code != 404:
            assert (answer.status_code, sentence in answer.json["detail"]) == (status, True), answer.json


def test_agents_read_policies_but_not_the_secrets_in_them(samir: Desk, client: FlaskClient) -> None:
    step = {"offset_seconds": 0, "actions": [HOOK]}
    samir.post("/sla/policies", gold(targets={"resolution": {"allowance_seconds": 60, "steps": [step]}}))
    agent = Desk(client)

    def url(desk: Desk) -> Any:
        found = desk.get("/sla/policies").json["items"][0]
        return found["targets"]["resolution"]["steps"][0]["actions"][0]["url"]

    assert url(samir) == HOOK["url"]
    assert url(agent) == "https://hooks.example/…"
    assert agent.post("/sla/policies", gold()).status_code == 403


def test_an_edit_for_open_tickets_shows_its_progress(
    samir: Desk, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "SECONDS_BY_THE_TICKER", 60.0)  # one call shall do all of it, however slowly
    ticket, of_nobody = make.ticket(tags=["vip"], at=utc_now()).id, make.ticket(at=utc_now()).id
    agent, asking = Desk(client), samir.agent.id

    made = samir.post("/sla/policies", gold(conditions={"tag": ["vip"]}, applies_to="open"))
    path = f"/sla/rearmings/{made.json['rearming']}"
    before = samir.get(path).json
    job.carry_on(made.json["rearming"])
    after = samir.get(path).json

    assert (before["state"], before["done"], before["total"], before["finished_at"]) == ("queued", 0, 2, None)
    assert (after["state"], after["done"], after["changed"]) == ("done", 2, 1)
    assert (after["policies"], after["asked_by"]) == ([made.json["id"]], asking)
    assert samir.get("/sla/rearmings").json == {"items": [after], "next": None}
    assert [one["policy"] for one in samir.get(f"/tickets/{ticket}/sla").json] == ["Gold"]
    assert [one["policy"] for one in samir.get(f"/tickets/{of_nobody}/sla").json] == ["Rest"]
    assert samir.get("/sla/rearmings/99").status_code == agent.get("/sla/rearmings/99").status_code + 1 == 404

    gone = samir.delete(f"/sla/policies/{made.json['id']}?applies_to=open")
    job.carry_on(before["id"] + 1)
    assert gone.status_code == 204
    assert [one["policy"] for one in samir.get(f"/tickets/{ticket}/sla").json] == ["Rest"]


def test_promises_are_made_listed_kept_and_withdrawn(samir: Desk, client: FlaskClient) -> None:
    ticket, agent = make.ticket(at=utc_now()), Desk(client)
    path, due_at = f"/tickets/{ticket.id}/promises", in_an_hour()

    made = agent.post(path, {"words": "I call you back.", "due_at": due_at})
    other = agent.post(path, {"words": "An offer", "due_at": in_an_hour()})
    mine = agent.get("/promises?state=open&mine=true&limit=1").json
    kept = agent.put(f"/promises/{made.json['id']}/fulfilment")
    withdrawn = agent.delete(f"/promises/{other.json['id']}")

    assert made.status_code == 201
    assert made.json == {
        "id": 1,
        "ticket": ticket.id,
        "words": "I call you back.",
        "due_at": due_at,
        "state": "open",
        "made_by": agent.agent.id,
        "made_at": made.json["made_at"],
        "kept_at": None,
        "withdrawn_at": None,
    }
    assert mine["items"] == [made.json]
    assert agent.get(f"/promises?state=open&after={mine['next']}").json["items"] == []
    assert (kept.json["state"], withdrawn.json["state"]) == ("kept", "withdrawn")
    assert [one["state"] for one in agent.get(path).json["items"]] == ["kept", "withdrawn"]
    assert samir.get("/promises?mine=true").json["items"] == []
    assert agent.delete("/promises/1").status_code == agent.put("/promises/2/fulfilment").status_code == 409
    clocks = {one["metric"]: one for one in agent.get(f"/tickets/{ticket.id}/sla").json}
    assert (clocks["promise"]["state"], clocks["promise"]["policy"]) == ("met", None)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"words": "", "due_at": "2999-01-01T00:00:00Z"}, "words: "),
        ({"words": "A call", "due_at": "2020-01-01T00:00:00Z"}, "A promise is for a moment to come"),
        ({"words": "A call", "due_at": "2999-01-01T00:00:00Z"}, "A promise is for a moment within a year"),
        ({"words": "A call", "due_at": "tomorrow"}, "due_at: Must be a moment with its time zone"),
        ({"words": "A call"}, "due_at: Missing data for required field."),
        ({"words": "x" * 501, "due_at": "2999-01-01T00:00:00Z"}, "words: Longer than maximum length 500."),
    ],
)
def test_absurd_promises_are_refused_in_a_sentence(samir: Desk, body: dict[str, Any], sentence: str) -> None:
    answer = samir.post(f"/tickets/{make.ticket().id}/promises", body)

    assert answer.status_code == 422
    assert sentence in answer.json["detail"] or (sentence.startswith("words") and "words" in answer.json["errors"])


def test_promises_on_tickets_of_others_are_not_to_be_seen(samir: Desk, client: FlaskClient) -> None:
    owner = make.agent()
    secret = make.ticket(queue=make.queue("Secret", members=[owner]))
    one = make.promise(secret, owner)

    assert samir.get("/promises").json["items"] == []
    for answer in (samir.put(f"/promises/{one.id}/fulfilment"), samir.delete(f"/promises/{one.id}")):
        assert (answer.status_code, answer.json["detail"]) == (404, f"There is no promise {one.id}.")
    assert [row["id"] for row in Desk(client, owner).get("/promises").json["items"]] == [one.id]


def test_thanks_after_solving_call_for_no_answer(samir: Desk) -> None:
    targets = {name: {"allowance_seconds": 14_400} for name in ("first_response", "next_response", "resolution")}
    samir.post("/sla/policies", gold(targets=targets))
    make.inbox()
    now = utc_now()
    ticket = make.ticket(at=now - timedelta(hours=2)).id
    samir.post(f"/tickets/{ticket}/replies", {"body": "Try the other lid."})
    samir.put(f"/tickets/{ticket}/resolution")

    def clocks() -> dict[str, dict[str, Any]]:
        return {one["metric"]: one for one in samir.get(f"/tickets/{ticket}/sla").json}

    solved = clocks()
    make.message(db.session().get_one(Ticket, ticket), "Thanks!", at=utc_now())
    thanked = clocks()
    again = samir.put(f"/tickets/{ticket}/resolution", {"answer_needed": False, "note": "Only thanks."})
    in_the_end = clocks()

    assert (solved["resolution"]["state"], "next_response" in solved) == ("met", False)
    assert (thanked["resolution"]["state"], thanked["next_response"]["state"]) == ("running", "running")
    assert (again.status_code, again.json["status"]) == (200, "solved")
    assert in_the_end == solved
    entry = samir.get(f"/tickets/{ticket}/events?limit=200").json["items"][-1]
    assert (entry["kind"], entry["data"]["answer_needed"]) == ("ticket_resolved", False)
    assert samir.put(f"/tickets/{ticket}/resolution", {"answer_needed": "no"}).status_code == 422


def test_an_answer_to_more_than_thanks_counts_from_when_it_was_owed(samir: Desk) -> None:
    targets = {name: {"allowance_seconds": 14_400} for name in ("first_response", "next_response", "resolution")}
    samir.post("/sla/policies", gold(targets=targets))
    make.inbox()
    ticket = make.ticket(at=utc_now() - timedelta(hours=2))
    samir.post(f"/tickets/{ticket.id}/replies", {"body": "Try the other lid."})
    samir.put(f"/tickets/{ticket.id}/resolution")
    make.message(ticket, "It still drips.", at=utc_now())

    samir.put(f"/tickets/{ticket.id}/resolution")

    clocks = {one["metric"]: one["state"] for one in samir.get(f"/tickets/{ticket.id}/sla").json}
    assert clocks == {"first_response": "met", "resolution": "met", "next_response": "met"}
