"""People over HTTP: who joins, what may be changed of them, who is there, and what becomes of work when one leaves."""

import threading
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import make
from tests.api.desk import Desk, admin
from tests.conftest import NOON
from ticketing import lifecycle
from ticketing.envelope import Channel
from ticketing.events import SYSTEM
from ticketing.models import AuditEntry, Presence, Role, Ticket
from ticketing.status import Status
from ticketing.store import db
from ticketing.transaction import transaction


@pytest.fixture
def boss(app: Flask, client: FlaskClient) -> Desk:
    return admin(client)


def kinds() -> list[str]:
    return list(db.session().scalars(select(AuditEntry.kind).order_by(AuditEntry.id)))


def holder(ticket: Ticket) -> int | None:
    return db.session().scalar(select(Ticket.assignee_id).where(Ticket.id == ticket.id))


def test_a_person_joins_and_is_changed(boss: Desk) -> None:
    made = boss.post("/agents", {"email": "New@Desk.example", "name": "New", "skills": ["French", "french "]})
    path = f"/agents/{made.json['id']}"
    changed = boss.patch(path, {"name": "Newer", "role": "supervisor", "capacity": {"phone": 1, "chat": 3}})

    assert made.status_code == 201
    assert (made.json["email"], made.json["role"], made.json["skills"]) == ("new@desk.example", "agent", ["french"])
    assert (made.json["presence"], made.json["capacity"]) == ("offline", {})
    assert (changed.json["name"], changed.json["role"]) == ("Newer", "supervisor")
    assert changed.json["capacity"] == {"phone": 1, "chat": 3}
    assert boss.get(path).json == changed.json
    assert kinds() == ["agent_created", "agent_renamed", "capacity_changed", "role_changed"]
    assert boss.post("/agents", {"email": "new@desk.example", "name": "Twin"}).status_code == 409
    assert boss.patch(path, {"name": "Newer"}).status_code == 200
    assert len(kinds()) == 4  # what changes nothing is not noted


@pytest.mark.parametrize(
    "body",
    [
        {"skills": ["x" * 61]},
        {"skills": [" "]},
        {"skills": [f"s{n}" for n in range(51)]},
        {"skills": "french"},
        {"capacity": {"fax": 1}},
        {"capacity": {"email": -1}},
        {"capacity": {"email": 1001}},
        {"capacity": {"email": True}},
        {"capacity": {"email": 1.5}},
        {"capacity": []},
        {"name": " "},
        {"name": "x" * 101},
        {"role": "king"},
        {"is_active": "no"},
        {"email": "other@desk.example"},
    ],
)
def test_what_makes_no_sense_is_refused(sqlite_app: Flask, body: dict[str, object]) -> None:
    boss = admin(sqlite_app.test_client())

    answer = boss.patch(f"/agents/{boss.agent.id}", body)

    assert answer.status_code == 422, answer.json
    assert kinds() == []


def test_a_supervisor_changes_skills_and_capacity_of_who_works_with_them(app: Flask, client: FlaskClient) -> None:
    samir = Desk(client, make.agent(Role.SUPERVISOR, name="Samir"))
    ada, stranger = make.agent(), make.agent(name="Mallory")
    make.queue("Kettles", members=[samir.agent, ada])
    make.queue("Elsewhere", members=[stranger])

    assert samir.patch(f"/agents/{ada.id}", {"skills": ["french"]}).json["skills"] == ["french"]
    assert samir.patch(f"/agents/{stranger.id}", {"skills": ["french"]}).status_code == 403
    for body in ({"role": "admin"}, {"is_active": False}, {"name": "X"}, {"skills": [], "role": "admin"}):
        assert samir.patch(f"/agents/{ada.id}", body).status_code == 403
    assert samir.patch("/agents/99", {"skills": []}).status_code == 404
    assert Desk(client, ada).patch(f"/agents/{ada.id}", {"skills": ["all"]}).status_code == 403


def test_the_last_admin_stays(boss: Desk, client: FlaskClient) -> None:
    path = f"/agents/{boss.agent.id}"

    assert boss.patch(path, {"role": "agent"}).status_code == 409
    assert boss.patch(path, {"is_active": False}).status_code == 409
    assert boss.get("/agents/me").json["role"] == "admin"
    other = admin(client)
    assert boss.patch(path, {"role": "agent"}).status_code == 200
    assert other.patch(f"/agents/{other.agent.id}", {"is_active": False}).status_code == 409


@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
def test_of_two_admins_who_dismiss_each_other_one_remains(app: Flask) -> None:
    ada, bob = admin(app.test_client()), admin(app.test_client())
    ready, statuses = threading.Barrier(2), []

    def dismiss(who: Desk, whom: int) -> None:
        with app.app_context():
            ready.wait(60)
            statuses.append(who.patch(f"/agents/{whom}", {"role": "agent"}).status_code)
            db.session.remove()

    pairs = ((ada, bob.agent.id), (bob, ada.agent.id))
    threads = [threading.Thread(target=dismiss, args=pair) for pair in pairs]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert 200 in statuses
    assert {boss.get("/agents/me").json["role"] for boss in (ada, bob)} >= {"admin"}


def test_who_leaves_the_desk_leaves_nothing_behind(boss: Desk, client: FlaskClient) -> None:
    ada = Desk(client)
    queue = make.queue()
    held = {status: make.ticket(queue=queue, assignee=ada.agent) for status in Status if status is not Status.CLOSED}
    for status, ticket in held.items():
        if status is not Status.NEW:
            with transaction("test"):
                lifecycle.change_status(lifecycle.lock_ticket(ticket.id), status, by=SYSTEM, at=NOON)

    answer = boss.patch(f"/agents/{ada.agent.id}", {"is_active": False})

    assert (answer.json["is_active"], answer.json["presence"]) == (False, "offline")
    assert {status: holder(ticket) for status, ticket in held.items()} == {
        **dict.fromkeys(held),
        Status.SOLVED: ada.agent.id,  # who solved it stays known
    }
    assert ada.get("/agents/me").status_code == 401
    events = boss.get(f"/tickets/{held[Status.PENDING].id}/events").json["items"]
    (released,) = [one["data"] for one in events if one["kind"] == "ticket_released"]
    assert released == {"before": ada.agent.id, "reason": "agent_left"}
    give = boss.put(f"/tickets/{held[Status.OPEN].id}/assignment", {"agent": ada.agent.id})
    assert (give.status_code, "has left" in give.json["detail"]) == (422, True)
    back = boss.patch(f"/agents/{ada.agent.id}", {"is_active": True})
    assert back.json["is_active"]
    assert ada.get("/agents/me").status_code == 401  # the old token stays revoked
    assert kinds() == ["agent_left", "agent_returned"]


def test_going_offline_returns_what_nobody_has_answered(app: Flask, client: FlaskClient) -> None:
    ada = Desk(client)
    queue = make.queue()
    unanswered = make.ticket(queue=queue, assignee=ada.agent)
    answered = make.ticket(queue=queue, assignee=ada.agent, waiting=False)
    live = make.ticket(queue=queue, channel=Channel.CHAT, live=True, waiting=False, assignee=ada.agent)
    pending = make.ticket(queue=queue, assignee=ada.agent)
    with transaction("test"):
        lifecycle.lock_ticket(answered.id).waiting_since = None
        lifecycle.lock_ticket(live.id).waiting_since = None
        lifecycle.change_status(lifecycle.lock_ticket(pending.id), Status.PENDING, by=SYSTEM, at=NOON)

    away = ada.put("/agents/me/presence", {"status": "away", "reason": " lunch "})
    after_away = holder(unanswered)
    gone = ada.put("/agents/me/presence", {"status": "offline"})

    assert (away.json["status"], away.json["reason"]) == ("away", "lunch")
    assert after_away == ada.agent.id
    assert gone.json["status"] == "offline"
    assert [holder(one) for one in (unanswered, live, answered, pending)] == [None, None, ada.agent.id, ada.agent.id]
    assert ada.get(f"/agents/{ada.agent.id}/presence").json == gone.json
    assert kinds() == ["presence_changed"] * 2


def test_whoever_wants_to_keep_their_work_does(app: Flask, client: FlaskClient) -> None:
    ada = Desk(client, make.agent(presence=Presence.ONLINE))
    ticket = make.ticket(assignee=ada.agent)

    ada.put("/agents/me/presence", {"status": "offline", "keep_work": True})
    ada.put("/agents/me/presence", {"status": "offline", "keep_work": True})
    kept = holder(ticket)
    ada.put("/agents/me/presence", {"status": "offline"})

    assert (kept, holder(ticket)) == (ada.agent.id, None)
    assert kinds() == ["presence_changed"]


@pytest.mark.parametrize("body", [{}, {"status": "busy"}, {"status": "away", "reason": "x" * 201}, {"statu": "away"}])
def test_presence_is_one_of_three(sqlite_app: Flask, body: dict[str, str]) -> None:
    assert Desk(sqlite_app.test_client()).put("/agents/me/presence", body).status_code == 422


def test_why_a_ticket_changed_hands_is_in_its_journal(app: Flask, client: FlaskClient) -> None:
    ada, bob = Desk(client), Desk(client, make.agent(name="Bob"))
    ticket = make.ticket()
    path = f"/tickets/{ticket.id}/assignment"
    ada.put(path, {"agent": "me"})
    taken = bob.put(path, {"agent": "me", "reason": "x"})
    bob.put(path, {"agent": "me", "steal": True, "reason": "speaks Dutch"})
    bob.delete(path, json={"reason": "off for today"})
    ada.put(path, {"agent": "me"})
    ada.delete(path)

    events = ada.get(f"/tickets/{ticket.id}/events").json["items"]

    assert taken.json["code"] == "already_assigned"
    hands = [one["data"] for one in events if one["kind"] in {"ticket_assigned", "ticket_released"}]
    a, b = ada.agent.id, bob.agent.id
    by_hand = {"automatic": False, "rings": False, "awaits": False, "passed_over": []}
    given = {"stolen": False, "reason": "", **by_hand}
    assert hands == [
        {"before": None, "after": a, **given},
        {"before": a, "after": b, "stolen": True, "reason": "speaks Dutch", **by_hand},
        {"before": b, "reason": "off for today"},
        {"before": None, "after": a, **given},
        {"before": a, "reason": ""},
    ]
    assert ada.delete(path, json={"why": "x"}).status_code == 422
    assert ada.put(path, {"agent": "me", "reason": "x" * 501}).status_code == 422


def test_a_ticket_that_asks_for_a_skill_is_not_handed_to_just_anybody(app: Flask, client: FlaskClient) -> None:
    ada, queue = Desk(client), make.queue()
    ticket = make.ticket(queue=queue, at=NOON - timedelta(hours=1))
    path, next_one = f"/tickets/{ticket.id}", f"/queues/{queue.id}/next"

    asked = ada.patch(path, {"skills": ["Tax", "french", "tax"]}).json["skills"]
    before = ada.post(next_one).status_code
    ada.patch(path, {"skills": []})
    after = ada.post(next_one)

    assert asked == ["french", "tax"]
    assert (before, after.status_code, after.json["id"]) == (204, 200, ticket.id)
    kinds = [one["kind"] for one in ada.get(f"{path}/events").json["items"]]
    assert kinds.count("skills_changed") == 2
