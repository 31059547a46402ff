"""Mailboxes at Microsoft and Google: a person grants once, tokens are refreshed from then on, and kept for all."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask import Flask
from requests.adapters import HTTPAdapter

from channels.email.mailboxes import tokens
from channels.email.mailboxes.connecting import Server, find_mailbox
from channels.email.mailboxes.credentials import Credentials, Grant, Password, unseal
from channels.email.mailboxes.errors import ConnectionLost, LoginRefused
from channels.email.mailboxes.oauth import GOOGLE_BACK, PROVIDERS
from channels.email.models import MailLogin
from tests import make
from tests.conftest import NOON, SECRET_KEY
from ticketing.envelope import Channel
from ticketing.models import Inbox
from ticketing.store import db

BOTH = pytest.mark.parametrize("login", [MailLogin.MICROSOFT, MailLogin.GOOGLE])
TENANT = "https://login.microsoftonline.com/organizations"


class TokenEndpoint:
    """What Microsoft and Google answer, as far as we ask. `answer` is the next answer of the token address."""

    def __init__(self) -> None:
        self.status = 200
        self.answer: dict[str, Any] = {"access_token": "fresh", "expires_in": 3600, "token_type": "Bearer"}
        self.asked: list[dict[str, str]] = []

    def reply(self, path: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if path.endswith("openid-configuration"):
            return 200, {
                "issuer": f"{TENANT}/v2.0",
                "authorization_endpoint": f"{TENANT}/oauth2/v2.0/authorize",
                "token_endpoint": f"{TENANT}/oauth2/v2.0/token",
                "device_authorization_endpoint": f"{TENANT}/oauth2/v2.0/devicecode",
            }
        if path.endswith("devicecode"):
            told = {"user_code": "DRIP", "device_code": "d", "verification_uri": "https://microsoft.com/devicelogin"}
            return 200, {**told, "expires_in": 900, "interval": 1, "message": "…"}
        self.asked.append(form)
        return self.status, self.answer


class Way(HTTPAdapter):
    """Carries whatever is meant for the internet to a server on this machine."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        request.url = f"http://127.0.0.1:{self.port}{urlsplit(request.url).path}"
        return super().send(request, *args, **kwargs)


@pytest.fixture
def provider(sqlite_app: Flask) -> Iterator[TokenEndpoint]:
    """A provider that this application asks instead of the real ones."""
    endpoint = TokenEndpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            self.answer({name: values[0] for name, values in parse_qs(body).items()})

        def answer(self, form: dict[str, str]) -> None:
            status, told = endpoint.reply(self.path, form)
            body = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    sqlite_app.extensions[tokens.WAY] = Way(server.server_port)
    yield endpoint
    sqlite_app.extensions[tokens.WAY].close()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def inbox(sqlite_app: Flask) -> Inbox:
    return make.inbox(Channel.EMAIL)


def connected(inbox: Inbox, login: MailLogin, **values: Any) -> int:
    grant = Grant("app", **{"refresh_token": "granted", **values})
    return make.mailbox(inbox, imap=Server("imap.example.com"), login=login, credentials=grant).id


def kept(inbox: Inbox) -> Credentials:
    db.session().expire_all()
    row = find_mailbox(inbox.id)
    assert row is not None
    return unseal(row.secret, row.login, SECRET_KEY)


@BOTH
def test_a_token_is_refreshed_once_for_all_and_a_changed_refresh_token_is_kept(
    provider: TokenEndpoint, inbox: Inbox, login: MailLogin
) -> None:
    mailbox_id = connected(inbox, login)
    provider.answer["refresh_token"] = "changed"

    first = tokens.log_in_with(mailbox_id, now=lambda: NOON)
    again = tokens.log_in_with(mailbox_id, now=lambda: NOON + timedelta(minutes=50))
    grant = kept(inbox)
    provider.answer = {"access_token": "fresher", "expires_in": 3600, "token_type": "Bearer"}
    late = tokens.log_in_with(mailbox_id, now=lambda: NOON + timedelta(minutes=59))
    refused = tokens.log_in_with(mailbox_id, now=lambda: NOON + timedelta(minutes=60), refused="fresher")

    assert (first.access_token, again.access_token, late.access_token) == ("fresh", "fresh", "fresher")
    assert [one["refresh_token"] for one in provider.asked] == ["granted", "changed", "changed"]
    assert isinstance(grant, Grant)
    assert grant.refresh_token == "changed"
    assert refused.password == ""


@BOTH
def test_a_refusal_says_what_to_do_and_a_provider_that_is_away_that_it_is(
    provider: TokenEndpoint, inbox: Inbox, login: MailLogin, sqlite_app: Flask
) -> None:
    mailbox_id = connected(inbox, login)
    provider.status = 400
    provider.answer = {"error": "invalid_grant", "error_description": "AADSTS70008: the grant has expired"}
    with pytest.raises(LoginRefused, match="AADSTS70008"):
        tokens.log_in_with(mailbox_id, now=lambda: NOON)

    sqlite_app.extensions[tokens.WAY] = Way(1)  # tcpmux, where nobody listens
    with pytest.raises(ConnectionLost, match="cannot be asked for a token"):
        tokens.log_in_with(mailbox_id, now=lambda: NOON)


def test_nobody_has_granted_anything_yet(provider: TokenEndpoint, inbox: Inbox) -> None:
    mailbox_id = connected(inbox, MailLogin.GOOGLE, refresh_token="")

    with pytest.raises(LoginRefused, match="comptoir mailbox authorise"):
        tokens.log_in_with(mailbox_id, now=lambda: NOON)


def test_a_password_is_just_that(sqlite_app: Flask, inbox: Inbox) -> None:
    mailbox_id = make.mailbox(inbox, credentials=Password("drip")).id

    assert tokens.log_in_with(mailbox_id, now=lambda: NOON) == tokens.LogIn(password="drip")


def test_a_person_grants_at_microsoft_with_a_code(provider: TokenEndpoint, sqlite_app: Flask) -> None:
    provider.answer["refresh_token"] = "granted"
    told: list[str] = []

    grant = _authorised(sqlite_app, MailLogin.MICROSOFT, told, lambda _question: "")

    assert "DRIP" in told[0]
    assert (grant.refresh_token, grant.access_token) == ("granted", "fresh")
    assert "device_code" in provider.asked[0]


def test_a_person_grants_at_google_with_the_address_on_which_the_browser_ends(
    provider: TokenEndpoint, sqlite_app: Flask
) -> None:
    provider.answer["refresh_token"] = "granted"
    told: list[str] = []

    def paste(_question: str) -> str:
        address = next(one for one in told[0].split() if one.startswith("https://"))
        asked = parse_qs(urlsplit(address).query)
        assert asked["access_type"] == ["offline"]
        return f"{GOOGLE_BACK}/?{urlencode({'code': 'c', 'state': asked['state'][0]})}"

    grant = _authorised(sqlite_app, MailLogin.GOOGLE, told, paste)

    assert grant.refresh_token == "granted"
    assert provider.asked[0]["code"] == "c"
    assert len(provider.asked[0]["code_verifier"]) >= 43  # RFC 7636
    with pytest.raises(LoginRefused, match="another attempt"):
        _authorised(sqlite_app, MailLogin.GOOGLE, [], lambda _question: f"{GOOGLE_BACK}/?code=c&state=x")
    with pytest.raises(LoginRefused, match="access_denied"):
        _authorised(sqlite_app, MailLogin.GOOGLE, [], lambda _question: f"{GOOGLE_BACK}/?error=access_denied")


def _authorised(app: Flask, login: MailLogin, told: list[str], ask: Callable[[str], str]) -> Grant:
    way = app.extensions[tokens.WAY]
    return PROVIDERS[login].authorised(
        Grant("app", client_secret="s" if login is MailLogin.GOOGLE else ""),
        tell=told.append,
        ask=ask,
        now=lambda: NOON,
        way=way,
    )
