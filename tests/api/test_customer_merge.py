"""Customers merged into one, and parted again with every row back in its place."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import make
from tests.api.desk import Desk, admin, promise
from ticketing.envelope import Channel
from ticketing.models import Agent, Customer, JournalEntry, Role
from ticketing.store import Base, db

ASIDE = {"journal", "audit", "customer_merge"}  # what tells of it
FOUR = [Channel.EMAIL, Channel.SMS, Channel.PHONE, Channel.CHAT]


class TwoWhoAreOne:
    """Two customers with tickets on four channels, consents, custom fields and notes."""

    def __init__(self, client: FlaskClient) -> None:
        promise()
        self.desk = admin(client)
        for channel in FOUR:
            make.inbox(channel)
        self.kept = make.customer("Karim", email="karim@home.example")
        self.merged = make.customer("K. Haddad", email="k.haddad@work.example", phone="+15145550123")
        self.tickets = [self._ticket(self.merged, channel) for channel in FOUR]
        self._ticket(self.kept, Channel.EMAIL)
        make.reply(self.tickets[0], self.desk.agent)
        self.desk.post(f"/tickets/{self.tickets[0].id}/notes", {"body": "Look."})
        self._describe()

    def _ticket(self, customer: Customer, channel: Channel) -> Any:
        ticket = make.ticket(customer=customer, channel=channel, subject=f"By {channel}", tags=["kettle"])
        make.attachment(ticket)
        return ticket

    def _describe(self) -> None:
        kept, merged = f"/customers/{self.kept.id}", f"/customers/{self.merged.id}"
        self.desk.patch(kept, {"fields": {"city": "Lyon"}, "notes": "Likes tea."})
        both = {"fields": {"city": "Paris", "age": 40}, "notes": "Calls at night.", "language": "fr"}
        self.desk.patch(merged, both)
        self.desk.put(f"{kept}/consents/email", {"given": True, "reason": "Form."})
        self.desk.put(f"{merged}/consents/email", {"given": False, "reason": "Mail."})
        self.desk.put(f"{merged}/consents/sms", {"given": True, "reason": "Phone."})

    def merge(self) -> Any:
        return self.desk.post(f"/customers/{self.merged.id}/merge", {"into": self.kept.id})


def store() -> dict[str, list[dict[str, Any]]]:
    """Return every row of every table."""
    db.session.rollback()
    with db.engine.connect() as connection:
        return {
            table.name: sorted((dict(row) for row in connection.execute(select(table)).mappings()), key=repr)
            for table in Base.metadata.sorted_tables
            if table.name not in ASIDE
        }


@pytest.fixture
def two(app: Flask, client: FlaskClient) -> TwoWhoAreOne:
    return TwoWhoAreOne(client)


def test_merging_and_parting_leaves_the_store_as_it_was(two: TwoWhoAreOne) -> None:
    before = store()

    merged = two.merge()
    between = store()
    parted = two.desk.post(f"/customers/{two.merged.id}/unmerge")

    assert merged.status_code == parted.status_code == 200, (merged.json, parted.json)
    after = store()
    for table in before:
        assert after[table] == before[table], table
    changed = {table for table in before if between[table] != before[table]}
    assert {"customer", "handle", "ticket", "message", "consent"} <= changed
    assert {row["customer_id"] for row in between["ticket"]} == {two.kept.id}


def test_the_kept_customer_has_everything(two: TwoWhoAreOne) -> None:
    shown = two.merge().json

    assert shown["id"] == two.kept.id
    assert shown["name"] == "Karim"
    assert shown["language"] == "fr"
    assert shown["fields"] == {"city": "Lyon", "age": 40}
    assert shown["notes"] == "Likes tea.\n\nCalls at night."
    assert {one["address"] for one in shown["handles"]} == {
        *("karim@home.example", "k.haddad@work.example", "+15145550123")
    }
    assert {one["channel"]: one["given"] for one in shown["consents"]} == {"email": False, "sms": True}
    assert len(two.desk.get(f"/tickets?customer={two.kept.id}").json["items"]) == 5


def test_merging_changes_no_ticket_but_tells_each(two: TwoWhoAreOne) -> None:
    before = {one["id"]: one for one in two.desk.get("/tickets").json["items"]}

    two.merge()

    for ticket in two.tickets:
        now = two.desk.get(f"/tickets/{ticket.id}").json
        assert now == {**before[ticket.id], "customer": {"id": two.kept.id, "name": "Karim"}}
        (*_, last) = two.desk.get(f"/tickets/{ticket.id}/events").json["items"]
        assert (last["kind"], last["data"]) == ("customers_merged", {"merged": two.merged.id, "kept": two.kept.id})


def test_who_is_merged_away_is_read_only_and_stands_for_the_other(two: TwoWhoAreOne) -> None:
    two.merge()
    gone = f"/customers/{two.merged.id}"

    assert two.desk.get(gone).json["merged_into"] == two.kept.id
    for answer in (
        two.desk.patch(gone, {"name": "Other"}),
        two.desk.post(f"{gone}/handles", {"kind": "email", "address": "new@home.example"}),
        two.desk.put(f"{gone}/consents/email", {"given": True}),
        two.desk.post(f"{gone}/merge", {"into": two.kept.id}),
        two.desk.post(f"/customers/{two.kept.id}/merge", {"into": two.merged.id}),  # would be a circle
    ):
        assert (answer.status_code, answer.json["code"]) == (409, "merged")
    new = two.desk.post("/tickets", {"subject": "Again", "body": "It drips.", "customer": {"id": two.merged.id}})
    assert new.json["customer"]["id"] == two.kept.id
    assert two.merged.id not in {one["id"] for one in two.desk.get("/customers").json["items"]}
    assert make.customer(email="k.haddad@work.example").id == two.kept.id


def test_what_came_later_stays_with_the_kept_customer(two: TwoWhoAreOne) -> None:
    two.merge()
    new = two.desk.post("/tickets", {"subject": "Later", "body": "It drips.", "customer": {"id": two.merged.id}}).json
    two.desk.post(f"/customers/{two.kept.id}/handles", {"kind": "email", "address": "later@home.example"})
    two.desk.patch(f"/customers/{two.kept.id}", {"language": "de", "fields": {"age": 41}})
    two.desk.put(f"/customers/{two.kept.id}/consents/email", {"given": True, "reason": "Said so again."})

    parted = two.desk.post(f"/customers/{two.kept.id}/unmerge").json

    kept = two.desk.get(f"/customers/{two.kept.id}").json
    assert two.desk.get(f"/tickets/{new['id']}").json["customer"]["id"] == two.kept.id
    assert [one["address"] for one in kept["handles"]] == ["karim@home.example", "later@home.example"]
    assert (kept["language"], kept["fields"], kept["notes"]) == ("de", {"city": "Lyon", "age": 41}, "Likes tea.")
    assert [(one["channel"], one["reason"]) for one in kept["consents"]] == [("email", "Said so again.")]
    assert [one["address"] for one in parted["handles"]] == ["k.haddad@work.example", "+15145550123"]
    assert parted["merged_into"] is None


def test_merges_on_top_of_each_other_are_undone_in_reverse_order(two: TwoWhoAreOne) -> None:
    third = make.customer("Third", email="third@home.example")
    before = store()
    two.merge()
    two.desk.post(f"/customers/{two.kept.id}/merge", {"into": third.id})

    refused = two.desk.post(f"/customers/{two.merged.id}/unmerge")
    first = two.desk.post(f"/customers/{third.id}/unmerge")
    second = two.desk.post(f"/customers/{two.merged.id}/unmerge")
    nothing = two.desk.post(f"/customers/{two.merged.id}/unmerge")

    assert refused.status_code == 409
    assert f"undo that first, by POST /customers/{two.kept.id}/unmerge" in refused.json["detail"]
    assert (first.status_code, second.status_code) == (200, 200)
    assert nothing.status_code == 409
    assert "never merged, or is parted again" in nothing.json["detail"]
    assert store() == before
    merges = two.desk.get(f"/customers/{two.kept.id}/merges").json["items"]
    assert [(one["merged"], one["kept"]) for one in merges] == [(two.merged.id, two.kept.id), (two.kept.id, third.id)]
    assert all(one["undone_at"] for one in merges)


def test_a_chain_of_merges_leads_to_its_end(two: TwoWhoAreOne) -> None:
    third = make.customer("Third", email="third@home.example")
    two.merge()
    two.desk.post(f"/customers/{two.kept.id}/merge", {"into": third.id})

    new = two.desk.post("/tickets", {"subject": "Again", "body": "It drips.", "customer": {"id": two.merged.id}})

    assert new.json["customer"]["id"] == third.id


def test_nobody_is_merged_into_themselves_or_into_a_stranger(two: TwoWhoAreOne, client: FlaskClient) -> None:
    agent = Desk(client)
    make.ticket(customer=make.customer("Hidden"), queue=make.queue("Secret", members=[two.desk.agent]))
    hidden = db.session().scalar(select(Customer.id).where(Customer.name == "Hidden"))

    itself = two.desk.post(f"/customers/{two.kept.id}/merge", {"into": two.kept.id})
    stranger = agent.post(f"/customers/{two.kept.id}/merge", {"into": hidden})

    assert (itself.status_code, itself.json["code"]) == (409, "conflict")
    assert itself.json["detail"] == f"Customer {two.kept.id} cannot be merged into themselves."
    assert (stranger.status_code, stranger.json["detail"]) == (422, f"There is no customer {hidden}.")
    assert agent.post(f"/customers/{hidden}/merge", {"into": two.kept.id}).status_code == 404


def test_a_merge_is_audited(two: TwoWhoAreOne) -> None:
    two.merge()

    kinds = [one["kind"] for one in two.desk.get("/audit").json["items"]]

    assert "customers_merged" in kinds
    told = db.session().scalars(select(JournalEntry).where(JournalEntry.kind == "customers_merged")).all()
    assert len(told) == 4
    assert db.session().get_one(Agent, told[0].actor_id or 0).role is Role.ADMIN
