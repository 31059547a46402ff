"""People log in: by a password that is slow to guess, in a browser that only their own page can use."""

from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.pagination import write_cursor
from config.settings import Rate
from tests import make
from tests.api.desk import Desk, admin
from ticketing import credentials, passwords, sessions
from ticketing.models import Agent, AuditEntry, Credential, LoginSession, Role
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

WRONG = "not the right one"


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    return sqlite_app.test_client()


def person(role: Role = Role.AGENT, **values: str) -> Agent:
    agent = make.agent(role, **values)
    make.password(agent)
    return agent


def log_in(client: FlaskClient, agent: Agent, password: str = make.PASSWORD, **values: str) -> TestResponse:
    return client.post("/api/v1/session", json={"email": agent.email, "password": password, **values})


def locked_until(agent: Agent) -> timedelta | None:
    row = db.session().get(Credential, agent.id, populate_existing=True)
    return row.locked_until - utc_now() if row and row.locked_until else None


def unlock(agent: Agent) -> None:
    with transaction("test") as session:
        session.get_one(Credential, agent.id, populate_existing=True).locked_until = None


def test_who_knows_the_password_gets_a_cookie_that_pages_cannot_read(app: Flask) -> None:
    ada = person()

    answer = log_in(app.test_client(), ada)

    assert answer.status_code == 201
    assert answer.json["agent"]["id"] == ada.id
    cookie = answer.headers.getlist("Set-Cookie")[0]
    assert cookie.startswith("comptoir_session=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert make.PASSWORD not in answer.text


def test_over_https_the_cookie_is_for_https_only(sqlite_app: Flask, client: FlaskClient) -> None:
    change(sqlite_app, public_url="https://desk.example")

    answer = log_in(client, person())

    assert all("; Secure" in cookie for cookie in answer.headers.getlist("Set-Cookie"))


def change(app: Flask, **values: object) -> None:
    app.extensions["comptoir.settings"] = replace(app.extensions["comptoir.settings"], **values)


def test_the_cookie_reads_and_says_who_one_is(client: FlaskClient) -> None:
    ada = person()
    csrf_token = log_in(client, ada).json["csrf_token"]

    answer = client.get("/api/v1/session")

    assert answer.json["agent"]["email"] == ada.email
    assert answer.json["csrf_token"] == csrf_token


def test_a_token_says_who_one_is_too(client: FlaskClient) -> None:
    desk = Desk(client)

    answer = desk.get("/session")

    assert (answer.json["agent"]["id"], answer.json["csrf_token"]) == (desk.agent.id, None)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-CSRF-Token": "0" * 64},
        {"X-CSRF-Token": "right", "Origin": "https://evil.example"},
        {"X-CSRF-Token": "right", "Origin": "null"},
        {"X-CSRF-Token": "right", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_another_page_cannot_change_anything_with_the_cookie(client: FlaskClient, headers: dict[str, str]) -> None:
    right = log_in(client, person()).json["csrf_token"]
    sent = {name: right if value == "right" else value for name, value in headers.items()}

    answer = client.post("/api/v1/tokens", json={"name": "stolen"}, headers=sent)

    assert (answer.status_code, answer.json["code"]) == (403, "csrf_failed")


def test_our_own_page_changes_things_with_the_cookie_and_its_token(client: FlaskClient) -> None:
    token = log_in(client, person()).json["csrf_token"]
    headers = {"X-CSRF-Token": token, "Origin": "http://desk.example", "Sec-Fetch-Site": "same-origin"}

    answer = client.post("/api/v1/tokens", json={"name": "mine"}, headers=headers)

    assert answer.status_code == 201, answer.json


def test_beside_a_token_the_cookie_says_nothing(client: FlaskClient) -> None:
    log_in(client, person())
    other = make.agent()

    answer = client.get("/api/v1/agents/me", headers=make.bearer(other))
    refused = client.get("/api/v1/agents/me", headers={"Authorization": "Bearer nonsense"})

    assert answer.json["id"] == other.id
    assert refused.status_code == 401


def test_another_page_cannot_log_anybody_in(client: FlaskClient) -> None:
    ada = person()

    answer = client.post(
        "/api/v1/session",
        json={"email": ada.email, "password": make.PASSWORD},
        headers={"Origin": "https://evil.example"},
    )

    assert answer.status_code == 403


def test_an_unknown_address_is_refused_in_the_same_words_and_with_the_same_wait(client: FlaskClient) -> None:
    ada = person()
    nobody = Agent(email="nobody@desk.example")

    known = [log_in(client, ada, WRONG) for _ in range(3)]
    unknown = [log_in(client, nobody, WRONG) for _ in range(3)]

    assert [one.status_code for one in known + unknown] == [401] * 6
    assert {(one.json["code"], one.json["detail"]) for one in known} == {
        (one.json["code"], one.json["detail"]) for one in unknown
    }
    assert known[0].headers["Retry-After"] == unknown[0].headers["Retry-After"] == "1"


def test_somebody_without_a_password_is_refused_like_a_stranger(client: FlaskClient) -> None:
    answer = log_in(client, make.agent())

    assert (answer.status_code, answer.json["code"]) == (401, "login_failed")
    assert answer.headers["Retry-After"] == "1"


def test_each_failure_in_a_row_doubles_the_wait_up_to_a_quarter_of_an_hour(app: Flask) -> None:
    ada, client, waits = person(), app.test_client(), []

    for _ in range(4):
        waits.append(log_in(client, ada, WRONG).headers["Retry-After"])
        unlock(ada)

    assert waits == ["1", "2", "4", "8"]
    assert credentials.wait_after(60) == timedelta(minutes=15)


def test_while_locked_the_right_password_is_refused_like_a_wrong_one(client: FlaskClient) -> None:
    ada = person()
    for _ in range(4):
        log_in(client, ada, WRONG)
        unlock(ada)
    log_in(client, ada, WRONG)

    right, wrong = log_in(client, ada), log_in(client, ada, WRONG)

    assert (right.status_code, right.json["detail"]) == (401, wrong.json["detail"])
    assert 10 <= int(right.headers["Retry-After"]) <= 16
    assert "Set-Cookie" not in right.headers


def test_a_lock_ends_by_itself_and_a_login_forgives(client: FlaskClient) -> None:
    ada = person()
    log_in(client, ada, WRONG)
    unlock(ada)

    answer = log_in(client, ada)

    assert answer.status_code == 201
    row = db.session().get_one(Credential, ada.id, populate_existing=True)
    assert (row.failures, row.locked_until) == (0, None)


def test_a_stranger_cannot_lock_out_the_browser_from_which_somebody_came_before(
    sqlite_app: Flask, client: FlaskClient
) -> None:
    ada = person()
    log_in(client, ada)
    stranger = sqlite_app.test_client()
    for _ in range(6):
        log_in(stranger, ada, WRONG)
        unlock(ada)
    log_in(stranger, ada, WRONG)

    assert locked_until(ada)
    assert log_in(stranger, ada).status_code == 401
    assert log_in(client, ada).status_code == 201


def test_a_known_browser_does_not_guess_for_ever_either(client: FlaskClient) -> None:
    ada = person()
    log_in(client, ada)

    for _ in range(11):
        log_in(client, ada, WRONG)

    assert locked_until(ada)


def test_a_device_cookie_of_one_agent_opens_no_other_account(client: FlaskClient) -> None:
    log_in(client, person())
    grace = person(name="Grace")

    log_in(client, grace, WRONG)

    assert locked_until(grace)


def test_whoever_has_left_is_out_at_once(client: FlaskClient) -> None:
    ada = person()
    log_in(client, ada)
    with transaction("test") as session:
        session.get_one(Agent, ada.id).is_active = False

    assert client.get("/api/v1/session").status_code == 401
    assert log_in(client, ada).status_code == 401


@pytest.mark.parametrize(
    ("ago", "status"),
    [
        (timedelta(hours=11), 200),
        (sessions.IDLE, 401),
    ],
)
def test_a_login_ends_after_twelve_idle_hours(client: FlaskClient, ago: timedelta, status: int) -> None:
    log_in(client, person())
    with transaction("test") as session:
        session.query(LoginSession).update({"seen_at": utc_now() - ago})

    assert client.get("/api/v1/session").status_code == status


def test_a_login_ends_after_thirty_days_however_busy(client: FlaskClient) -> None:
    log_in(client, person())
    with transaction("test") as session:
        session.query(LoginSession).update({"expires_at": utc_now()})

    assert client.get("/api/v1/session").status_code == 401


def test_being_seen_is_written_down_once_a_minute(client: FlaskClient) -> None:
    log_in(client, person())
    before = utc_now() - timedelta(seconds=61)
    with transaction("test") as session:
        session.query(LoginSession).update({"seen_at": before})
    client.get("/api/v1/session")
    first = db.session().query(LoginSession.seen_at).scalar()
    db.session().rollback()
    client.get("/api/v1/session")

    assert first > before
    assert db.session().query(LoginSession.seen_at).scalar() == first


def test_logging_out_ends_the_login(client: FlaskClient) -> None:
    token = log_in(client, person()).json["csrf_token"]
    stolen = client.get_cookie("comptoir_session")

    answer = client.delete("/api/v1/session", headers={"X-CSRF-Token": token})

    assert answer.status_code == 204
    assert client.get_cookie("comptoir_session") is None
    client.set_cookie("comptoir_session", stolen.value if stolen else "")
    assert client.get("/api/v1/session").status_code == 401


def test_other_logins_are_listed_and_ended(sqlite_app: Flask, client: FlaskClient) -> None:
    ada = person()
    phone = sqlite_app.test_client()
    log_in(phone, ada)
    token = log_in(client, ada).json["csrf_token"]
    listed = client.get("/api/v1/sessions").json["items"]

    answer = client.delete(f"/api/v1/sessions/{listed[0]['id']}", headers={"X-CSRF-Token": token})

    assert len(listed) == 2
    assert answer.status_code == 204
    assert phone.get("/api/v1/session").status_code == 401
    assert client.get("/api/v1/session").status_code == 200


def test_a_new_password_ends_all_other_logins(sqlite_app: Flask, client: FlaskClient) -> None:
    ada = person()
    phone = sqlite_app.test_client()
    log_in(phone, ada)
    token = log_in(client, ada).json["csrf_token"]

    answer = client.put(
        "/api/v1/account/password",
        json={"current": make.PASSWORD, "new": "twelve kettles drip"},
        headers={"X-CSRF-Token": token},
    )

    assert answer.status_code == 204
    assert phone.get("/api/v1/session").status_code == 401
    assert client.get("/api/v1/session").status_code == 200
    assert log_in(phone, ada).status_code == 401
    unlock(ada)
    assert log_in(phone, ada, "twelve kettles drip").status_code == 201


def test_a_thief_of_a_login_cannot_try_passwords_for_long(client: FlaskClient) -> None:
    desk = Desk(client, person())
    asked = {"current": WRONG, "new": "twelve kettles drip"}

    statuses = [desk.put("/account/password", asked).status_code for _ in range(7)]

    assert statuses == [403] * 5 + [429] * 2


@pytest.mark.parametrize(
    "password",
    ["short", "x" * 129, "aaaaaaaaaaaa", "password1234", "Ada Lovelace-King", "ADA.LOVELACE@desk.example", "1" * 12],
)
def test_a_password_that_anybody_would_try_is_refused(client: FlaskClient, password: str) -> None:
    desk = Desk(client, person(name="Ada Lovelace-King", email="ada.lovelace@desk.example"))

    answer = desk.put("/account/password", {"current": make.PASSWORD, "new": password})

    assert answer.status_code == 422, answer.json


def test_a_password_is_the_same_however_its_letters_are_composed() -> None:
    kept = passwords.hashed("café à la crème")

    assert passwords.is_right("cafe\u0301 a\u0300 la cre\u0300me", kept)
    assert not passwords.is_right("cafe a la creme", kept)
    assert not passwords.is_right("nobody's password", None)


def test_a_password_hashed_in_an_older_way_is_hashed_anew(client: FlaskClient) -> None:
    from argon2 import PasswordHasher

    ada = make.agent()
    with transaction("test") as session:
        old = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(make.PASSWORD)
        credentials.set_password(session.get_one(Agent, ada.id), old, by=make.SYSTEM, at=utc_now())

    assert log_in(client, ada).status_code == 201
    row = db.session().get_one(Credential, ada.id, populate_existing=True)
    assert not passwords.is_dated(row.password_hash or "")
    assert log_in(client, ada).status_code == 201


def test_an_invitation_sets_a_password_once(app: Flask) -> None:
    client, ada = app.test_client(), make.agent()
    invitation = admin(client).post(f"/agents/{ada.id}/invitation").json
    asked = {"token": invitation["token"], "password": make.PASSWORD}

    first = client.post("/api/v1/invitations", json=asked)
    second = client.post("/api/v1/invitations", json=asked)

    assert (first.status_code, second.status_code) == (204, 404)
    assert log_in(client, ada).status_code == 201


def test_an_invitation_ends_when_the_password_is_set_otherwise(client: FlaskClient) -> None:
    ada = make.agent()
    token = admin(client).post(f"/agents/{ada.id}/invitation").json["token"]
    make.password(ada)

    answer = client.post("/api/v1/invitations", json={"token": token, "password": make.PASSWORD})

    assert answer.status_code == 404


@pytest.mark.parametrize("token", ["x", "W10.abc", "…", "a.b.c"])
def test_a_forged_invitation_is_none(client: FlaskClient, token: str) -> None:
    answer = client.post("/api/v1/invitations", json={"token": token, "password": make.PASSWORD})

    assert answer.status_code == 404


def test_failed_logins_from_one_address_are_limited_and_good_ones_are_not(
    sqlite_app: Flask, client: FlaskClient
) -> None:
    change(sqlite_app, login_rate_limit=Rate(3, 3600))
    people = [person() for _ in range(5)]

    good = [log_in(client, one).status_code for one in people]
    bad = [log_in(client, one, WRONG).status_code for one in people]
    elsewhere = client.post(
        "/api/v1/session",
        json={"email": people[0].email, "password": make.PASSWORD},
        environ_overrides={"REMOTE_ADDR": "192.0.2.7"},
    )

    assert good == [201] * 5
    assert bad == [401] * 3 + [429] * 2
    assert elsewhere.status_code != 429


@pytest.mark.parametrize(
    "body",
    [
        {"email": 1, "password": make.PASSWORD},
        {"email": "ada@desk.example"},
        {"email": "ada@desk.example", "password": ""},
        {"email": "ada@desk.example", "password": "x" * 2000},
        {"email": "ada@desk.example", "password": make.PASSWORD, "code": 123456},
        {"email": "ada@desk.example", "password": make.PASSWORD, "remember": True},
        [],
        "ada",
    ],
)
def test_what_makes_no_sense_is_refused_with_422(client: FlaskClient, body: object) -> None:
    assert client.post("/api/v1/session", json=body).status_code == 422


@pytest.mark.parametrize("email", ["no address", "\ufffe@\u202e", "a@b" * 80, "'; DROP TABLE agent; --@x"])
def test_an_odd_address_is_nobodys(client: FlaskClient, email: str) -> None:
    answer = client.post("/api/v1/session", json={"email": email[:254], "password": WRONG})

    assert answer.status_code in {400, 401}


def test_the_audit_tells_of_logins_without_what_was_typed(app: Flask) -> None:
    client, ada = app.test_client(), person()
    client.post("/api/v1/session", json={"email": "karim@secret.example", "password": WRONG})
    log_in(client, ada, WRONG)
    unlock(ada)
    log_in(client, ada)
    grace = admin(client)

    items = grace.get("/audit").json["items"]

    told = [(one["kind"], one["subject"]["id"], one["data"], one["address"]) for one in items]
    assert told[:3] == [
        ("login_succeeded", ada.id, {"method": "password"}, "127.0.0.1"),
        ("login_failed", ada.id, {"reason": "wrong_password"}, "127.0.0.1"),
        ("login_failed", None, {"reason": "unknown_address"}, "127.0.0.1"),
    ]
    assert "karim" not in grace.get("/audit").text


def test_the_audit_is_filtered_and_paged(client: FlaskClient) -> None:
    grace = admin(client)
    made = [grace.post("/tokens", {"name": f"script {number}"}).json["id"] for number in range(5)]
    grace.delete(f"/tokens/{made[0]}")

    first = grace.get("/audit?kind=token_made&limit=3").json
    rest = grace.get(f"/audit?kind=token_made&limit=3&after={first['next']}").json
    about = grace.get(f"/audit?subject=token&subject_id={made[0]}").json["items"]
    later = grace.get("/audit", query_string={"from": "2100-01-01T00:00:00Z"}).json["items"]

    assert [one["subject"]["id"] for one in first["items"] + rest["items"]] == made[::-1]
    assert rest["next"] is None
    assert [one["kind"] for one in about] == ["token_revoked", "token_made"]
    assert [one["actor"]["id"] for one in about] == [grace.agent.id] * 2
    assert later == []


@pytest.mark.parametrize(
    "query",
    [
        *("from=yesterday", "from=2026-01-01T00:00:00", "actor=0", "kind=", "after=x", "x=1"),
        *("from=0001-01-01T00:00:00%2B14:00", "to=9999-12-31T23:59:59-14:00", f"after={write_cursor(['id', True])}"),
    ],
)
def test_an_odd_question_to_the_audit_is_refused(client: FlaskClient, query: str) -> None:
    assert admin(client).get(f"/audit?{query}").status_code == 422


def test_an_admin_sees_and_revokes_the_tokens_of_others(client: FlaskClient) -> None:
    desk, grace = Desk(client), admin(client)

    listed = grace.get(f"/agents/{desk.agent.id}/tokens").json["items"]
    grace.delete(f"/tokens/{listed[0]['id']}")

    assert len(listed) == 1
    assert desk.get("/agents/me").status_code == 401


def test_nothing_secret_is_kept_in_the_audit_or_the_logins(client: FlaskClient) -> None:
    ada = person()
    token = log_in(client, ada).json["csrf_token"]
    cookie = client.get_cookie("comptoir_session")
    row = db.session().query(LoginSession).one()
    kept = [str(vars(one)) for one in (row, *db.session().query(AuditEntry).all())]

    assert not any(token in one or (cookie and cookie.value in one) or make.PASSWORD in one for one in kept)


@pytest.mark.parametrize(("method", "what"), [("POST", "invitation"), ("DELETE", "totp")])
def test_a_token_that_is_limited_opens_no_login_that_is_not(client: FlaskClient, method: str, what: str) -> None:
    grace = make.agent(Role.ADMIN)
    limited = Desk(client, grace, scopes=["agents:write"])

    answer = limited.call(method, f"/agents/{grace.id}/{what}")

    assert (answer.status_code, answer.json["code"]) == (403, "not_allowed")
    assert "limited to some scopes" in answer.json["detail"]
