"""People log in by the operator's identity provider, and nobody by a provider that is made to lie."""

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from werkzeug.test import TestResponse

from api.app import create_app
from config.settings import OpenIDProvider as Settings
from tests import make
from tests.api.openid_provider import CLIENT_ID, CLIENT_SECRET, OpenIDProvider, running
from ticketing.models import Agent, Identity
from ticketing.store import db
from ticketing.transaction import transaction


@pytest.fixture
def provider() -> Iterator[OpenIDProvider]:
    with running() as one:
        yield one


@pytest.fixture
def browser(sqlite_app: Flask, provider: OpenIDProvider) -> Iterator[FlaskClient]:
    settings = sqlite_app.extensions["comptoir.settings"]
    app = create_app(replace(settings, openid=Settings(provider.issuer, CLIENT_ID, CLIENT_SECRET)))
    yield app.test_client()
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def ada(sqlite_app: Flask) -> Agent:
    return make.agent(email="ada@desk.example")


def begin(browser: FlaskClient) -> TestResponse:
    return browser.get("/auth/oidc/login")


def come_back(browser: FlaskClient, provider: OpenIDProvider, **values: str) -> TestResponse:
    code = provider.code(begin(browser).location)
    return browser.get("/auth/oidc/callback", query_string={"code": code, "state": provider.begun["state"], **values})


def test_whose_verified_address_is_known_gets_in(browser: FlaskClient, provider: OpenIDProvider, ada: Agent) -> None:
    answer = come_back(browser, provider)

    assert (answer.status_code, answer.location) == (303, "/console")
    assert browser.get("/api/v1/session").json["agent"]["id"] == ada.id
    asked = provider.asked[0]
    assert asked["user"] == CLIENT_ID
    assert provider.begun["code_challenge_method"] == "S256"
    assert asked["code_verifier"] not in provider.begun.values()


def test_the_second_time_the_identity_counts_whatever_the_address(
    browser: FlaskClient, provider: OpenIDProvider, ada: Agent
) -> None:
    come_back(browser, provider)
    provider.claims = {"email": "new@desk.example", "email_verified": False}

    assert come_back(browser, provider).status_code == 303
    assert db.session().query(Identity).count() == 1


def test_nobody_is_made_an_agent(browser: FlaskClient, provider: OpenIDProvider, sqlite_app: Flask) -> None:
    answer = come_back(browser, provider)

    assert (answer.status_code, answer.json["code"]) == (403, "unknown_identity")
    assert db.session().query(Agent).count() == 0


def test_who_inherits_an_address_does_not_become_the_colleague(
    browser: FlaskClient, provider: OpenIDProvider, ada: Agent
) -> None:
    come_back(browser, provider)
    provider.claims = {"sub": "subject-2"}

    assert come_back(browser, provider).status_code == 403


def test_whoever_has_left_stays_out(browser: FlaskClient, provider: OpenIDProvider, ada: Agent) -> None:
    come_back(browser, provider)
    with transaction("test") as session:
        session.get_one(Agent, ada.id).is_active = False

    assert come_back(browser, provider).status_code == 403


LIES = {
    "a nonce of another login": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "for another program": {"aud": "another"},
    "for several, made for another": {"aud": ["another", CLIENT_ID], "azp": "another"},
    "of another issuer": {"iss": "https://evil.example"},
    "expired": {"exp": int(time.time()) - 300},
    "without an end": {"exp": None},
    "about nobody": {"sub": None},
    "about a number": {"sub": 7},
    "an address that is not verified": {"email_verified": False},
    "an address that is said to be verified": {"email_verified": "true"},
    "an address that is none": {"email": ["ada@desk.example"]},
}


@pytest.mark.parametrize("claims", LIES.values(), ids=LIES.keys())
def test_a_token_that_proves_nothing_lets_nobody_in(
    browser: FlaskClient, provider: OpenIDProvider, ada: Agent, claims: dict[str, object]
) -> None:
    provider.claims = dict(claims)

    answer = come_back(browser, provider)

    assert answer.status_code == 403, answer.text
    assert browser.get_cookie("comptoir_session") is None


def unsigned(provider: OpenIDProvider) -> str:
    claims = jwt.decode(provider.id_token(), provider.key).claims
    parts = ({"alg": "none"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


def signed_with_our_secret(provider: OpenIDProvider) -> str:
    claims = jwt.decode(provider.id_token(), provider.key).claims
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(CLIENT_SECRET.ljust(32, "x")), algorithms=["HS256"])


def signed_by_a_stranger(provider: OpenIDProvider) -> str:
    claims = jwt.decode(provider.id_token(), provider.key).claims
    stranger = RSAKey.generate_key(2048, parameters={"kid": "one"}, private=True)
    return jwt.encode({"alg": "RS256", "kid": "one"}, claims, stranger)


@pytest.mark.parametrize("forge", [unsigned, signed_with_our_secret, signed_by_a_stranger, lambda _: "no.token"])
def test_a_forged_signature_lets_nobody_in(
    browser: FlaskClient, provider: OpenIDProvider, ada: Agent, forge: object
) -> None:
    code = provider.code(begin(browser).location)
    provider.token = forge(provider)  # type: ignore[operator]

    answer = browser.get("/auth/oidc/callback", query_string={"code": code, "state": provider.begun["state"]})

    assert answer.status_code == 403, answer.text
    assert browser.get_cookie("comptoir_session") is None


def test_a_new_key_of_the_provider_is_fetched(browser: FlaskClient, provider: OpenIDProvider, ada: Agent) -> None:
    come_back(browser, provider)
    provider.key = provider.published = RSAKey.generate_key(2048, parameters={"kid": "one"}, private=True)

    assert come_back(browser, provider).status_code == 303


def test_coming_back_twice_with_one_state_finds_nothing(
    browser: FlaskClient, provider: OpenIDProvider, ada: Agent
) -> None:
    come_back(browser, provider)
    asked = {"code": "a-code", "state": provider.begun["state"]}

    assert browser.get("/auth/oidc/callback", query_string=asked).status_code == 403


@pytest.mark.parametrize("values", [{"state": "another"}, {"state": ""}, {"code": ""}, {"error": "access_denied"}])
def test_what_does_not_belong_together_is_refused(
    browser: FlaskClient, provider: OpenIDProvider, ada: Agent, values: dict[str, str]
) -> None:
    assert come_back(browser, provider, **values).status_code == 403
    assert provider.asked == []


def test_a_login_begun_in_another_browser_is_refused(
    browser: FlaskClient, provider: OpenIDProvider, ada: Agent
) -> None:
    begin(browser)
    stranger = browser.application.test_client()

    answer = stranger.get("/auth/oidc/callback", query_string={"code": "a", "state": "b"})

    assert answer.status_code == 403


def test_a_provider_that_is_away_is_told_of(browser: FlaskClient, provider: OpenIDProvider) -> None:
    provider.status = 500

    answer = begin(browser)

    assert (answer.status_code, answer.json["code"]) == (502, "provider_away")


def test_without_a_provider_there_is_no_such_door(sqlite_app: Flask) -> None:
    assert sqlite_app.test_client().get("/auth/oidc/login").status_code == 404
