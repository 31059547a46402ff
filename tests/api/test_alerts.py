"""What agents are told: in the app, and outside it by mail, SMS and a signed post, with quiet hours."""

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from api import alerting, consequences, signed_posts
from sla import alerts, notices
from sla.actions import Medium
from sla.defaults import load_defaults
from sla.models import Alert, AlertNotice, AlertPreference, Clock, Consequence, ConsequenceState, Policy
from sla.sweep import flag_due
from tests import make
from tests.api.desk import ALWAYS, Desk
from tests.channels.email.test_email_smtp_client import Handler, serving
from ticketing.envelope import Channel
from ticketing.models import Agent, Role, Ticket
from ticketing.moment import rfc3339, utc_now
from ticketing.secrets import encrypt
from ticketing.store import db
from ticketing.transaction import transaction

NIGHT = datetime(2026, 11, 18, 23, tzinfo=UTC)  # a Wednesday
PENDING = AlertNotice.state == ConsequenceState.PENDING
QUIET = {"wed": [["22:00", "24:00"]], "thu": [["00:00", "07:00"]]}


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    return sqlite_app.test_client()


@dataclass
class Listener:
    """An HTTP server that remembers what is posted, and answers as it is told."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def listener() -> Iterator[Listener]:
    told = Listener()

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.posts.append(({key.lower(): value for key, value in self.headers.items()}, body))
            self.send_response(told.answers.pop(0) if told.answers else 200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b'{"sid": "SM1"}')

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Answering)
    told.url = f"http://127.0.0.1:{server.server_port}/late"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


@contextlib.contextmanager
def settings(app: Flask, **changes: Any) -> Iterator[None]:
    before = app.extensions["comptoir.settings"]
    app.extensions["comptoir.settings"] = replace(before, **changes)
    yield
    app.extensions["comptoir.settings"] = before


def prefer(agent: Agent, app: Flask, **wanted: Any) -> str:
    """Let an agent be told so; return the secret of their posts."""
    secret = signed_posts.new_secret()
    usual = {"mail": False, "sms": "", "webhook": "", "webhook_secret": "", "time_zone": "UTC", "quiet": {}}
    if "webhook" in wanted:
        wanted["webhook_secret"] = encrypt(secret, app.extensions["comptoir.settings"].secret_key)
    with transaction("test") as session:
        session.merge(AlertPreference(agent_id=agent.id, updated_at=NIGHT, **{**usual, **wanted}))
    return secret


def tell(agent: Agent, ticket: Ticket, *, media: tuple[str, ...] = tuple(Medium), at: datetime | None = None) -> None:
    data = {"metric": "first_response", "due_at": "2026-11-18T13:00:00Z", "offset_seconds": 0}
    with transaction("test"):
        alerts.tell([agent.id], "sla_breached", data, ticket_id=ticket.id, media=media, at=at or utc_now())


def states() -> list[tuple[ConsequenceState, str]]:
    rows = db.session().scalars(
        select(AlertNotice).order_by(AlertNotice.id), execution_options={"populate_existing": True}
    )
    return [(row.state, row.reason) for row in rows]


def blocks(language: str) -> list[str]:
    """Return the examples of docs/alerts.md."""
    page = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def is_signed(headers: dict[str, str], body: bytes, secret: str) -> bool:
    """Check a signature with the very lines that docs/alerts.md gives receivers."""
    names: dict[str, Any] = {}
    exec(blocks("python")[0], names)
    return bool(names["is_ours"](headers, body, secret))


def test_the_examples_of_the_page_are_taken(client: FlaskClient) -> None:
    supervisor = Desk(client, make.agent(Role.SUPERVISOR))
    with transaction("test"):
        load_defaults({"calendars": [ALWAYS], "policies": []}, NIGHT)
    policy, _data, preferences, _post = (json.loads(block) for block in blocks("json"))

    made = supervisor.post("/sla/policies", policy)
    chosen = supervisor.put("/agents/me/alert-preferences", preferences)

    assert (made.status_code, chosen.status_code) == (201, 200), made.json
    assert chosen.json["quiet"] == preferences["quiet"]


def test_one_reads_ones_own_alerts_newest_first_page_by_page(client: FlaskClient) -> None:
    me, ticket = Desk(client), make.ticket()
    mine = [make.alert(ticket, me.agent).id for _ in range(3)]
    make.alert(ticket, make.agent(name="Grace"))

    first = me.get("/alerts?limit=2").json
    second = me.get(f"/alerts?limit=2&after={first['next']}").json

    assert [one["id"] for one in first["items"] + second["items"]] == mine[::-1]
    assert second["next"] is None
    assert first["items"][0] == {
        "id": mine[2],
        "kind": "sla_breached",
        "ticket": ticket.id,
        "data": {},
        "at": "2026-11-18T12:00:00Z",
        "read_at": None,
    }


def test_what_is_read_is_no_longer_unread(client: FlaskClient) -> None:
    me, ticket = Desk(client), make.ticket()
    first, second, third, fourth = (make.alert(ticket, me.agent).id for _ in range(4))

    one = me.put(f"/alerts/{first}/read")
    again = me.put(f"/alerts/{first}/read")
    many = me.put("/alerts/read", {"up_to": third})

    assert one.json["read_at"] == again.json["read_at"] is not None
    assert many.json == {"read": 2}
    assert [each["id"] for each in me.get("/alerts?unread=true").json["items"]] == [fourth]
    assert second in [each["id"] for each in me.get("/alerts").json["items"]]


def test_other_peoples_alerts_are_not_there(client: FlaskClient) -> None:
    me, theirs = Desk(client), make.alert(make.ticket(), make.agent(name="Grace"))

    assert me.put(f"/alerts/{theirs.id}/read").status_code == 404
    assert me.put("/alerts/read", {"up_to": theirs.id}).json == {"read": 0}


def test_a_webhooks_secret_is_shown_when_it_is_new_and_never_again(client: FlaskClient) -> None:
    me = Desk(client)
    wanted = {"mail": True, "sms": "+1 514-555-0142", "webhook": "https://hooks.example/me", "quiet": QUIET}

    first = me.put("/agents/me/alert-preferences", wanted).json
    second = me.put("/agents/me/alert-preferences", wanted | {"mail": False}).json
    other = me.put("/agents/me/alert-preferences", wanted | {"webhook": "https://hooks.example/you"}).json

    assert first["webhook_secret"].startswith("whsec_")
    assert (first["sms"], first["quiet"], first["time_zone"]) == ("+15145550142", QUIET, "UTC")
    assert (second["webhook_secret"], second["mail"]) == (None, False)
    assert other["webhook_secret"] not in {None, first["webhook_secret"]}
    assert me.get("/agents/me/alert-preferences").json == {**other, "webhook_secret": None}
    kept = db.session().scalars(select(AlertPreference.webhook_secret)).one()
    assert other["webhook_secret"] not in kept


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        pytest.param({"sms": "0142"}, "begins with + and its country code", id="short code"),
        pytest.param({"sms": "my phone"}, "is no phone number", id="no number"),
        pytest.param({"webhook": "http://hooks.example/"}, "begins with https://", id="not safe"),
        pytest.param({"webhook": "https://u:p@hooks.example/"}, "must not hold a password", id="password"),
        pytest.param({"webhook": "https://hooks.example:22/"}, "ort 22 belongs", id="another service"),
        pytest.param({"time_zone": "Mars/Olympus"}, "Mars/Olympus", id="no zone"),
        pytest.param({"quiet": {"day": []}}, "day", id="no weekday"),
        pytest.param({"quiet": {"mon": [["22:00"]]}}, "22:00", id="no span"),
        pytest.param({"quiet": ALWAYS["weekly"]}, "leave no hour", id="always quiet"),
        pytest.param({"mail": "yes"}, "mail", id="no truth"),
        pytest.param({"fax": True}, "fax", id="unknown field"),
        pytest.param([], "object", id="no object"),
    ],
)
def test_preferences_that_make_no_sense_are_refused_in_words_that_help(
    client: FlaskClient, wanted: Any, sentence: str
) -> None:
    answer = Desk(client).put("/agents/me/alert-preferences", wanted)

    assert answer.status_code == 422
    assert sentence in answer.text


def test_an_alert_goes_out_by_mail_that_nothing_answers(sqlite_app: Flask) -> None:
    ada, ticket, handler = make.agent(), make.ticket(), Handler()
    make.inbox(Channel.EMAIL)
    prefer(ada, sqlite_app, mail=True, time_zone="Europe/Paris")
    tell(ada, ticket)

    with serving(handler) as url, settings(sqlite_app, smtp_url=url):
        alerting.send_to(ada.id)
        alerting.send_to(ada.id)

    (content,) = handler.taken
    mail = message_from_bytes(content, policy=policy.default)
    assert (mail["To"], mail["From"]) == (ada.email, "Comptoir <support@desk.example>")
    assert mail["Subject"] == f"Ticket {ticket.id}: first response is late"
    told = "first response was due at 14:00 on Wednesday 18 November, Paris time, and is late."
    assert f"Ticket {ticket.id}: {told}" in mail.get_content()
    assert (mail["Auto-Submitted"], handler.senders) == ("auto-generated", ["<>"])
    assert states() == [(ConsequenceState.DONE, "")]


def test_what_gathers_in_quiet_hours_goes_out_as_one_when_they_end(sqlite_app: Flask, listener: Listener) -> None:
    ada, ticket = make.agent(), make.ticket()
    secret = prefer(ada, sqlite_app, webhook=listener.url, quiet=QUIET)
    for number in range(3):
        tell(ada, ticket, at=NIGHT + timedelta(minutes=number))
    morning = NIGHT.replace(day=19, hour=7)

    assert {row.next_at for row in db.session().scalars(select(AlertNotice))} == {morning}
    assert len(db.session().scalars(select(Alert)).all()) == 3  # in the app at once
    assert notices.agents_to_tell(morning - timedelta(seconds=1)) == []
    with transaction("test"):
        assert notices.claim(ada.id, Medium.WEBHOOK, morning - timedelta(seconds=1)) is None
    assert notices.agents_to_tell(morning) == [ada.id]

    with settings(sqlite_app, private_addresses=True):
        prefer(ada, sqlite_app, webhook=listener.url, webhook_secret="")  # wide awake, whatever time it is
        secret = prefer(ada, sqlite_app, webhook=listener.url)
        alerting.send_to(ada.id)

    ((headers, body),) = listener.posts
    assert is_signed(headers, body, secret)
    assert not is_signed(headers, body + b" ", secret)
    assert [one["ticket"] for one in json.loads(body)["data"]["alerts"]] == [ticket.id] * 3
    assert states() == [(ConsequenceState.DONE, "")] * 3


def test_quiet_hours_that_have_begun_meanwhile_hold_a_notice_back(sqlite_app: Flask) -> None:
    ada = make.agent()
    prefer(ada, sqlite_app, mail=True)
    tell(ada, make.ticket(), at=NIGHT - timedelta(hours=2))
    prefer(ada, sqlite_app, mail=True, quiet=QUIET)

    with transaction("test"):
        claimed = notices.claim(ada.id, Medium.MAIL, NIGHT)

    assert claimed is None
    assert db.session().scalars(select(AlertNotice.next_at)).one() == NIGHT.replace(day=19, hour=7)


def test_a_notice_goes_only_the_ways_that_the_policy_and_the_agent_both_want(sqlite_app: Flask) -> None:
    ada, grace = make.agent(), make.agent(name="Grace")
    prefer(ada, sqlite_app, mail=True, sms="+15145550142")
    ticket = make.ticket()

    for one in (ada, grace):
        tell(one, ticket, media=("sms", "webhook"))
        tell(one, ticket, media=())

    assert len(db.session().scalars(select(Alert)).all()) == 4
    assert db.session().scalars(select(AlertNotice.medium)).all() == ["sms"]


def test_an_alert_goes_out_by_text_message_from_the_desks_number(sqlite_app: Flask, listener: Listener) -> None:
    ada, ticket = make.agent(), make.ticket()
    make.inbox(Channel.SMS)
    prefer(ada, sqlite_app, sms="+15145550142")
    tell(ada, ticket)
    tell(ada, ticket)
    account = replace(sqlite_app.extensions["comptoir.settings"].twilio, api_base=listener.url)

    with settings(sqlite_app, twilio=account):
        alerting.send_to(ada.id)

    ((_, body),) = listener.posts
    form = parse_qs(body.decode())
    assert (form["To"], form["From"]) == (["+15145550142"], ["+15145550100"])
    assert form["Body"][0].endswith("is late. And 1 more.")
    assert states() == [(ConsequenceState.DONE, "")] * 2


def test_a_text_message_of_unknown_outcome_is_not_sent_again(sqlite_app: Flask, listener: Listener) -> None:
    ada = make.agent()
    make.inbox(Channel.SMS)
    prefer(ada, sqlite_app, sms="+15145550142")
    tell(ada, make.ticket())
    listener.answers = [500]
    account = replace(sqlite_app.extensions["comptoir.settings"].twilio, api_base=listener.url)

    with settings(sqlite_app, twilio=account):
        alerting.send_to(ada.id)
        tell(ada, make.ticket())
        with transaction("test"):  # whoever has claimed this one is killed before the provider answers
            notices.claim(ada.id, Medium.SMS, utc_now())
            db.session().execute(update(AlertNotice).values(next_at=utc_now()).where(PENDING))
        alerting.send_to(ada.id)

    assert len(listener.posts) == 1
    assert [state for state, _ in states()] == [ConsequenceState.FAILED] * 2
    assert states()[1][1] == notices.UNKNOWN


def test_who_has_left_or_changed_their_mind_is_not_told(sqlite_app: Flask) -> None:
    ada, grace = make.agent(), make.agent(name="Grace")
    for one in (ada, grace):
        prefer(one, sqlite_app, mail=True)
        tell(one, make.ticket())
    prefer(ada, sqlite_app)
    with transaction("test") as session:
        session.get_one(Agent, grace.id).is_active = False

    for one in (ada, grace):
        alerting.send_to(one.id)

    assert states() == [(ConsequenceState.DONE, notices.WANTED_NO_MORE)] * 2


def test_a_desk_without_the_means_says_so(sqlite_app: Flask) -> None:
    ada = make.agent()
    prefer(ada, sqlite_app, mail=True, sms="+15145550142", webhook="https://127.0.0.1/")
    tell(ada, make.ticket())

    alerting.send_to(ada.id)

    assert [state for state, _ in states()] == [ConsequenceState.FAILED] * 3
    assert [reason for _, reason in states()] == [
        "COMPTOIR_SMTP_URL is not set, so that no mail can go out",
        "the desk has no inbox on the channel sms to write from",
        "127.0.0.1 is not on the public internet",
    ]


@pytest.fixture
def late(client: FlaskClient, listener: Listener) -> Desk:
    """A supervisor; a policy that posts to the listener at the breach, and a ticket that is late."""
    supervisor = Desk(client, make.agent(Role.SUPERVISOR))
    target = {"allowance_seconds": 60}
    with transaction("test") as session:
        entry = {"name": "Standard", "position": 1, "calendar": "Always", "targets": {"first_response": target}}
        load_defaults({"calendars": [ALWAYS], "policies": [entry]}, NIGHT)
        action = {"kind": "webhook", "url": listener.url}
        policy = session.scalars(select(Policy)).one()
        policy.targets = {"first_response": {**target, "steps": [{"offset_seconds": 0, "actions": [action]}]}}
    make.ticket(at=utc_now() - timedelta(hours=1))
    with transaction("ticker"):
        flag_due(utc_now())
    return supervisor


def test_a_policys_post_is_signed_and_tried_again_with_the_same_id(
    sqlite_app: Flask, late: Desk, listener: Listener
) -> None:
    listener.answers = [500, 204]
    with settings(sqlite_app, private_addresses=True):
        secret = signed_posts.secret_of(listener.url, sqlite_app.extensions["comptoir.settings"])
        consequences.carry_out_some()
        first = db.session().scalars(select(Consequence)).one()
        states_then = (first.state, first.reason)
        with transaction("test"):
            db.session().execute(update(Consequence).values(next_at=utc_now()))
        consequences.carry_out_some()

    (one, two) = listener.posts
    assert states_then == (ConsequenceState.PENDING, "it answered 500")
    assert one[0]["webhook-id"] == two[0]["webhook-id"] == f"consequence_{first.id}"
    assert all(is_signed(headers, body, secret) for headers, body in listener.posts)
    said = json.loads(two[1])
    assert said["type"] == "sla.breached"
    assert said["data"] == {
        "ticket": 1,
        "metric": "first_response",
        "due_at": rfc3339(db.session().scalars(select(Clock.due_at)).one()),
        "offset_seconds": 0,
        "policy": 1,
        "queue": 1,
        "priority": "normal",
        "assignee": None,
    }
    row = db.session().scalars(select(Consequence), execution_options={"populate_existing": True}).one()
    assert (row.state, row.attempts, row.next_at) == (ConsequenceState.DONE, 2, None)


def test_a_post_into_our_own_network_is_refused_for_good(sqlite_app: Flask, late: Desk, listener: Listener) -> None:
    consequences.carry_out_some()

    row = db.session().scalars(select(Consequence)).one()
    assert (row.state, listener.posts) == (ConsequenceState.FAILED, [])
    assert "public internet" in row.reason or "port" in row.reason


def test_a_supervisor_reads_the_secret_of_an_address(client: FlaskClient) -> None:
    supervisor = Desk(client, make.agent(Role.SUPERVISOR))

    one, again, other = (
        supervisor.get(f"/sla/webhook-secret?url=https://hooks.example/{path}").json["secret"] for path in "aab"
    )

    assert one == again != other
    assert supervisor.get("/sla/webhook-secret?url=ftp://hooks.example").status_code == 422
