"""Every route by who asks: nobody, too narrow a token, an agent of another queue, too low a role.

The table names every route; a route that is not in it, or that declares no need, fails a test.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.auth import COOKIE, CSRF_HEADER, PREFIX, declared, is_public
from tests import make
from tests.api.desk import Desk
from ticketing.agents import RANK, SCOPES
from ticketing.envelope import Channel
from ticketing.models import Role
from ticketing.moment import rfc3339, utc_now
from ticketing.sessions import open_session
from ticketing.store import db
from ticketing.transaction import transaction

MAILBOX = {"host": "imap.example.com", "username": "kettles", "password": "drip"}
INBOX = {"address": "kettles@desk.example", "name": "Kettles", "queue": "Secret"}
NEW = {"subject": "The kettle leaks", "body": "It drips.", "customer": {"name": "Karim"}}


@dataclass(frozen=True)
class Route:
    """A route, a body that it takes, what a stranger to the ticket's queue gets, and the least role."""

    method: str
    path: str
    body: Any = None
    stranger: int = 200  # the status for an agent who does not work the queue
    owner: int = 200
    by_login: int = 0  # of the owner; 0: as by a token
    role: Role = Role.AGENT
    query: dict[str, str] = field(default_factory=dict)


TOMORROW = rfc3339(utc_now() + timedelta(days=1))  # later than the last test of a long run
TICKET = "/tickets/<id:ticket_id>"
CUSTOMER = "/customers/<id:customer_id>"
RECORDING = "/recordings/<id:recording_id>"
CALL = "/calls/<id:call_id>"
OF_CALENDAR = "/sla/calendars/<id:calendar_id>"
DESK = {"name": "Desk", "time_zone": "UTC", "weekly": {"mon": [["09:00", "17:00"]]}}
CANNED = "/canned-replies/<id:canned_reply_id>"
TEMPLATE = "/templates/<string(maxlength=60):name>/<string(maxlength=40):language>"
REPLAY = {"policies": [], "from": "2026-11-01T00:00:00Z", "to": "2026-11-08T00:00:00Z"}
STAFF = {"target_seconds": "20", "handle_seconds": "180"}
FIELD = {"subject": "ticket", "name": "model", "label": "Model", "kind": "text"}
POLICY = {"name": "Gold", "position": 2, "calendar": 1, "targets": {"resolution": {"allowance_seconds": 3600}}}
ROUTES = [
    Route("POST", "/tickets", NEW, stranger=201, owner=201),
    Route("GET", "/tickets"),
    Route("GET", TICKET, stranger=404),
    Route("PATCH", TICKET, {"priority": "high"}, stranger=404),
    Route("GET", f"{TICKET}/messages", stranger=404),
    Route("POST", "/attachments", stranger=415, owner=415),  # through, and then there is no file
    Route("GET", "/attachments/<id:attachment_id>", stranger=404),
    Route("GET", f"{TICKET}/recordings", stranger=404),
    Route("GET", RECORDING, stranger=404),
    Route("DELETE", RECORDING, owner=204, role=Role.SUPERVISOR),
    Route("GET", f"{RECORDING}/content", stranger=404),
    Route("PUT", f"{RECORDING}/transcript", {"text": "It drips."}, stranger=404),
    Route("GET", f"{TICKET}/draft", stranger=404),
    Route("PUT", f"{TICKET}/draft", {"body": "We"}, stranger=404),
    Route("DELETE", f"{TICKET}/draft", stranger=404, owner=204),
    Route("GET", "/agents/me/mentions"),
    Route("PUT", "/agents/me/mentions/<id:mention_id>/seen", stranger=404),
    Route("GET", "/canned-replies"),
    Route("POST", "/canned-replies", {"name": "Hello", "bodies": {"en": "Hello"}}, stranger=201, owner=201),
    Route("GET", CANNED, stranger=404),
    Route("PATCH", CANNED, {"name": "Other"}, stranger=404),
    Route("DELETE", CANNED, stranger=404, owner=204),
    Route("GET", f"{CANNED}/rendered", stranger=404, query={"ticket": "1"}),
    Route("GET", "/macros"),
    Route("POST", "/macros", {"name": "Now", "actions": [{"priority": "high"}]}, stranger=201, owner=201),
    Route("GET", "/macros/<id:macro_id>", stranger=404),
    Route("PATCH", "/macros/<id:macro_id>", {"name": "Other"}, stranger=404),
    Route("DELETE", "/macros/<id:macro_id>", stranger=404, owner=204),
    Route("POST", f"{TICKET}/macros/<id:macro_id>", stranger=404),
    Route("GET", "/templates"),
    Route("PUT", TEMPLATE, {"body": "Solved."}, role=Role.SUPERVISOR),
    Route("DELETE", TEMPLATE, owner=204, role=Role.SUPERVISOR),
    Route("GET", "/templates/<string(maxlength=60):name>/rendered", stranger=404, query={"ticket": "1"}),
    Route("POST", f"{TICKET}/replies", {"body": "We are on it."}, stranger=404, owner=201),
    Route("POST", f"{TICKET}/replies/preview", {"body": "We are on it."}, stranger=404),
    Route("POST", f"{TICKET}/notes", {"body": "Look."}, stranger=404, owner=201),
    Route("PUT", f"{TICKET}/assignment", {"agent": "me"}, stranger=404),
    Route("DELETE", f"{TICKET}/assignment", stranger=404),
    Route("PUT", f"{TICKET}/resolution", {}, stranger=404),
    Route("DELETE", f"{TICKET}/resolution", stranger=404),
    Route("GET", f"{TICKET}/events", stranger=404),
    Route("GET", "/events", stranger=503, owner=503),  # through, and then there is no Valkey; see test_stream.py
    Route("GET", f"{TICKET}/sla", stranger=404),
    Route("GET", f"{TICKET}/sla/explanation", stranger=404),
    Route("POST", f"{TICKET}/merge", {"into": 2}, stranger=404),
    Route("POST", f"{TICKET}/split", {"message": 1}, stranger=404, owner=201),
    Route("GET", f"{TICKET}/links", stranger=404),
    Route("GET", f"{TICKET}/participants", stranger=404),
    Route("POST", f"{TICKET}/links", {"kind": "duplicates", "ticket": 2}, stranger=404, owner=201),
    Route("DELETE", f"{TICKET}/links/<id:link_id>", stranger=404, owner=204),
    Route("PUT", f"{TICKET}/snooze", {"until": TOMORROW}, stranger=404),
    Route("DELETE", f"{TICKET}/snooze", stranger=404),
    Route("POST", "/tickets/bulk", {"ids": [1], "change": {"priority": "high"}}),
    Route("GET", "/tags"),
    Route("GET", "/queues"),
    Route("POST", "/queues", {"name": "Another"}, owner=201, role=Role.ADMIN),
    Route("PATCH", "/queues/<id:queue_id>", {"name": "Other"}, role=Role.ADMIN),
    Route("POST", "/queues/<id:queue_id>/next", stranger=404),
    Route("GET", "/queues/<id:queue_id>", stranger=404),
    Route("GET", "/queues/<id:queue_id>/board", stranger=404),
    Route("GET", "/queues/<id:queue_id>/line", stranger=404),
    Route("GET", f"{TICKET}/chats", stranger=404),
    Route("GET", f"{TICKET}/callbacks", stranger=404),
    Route("POST", f"{TICKET}/callbacks", {"number": "+15145550177"}, stranger=404, owner=409),  # one is owed
    Route("GET", "/callbacks"),
    Route("GET", "/callbacks/<id:callback_id>", stranger=404),
    Route("PATCH", "/callbacks/<id:callback_id>", {"number": "+15145550178"}, stranger=404),
    Route("DELETE", "/callbacks/<id:callback_id>", stranger=404),
    Route("POST", "/callbacks/<id:callback_id>/attempts", stranger=404, owner=409),  # nothing can ring for them
    Route("GET", "/calls"),
    Route("GET", CALL, stranger=404),
    Route("GET", f"{TICKET}/calls", stranger=404),
    Route("POST", f"{TICKET}/calls", stranger=404, owner=409),  # nothing can ring for them
    Route("POST", f"{CALL}/answer", stranger=404, owner=409),  # they speak already
    Route("POST", f"{CALL}/end", stranger=404),
    Route("POST", f"{CALL}/hold", stranger=404),
    Route("POST", f"{CALL}/unhold", stranger=404),
    Route("POST", f"{CALL}/transfer", {"to": {"queue": "Secret"}}, stranger=404),
    Route("PUT", f"{CALL}/transfer", stranger=404, owner=409),  # nobody was asked
    Route("DELETE", f"{CALL}/transfer", stranger=404),
    *(Route("POST", f"{CALL}/{how}", owner=409, role=Role.SUPERVISOR) for how in ("listen", "whisper", "join")),
    Route("POST", f"{CALL}/leave", stranger=404, owner=409),  # the customer would be alone
    Route("POST", f"{CALL}/wrap-up", {"outcome": "New kettle"}, stranger=404, owner=201),
    Route("GET", "/agents/me/device"),
    Route("PUT", "/agents/me/device", {"kind": "browser"}),
    Route("DELETE", "/agents/me/device"),
    Route("POST", "/agents/me/phone-token", stranger=201, owner=201),
    Route("PUT", "/agents/me/wrap-up", {"seconds": 60}),
    Route("DELETE", "/agents/me/wrap-up"),
    Route("GET", f"{TICKET}/onlookers", stranger=404),
    Route("PUT", f"{TICKET}/onlookers/me", {"typing": True}, stranger=404),
    Route("DELETE", f"{TICKET}/onlookers/me", stranger=404, owner=204),
    Route("GET", "/inboxes"),
    Route("POST", "/inboxes", {**INBOX, "channel": "email"}, owner=201, role=Role.ADMIN),
    Route("GET", "/inboxes/<id:inbox_id>", stranger=404),
    Route("PATCH", "/inboxes/<id:inbox_id>", {"name": "Other"}, role=Role.ADMIN),
    Route("POST", "/inboxes/<id:inbox_id>/secret", owner=201, role=Role.ADMIN),
    Route("GET", "/inboxes/<id:inbox_id>/mailbox", role=Role.ADMIN),
    Route("PUT", "/inboxes/<id:inbox_id>/mailbox", MAILBOX, role=Role.ADMIN),
    Route("DELETE", "/inboxes/<id:inbox_id>/mailbox", owner=204, role=Role.ADMIN),
    Route("GET", "/agents"),
    Route("POST", "/agents", {"email": "new@desk.example", "name": "New"}, owner=201, role=Role.ADMIN),
    Route("GET", "/agents/me"),
    Route("PUT", "/agents/me/presence", {"status": "online"}),
    Route("GET", "/agents/<id:agent_id>"),
    Route("PATCH", "/agents/<id:agent_id>", {"skills": ["french"]}, role=Role.SUPERVISOR),
    Route("GET", "/agents/<id:agent_id>/presence"),
    Route("GET", "/alerts"),
    Route("PUT", "/alerts/read", {"up_to": 1}),
    Route("PUT", "/alerts/<id:alert_id>/read", stranger=404),
    Route("GET", "/agents/me/alert-preferences"),
    Route("PUT", "/agents/me/alert-preferences", {"mail": True}),
    Route("GET", "/sla/webhook-secret", query={"url": "https://hooks.example/late"}, role=Role.SUPERVISOR),
    Route("GET", "/search", query={"q": "kettle"}),
    Route("GET", "/views"),
    Route("POST", "/views", {"name": "Mine"}, stranger=201, owner=201),
    Route("GET", "/views/counts"),
    Route("GET", "/views/<id:view_id>", stranger=404),
    Route("PATCH", "/views/<id:view_id>", {"name": "Other"}, stranger=404),
    Route("DELETE", "/views/<id:view_id>", stranger=404, owner=204),
    Route("GET", "/views/<id:view_id>/tickets", stranger=404),
    Route("GET", "/tokens"),
    Route("POST", "/tokens", {"name": "script"}, stranger=201, owner=201),
    Route("DELETE", "/tokens/<id:token_id>", stranger=404, owner=204),
    Route("GET", "/session"),
    Route("DELETE", "/session", stranger=409, owner=409, by_login=204),  # by a token there is nothing to log out of
    Route("GET", "/sessions"),
    Route("DELETE", "/sessions/<id:session_id>", stranger=404, owner=204),
    Route("GET", "/account"),
    Route("PUT", "/account/password", {"current": make.PASSWORD, "new": "a long sentence"}, stranger=409, owner=204),
    Route("POST", "/account/totp", {"password": make.PASSWORD}, stranger=409, owner=201),
    Route("PUT", "/account/totp", {"code": "123456"}, stranger=409, owner=409),
    Route("DELETE", "/account/totp", {"password": make.PASSWORD, "code": "123456"}, stranger=409, owner=409),
    Route("POST", "/agents/<id:agent_id>/invitation", owner=201, role=Role.ADMIN),
    Route("DELETE", "/agents/<id:agent_id>/totp", owner=404, role=Role.ADMIN),
    Route("GET", "/agents/<id:agent_id>/tokens", role=Role.ADMIN),
    Route("GET", "/audit", role=Role.ADMIN),
    Route("GET", "/customers"),
    Route("POST", "/customers", {"name": "Karim"}, stranger=201, owner=201),
    Route("GET", "/customers.csv"),
    Route("GET", CUSTOMER, stranger=404),
    Route("PATCH", CUSTOMER, {"language": "fr"}, stranger=404),
    Route("POST", f"{CUSTOMER}/handles", {"kind": "phone", "address": "+15145550199"}, stranger=404, owner=201),
    Route("DELETE", f"{CUSTOMER}/handles/<id:handle_id>", stranger=404, owner=204),
    Route("DELETE", f"{CUSTOMER}/handles/<id:handle_id>/unreachability", stranger=404, owner=204),
    Route("DELETE", f"{CUSTOMER}/handles/<id:handle_id>/opt-outs/<id:inbox_id>", stranger=404, owner=204),
    Route("PUT", f"{CUSTOMER}/handles/<id:handle_id>/block", {"reason": "Threatens."}, stranger=404),
    Route("DELETE", f"{CUSTOMER}/handles/<id:handle_id>/block", stranger=404, owner=204),
    Route("PUT", f"{CUSTOMER}/consents/<channel>", {"given": False}, stranger=404),
    Route("GET", f"{CUSTOMER}/duplicates", stranger=404),
    Route("POST", f"{CUSTOMER}/merge", {"into": 2}, stranger=404),
    Route("POST", f"{CUSTOMER}/unmerge", stranger=404),
    Route("GET", f"{CUSTOMER}/merges", stranger=404),
    Route("GET", f"{CUSTOMER}/timeline", stranger=404),
    Route("GET", f"{CUSTOMER}/export", role=Role.SUPERVISOR),
    Route("POST", f"{CUSTOMER}/erasure", role=Role.ADMIN),
    Route("GET", "/fields"),
    Route("POST", "/fields", FIELD, owner=201, role=Role.SUPERVISOR),
    Route("PATCH", "/fields/<id:field_id>", {"label": "Other"}, role=Role.SUPERVISOR),
    Route("DELETE", "/fields/<id:field_id>", owner=204, role=Role.SUPERVISOR),
    Route("GET", "/tickets.csv"),
    Route("GET", "/sla/calendars"),
    Route("POST", "/sla/calendars", {**DESK, "name": "Another"}, owner=201, role=Role.SUPERVISOR),
    Route("GET", OF_CALENDAR),
    Route("PUT", OF_CALENDAR, DESK, role=Role.SUPERVISOR),
    Route("DELETE", OF_CALENDAR, owner=204, role=Role.SUPERVISOR),
    Route("GET", f"{OF_CALENDAR}/versions"),
    Route("GET", f"{OF_CALENDAR}/preview", query={"from": "2026-11-18T00:00:00Z", "to": "2026-11-19T00:00:00Z"}),
    Route("POST", f"{OF_CALENDAR}/import", owner=415, role=Role.SUPERVISOR),  # through, and then there is no file
    Route("DELETE", f"{OF_CALENDAR}/import", query={"name": "Works"}, role=Role.SUPERVISOR),
    Route("GET", f"{OF_CALENDAR}/feeds", role=Role.SUPERVISOR),
    Route("POST", f"{OF_CALENDAR}/feeds", {"url": "https://feeds.example/"}, owner=201, role=Role.SUPERVISOR),
    Route("GET", f"{OF_CALENDAR}/feeds/<id:feed_id>", role=Role.SUPERVISOR),
    Route("DELETE", f"{OF_CALENDAR}/feeds/<id:feed_id>", role=Role.SUPERVISOR),
    Route("GET", "/sla/holidays"),
    Route("GET", "/sla/policies"),
    Route("POST", "/sla/policies", {**POLICY, "name": "Another"}, owner=201, role=Role.SUPERVISOR),
    Route("GET", "/sla/policies/<id:policy_id>"),
    Route("PUT", "/sla/policies/<id:policy_id>", POLICY, role=Role.SUPERVISOR),
    Route("DELETE", "/sla/policies/<id:policy_id>", owner=204, role=Role.SUPERVISOR),
    Route("GET", "/sla/policies/<id:policy_id>/versions"),
    Route("GET", "/sla/rearmings", role=Role.SUPERVISOR),
    Route("GET", "/sla/rearmings/<id:rearming_id>", role=Role.SUPERVISOR),
    Route("GET", "/sla/replays", role=Role.SUPERVISOR),
    Route("POST", "/sla/replays", REPLAY, owner=202, role=Role.SUPERVISOR),
    Route("GET", "/sla/replays/<id:replay_id>", role=Role.SUPERVISOR),
    Route("DELETE", "/sla/replays/<id:replay_id>", owner=204, role=Role.SUPERVISOR),
    Route("GET", "/sla/replays/<id:replay_id>/tickets", role=Role.SUPERVISOR),
    Route("GET", "/sla/policies/<id:policy_id>/comparison", owner=404, role=Role.SUPERVISOR),  # it is no shadow
    Route("POST", "/sla/policies/<id:policy_id>/comparison", owner=409, role=Role.SUPERVISOR),
    Route("GET", "/reports/staffing", query=STAFF, role=Role.SUPERVISOR),
    Route("GET", "/reports/staffing.csv", query=STAFF, role=Role.SUPERVISOR),
    Route("GET", f"{TICKET}/promises", stranger=404),
    Route("POST", f"{TICKET}/promises", {"words": "A call", "due_at": TOMORROW}, stranger=404, owner=201),
    Route("GET", "/promises"),
    Route("PUT", "/promises/<id:promise_id>/fulfilment", stranger=404),
    Route("DELETE", "/promises/<id:promise_id>", stranger=404),
    *(
        Route("GET", f"/reports/{report}{form}", role=Role.SUPERVISOR)
        for report in ("sla", "waits", "sunday-map")
        for form in ("", ".csv", ".svg")
    ),
]
Houses = Callable[[Role], "House"]
EVERY = pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")


class House:
    """A desk with a queue of its own members, one ticket in it, an inbox, and one token to revoke."""

    def __init__(self, client: FlaskClient, role: Role) -> None:
        self.client = client
        self.owner = make.agent(role, name="Ada")
        queue = make.queue("Secret", members=[self.owner])
        inbox = make.inbox(Channel.EMAIL, queue=queue)
        make.mailbox(inbox)
        make.token(self.owner)
        self.ticket = make.ticket(queue=queue, tags=["secret"])
        make.message(self.ticket)
        other = make.ticket(queue=queue)  # ticket 2
        make.draft(self.ticket, self.owner)
        make.opt_out(self.ticket.customer.handles[0], inbox)
        make.merged(into=self.ticket.customer, name="Solo")  # customer 2, and after that one more to merge with
        policy = make.policy()
        calendar = make.calendar()
        self._ids = {
            "<id:ticket_id>": self.ticket.id,
            "<id:customer_id>": self.ticket.customer_id,
            "<id:handle_id>": self.ticket.customer.handles[0].id,
            "<channel>": "email",
            "<id:field_id>": make.field("colour", required=False).id,
            "<id:link_id>": make.link(self.ticket, other).id,
            "<id:queue_id>": queue.id,
            "<id:policy_id>": policy.id,
            "<id:calendar_id>": calendar.id,
            "<id:feed_id>": make.feed(calendar).id,
            "<id:rearming_id>": make.rearming().id,
            "<id:replay_id>": make.replay().id,
            "<id:promise_id>": make.promise(self.ticket, self.owner, "Another kettle").id,
            "<id:callback_id>": make.callback(self.ticket, "+15145550177").id,
            "<id:inbox_id>": inbox.id,
            "<id:agent_id>": self.owner.id,
            "<id:token_id>": 1,
            "<id:session_id>": make.login(self.owner).row.id,
            "<id:view_id>": make.view(self.owner, name="Secret view").id,
            "<id:attachment_id>": make.attachment(self.ticket).id,
            "<id:recording_id>": make.recording(self.ticket).id,
            "<id:call_id>": make.talk(other, self.owner).id,
            "<id:mention_id>": make.mention(self.ticket, self.owner).id,
            "<id:canned_reply_id>": make.canned_reply(self.owner, name="Secret words").id,
            "<id:macro_id>": make.macro(self.owner, name="Secret macro").id,
            "<id:alert_id>": make.alert(self.ticket, self.owner).id,
            "<string(maxlength=60):name>": "solved",
            "<string(maxlength=40):language>": make.wording("solved", "fr").language,
        }

    def call(self, route: Route, headers: dict[str, str]) -> Any:
        path = route.path
        for name, value in self._ids.items():
            path = path.replace(name, str(value))
        asked = {"method": route.method, "json": route.body, "query_string": route.query}
        return self.client.open(f"/api/v1{path}", headers=headers, buffered=True, **asked)


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    return sqlite_app.test_client()


@pytest.fixture(scope="module")
def built() -> Iterator[dict[Role, tuple[House, Path]]]:
    """The houses built so far, each with a copy of its data folder."""
    houses: dict[Role, tuple[House, Path]] = {}
    yield houses
    for _, copy in houses.values():
        shutil.rmtree(copy)


@pytest.fixture
def house_of(
    sqlite_app: Flask,
    client: FlaskClient,
    built: dict[Role, tuple[House, Path]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[Role], House]:
    """Make a house whose owner has a role: built once, then copied."""
    folder = sqlite_app.extensions["comptoir.settings"].data_dir

    def make_house(role: Role) -> House:
        ready = built.get(role)
        house, copy = ready or (House(client, role), tmp_path_factory.mktemp(role) / "data")
        db.session.remove()
        db.engine.dispose()  # nothing is left in a write-ahead log
        if ready is None:
            built[role] = house, shutil.copytree(folder, copy)
        else:
            shutil.rmtree(folder)
            shutil.copytree(copy, folder)
            house.client = client
        return house

    return make_house


def test_the_table_has_every_route(sqlite_app: Flask) -> None:
    methods = {"GET", "POST", "PUT", "PATCH", "DELETE"}
    served = {
        (method, rule.rule.removeprefix("/api/v1"))
        for rule in sqlite_app.url_map.iter_rules()
        if rule.rule.startswith(PREFIX)
        for method in (rule.methods or set()) & methods
        if not is_public(rule.endpoint, method)
    }

    assert served == {(route.method, route.path) for route in ROUTES}


def test_every_route_declares_what_it_needs(sqlite_app: Flask) -> None:
    for rule in sqlite_app.url_map.iter_rules():
        if rule.rule.startswith(PREFIX):
            for method in {one for one in rule.methods or () if one != "OPTIONS" and not is_public(rule.endpoint, one)}:
                needs = declared(rule.endpoint, method)
                assert needs is not None, rule
                assert needs.scope in SCOPES, rule


def test_a_route_that_declares_nothing_is_nobodys(
    sqlite_app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = Desk(client, make.agent(Role.ADMIN))
    monkeypatch.setitem(sqlite_app.view_functions, "agents.Me", lambda: "an oversight")

    answer = admin.get("/agents/me")

    assert answer.status_code == 403


@EVERY
def test_nobody_gets_401(house_of: Houses, route: Route) -> None:
    answer = house_of(Role.ADMIN).call(route, {})

    assert answer.status_code == 401
    assert answer.json["code"] == "not_authenticated"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@EVERY
def test_whoever_works_the_queue_gets_through(house_of: Houses, route: Route) -> None:
    house = house_of(route.role)

    answer = house.call(route, make.bearer(house.owner))

    assert answer.status_code == route.owner, answer.json


@EVERY
def test_a_login_gets_through_too_but_changes_nothing_without_its_csrf_token(
    client: FlaskClient, house_of: Houses, route: Route
) -> None:
    house = house_of(route.role)
    with transaction("test"):
        opened = open_session(house.owner.id, method="password", user_agent="a browser", at=utc_now())
    client.set_cookie(COOKIE, opened.cookie)

    bare = house.call(route, {})
    whole = house.call(route, {CSRF_HEADER: opened.csrf_token})

    if route.method != "GET":
        assert (bare.status_code, bare.json["code"]) == (403, "csrf_failed")
    assert whole.status_code == (route.by_login or route.owner), whole.json


@EVERY
def test_an_agent_of_another_queue_does_not_learn_of_it(house_of: Houses, route: Route) -> None:
    house = house_of(Role.ADMIN)
    stranger = make.agent(name="Mallory")
    make.queue("Elsewhere", members=[stranger])

    answer = house.call(route, make.bearer(stranger))

    expected = 403 if route.role is not Role.AGENT else route.stranger
    assert answer.status_code == expected, answer.json
    if route.method == "GET" and answer.status_code == 200:
        assert "Secret" not in answer.text
        assert "kettle" not in answer.text


@EVERY
def test_too_narrow_a_token_gets_403(sqlite_app: Flask, house_of: Houses, route: Route) -> None:
    house = house_of(Role.ADMIN)
    for scope in SCOPES:
        answer = house.call(route, make.bearer(house.owner, scopes=[scope]))
        if answer.status_code != 403:
            assert scope == _needed(sqlite_app, route)

    others = [scope for scope in SCOPES if scope != _needed(sqlite_app, route)]
    assert house.call(route, make.bearer(house.owner, scopes=others)).status_code == 403


@pytest.mark.parametrize(
    ("route", "role"),
    [
        pytest.param(r, role, id=f"{r.method} {r.path}-{role}")
        for r in ROUTES
        for role in Role
        if RANK[role] < RANK[r.role]
    ],
)
def test_too_low_a_role_gets_403(house_of: Houses, route: Route, role: Role) -> None:
    house = house_of(role)

    answer = house.call(route, make.bearer(house.owner))

    assert answer.status_code == 403
    assert f"needs the role {route.role}" in answer.json["detail"]


def test_an_assignee_sees_a_ticket_of_a_queue_that_is_not_theirs(client: FlaskClient, house_of: Houses) -> None:
    house = house_of(Role.AGENT)
    guest = Desk(client)
    Desk(client, house.owner).put(f"/tickets/{house.ticket.id}/assignment", {"agent": guest.agent.id})

    assert guest.get(f"/tickets/{house.ticket.id}").status_code == 200
    assert [one["id"] for one in guest.get("/tickets").json["items"]] == [house.ticket.id]


def _needed(app: Flask, route: Route) -> str:
    rule = next(
        rule
        for rule in app.url_map.iter_rules()
        if rule.rule == f"/api/v1{route.path}" and route.method in (rule.methods or ())
    )
    needs = declared(rule.endpoint, route.method)
    return needs.scope if needs else ""
