"""Queues, their boards, inboxes and onlookers over HTTP."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import make
from tests.api.desk import Desk, admin
from ticketing import intake, lifecycle, onlookers
from ticketing.envelope import Channel, HandleKind, InboundMessage, Sender
from ticketing.events import SYSTEM
from ticketing.models import Agent, AuditEntry, Inbox, Onlooker, Presence, QueueMember, Role, Ticket
from ticketing.moment import rfc3339, utc_now
from ticketing.store import db
from ticketing.transaction import transaction


@pytest.fixture
def boss(app: Flask, client: FlaskClient) -> Desk:
    return admin(client)


def test_how_a_queue_assigns_is_set_read_and_noted(boss: Desk) -> None:
    made = boss.post("/queues", {"name": "Kettles"}).json
    path = f"/queues/{made['id']}"
    changed = boss.patch(path, {"assignment": "round_robin"}).json
    boss.patch(path, {"assignment": "round_robin"})

    assert made["assignment"] == "off"
    assert changed == {**made, "assignment": "round_robin"}
    assert boss.get(path).json == changed
    assert boss.patch(path, {"assignment": "dice"}).status_code == 422
    rows = db.session().scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [row.kind for row in rows] == ["queue_created", "queue_changed"]
    assert rows[1].data["before"]["assignment"] == "off"
    assert rows[1].data["after"]["assignment"] == "round_robin"


def test_how_callers_are_treated_is_set_read_and_noted(boss: Desk) -> None:
    calendar = make.calendar().origin
    made = boss.post("/queues", {"name": "Kettles", "settings": {"max_waiting": 20, "calendar": calendar}}).json
    path = f"/queues/{made['id']}"

    changed = boss.patch(path, {"settings": {"max_waiting": None, "recording_notice": {"fr": "On enregistre."}}}).json

    assert made["settings"] == {"max_waiting": 20, "calendar": calendar}
    assert changed["settings"] == {"calendar": calendar, "recording_notice": {"fr": "On enregistre."}}
    assert boss.get(path).json == changed
    row = db.session().scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
    assert row.data["before"]["settings"] == made["settings"]


@pytest.mark.parametrize(
    "settings",
    [
        {"colour": "red"},
        {"calendar": 99},
        {"calendar": "1"},
        {"calendar": 2**63},
        {"music": "http://cdn.example/a.mp3"},
        {"callback": {"attempts": 99}},
        [],
        None,
        {"": 1},
        {"max_waiting": {"a": 1}},
    ],
)
def test_settings_that_make_no_sense_are_refused(sqlite_app: Flask, settings: Any) -> None:
    boss = admin(sqlite_app.test_client())
    queue = make.queue()

    answer = boss.patch(f"/queues/{queue.id}", {"settings": settings})

    assert (answer.status_code, boss.get(f"/queues/{queue.id}").json["settings"]) == (422, {}), answer.json


def test_a_menu_and_words_for_callers_are_settings_of_an_inbox(sqlite_app: Flask) -> None:
    boss, inbox, orders = admin(sqlite_app.test_client()), make.inbox(Channel.PHONE), make.queue("Orders")
    path, menu = f"/inboxes/{inbox.id}", {"prompt": {"en": "For orders, press 1."}, "options": {"1": orders.id}}
    words = {"greeting": "https://cdn.example/hi.mp3", "closed_greeting": {"fr": "Fermé."}}
    good = {"menu": menu, "voice": "Polly.Amy", **words}

    answer = boss.patch(path, {"settings": good})

    assert answer.json["settings"] == good, answer.json
    for bad in (
        {"menu": {"prompt": "Hm.", "options": {"1": 99}}},
        {"menu": {"prompt": "Hm.", "options": {"12": orders.id}}},
        {"menu": {"prompt": "Hm.", "options": {}}},
        {"menu": {"options": {"1": orders.id}}},
        {"menu": {"prompt": 3, "options": {"1": orders.id}}},
        {"menu": "none"},
        {"greeting": "http://cdn.example/hi.mp3"},
        {"greeting": {"en": ""}},
        {"closed_greeting": ["Fermé."]},
        {"voice": "two words"},
    ):
        assert boss.patch(path, {"settings": bad}).status_code == 422, bad
    assert "menu" not in boss.patch(path, {"settings": {"menu": None}}).json["settings"]


def test_switching_assignment_on_leaves_a_trace_for_the_sweep(boss: Desk) -> None:
    ada = make.agent(presence=Presence.ONLINE)
    queue = make.queue(members=[ada])

    boss.patch(f"/queues/{queue.id}", {"assignment": "least_loaded"})

    assert db.session().scalar(select(Agent.drain_due_at).where(Agent.id == ada.id)) is not None


@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
def test_two_who_add_the_same_member_at_once_both_succeed(app: Flask) -> None:
    desks, ada, queue = [admin(app.test_client()) for _ in range(4)], make.agent(), make.queue()
    ready, statuses, path = threading.Barrier(4), [], f"/queues/{queue.id}"

    def add(desk: Desk, members: list[int]) -> None:
        with app.app_context():
            for _ in range(5):
                ready.wait(60)
                statuses.append(desk.patch(path, {"members": members}).status_code)
            db.session.remove()

    wanted = [[ada.id], [ada.id], [], [ada.id]]
    threads = [threading.Thread(target=add, args=pair) for pair in zip(desks, wanted, strict=True)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert statuses == [200] * 20
    assert db.session().scalars(select(QueueMember.agent_id)).all() in ([], [ada.id])


def test_the_board_tells_who_waits_what_is_late_and_who_is_there(boss: Desk, client: FlaskClient) -> None:
    now = utc_now()
    ada = make.agent(name="Ada", presence=Presence.ONLINE)
    bob = make.agent(name="Bob", presence=Presence.AWAY, presence_reason="lunch", presence_since=now)
    queue = make.queue("Kettles", members=[ada, bob, make.agent(name="Eve"), make.agent(name="Left", is_active=False)])
    make.agent(name="Stranger", presence=Presence.ONLINE)
    oldest = make.ticket(queue=queue, at=now - timedelta(hours=2), assignee=ada)
    at_risk = make.ticket(queue=queue, at=now - timedelta(hours=1))
    breached = make.ticket(queue=queue, channel=Channel.SMS, at=now)
    make.ticket(queue=queue, channel=Channel.CHAT, live=True, at=now)
    solved, snoozed = make.ticket(queue=queue), make.ticket(queue=queue)
    make.ticket(queue=make.queue(), at=now - timedelta(hours=9))
    with transaction("test"):
        lifecycle.resolve(lifecycle.lock_ticket(solved.id), by=SYSTEM, at=now)
        lifecycle.lock_ticket(snoozed.id).snoozed_until = now + timedelta(days=1)
        for ticket, due in ((at_risk, 10), (breached, -10)):
            row = lifecycle.lock_ticket(ticket.id)
            row.sla_tracked, row.warn_at = True, now - timedelta(minutes=20)
            row.due_at = now + timedelta(minutes=due)

    board = boss.get(f"/queues/{queue.id}/board").json

    assert 7200 <= board.pop("longest_wait_seconds") < 7260
    assert board == {
        "queue": {"id": queue.id, "name": "Kettles"},
        "waiting": {"email": 2, "sms": 1, "chat": 1},
        "live": 1,
        "oldest_waiting_since": rfc3339(oldest.created_at),
        "unassigned": 3,
        "at_risk": 1,
        "breached": 1,
        "agents": {
            "online": [{"id": ada.id, "name": "Ada", "reason": "", "since": None, "in_hand": 1}],
            "away": [{"id": bob.id, "name": "Bob", "reason": "lunch", "since": rfc3339(now), "in_hand": 0}],
            "offline": 1,
        },
    }


def test_the_board_of_an_empty_queue_is_all_zeros(boss: Desk) -> None:
    queue = make.queue()

    board = boss.get(f"/queues/{queue.id}/board").json

    assert (board["waiting"], board["longest_wait_seconds"], board["oldest_waiting_since"]) == ({}, 0, None)
    assert (board["agents"]["online"], board["agents"]["offline"]) == ([], 1)  # the boss, for it is everyone's


def test_an_inbox_is_opened_read_and_changed(boss: Desk) -> None:
    first, second = make.queue("Kettles"), make.queue("Pots")
    new = {"channel": "email", "address": "Help@Desk.example", "name": "Help", "queue": "Kettles"}

    made = boss.post("/inboxes", {**new, "settings": {"skills": ["French"], "language": "fr-CA"}})
    path = f"/inboxes/{made.json['id']}"
    changed = boss.patch(path, {"name": "Aide", "queue": second.id, "settings": {"language": None}})

    assert made.status_code == 201
    assert (made.json["address"], made.json["queue"]["id"]) == ("help@desk.example", first.id)
    assert made.json["settings"] == {"skills": ["french"], "language": "fr-CA"}
    assert (changed.json["name"], changed.json["queue"]["name"]) == ("Aide", "Pots")
    assert changed.json["settings"] == {"skills": ["french"]}
    assert boss.get(path).json == changed.json
    assert boss.post("/inboxes", new).status_code == 409


@pytest.mark.parametrize(
    "change",
    [
        {"address": "nonsense"},
        {"channel": "sms", "address": "12"},
        {"channel": "chat", "address": "a widget\n"},
        {"channel": "api"},
        {"channel": "fax"},
        {"name": " "},
        {"queue": "Nowhere"},
        {"settings": {"password": "x"}},
        {"settings": {"language": "en us"}},
        {"settings": {"language": 3}},
        {"settings": {"greeting": "x" * 1001}},
        {"settings": {"skills": "french"}},
        {"settings": []},
        {"secret": "mine"},
    ],
)
def test_an_inbox_that_makes_no_sense_is_refused(sqlite_app: Flask, change: dict[str, Any]) -> None:
    boss = admin(sqlite_app.test_client())
    make.queue("Kettles")

    answer = boss.post("/inboxes", {"channel": "email", "address": "a@b.example", "name": "A", "queue": 1, **change})

    assert answer.status_code == 422, answer.json


def test_new_tickets_ask_for_the_skills_of_their_inbox(boss: Desk) -> None:
    row = make.inbox(Channel.SMS, settings={"skills": ["french"]})
    message = InboundMessage(
        Channel.SMS, "1", Sender(HandleKind.PHONE, "+15145550123"), text="Bonjour", received_at=utc_now()
    )
    with transaction("sms") as session:
        ticket = intake.take_in(message, session.get_one(Inbox, row.id), files=(), at=utc_now()).ticket

    assert boss.get(f"/tickets/{ticket.id}").json["skills"] == ["french"]


def test_another_secret_ends_the_old_one(boss: Desk) -> None:
    make.queue("Kettles")
    mail = {"channel": "email", "address": "help@desk.example", "name": "Help", "queue": "Kettles"}
    path = f"/inboxes/{boss.post('/inboxes', mail).json['id']}"
    letter = b"From: karim@home.example\r\nTo: help@desk.example\r\nMessage-ID: <1@home.example>\r\n\r\nHello"

    def bring(secret: str) -> int:
        headers = {"Authorization": f"Bearer {secret}", "Content-Type": "message/rfc822"}
        return boss._client.post("/inbound/email", data=letter, headers=headers).status_code

    first = boss.post(f"{path}/secret").json["secret"]
    worked = bring(first)
    second = boss.post(f"{path}/secret")

    assert second.status_code == 201
    assert (worked, bring(first), bring(second.json["secret"])) == (200, 403, 200)
    text = make.inbox(Channel.SMS)
    assert boss.post(f"/inboxes/{text.id}/secret").status_code == 422
    kinds = db.session().scalars(select(AuditEntry.kind).order_by(AuditEntry.id)).all()
    assert kinds == ["inbox_created", "inbox_secret_renewed", "inbox_secret_renewed"]


def test_who_looks_and_who_types_is_seen_until_it_expires(app: Flask, client: FlaskClient) -> None:
    ada, bob = Desk(client), Desk(client, make.agent(name="Bob"))
    ticket = make.ticket()
    path, version = f"/tickets/{ticket.id}/onlookers", db.session().get_one(Ticket, ticket.id).version

    ada.put(f"{path}/me")
    bob.put(f"{path}/me", {"typing": True})
    seen = bob.put(f"{path}/me", {"typing": True}).json["items"]
    bob.put(f"{path}/me", {"typing": False})
    stopped = [one["typing"] for one in ada.get(path).json["items"]]
    left = bob.delete(f"{path}/me").status_code
    with transaction("test") as session:
        session.scalars(select(Onlooker)).one().until = utc_now()

    assert [(one["agent"]["name"], one["typing"]) for one in seen] == [("Ada", False), ("Bob", True)]
    assert (stopped, left) == ([False, False], 204)
    assert ada.get(path).json == {"items": []}
    assert bob.delete(f"{path}/me").status_code == 204
    assert ada.get(f"/tickets/{ticket.id}").json["version"] == version
    assert ada.put(f"{path}/me", {"typing": 1}).status_code == 422


def test_onlookers_who_went_long_ago_are_forgotten(app: Flask) -> None:
    at, ticket = utc_now(), make.ticket()
    with transaction("test") as session:
        for age in (0, 40, 120):
            until = at - timedelta(seconds=age)
            session.add(Onlooker(ticket_id=ticket.id, agent_id=make_agent_id(session), typing=False, until=until))

    before = onlookers.are_expired(at)
    with transaction("test"):
        onlookers.forget_expired(at)

    assert (before, onlookers.are_expired(at)) == (True, False)
    assert len(db.session().scalars(select(Onlooker)).all()) == 2


def make_agent_id(session: Any) -> int:
    row = Agent(email=f"{utc_now()}@desk.example", name="Ada", role=Role.AGENT, created_at=utc_now())
    session.add(row)
    session.flush()
    return row.id
