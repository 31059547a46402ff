"""Merging, splitting, linking, putting off, changing by the dozen: over HTTP."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from api import tick
from tests import make
from tests.api.desk import Desk, admin
from ticketing.lifecycle import lock_ticket
from ticketing.models import Message, Ticket
from ticketing.moment import rfc3339, utc_now
from ticketing.store import db
from ticketing.transaction import transaction

SOON = rfc3339(utc_now() + timedelta(days=1))  # later than the last test of a long run


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    return sqlite_app.test_client()


@pytest.fixture
def desk(client: FlaskClient) -> Desk:
    make.queue("Support")
    return Desk(client)


def hidden() -> Ticket:
    return make.ticket(queue=make.queue("Secret", members=[make.agent()]), subject="Hush")


def test_a_merged_ticket_answers_and_says_where_it_went(desk: Desk) -> None:
    source, target = make.ticket(), make.ticket()

    answer = desk.post(f"/tickets/{source.id}/merge", {"into": target.id})

    assert (answer.status_code, answer.json["id"]) == (200, target.id)
    assert answer.headers["ETag"] == f'"{answer.json["version"]}"'
    left = desk.get(f"/tickets/{source.id}").json
    assert (left["status"], left["merged_into"]) == ("closed", target.id)
    refused = desk.post(f"/tickets/{source.id}/replies", {"body": "Hello"})
    assert refused.status_code == 409
    assert f"merged into {target.id}" in refused.json["detail"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("POST", "/notes", {"body": "Look."}), ("PATCH", "", {"priority": "high"}), ("PATCH", "", {"skills": ["fr"]})],
)
def test_what_is_done_to_a_merged_ticket_is_refused(desk: Desk, method: str, path: str, body: Any) -> None:
    source, target = make.ticket(), make.ticket()
    desk.post(f"/tickets/{source.id}/merge", {"into": target.id})

    answer = desk.call(method, f"/tickets/{source.id}{path}", json=body)

    assert (answer.status_code, answer.json["code"]) == (409, "invalid_transition")
    assert f"merged into {target.id}" in answer.json["detail"]


def test_nobody_merges_into_or_links_to_what_they_may_not_see(desk: Desk) -> None:
    ticket, secret = make.ticket(), hidden()

    for path, body in [("merge", {"into": secret.id}), ("links", {"kind": "relates", "ticket": secret.id})]:
        unseen = desk.post(f"/tickets/{ticket.id}/{path}", body)
        unknown = desk.post(
            f"/tickets/{ticket.id}/{path}", {name: 99 if one == secret.id else one for name, one in body.items()}
        )
        assert unseen.status_code == unknown.status_code == 422
        assert unseen.json["detail"].replace(str(secret.id), "99") == unknown.json["detail"]
        assert (
            desk.post(
                f"/tickets/{secret.id}/{path}", body | {"ticket": 1} if path == "links" else {"into": 1}
            ).status_code
            == 404
        )


def test_a_link_to_a_ticket_that_is_not_theirs_to_see_is_left_out(desk: Desk, client: FlaskClient) -> None:
    ticket, secret = make.ticket(), hidden()
    link = make.link(ticket, secret)

    assert desk.get(f"/tickets/{ticket.id}/links").json["items"] == []
    assert desk.delete(f"/tickets/{ticket.id}/links/{link.id}").status_code == 404
    seen = admin(client).get(f"/tickets/{ticket.id}/links").json["items"][0]
    assert seen["ticket"] == {"id": secret.id, "subject": "Hush", "status": "new"}


def test_a_link_that_is_not_theirs_to_remove_says_nothing_of_its_other_end(desk: Desk, client: FlaskClient) -> None:
    here, there = make.ticket(), make.ticket(queue=make.queue(members=[make.agent()]))
    link = make.link(here, there)

    answer = desk.delete(f"/tickets/{here.id}/links/{link.id}")

    assert answer.status_code == 404
    assert answer.json["detail"] == f"Ticket {here.id} has no link {link.id}."


def test_links_are_made_paged_and_removed(desk: Desk) -> None:
    ticket, others = make.ticket(), [make.ticket() for _ in range(3)]
    path = f"/tickets/{ticket.id}/links"

    made = [desk.post(path, {"kind": "child", "ticket": one.id}) for one in others]
    first = desk.get(f"{path}?limit=2").json
    second = desk.get(f"{path}?limit=2&after={first['next']}").json

    assert [one.status_code for one in made] == [201, 201, 201]
    assert [one["ticket"]["id"] for one in first["items"] + second["items"]] == [one.id for one in others]
    assert desk.post(path, {"kind": "parent", "ticket": others[0].id}).status_code == 409
    link_id = made[0].json["id"]
    assert desk.delete(f"/tickets/{others[1].id}/links/{link_id}").status_code == 404
    assert desk.delete(f"/tickets/{others[0].id}/links/{link_id}").status_code == 204
    assert len(desk.get(path).json["items"]) == 2


def test_a_split_answers_the_new_ticket(desk: Desk) -> None:
    ticket = make.ticket()
    message = make.message(ticket, "Also, the lamp.")

    answer = desk.post(f"/tickets/{ticket.id}/split", {"message": message.id, "subject": "The lamp"})

    assert (answer.status_code, answer.json["subject"]) == (201, "The lamp")
    assert desk.get(f"/tickets/{answer.json['id']}/links").json["items"][0]["ticket"]["id"] == ticket.id
    again = desk.post(f"/tickets/{ticket.id}/split", {"message": message.id})
    assert (again.status_code, again.json["detail"]) == (422, f"Ticket {ticket.id} has no message {message.id}.")


def test_a_snoozed_ticket_is_filtered_and_comes_back_without_a_ticker(desk: Desk) -> None:
    ticket, other = make.ticket(), make.ticket()

    put = desk.put(f"/tickets/{ticket.id}/snooze", {"until": SOON})
    assert (put.status_code, put.json["snoozed_until"]) == (200, SOON)
    assert [one["id"] for one in desk.get("/tickets?snoozed=true").json["items"]] == [ticket.id]
    assert [one["id"] for one in desk.get("/tickets?snoozed=false").json["items"]] == [other.id]

    with transaction("test"):
        lock_ticket(ticket.id).snoozed_until = utc_now() - timedelta(seconds=1)
    assert desk.get(f"/tickets/{ticket.id}").json["snoozed_until"] is None
    assert len(desk.get("/tickets?snoozed=false").json["items"]) == 2


def test_a_snooze_is_ended_by_hand(desk: Desk) -> None:
    ticket = make.ticket()
    desk.put(f"/tickets/{ticket.id}/snooze", {"until": SOON})

    answer = desk.delete(f"/tickets/{ticket.id}/snooze")

    assert answer.json["snoozed_until"] is None
    assert desk.get(f"/tickets/{ticket.id}/events").json["items"][-1]["data"] == {"why": "agent"}


@pytest.mark.parametrize("until", ["tomorrow", "2026-12-01", "2026-12-01T09:00:00", 5])
def test_what_is_no_moment_is_told_how_one_looks(desk: Desk, until: Any) -> None:
    answer = desk.put(f"/tickets/{make.ticket().id}/snooze", {"until": until})

    assert answer.status_code == 422
    assert answer.json["errors"]["until"] == ["Must be a moment with its time zone, such as 2026-12-01T09:00:00Z."]


@pytest.mark.parametrize(
    "until", ["2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00"]
)
def test_an_absurd_snooze_is_refused_in_a_sentence(desk: Desk, until: str) -> None:
    answer = desk.put(f"/tickets/{make.ticket().id}/snooze", {"until": until})

    assert answer.status_code == 422
    assert "a ticket is snoozed" in answer.json["detail"].lower() or "until" in answer.json["errors"]


def test_the_ticker_wakes_and_closes(sqlite_app: Flask, desk: Desk) -> None:
    away, done, long_ago = make.ticket(), make.ticket(), utc_now() - timedelta(days=5)
    desk.put(f"/tickets/{done.id}/resolution")
    with transaction("test"):
        lock_ticket(away.id).snoozed_until = long_ago
        lock_ticket(done.id).solved_at = long_ago

    tick.tick(sqlite_app)

    assert desk.get(f"/tickets/{away.id}/events").json["items"][-1]["kind"] == "ticket_woke"
    closed = desk.get(f"/tickets/{done.id}").json
    assert (closed["status"], closed["closed_at"]) == ("closed", rfc3339(long_ago + timedelta(days=4)))


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "assignment", {"agent": "me"}),
        ("DELETE", "assignment", None),
        ("PUT", "resolution", {}),
        ("DELETE", "resolution", None),
        ("PUT", "snooze", {"until": SOON}),
        ("DELETE", "snooze", None),
        ("POST", "merge", {"into": 2}),
        ("POST", "split", {"message": 1}),
    ],
)
def test_every_change_honours_if_match(desk: Desk, method: str, path: str, body: Any) -> None:
    ticket, _ = make.ticket(), make.ticket()

    answer = desk.call(method, f"/tickets/{ticket.id}/{path}", json=body, headers={"If-Match": '"99"'})

    assert (answer.status_code, answer.json["code"]) == (412, "stale_version")


def test_a_bulk_change_tells_of_each_ticket_and_undoes_only_what_is_refused(desk: Desk) -> None:
    mine, closed, secret = make.ticket(tags=["old"]), make.ticket(), hidden()
    with transaction("test"):
        lock_ticket(closed.id).status = "closed"
    change = {"priority": "high", "tags_add": ["New "], "tags_remove": ["OLD"], "assignee": "me", "status": "solved"}

    answer = desk.post("/tickets/bulk", {"ids": [secret.id, mine.id, closed.id, 99, mine.id], "change": change})

    items = answer.json["items"]
    assert [(one["id"], one["status"]) for one in items] == [
        (secret.id, 404),
        (mine.id, 200),
        (closed.id, 409),
        (99, 404),
    ]
    changed = items[1]["ticket"]
    assert (changed["priority"], changed["tags"], changed["status"]) == ("high", ["new"], "solved")
    assert items[2]["problem"]["code"] == "invalid_transition"
    assert items[2]["problem"]["detail"].startswith("Ticket ")
    assert items[2]["problem"]["detail"].endswith(".")
    kept = desk.get(f"/tickets/{closed.id}").json
    assert (kept["priority"], kept["tags"]) == ("normal", [])
    kinds = [one["kind"] for one in desk.get(f"/tickets/{closed.id}/events").json["items"]]
    assert kinds == ["ticket_opened", "message_received"]


def test_a_bulk_change_opens_before_it_assigns_and_puts_off(desk: Desk) -> None:
    ticket = make.ticket()
    desk.put(f"/tickets/{ticket.id}/resolution")

    change = {"status": "open", "assignee": desk.agent.id, "snoozed_until": SOON}
    item = desk.post("/tickets/bulk", {"ids": [ticket.id], "change": change}).json["items"][0]["ticket"]
    back = {"assignee": None, "snoozed_until": None}
    after = desk.post("/tickets/bulk", {"ids": [ticket.id], "change": back}).json["items"][0]["ticket"]

    assert (item["status"], item["assignee"]["id"], item["snoozed_until"]) == ("open", desk.agent.id, SOON)
    assert (after["assignee"], after["snoozed_until"]) == (None, None)


def test_a_bulk_change_takes_over_only_when_told_to(desk: Desk) -> None:
    ticket = make.ticket(assignee=make.agent())
    body = {"ids": [ticket.id], "change": {"assignee": "me"}}

    refused = desk.post("/tickets/bulk", body).json["items"][0]
    body["change"]["steal"] = True
    taken = desk.post("/tickets/bulk", body).json["items"][0]

    assert (refused["status"], refused["problem"]["code"], taken["status"]) == (409, "already_assigned", 200)


def test_a_bulk_change_leaves_alone_what_has_changed_since_it_was_seen(desk: Desk) -> None:
    seen, unseen, other = make.ticket(), make.ticket(), make.ticket()
    versions = {one.id: desk.get(f"/tickets/{one.id}").json["version"] for one in (seen, unseen)}
    desk.patch(f"/tickets/{unseen.id}", {"subject": "Somebody else was faster"})
    tickets = [{"id": one, "version": version} for one, version in versions.items()]

    answer = desk.post("/tickets/bulk", {"tickets": tickets, "ids": [other.id], "change": {"priority": "high"}})

    items = {one["id"]: one for one in answer.json["items"]}
    assert {one: item["status"] for one, item in items.items()} == {seen.id: 200, unseen.id: 412, other.id: 200}
    assert items[unseen.id]["problem"]["code"] == "stale_version"
    assert "has changed since you read it" in items[unseen.id]["problem"]["detail"]
    assert desk.get(f"/tickets/{unseen.id}").json["priority"] == "normal"
    assert items[seen.id]["ticket"]["priority"] == "high"


@pytest.mark.parametrize(
    "body",
    [
        {"change": {"priority": "high"}},
        {"tickets": [], "change": {"priority": "high"}},
        {"tickets": [{"id": 1}, {"id": 1, "version": 2}], "change": {"priority": "high"}},
        {"tickets": [{"id": 1, "version": 2}], "ids": [1], "change": {"priority": "high"}},
        {"tickets": [{"version": 2}], "change": {"priority": "high"}},
        {"tickets": [{"id": 1, "version": "2"}], "change": {"priority": "high"}},
        {"tickets": [{"id": 1, "version": None}], "change": {"priority": "high"}},
        {"tickets": [1], "change": {"priority": "high"}},
        {"tickets": [{"id": one} for one in range(1, 102)], "ids": list(range(200, 300)), "change": {"status": "open"}},
        {"ids": [], "change": {"priority": "high"}},
        {"ids": list(range(1, 202)), "change": {"priority": "high"}},
        {"ids": [0], "change": {"priority": "high"}},
        {"ids": [1], "change": {}},
        {"ids": [1], "change": {"steal": True}},
        {"ids": [1], "change": {"subject": "all alike"}},
        {"ids": [1], "change": {"queue": "Nowhere"}},
        {"ids": [1], "change": {"assignee": 99}},
        {"ids": [1], "change": {"assignee": True}},
        {"ids": "1", "change": {"priority": "high"}},
    ],
)
def test_a_bulk_change_that_makes_no_sense_is_refused_as_a_whole(desk: Desk, body: Any) -> None:
    make.ticket()

    assert desk.post("/tickets/bulk", body).status_code == 422


def test_skills_are_set_with_the_rest(desk: Desk) -> None:
    new = {"subject": "S", "body": "B", "customer": {"name": "K"}, "skills": ["French "]}
    opened = desk.post("/tickets", new).json

    changed = desk.patch(f"/tickets/{opened['id']}", {"skills": ["dutch"]}).json

    assert (opened["skills"], changed["skills"]) == (["french"], ["dutch"])
    assert desk.get("/tickets").json["items"][0]["skills"] == ["dutch"]


def test_a_suggestion_and_what_a_ticket_follows_are_told(desk: Desk) -> None:
    ticket, other = make.ticket(), make.ticket()
    with transaction("test"):
        row = lock_ticket(ticket.id)
        row.follows_id, row.suggested_id = other.id, other.id

    shown = desk.get(f"/tickets/{ticket.id}").json

    assert (shown["follows"], shown["suggested"]) == (other.id, other.id)


def test_the_tag_filter_folds_like_tags_are_kept(desk: Desk) -> None:
    ticket = make.ticket(tags=["Leaky  Kettle"])

    assert [one["id"] for one in desk.get("/tickets?tag=%20LEAKY%20%20kettle").json["items"]] == [ticket.id]


def test_no_message_is_lost_by_moving_them_about(desk: Desk) -> None:
    ticket, other = make.ticket(), make.ticket()
    message = make.message(ticket)
    new = desk.post(f"/tickets/{ticket.id}/split", {"message": message.id}).json["id"]
    desk.post(f"/tickets/{new}/merge", {"into": other.id})
    desk.post(f"/tickets/{other.id}/merge", {"into": ticket.id})

    assert db.session().scalars(select(Message.ticket_id)).all() == [ticket.id] * 3
    assert len(desk.get(f"/tickets/{ticket.id}/messages").json["items"]) == 3


def test_tags_in_use_are_listed_by_how_they_begin(app: Flask) -> None:
    client = app.test_client()
    make.queue("Support")
    desk = Desk(client)
    for tags in (["kettle", "keep"], ["kettle", "élan"], ["lamp", "ke t"]):
        make.ticket(tags=tags)
    make.ticket(queue=make.queue("Secret", members=[make.agent()]), tags=["kept secret", "lamp"])

    found = desk.get("/tags?prefix=KE").json
    every = [one["name"] for one in desk.get("/tags").json["items"]]
    first = desk.get("/tags?limit=2").json
    second = desk.get(f"/tags?limit=2&after={first['next']}").json

    assert found == {
        "items": [
            {"name": "ke t", "tickets": 1, "more": False},
            {"name": "keep", "tickets": 1, "more": False},
            {"name": "kettle", "tickets": 2, "more": False},
        ],
        "next": None,
    }
    assert every == ["ke t", "keep", "kettle", "lamp", "élan"]
    assert [one["name"] for one in first["items"] + second["items"]] == every[:4]
    assert desk.get("/tags?prefix=lamp").json["items"][0]["tickets"] == 1


@pytest.mark.parametrize("after", ["abc", "WyJuYW1lIiwgIlx1MDAwMCJd", "WyJpZCIsIDFd"])
def test_a_cursor_of_another_list_is_no_position_among_tags(desk: Desk, after: str) -> None:
    assert desk.get(f"/tags?after={after}").status_code == 422
