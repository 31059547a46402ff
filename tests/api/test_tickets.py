"""Opening, reading and changing tickets over HTTP."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests import make
from tests.api.desk import Desk, admin, promise
from ticketing.envelope import Channel
from ticketing.models import JournalEntry
from ticketing.store import db

NEW = {"subject": "The kettle leaks", "body": "It drips.", "customer": {"name": "Karim"}}
FIELDS = {
    *("id", "subject", "status", "priority", "channel", "queue", "assignee", "customer", "tags", "fields"),
    *("created_at", "updated_at", "waiting_since", "due_at", "sla", "snoozed_until", "solved_at", "closed_at"),
    *("merged_into", "version", "skills", "follows", "suggested"),
}


@pytest.fixture
def desk(app: Flask, client: FlaskClient) -> Desk:
    promise()
    make.queue("Kettles")
    return Desk(client)


def test_a_new_ticket_has_all_that_the_contract_says(desk: Desk) -> None:
    answer = desk.post("/tickets", {**NEW, "tags": ["Leak", "kettle"], "fields": {"model": "K7"}, "priority": "high"})

    ticket = answer.json
    assert answer.status_code == 201
    assert set(ticket) == FIELDS
    assert (ticket["status"], ticket["priority"], ticket["channel"], ticket["sla"]) == ("new", "high", "api", "ok")
    assert (ticket["tags"], ticket["fields"]) == (["kettle", "leak"], {"model": "K7"})
    assert ticket["queue"] == {"id": 1, "name": "Kettles"}
    assert ticket["customer"]["name"] == "Karim"
    assert ticket["assignee"] is None
    assert ticket["created_at"].endswith("Z")
    assert ticket["waiting_since"] == ticket["created_at"]
    assert answer.headers["ETag"] == f'"{ticket["version"]}"'
    assert desk.get(f"/tickets/{ticket['id']}").json == ticket


def test_its_words_are_the_customers_first_message(desk: Desk) -> None:
    ticket = desk.post("/tickets", NEW).json

    (message,) = desk.get(f"/tickets/{ticket['id']}/messages").json["items"]
    assert (message["kind"], message["state"], message["body"]) == ("inbound", "received", "It drips.")
    assert message["author"] == {"type": "customer", **ticket["customer"]}
    assert message["provider_id"] is None
    assert message["attachments"] == []


def test_the_journal_tells_who_took_it_down(desk: Desk) -> None:
    ticket = desk.post("/tickets", NEW).json

    opened, received = desk.get(f"/tickets/{ticket['id']}/events").json["items"]
    assert (opened["kind"], opened["source"]) == ("ticket_opened", "api")
    assert opened["actor"] == {"type": "agent", "id": desk.agent.id}
    assert received["actor"] == {"type": "customer", "id": ticket["customer"]["id"]}


@pytest.mark.parametrize("queue", ["Teapots", 2])
def test_a_queue_is_named_by_name_or_id(desk: Desk, queue: str | int) -> None:
    make.queue("Teapots")

    assert desk.post("/tickets", {**NEW, "queue": queue}).json["queue"] == {"id": 2, "name": "Teapots"}


def test_one_person_is_known_again_by_address_however_it_is_written(desk: Desk) -> None:
    first = desk.post("/tickets", {**NEW, "customer": {"name": "Karim", "email": "karim@home.example"}}).json
    second = desk.post("/tickets", {**NEW, "customer": {"email": "Karim@Home.example", "phone": "+15145550123"}}).json
    third = desk.post("/tickets", {**NEW, "customer": {"phone": "+1 514 555-0123"}}).json
    fourth = desk.post("/tickets", {**NEW, "customer": {"id": first["customer"]["id"]}}).json

    assert first["customer"] == second["customer"] == third["customer"] == fourth["customer"]


@pytest.mark.parametrize(
    ("customer", "channel"), [({"email": "karim@home.example"}, "email"), ({"phone": "+15145550123"}, "sms")]
)
def test_a_reply_reaches_the_customer_of_a_ticket_that_a_program_opened(
    desk: Desk, customer: dict[str, str], channel: str
) -> None:
    make.inbox(Channel.EMAIL)
    make.inbox(Channel.SMS)
    ticket = desk.post("/tickets", {**NEW, "customer": customer}).json

    answer = desk.post(f"/tickets/{ticket['id']}/replies", {"body": "We send a new one."})

    assert answer.status_code == 201
    assert (answer.json["channel"], answer.json["state"]) == (channel, "queued")
    assert answer.json["channel_reason"] == "reachable"


def test_a_customer_of_whom_we_know_only_the_name_cannot_be_reached(desk: Desk) -> None:
    ticket = desk.post("/tickets", NEW).json

    answer = desk.post(f"/tickets/{ticket['id']}/replies", {"body": "Hello?"})

    assert (answer.status_code, answer.json["code"]) == (409, "no_reachable_channel")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"subject": " "}, "subject"),
        ({"subject": "x" * 301}, "subject"),
        ({"body": ""}, "body"),
        ({"colour": "red"}, "colour"),
        ({"customer": {}}, "customer"),
        ({"customer": {"id": 1, "name": "Karim"}}, "customer"),
        ({"customer": {"nickname": "K"}}, "customer.nickname"),
        ({"priority": "extreme"}, "priority"),
        ({"priority": []}, "priority"),
        ({"channel": 5}, "channel"),
        ({"queue": {}}, "queue"),
        ({"queue": True}, "queue"),
        ({"customer": []}, "customer"),
        ({"customer": {"id": True}}, "customer.id"),
        ({"customer": {"name": " "}}, "customer"),
        ({"tags": "kettle"}, "tags"),
        ({"tags": ["x" * 61]}, "tags.0"),
        ({"fields": {"deep": {"er": 1}}}, "fields.deep"),
    ],
)
def test_what_makes_no_sense_is_refused_by_field(desk: Desk, wrong: dict[str, Any], field: str) -> None:
    answer = desk.post("/tickets", {**NEW, **wrong})

    assert (answer.status_code, answer.json["code"]) == (422, "invalid_input")
    assert field in answer.json["errors"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"queue": "Nowhere"},
        {"queue": 99},
        {"customer": {"id": 99}},
        {"customer": {"email": "no address"}},
        {"customer": {"phone": "12"}},
    ],
)
def test_what_is_not_there_is_the_bodys_fault(desk: Desk, wrong: dict[str, Any]) -> None:
    assert desk.post("/tickets", {**NEW, **wrong}).status_code == 422


def test_a_change_of_several_fields_is_one_change(desk: Desk) -> None:
    make.queue("Teapots")
    ticket = desk.post("/tickets", {**NEW, "fields": {"model": "K7", "year": 2024}}).json

    answer = desk.patch(
        f"/tickets/{ticket['id']}",
        {
            "subject": "The pot leaks",
            "priority": "urgent",
            "queue": "Teapots",
            "status": "pending",
            "tags": ["Pot"],
            "fields": {"model": None, "colour": "red"},
        },
    )

    changed = answer.json
    assert answer.status_code == 200
    assert (changed["subject"], changed["priority"], changed["status"]) == ("The pot leaks", "urgent", "pending")
    assert (changed["queue"]["name"], changed["tags"]) == ("Teapots", ["pot"])
    assert changed["fields"] == {"year": 2024, "colour": "red"}
    assert changed["version"] == ticket["version"] + 1
    assert desk.get(f"/tickets/{ticket['id']}").json == changed


def test_a_change_of_which_one_part_is_impossible_changes_nothing(desk: Desk) -> None:
    ticket = desk.post("/tickets", NEW).json

    answer = desk.patch(f"/tickets/{ticket['id']}", {"subject": "Another", "status": "closed"})

    assert (answer.status_code, answer.json["code"]) == (409, "invalid_transition")
    assert desk.get(f"/tickets/{ticket['id']}").json == ticket


def test_an_empty_change_changes_nothing(desk: Desk) -> None:
    ticket = desk.post("/tickets", NEW).json

    assert desk.patch(f"/tickets/{ticket['id']}", {}).json == ticket


def test_a_stale_if_match_gets_412(desk: Desk) -> None:
    first = desk.post("/tickets", NEW)
    path, etag = f"/tickets/{first.json['id']}", first.headers["ETag"]

    fresh = desk.patch(path, {"priority": "high"}, headers={"If-Match": etag})
    stale = desk.patch(path, {"priority": "low"}, headers={"If-Match": etag})

    assert fresh.status_code == 200
    assert (stale.status_code, stale.json["code"]) == (412, "stale_version")
    assert desk.patch(path, {"priority": "low"}, headers={"If-Match": "*"}).status_code == 200
    assert desk.patch(path, {"priority": "low"}, headers={"If-Match": fresh.headers["ETag"]}).status_code == 412


def test_an_assignment_is_taken_once_stolen_on_request_and_given_back(desk: Desk, client: FlaskClient) -> None:
    path = f"/tickets/{make.ticket().id}/assignment"
    other = Desk(client, make.agent(name="Bob"))

    assert desk.put(path, {"agent": "me"}).json["assignee"] == {"id": desk.agent.id, "name": "Ada"}
    refused = other.put(path, {"agent": "me"})
    assert (refused.status_code, refused.json["code"]) == (409, "already_assigned")
    assert other.put(path, {"agent": other.agent.id, "steal": True}).json["assignee"]["name"] == "Bob"
    assert other.delete(path).json["assignee"] is None
    assert other.put(path, {"agent": 99}).status_code == 422
    assert other.put(path, {"agent": "you"}).status_code == 422


def test_a_resolution_comes_with_a_note_and_can_be_undone(desk: Desk) -> None:
    ticket = make.ticket()
    path = f"/tickets/{ticket.id}"

    solved = desk.put(f"{path}/resolution", {"note": "Sent a new one."}).json

    assert (solved["status"], solved["waiting_since"]) == ("solved", None)
    assert solved["solved_at"] is not None
    note = desk.get(f"{path}/messages").json["items"][-1]
    assert (note["kind"], note["body"], note["author"]["name"]) == ("note", "Sent a new one.", "Ada")
    reopened = desk.delete(f"{path}/resolution").json
    assert (reopened["status"], reopened["solved_at"]) == ("open", None)


def test_a_resolution_needs_no_body(desk: Desk) -> None:
    path = f"/tickets/{make.ticket().id}/resolution"

    assert desk.call("PUT", path).json["status"] == "solved"


def test_a_reply_meets_the_clock(desk: Desk) -> None:
    make.inbox(Channel.EMAIL)
    new = desk.post("/tickets", {**NEW, "customer": {"email": "karim@home.example"}}).json
    path = f"/tickets/{new['id']}"
    (running,) = desk.get(f"{path}/sla").json
    assert (running["metric"], running["state"], running["allowance_seconds"]) == ("first_response", "running", 14_400)
    assert 0 < running["remaining_seconds"] <= 14_400
    assert running["due_at"] == new["due_at"]

    desk.post(f"{path}/replies", {"body": "We are on it.", "html": "<b>on it</b><script>alert(1)</script>"})

    (met,) = desk.get(f"{path}/sla").json
    assert met["state"] == "met"
    answered = desk.get(path).json
    assert (answered["status"], answered["assignee"]["id"], answered["waiting_since"]) == ("open", desk.agent.id, None)
    assert "script" not in desk.get(f"{path}/messages").json["items"][-1]["html"]


def test_a_reply_to_a_closed_channel_says_why(desk: Desk) -> None:
    ticket = desk.post("/tickets", {**NEW, "customer": {"email": "karim@home.example"}}).json

    answer = desk.post(f"/tickets/{ticket['id']}/replies", {"body": "Hello", "channel": "sms"})

    assert answer.status_code == 409
    assert "cannot be reached by sms" in answer.json["detail"]


def test_a_failed_change_leaves_no_trace_in_the_journal(desk: Desk) -> None:
    ticket = make.ticket()
    before = db.session().query(JournalEntry).count()

    desk.patch(f"/tickets/{ticket.id}", {"subject": "Another", "queue": "Nowhere"})

    assert db.session().query(JournalEntry).count() == before


def test_messages_and_events_come_in_pages(client: FlaskClient, app: Flask) -> None:
    desk = admin(client)
    ticket = make.ticket()
    for number in range(4):
        make.message(ticket, f"Message {number}")

    for noun in ("messages", "events"):
        every = desk.get(f"/tickets/{ticket.id}/{noun}").json["items"]
        found, after = [], ""
        while after is not None:
            page = desk.get(f"/tickets/{ticket.id}/{noun}?limit=2&after={after}").json
            found, after = found + page["items"], page["next"]
        assert found == every
        assert len(every) >= 5
