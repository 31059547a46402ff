"""Customers over the API: made, found, changed, reached, suggested as duplicates, told as a timeline."""

import csv
import io
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests import make
from tests.api.desk import Desk, admin
from tests.api.test_statements import statements
from tests.conftest import NOON
from ticketing import renaming
from ticketing.envelope import Channel
from ticketing.models import Agent, Customer

KARIM = {"name": "Karim Haddad", "handles": [{"kind": "email", "address": "Karim@Home.example"}]}


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    return sqlite_app.test_client()


@pytest.fixture
def desk(client: FlaskClient) -> Desk:
    make.queue("Kettles")
    return Desk(client)


def hidden(name: str = "Hidden", **handles: str) -> Customer:
    """A customer with one ticket, in a queue of others."""
    who = make.customer(name, **handles)
    make.ticket(customer=who, queue=make.queue(members=[make.agent()]))
    return who


def names(answer: Any) -> list[str]:
    return [one["name"] for one in answer.json["items"]]


def test_a_customer_is_made_with_all_that_is_known(desk: Desk) -> None:
    more = {
        "language": "fr-ca",
        "time_zone": "America/Montreal",
        "preferred_channels": ["sms", "email"],
        "notes": "Tea.",
    }
    numbers = [*KARIM["handles"], {"kind": "phone", "address": "+1 514 555 0123"}]

    made = desk.post("/customers", {**KARIM, **more, "handles": numbers, "fields": {"city": "Lyon"}})

    assert made.status_code == 201, made.json
    shown = made.json
    assert [(one["kind"], one["address"], one["shown"]) for one in shown["handles"]] == [
        ("email", "karim@home.example", "Karim@Home.example"),
        ("phone", "+15145550123", "+1 514 555 0123"),
    ]
    assert shown["language"] == "fr-CA"
    assert (shown["fields"], shown["consents"], shown["merged_into"]) == ({"city": "Lyon"}, [], None)
    assert desk.get(f"/customers/{shown['id']}").json == shown


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "needs a name or an address"),
        ({"name": " "}, "needs a name or an address"),
        ({"name": "K", "language": "french"}, None),
        ({"name": "K", "language": "no such"}, "no language tag"),
        ({"name": "K", "language": "e"}, "no language tag"),
        ({"name": "K", "time_zone": "Mars/Olympus"}, "no time zone"),
        ({"name": "K", "preferred_channels": ["api"]}, "preferred_channels"),
        ({"name": "K", "preferred_channels": ["pigeon"]}, "preferred_channels"),
        ({"name": "K", "handles": [{"kind": "visitor", "address": "x"}]}, "handles"),
        ({"name": "K", "handles": [{"kind": "email", "address": "no address"}]}, "no email address"),
        ({"name": "K", "handles": [{"kind": "phone", "address": "0123"}]}, None),
        ({"name": "K", "handles": "x"}, "handles"),
        ({"name": 5}, "name"),
        ({"name": "K", "id": 5}, "There is no such field"),
    ],
)
def test_what_makes_no_sense_is_refused(desk: Desk, body: dict[str, Any], says: str | None) -> None:
    answer = desk.post("/customers", body)

    if says is None:
        assert answer.status_code == 201, answer.json
    else:
        assert answer.status_code == 422
        assert says in answer.json["detail"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("q=kar", ["Karim Haddad"]),
        ("q=HADD kar", ["Karim Haddad"]),
        ("q=arim", []),
        ("q=zoe", ["Zoë Krämer"]),
        ("q=krämer", ["Zoë Krämer"]),
        ("q=karim@ho", ["Karim Haddad"]),
        ("q=%2B1514", ["Zoë Krämer"]),
        ("q=%25", []),
        ("email=KARIM@home.example", ["Karim Haddad"]),
        ("phone=%2B1 514 555 0123", ["Zoë Krämer"]),
        ("phone=%2B15145550000", []),
        ("limit=1", ["Karim Haddad"]),
        ("", ["Karim Haddad", "Zoë Krämer"]),
    ],
)
def test_customers_are_found(desk: Desk, asked: str, found: list[str]) -> None:
    make.customer("Karim Haddad", email="karim@home.example")
    make.customer("Zoë Krämer", phone="+15145550123")
    hidden("Karla Hidden", email="karla@home.example")

    assert names(desk.get(f"/customers?{asked}")) == found


def test_pages_go_by_id(desk: Desk) -> None:
    for number in range(5):
        make.customer(f"C{number}")

    first = desk.get("/customers?limit=3").json
    second = desk.get(f"/customers?limit=3&after={first['next']}").json

    assert [one["name"] for one in first["items"] + second["items"]] == ["C0", "C1", "C2", "C3", "C4"]
    assert second["next"] is None


def test_a_customer_is_known_to_those_who_see_a_ticket_of_theirs(desk: Desk, client: FlaskClient) -> None:
    who = hidden()

    assert desk.get(f"/customers/{who.id}").status_code == 404
    assert desk.patch(f"/customers/{who.id}", {"name": "X"}).status_code == 404
    assert desk.post("/tickets", {"subject": "S", "body": "B", "customer": {"id": who.id}}).status_code == 422
    assert admin(client).get(f"/customers/{who.id}").status_code == 200
    make.ticket(customer=who, assignee=desk.agent)
    assert desk.get(f"/customers/{who.id}").status_code == 200


def test_an_address_of_somebody_else_is_refused_naming_the_merge(desk: Desk) -> None:
    other = make.customer("Other", email="karim@home.example")
    who = make.customer("Karim")
    secret = hidden(email="hidden@home.example")

    known = desk.post(f"/customers/{who.id}/handles", KARIM["handles"][0])
    unknown = desk.post(f"/customers/{who.id}/handles", {"kind": "email", "address": "hidden@home.example"})

    assert known.status_code == unknown.status_code == 409
    assert f"merge {who.id} into {other.id}" in known.json["detail"]
    assert str(secret.id) not in unknown.json["detail"].replace("example", "")
    assert desk.post("/customers", KARIM).status_code == 409
    assert names(desk.get("/customers")) == ["Other", "Karim"]


def test_an_address_that_nothing_refers_to_goes_for_good(desk: Desk) -> None:
    who = make.customer(email="karim@home.example")
    handle = who.handles[0].id

    assert desk.delete(f"/customers/{who.id}/handles/{handle}").status_code == 204
    assert desk.get(f"/customers/{who.id}").json["handles"] == []
    assert desk.delete(f"/customers/{who.id}/handles/{handle}").status_code == 404
    assert desk.post("/customers", KARIM).status_code == 201


def test_an_address_with_messages_is_detached_and_may_be_somebody_elses(desk: Desk) -> None:
    make.inbox(Channel.EMAIL)
    who = make.customer(email="karim@home.example")
    ticket = make.ticket(customer=who)

    gone = desk.delete(f"/customers/{who.id}/handles/{who.handles[0].id}")
    reply = desk.post(f"/tickets/{ticket.id}/replies", {"body": "Hello."})
    new = desk.post("/customers", KARIM)

    assert gone.status_code == 204
    assert (reply.status_code, reply.json["code"]) == (409, "no_reachable_channel")
    assert new.status_code == 201, new.json
    assert make.customer(email="karim@home.example").id == new.json["id"] != who.id
    assert desk.get(f"/customers/{who.id}").json["handles"] == []


def test_an_address_to_which_a_reply_is_under_way_stays(desk: Desk) -> None:
    make.inbox(Channel.EMAIL)
    who = make.customer(email="karim@home.example")
    make.reply(make.ticket(customer=who), desk.agent)

    answer = desk.delete(f"/customers/{who.id}/handles/{who.handles[0].id}")

    assert answer.status_code == 409
    assert "still on its way" in answer.json["detail"]


def test_nobody_is_written_to_against_their_will(desk: Desk) -> None:
    for channel in (Channel.EMAIL, Channel.SMS):
        make.inbox(channel)
    who = make.customer(email="karim@home.example", phone="+15145550123")
    ticket = make.ticket(customer=who, channel=Channel.EMAIL)
    no = {"given": False, "reason": "Unsubscribed."}

    told = desk.put(f"/customers/{who.id}/consents/email", no)
    refused = desk.post(f"/tickets/{ticket.id}/replies", {"body": "Hello.", "channel": "email"})
    chosen = desk.post(f"/tickets/{ticket.id}/replies", {"body": "Hello."})
    desk.put(f"/customers/{who.id}/consents/sms", {"given": False})
    nowhere = desk.post(f"/tickets/{ticket.id}/replies", {"body": "Hello."})
    desk.put(f"/customers/{who.id}/consents/email", {"given": True, "reason": "Asked for it."})
    again = desk.post(f"/tickets/{ticket.id}/replies", {"body": "Hello.", "channel": "email"})

    assert [(one["channel"], one["given"], one["reason"]) for one in told.json["consents"]] == [
        ("email", False, "Unsubscribed.")
    ]
    assert (refused.status_code, refused.json["code"]) == (409, "consent_withheld")
    assert "does not want to be written to by email (Unsubscribed.)" in refused.json["detail"]
    assert chosen.json["channel"] == "sms"
    assert (nowhere.status_code, nowhere.json["code"]) == (409, "consent_withheld")
    assert again.status_code == 201


@pytest.mark.parametrize("channel", ["api", "pigeon", "Email"])
def test_consent_is_by_channel(desk: Desk, channel: str) -> None:
    who = make.customer()

    assert desk.put(f"/customers/{who.id}/consents/{channel}", {"given": True}).status_code == 404


def test_likely_duplicates_are_suggested_with_reasons(desk: Desk) -> None:
    who = make.customer("Zoë Krämer", email="zoe+shop@work.example", phone="+4930123456789")
    make.customer("By number", phone="+33923456789")
    make.customer("By address", email="zoe@work.example")
    make.customer("KRAMER Zoe", email="z.kramer@work.example")
    make.customer("Zoe Kramer", email="zoe.kramer@elsewhere.example")
    hidden("Zoë Krämer", email="hidden@work.example")

    found = desk.get(f"/customers/{who.id}/duplicates").json["items"]

    assert {one["customer"]["name"]: one["reasons"] for one in found} == {
        "By number": ["same_number"],
        "By address": ["same_address"],
        "KRAMER Zoe": ["same_name_and_domain"],
    }


def test_namesakes_at_a_freemail_provider_are_no_duplicates(desk: Desk) -> None:
    who = make.customer("Zoë Krämer", email="zoe1@gmail.com")
    make.customer("Zoë Krämer", email="zoe2@gmail.com")
    same = make.customer("Z", email="zo.e1@gmail.com")

    found = desk.get(f"/customers/{who.id}/duplicates").json["items"]

    assert [(one["customer"]["id"], one["reasons"]) for one in found] == [(same.id, ["same_address"])]


def test_a_timeline_goes_over_all_tickets_newest_first(desk: Desk) -> None:
    who = make.customer(email="karim@home.example", phone="+15145550123")
    mail = make.ticket(customer=who, channel=Channel.EMAIL, body="1", subject="By mail")
    make.ticket(customer=who, channel=Channel.SMS, body="2", at=NOON + make.seconds(60), subject="By text")
    make.ticket(customer=who, queue=make.queue(members=[make.agent()]), body="hidden", at=NOON + make.seconds(90))
    make.message(mail, "3", at=NOON + make.seconds(120))
    desk.post(f"/tickets/{mail.id}/notes", {"body": "4"})
    make.ticket(body="of another")
    who_id, mail_id = who.id, mail.id

    with statements() as seen:
        first = desk.get(f"/customers/{who_id}/timeline?limit=3").json
    second = desk.get(f"/customers/{who_id}/timeline?limit=3&after={first['next']}").json

    items = first["items"] + second["items"]
    assert [one["body"] for one in items] == ["4", "3", "2", "1"]
    assert [one["ticket"]["subject"] for one in items] == ["By mail", "By mail", "By text", "By mail"]
    assert items[0]["ticket"] == {"id": mail_id, "subject": "By mail", "status": "new"}
    assert (items[0]["kind"], second["next"]) == ("note", None)
    assert len(seen) <= 8, seen
    assert desk.get(f"/customers/{who_id}/timeline?after=nonsense").status_code == 422


def test_a_page_of_customers_takes_few_statements(desk: Desk) -> None:
    for number in range(30):
        make.ticket(customer=make.customer(f"C{number}"))

    with statements() as seen:
        answer = desk.get("/customers")

    assert len(answer.json["items"]) == 30
    assert len(seen) <= 5, seen


def test_customers_as_csv_are_all_whom_the_caller_may_know(desk: Desk) -> None:
    make.customer("=cmd()", email="karim@home.example", phone="+4930123456789")
    make.customer("Zoë")
    hidden()

    answer = desk.get("/customers.csv")

    assert answer.content_type == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))
    assert [(one["name"], one["phone"]) for one in rows] == [("'=cmd()", "+4930123456789"), ("Zoë", "")]
    assert "Hidden" not in answer.text
    assert desk.get("/customers.csv?limit=5").status_code == 422


def test_tickets_as_csv_are_all_that_the_caller_may_see(desk: Desk, client: FlaskClient) -> None:
    for number in range(3):
        make.ticket(subject=f"-{number}", tags=["a", "b"])
    make.ticket(subject="Secret", queue=make.queue(members=[make.agent()]))

    rows = list(csv.DictReader(io.StringIO(desk.get("/tickets.csv?sort=created").data.decode("utf-8-sig"), newline="")))
    filtered = desk.get("/tickets.csv?tag=none").data.decode("utf-8-sig")

    assert [(one["subject"], one["tags"], one["queue_name"]) for one in rows] == [
        ("-0", "a, b", "Kettles"),
        ("-1", "a, b", "Kettles"),
        ("-2", "a, b", "Kettles"),
    ]
    assert len(filtered.splitlines()) == 1


def test_an_agent_who_makes_a_customer_can_go_on_with_them(client: FlaskClient) -> None:
    make.queue("Kettles", members=[make.agent()])
    outsider = Desk(client, make.agent(name="Olga"))
    made = outsider.post("/customers", KARIM).json

    changed = outsider.patch(f"/customers/{made['id']}", {"name": "Karim"})

    assert changed.json["name"] == "Karim"
    assert isinstance(outsider.agent, Agent)


def test_many_tickets_are_found_by_a_new_name_when_a_worker_has_come_by(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renaming, "AT_ONCE", 2)
    monkeypatch.setattr(renaming, "BATCH", 2)
    desk, who = admin(client), make.customer("Karim")
    tickets = [make.ticket(customer=who).id for _ in range(5)]
    other = make.customer("Haddad")

    desk.patch(f"/customers/{who.id}", {"name": "Zoe"})
    at_once = [one["ticket"]["id"] for one in desk.get("/search?q=zoe").json["items"]]
    make.work_off()
    found = {one["ticket"]["id"] for one in desk.get("/search?q=zoe").json["items"]}
    desk.post(f"/customers/{who.id}/merge", {"into": other.id})
    make.work_off()

    assert at_once == [tickets[4], tickets[3]]
    assert found == set(tickets)
    assert desk.get("/search?q=zoe").json["total"] == 0
    assert desk.get("/search?q=haddad").json["total"] == 5
