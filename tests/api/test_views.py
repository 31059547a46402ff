"""Saved views: whose they are, what they hold, and what each who looks sees in them."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import make
from tests.api.desk import Desk
from ticketing.models import AuditEntry, Role, View, ViewScope
from ticketing.store import db
from ticketing.transaction import transaction

MINE = {"name": "Mine", "filter": {"status": ["active"], "assignee": "me"}, "sort": "waiting"}


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    return sqlite_app.test_client()


def ids(desk: Desk, view: int) -> list[int]:
    return [one["id"] for one in desk.get(f"/views/{view}/tickets").json["items"]]


def test_a_view_is_saved_as_it_was_asked(client: FlaskClient) -> None:
    desk = Desk(client)

    made = desk.post("/views", MINE)

    assert made.status_code == 201
    assert made.json == {
        "id": 1,
        "name": "Mine",
        "scope": "own",
        "queue": None,
        "owner": {"id": desk.agent.id, "name": "Ada"},
        "filter": MINE["filter"],
        "sort": "waiting",
        "position": 0,
        "created_at": made.json["created_at"],
        "updated_at": made.json["updated_at"],
    }
    assert desk.get("/views/1").json == made.json
    assert desk.get("/views").json == {"items": [made.json], "next": None}


def test_me_is_whoever_looks(app: Flask) -> None:
    client = app.test_client()
    boss, ada = Desk(client, make.agent(Role.SUPERVISOR)), Desk(client)
    view = boss.post("/views", {**MINE, "scope": "shared"}).json["id"]
    hers, his = make.ticket(assignee=ada.agent), make.ticket(assignee=boss.agent)

    assert ids(ada, view) == [hers.id]
    assert ids(boss, view) == [his.id]


def test_a_shared_view_shows_each_only_what_they_may_see(client: FlaskClient) -> None:
    boss, ada = Desk(client, make.agent(Role.SUPERVISOR)), Desk(client)
    secret, open_queue = make.queue("Secret", members=[boss.agent]), make.queue("Open")
    view = boss.post("/views", {"name": "All", "scope": "shared"}).json["id"]
    hidden, shown = make.ticket(queue=secret), make.ticket(queue=open_queue)

    assert set(ids(boss, view)) == {hidden.id, shown.id}
    assert ids(ada, view) == [shown.id]
    assert [one["count"] for one in ada.get("/views/counts").json["items"]] == [1]
    assert [one["count"] for one in boss.get("/views/counts").json["items"]] == [2]


def test_nobody_sees_anothers_own_view(client: FlaskClient) -> None:
    view = Desk(client).post("/views", MINE).json["id"]
    for other in (Desk(client), Desk(client, make.agent(Role.ADMIN))):
        assert other.get(f"/views/{view}").status_code == 404
        assert other.patch(f"/views/{view}", {"name": "x"}).status_code == 404
        assert other.delete(f"/views/{view}").status_code == 404
        assert other.get(f"/views/{view}/tickets").status_code == 404
        assert other.get("/views").json["items"] == []


def test_a_queues_view_is_for_those_who_work_it(client: FlaskClient) -> None:
    boss, ada, stranger = Desk(client, make.agent(Role.SUPERVISOR)), Desk(client), Desk(client)
    queue = make.queue("Secret", members=[boss.agent, ada.agent])
    outsider = Desk(client, make.agent(Role.SUPERVISOR))
    new = {"name": "Ours", "scope": "queue", "queue": queue.id}

    assert outsider.post("/views", new).status_code == 422
    view = boss.post("/views", new).json["id"]

    assert ada.get(f"/views/{view}").json["queue"] == {"id": queue.id, "name": "Secret"}
    assert stranger.get(f"/views/{view}").status_code == 404
    assert ada.patch(f"/views/{view}", {"name": "x"}).status_code == 403
    assert ada.delete(f"/views/{view}").status_code == 403
    assert boss.patch(f"/views/{view}", {"name": "Other"}).json["name"] == "Other"
    assert boss.delete(f"/views/{view}").status_code == 204


def test_agents_make_views_for_themselves_only(client: FlaskClient) -> None:
    ada = Desk(client)
    queue = make.queue("Support")
    view = ada.post("/views", MINE).json["id"]

    assert ada.post("/views", {"name": "x", "scope": "shared"}).status_code == 403
    assert ada.patch(f"/views/{view}", {"scope": "shared"}).status_code == 403
    assert ada.patch(f"/views/{view}", {"scope": "queue", "queue": queue.id}).status_code == 403
    assert ada.get(f"/views/{view}").json["scope"] == "own"


def test_a_view_of_others_cannot_be_made_ones_own(client: FlaskClient) -> None:
    one, two = Desk(client, make.agent(Role.SUPERVISOR)), Desk(client, make.agent(Role.SUPERVISOR))
    view = one.post("/views", {"name": "x", "scope": "shared"}).json["id"]

    assert two.patch(f"/views/{view}", {"scope": "own"}).status_code == 409
    assert one.patch(f"/views/{view}", {"scope": "own"}).status_code == 200


def test_what_is_not_named_stays(client: FlaskClient) -> None:
    desk = Desk(client)
    view = desk.post("/views", MINE).json["id"]

    desk.patch(f"/views/{view}", {"sort": "updated"})
    changed = desk.patch(f"/views/{view}", {"filter": {"tag": "Kettle"}, "position": 3}).json

    assert (changed["sort"], changed["filter"], changed["position"]) == ("updated", {"tag": "Kettle"}, 3)
    assert changed["name"] == "Mine"


@pytest.mark.parametrize(
    "new",
    [
        {},
        {"name": " "},
        {"name": "x", "filter": []},
        {"name": "x", "filter": {"colour": "red"}},
        {"name": "x", "filter": {"status": ["lost"]}},
        {"name": "x", "filter": {"status": "open"}},
        {"name": "x", "filter": {"limit": 5}},
        {"name": "x", "filter": {"assignee": 7}},
        {"name": "x", "filter": {"created_after": "yesterday"}},
        {"name": "x", "filter": {"created_after": "0001-01-01T00:00:00+14:00"}},
        {"name": "x", "sort": "colour"},
        {"name": "x", "scope": "queue"},
        {"name": "x", "queue": "Support"},
        {"name": "x", "scope": "queue", "queue": "Nowhere"},
        {"name": "x", "position": "first"},
    ],
)
def test_views_that_make_no_sense_are_refused(client: FlaskClient, new: dict[str, Any]) -> None:
    make.queue("Support")

    assert Desk(client, make.agent(Role.ADMIN)).post("/views", new).status_code == 422


def test_a_view_whose_words_mean_nothing_any_more_says_so(client: FlaskClient) -> None:
    desk = Desk(client)
    view = make.view(desk.agent, filter={"colour": "red"})

    answer = desk.get(f"/views/{view.id}/tickets")

    assert answer.status_code == 409
    assert "save it again" in answer.json["detail"]
    assert desk.get("/views").status_code == 200


def test_a_view_that_cannot_be_counted_does_not_hide_the_numbers_of_the_others(client: FlaskClient) -> None:
    desk = Desk(client)
    make.ticket(assignee=desk.agent)
    filters: list[dict[str, Any]] = [{"assignee": "me"}, {"colour": "red"}, {"status": ["active"]}]
    first, odd, last = (make.view(desk.agent, filter=one).id for one in filters)

    items = {one["view"]: one for one in desk.get("/views/counts").json["items"]}

    assert items[first] == {"view": first, "count": 1, "count_is_capped": False, "problem": None}
    assert items[last]["count"] == 1
    assert (items[odd]["count"], items[odd]["problem"]["code"]) == (None, "conflict")
    assert items[odd]["problem"]["detail"] == f"The filter of view {odd} means nothing any more; save it again."


def test_a_views_pages_follow_one_another(client: FlaskClient) -> None:
    desk = Desk(client)
    made = [make.ticket(tags=["kettle"]).id for _ in range(3)]
    view = desk.post("/views", {"name": "x", "filter": {"tag": "KETTLE"}, "sort": "created"}).json["id"]

    first = desk.get(f"/views/{view}/tickets?limit=2").json
    second = desk.get(f"/views/{view}/tickets?limit=2&after={first['next']}").json

    assert [one["id"] for one in first["items"] + second["items"]] == made
    assert second["next"] is None


@pytest.mark.parametrize(
    ("asked", "is_there"),
    [
        ({"waiting": "true"}, True),
        ({"waiting": "false"}, False),
        ({"created_after": "2026-11-18T12:00:00Z"}, True),
        ({"created_after": "2026-11-18T12:00:01Z"}, False),
        ({"created_before": "2026-11-18T12:00:00Z"}, False),
        ({"created_before": "2026-11-18T13:00:01+01:00"}, True),
        ({"updated_after": "2026-11-18T12:00:00Z"}, True),
    ],
)
def test_lists_take_moments_and_who_waits(app: Flask, asked: dict[str, str], is_there: bool) -> None:
    desk = Desk(app.test_client())
    make.ticket()

    assert bool(desk.get("/tickets", query_string=asked).json["items"]) is is_there
    assert bool(desk.get("/search", query_string={"q": "kettle", **asked}).json["items"]) is is_there


def test_changes_of_shared_views_are_audited(client: FlaskClient) -> None:
    boss = Desk(client, make.agent(Role.SUPERVISOR))
    boss.post("/views", MINE)
    view = boss.post("/views", {**MINE, "scope": "shared"}).json["id"]
    boss.patch(f"/views/{view}", {"name": "Other"})
    boss.delete(f"/views/{view}")

    kinds = db.session().scalars(select(AuditEntry.kind).where(AuditEntry.subject_type == "view")).all()

    assert kinds == ["view_made", "view_changed", "view_deleted"]


def test_an_agent_has_room_for_so_many_views(client: FlaskClient) -> None:
    desk = Desk(client)
    with transaction("test") as session:
        at = make.NOON
        values = {"name": "x", "scope": ViewScope.OWN, "owner_id": desk.agent.id, "filter": {}, "position": 0}
        session.add_all(View(**values, created_at=at, updated_at=at) for _ in range(200))

    assert desk.post("/views", MINE).status_code == 409
