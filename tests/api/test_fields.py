"""Custom fields: defined by supervisors, held to by the API, never in the way of a channel."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests import make
from tests.api.desk import Desk
from tests.api.test_statements import statements
from ticketing.models import FieldKind, FieldSubject, Role

NEW = {"subject": "ticket", "name": "contract", "label": "Contract", "kind": "text"}


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    return sqlite_app.test_client()


@pytest.fixture
def desk(client: FlaskClient) -> Desk:
    make.queue("Kettles")
    return Desk(client, make.agent(Role.SUPERVISOR))


def test_a_field_is_defined_changed_and_archived(desk: Desk) -> None:
    made = desk.post("/fields", {**NEW, "kind": "choice", "choices": ["gold", "silver"]})
    path = f"/fields/{made.json['id']}"

    changed = desk.patch(path, {"label": "Plan", "choices": ["gold"], "required": True, "position": 3})
    listed = desk.get("/fields?subject=ticket").json["items"]

    assert made.status_code == 201
    assert listed == [changed.json]
    assert {**made.json, "label": "Plan", "choices": ["gold"], "required": True, "position": 3} == changed.json
    assert desk.get("/fields?subject=customer").json["items"] == []
    assert desk.delete(path).status_code == 204
    assert desk.delete(path).status_code == 404
    assert desk.get("/fields").json["items"] == []
    assert desk.post("/fields", NEW).json["id"] == made.json["id"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**NEW, "name": "Contract"}, 422),
        ({**NEW, "name": "a b"}, 422),
        ({**NEW, "name": "a\n"}, 422),
        ({**NEW, "kind": "choice"}, 422),
        ({**NEW, "choices": ["a"]}, 422),
        ({**NEW, "kind": "colour"}, 422),
        ({**NEW, "label": " "}, 422),
        ({**NEW, "name": "colour"}, 409),
    ],
)
def test_a_definition_that_makes_no_sense_is_refused(desk: Desk, body: dict[str, Any], status: int) -> None:
    make.field("colour")

    assert desk.post("/fields", body).status_code == status


def test_without_definitions_fields_are_free(desk: Desk) -> None:
    ticket = make.ticket()

    answer = desk.patch(f"/tickets/{ticket.id}", {"fields": {"anything": [], "goes": True}})

    assert answer.json["fields"] == {"anything": [], "goes": True}


def test_with_definitions_other_names_are_refused(desk: Desk) -> None:
    make.field("colour")
    make.field("model")
    ticket = make.ticket(fields={"old": "stays"})

    refused = desk.patch(f"/tickets/{ticket.id}", {"fields": {"size": "L"}})
    opened = desk.post("/tickets", {"subject": "S", "body": "B", "customer": {"name": "K"}, "fields": {"size": "L"}})
    taken = desk.patch(f"/tickets/{ticket.id}", {"fields": {"colour": "red", "old": None}})

    assert refused.status_code == opened.status_code == 422
    assert refused.json["detail"] == "A ticket has no field 'size'; it has colour, model."
    assert taken.json["fields"] == {"colour": "red"}


KINDS = [
    (FieldKind.TEXT, "red", 5, "text"),
    (FieldKind.NUMBER, -5.5, "5", "a number"),
    (FieldKind.NUMBER, 5, True, "a number"),
    (FieldKind.FLAG, False, "yes", "true or false"),
    (FieldKind.DATE, "2026-02-28", "2026-02-30", "YYYY-MM-DD"),
    (FieldKind.DATE, "2026-02-28", "20260228", "YYYY-MM-DD"),
    (FieldKind.CHOICE, "a", "c", "one of: a, b"),
    (FieldKind.CHOICES, ["b", "a"], ["a", "c"], "any of: a, b"),
    (FieldKind.CHOICES, [], "a", "any of: a, b"),
]


@pytest.mark.parametrize(("kind", "good", "bad", "says"), KINDS)
def test_each_kind_takes_its_values(desk: Desk, kind: FieldKind, good: Any, bad: Any, says: str) -> None:
    choices = ["a", "b"] if kind in {FieldKind.CHOICE, FieldKind.CHOICES} else []
    make.field("it", kind=kind, choices=choices)
    make.field("it", FieldSubject.CUSTOMER, kind=kind, choices=choices)
    ticket = make.ticket()

    for path in (f"/tickets/{ticket.id}", f"/customers/{ticket.customer_id}"):
        taken = desk.patch(path, {"fields": {"it": good}})
        refused = desk.patch(path, {"fields": {"it": bad}})

        assert taken.json["fields"] == {"it": good}
        assert refused.status_code == 422
        assert says in refused.json["detail"]


def test_a_ticket_is_not_solved_without_what_it_needs(desk: Desk) -> None:
    make.field("cause", required=True)
    ticket = make.ticket()
    path = f"/tickets/{ticket.id}"

    refused = [desk.put(f"{path}/resolution", {}), desk.patch(path, {"status": "solved"})]
    solved = desk.patch(path, {"status": "solved", "fields": {"cause": "wear"}})

    for answer in refused:
        assert (answer.status_code, answer.json["code"]) == (409, "fields_missing")
        assert "needs the custom field cause" in answer.json["detail"]
    assert solved.json["status"] == "solved"


def test_a_customer_is_not_saved_without_what_they_need(desk: Desk) -> None:
    by_channel = make.customer("Karim", email="karim@home.example")
    make.field("contract", FieldSubject.CUSTOMER, required=True)

    assert desk.post("/customers", {"name": "Zoë"}).status_code == 422
    assert desk.post("/customers", {"name": "Zoë", "fields": {"contract": "A1"}}).status_code == 201
    assert desk.patch(f"/customers/{by_channel.id}", {"notes": "Tea."}).status_code == 422
    assert make.customer("New", email="new@home.example").fields == {}


def test_fields_cost_one_statement_and_only_when_given(desk: Desk) -> None:
    make.field("colour")
    ticket = make.ticket()
    path = f"/tickets/{ticket.id}"

    with statements() as plain:
        desk.patch(path, {"priority": "high"})
    with statements() as given:
        desk.patch(path, {"priority": "low", "fields": {"colour": "red"}})

    assert not [one for one in plain if "field_definition" in one]
    assert len([one for one in given if "field_definition" in one]) == 1
