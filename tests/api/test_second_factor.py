"""A second factor: codes of a phone, each of which serves once, and recovery codes."""

import threading
from datetime import datetime, timedelta

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests import make
from tests.api.desk import Desk, admin
from ticketing import second_factor
from ticketing.credentials import lock_credential
from ticketing.models import Agent, Credential, Role
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

MOMENT = datetime.fromisoformat("2026-11-18T12:00:10+00:00")


class Phone:
    """An agent with a password and an authenticator; recovery codes once it is confirmed."""

    def __init__(self, client: FlaskClient) -> None:
        self.agent = make.agent(Role.ADMIN)
        make.password(self.agent)
        self.desk = Desk(client, self.agent)
        self.client = client
        self.enrolment = self.desk.post("/account/totp", {"password": make.PASSWORD}).json
        self.totp = pyotp.TOTP(self.enrolment["secret"])

    def code(self, steps: int = 1) -> str:
        """Return the next code, which is as good as the one of now, and still is when a step ends meanwhile."""
        return self.totp.at(utc_now() + steps * timedelta(seconds=30))

    def confirm(self) -> list[str]:
        answer = self.desk.put("/account/totp", {"code": self.code(0)})
        assert answer.status_code == 200, answer.json
        codes: list[str] = answer.json["recovery_codes"]
        return codes

    def log_in(self, code: str | None = None, password: str = make.PASSWORD) -> TestResponse:
        with transaction("test") as session:
            session.get_one(Credential, self.agent.id, populate_existing=True).locked_until = None
        body = {"email": self.agent.email, "password": password, **({"code": code} if code else {})}
        return self.client.post("/api/v1/session", json=body)


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    return sqlite_app.test_client()


def test_before_it_is_confirmed_nothing_changes(client: FlaskClient) -> None:
    phone = Phone(client)

    assert phone.enrolment["uri"].startswith("otpauth://totp/Comptoir:")
    assert phone.log_in().status_code == 201
    assert phone.desk.get("/account").json == {
        "has_password": True,
        "totp_confirmed_at": None,
        "recovery_codes_left": 0,
    }


def test_once_confirmed_a_login_needs_a_code(app: Flask) -> None:
    phone = Phone(app.test_client())
    phone.confirm()

    without, wrong, right = phone.log_in(), phone.log_in("000000"), phone.log_in(phone.code())

    assert (without.status_code, without.json["code"]) == (401, "code_needed")
    assert (wrong.status_code, wrong.json["code"]) == (401, "login_failed")
    assert right.status_code == 201


def test_a_wrong_password_does_not_tell_that_a_code_is_needed(client: FlaskClient) -> None:
    phone = Phone(client)
    phone.confirm()

    assert phone.log_in(password="not the right one").json["code"] == "login_failed"


def test_a_code_serves_once(client: FlaskClient) -> None:
    phone = Phone(client)
    phone.confirm()
    code = phone.code()

    assert [phone.log_in(code).status_code, phone.log_in(code).status_code] == [201, 401]


@pytest.mark.parametrize(("steps", "is_taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_off_by_one_step(sqlite_app: Flask, steps: int, is_taken: bool) -> None:
    key = sqlite_app.extensions["comptoir.settings"].secret_key
    ada = make.agent()
    make.password(ada)
    with transaction("test") as session:
        credential = session.get_one(Credential, ada.id)
        secret, _ = second_factor.enrol(credential, session.get_one(Agent, ada.id), secret_key=key, at=MOMENT)
        code = pyotp.TOTP(secret).at(MOMENT + steps * timedelta(seconds=30))

        assert (second_factor.takes(credential, code, secret_key=key, at=MOMENT) == "totp") is is_taken


def test_each_recovery_code_serves_once_however_it_is_typed(client: FlaskClient) -> None:
    phone = Phone(client)
    codes = phone.confirm()
    typed = codes[0].upper().replace("-", " ")

    first, second = phone.log_in(typed), phone.log_in(codes[0])

    assert len(set(codes)) == 10
    assert (first.status_code, second.status_code) == (201, 401)
    assert phone.desk.get("/account").json["recovery_codes_left"] == 9


def test_wrong_codes_lock_like_wrong_passwords(client: FlaskClient) -> None:
    phone = Phone(client)
    phone.confirm()

    waits = [phone.log_in("000000").headers["Retry-After"] for _ in range(3)]

    assert waits == ["1", "2", "4"]


def test_neither_secret_nor_codes_lie_in_plain_words(client: FlaskClient) -> None:
    phone = Phone(client)
    codes = phone.confirm()

    kept = str(vars(db.session().get_one(Credential, phone.agent.id, populate_existing=True)))

    assert phone.enrolment["secret"] not in kept
    assert not any(code in kept or code.replace("-", "") in kept for code in codes)


def test_it_is_removed_with_the_password_and_a_code(client: FlaskClient) -> None:
    phone = Phone(client)
    phone.confirm()

    def remove(password: str, code: str) -> int:
        return phone.desk.delete("/account/totp", json={"password": password, "code": code}).status_code

    assert remove("not the right one", phone.code()) == 403
    assert remove(make.PASSWORD, "000000") == 403
    assert remove(make.PASSWORD, phone.code()) == 204
    assert phone.log_in().status_code == 201


def test_a_thief_of_a_login_and_a_password_cannot_try_codes_for_long(client: FlaskClient) -> None:
    phone = Phone(client)
    phone.confirm()
    asked = {"password": make.PASSWORD, "code": "000000"}

    statuses = [phone.desk.delete("/account/totp", json=asked).status_code for _ in range(7)]

    assert statuses == [403] * 5 + [429] * 2


def test_one_in_force_is_not_replaced(client: FlaskClient) -> None:
    phone = Phone(client)
    phone.confirm()

    answer = phone.desk.post("/account/totp", {"password": make.PASSWORD})

    assert answer.status_code == 409


def test_an_admin_resets_it_for_who_has_lost_the_phone(client: FlaskClient) -> None:
    phone = Phone(client)
    phone.confirm()
    grace = admin(client)

    answer = grace.delete(f"/agents/{phone.agent.id}/totp")

    assert answer.status_code == 204
    assert phone.log_in().status_code == 201
    assert grace.get("/audit?kind=totp_removed").json["items"][0]["actor"]["id"] == grace.agent.id


@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
def test_of_two_at_once_with_one_code_one_gets_in(app: Flask) -> None:
    key = app.extensions["comptoir.settings"].secret_key
    phone = Phone(app.test_client())
    phone.confirm()
    agent_id, code, taken = phone.agent.id, phone.code(), []

    def take() -> None:
        with app.app_context(), transaction("test"):
            credential = lock_credential(agent_id)
            assert credential
            taken.append(second_factor.takes(credential, code, secret_key=key, at=utc_now()))

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(str(one) for one in taken) == ["None"] * 5 + ["totp"]
