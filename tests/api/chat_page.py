"""What the tests of the chat's doors have in common: a page on which a widget stands, and who visits it."""

from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import jwt
from flask.testing import FlaskClient
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from werkzeug.test import TestResponse

from config.settings import derived_key
from tests import make
from tests.conftest import SECRET_KEY
from ticketing.envelope import Channel
from ticketing.models import Inbox
from ticketing.moment import utc_now
from ticketing.secrets import encrypt

SITE_SECRET = "what only the site and the desk know, 32 bytes"
SHOP = "https://shop.example"


def widget(key: str = "website", *, secret: str = SITE_SECRET, **settings: Any) -> Inbox:
    """A chat widget, with a secret by which its site signs identities."""
    return make.inbox(Channel.CHAT, address=key, secret=encrypt(secret, SECRET_KEY), settings=settings)


def identity(
    subject: Any = "user-7",
    *,
    secret: str = SITE_SECRET,
    lasts: timedelta = timedelta(minutes=5),
    at: datetime | None = None,
    **claims: Any,
) -> str:
    """A site's word for a visitor; a claim of None is left out."""
    told = {"sub": subject, "exp": int(((at or utc_now()) + lasts).timestamp()), **claims}
    return jwt.encode({name: value for name, value in told.items() if value is not None}, secret, "HS256")


def token_of_before(session: str, age: timedelta) -> str:
    """The token that a visitor got so long ago."""

    class Then(TimestampSigner):
        def get_timestamp(self) -> int:
            return super().get_timestamp() - int(age.total_seconds())

    return str(URLSafeTimedSerializer(derived_key(SECRET_KEY, "chat visitors"), signer=Then).dumps(session))


class Visitor:
    """Somebody with the widget open."""

    def __init__(self, client: FlaskClient, *, origin: str = "", **said: Any) -> None:
        self._client, self._origin, self._written = client, {"Origin": origin} if origin else {}, 0
        answer = self.call("POST", "/sessions", json=said)
        assert answer.status_code == 201, answer.text
        self.session: str = answer.get_json()["session"]
        self.token: str = answer.get_json()["visitor_token"]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if hasattr(self, "token") else {}

    def call(self, method: str, path: str, **values: Any) -> TestResponse:
        headers = {**self.headers, **self._origin, **values.pop("headers", {})}
        return self._client.open(f"/chat{path}", method=method, headers=headers, **values)

    def get(self, path: str, **values: Any) -> TestResponse:
        return self.call("GET", path, **values)

    def post(self, path: str, json: Any = None, **values: Any) -> TestResponse:
        return self.call("POST", path, json=json, **values)

    def patch(self, **said: Any) -> TestResponse:
        return self.call("PATCH", "/session", json=said)

    def write(self, body: str = "Anybody there?", **values: Any) -> TestResponse:
        self._written += 1
        return self.post("/messages", {"body": body, "client_id": f"c{self._written}", **values})

    def upload(self, content: bytes = b"It drips.", filename: str = "kettle.txt") -> TestResponse:
        return self.call("POST", "/attachments", data={"file": (BytesIO(content), filename)})

    def items(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/messages").get_json()["items"]
        return found
