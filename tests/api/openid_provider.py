"""A small OpenID Connect provider on a loopback port, which a test can make lie."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask import Flask, jsonify, request
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

CLIENT_ID, CLIENT_SECRET = "comptoir", "a secret with : and %"


class OpenIDProvider:
    """Issues id_tokens; `claims`, `key` and `algorithm` are what a test may change."""

    def __init__(self) -> None:
        self.issuer = ""
        self.key = RSAKey.generate_key(2048, parameters={"kid": "one"}, private=True)
        self.published = self.key
        self.claims: dict[str, Any] = {}
        self.token: str | None = None  # instead of a signed one
        self.status = 200
        self.asked: list[dict[str, str]] = []
        self.begun: dict[str, str] = {}

    def code(self, location: str) -> str:
        """Play the person who logs in at `location`; return the code that the browser brings back."""
        self.begun = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        return "a-code"

    def id_token(self) -> str:
        if self.token is not None:
            return self.token
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": "subject-1",
            "iat": now,
            "exp": now + 300,
            "nonce": self.begun.get("nonce", ""),
            "email": "ada@desk.example",
            "email_verified": True,
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)

    def app(self) -> Flask:
        app = Flask("provider")

        @app.get("/.well-known/openid-configuration")
        def describe() -> Any:
            return jsonify(
                issuer=self.issuer,
                authorization_endpoint=f"{self.issuer}/authorize",
                token_endpoint=f"{self.issuer}/token",
                jwks_uri=f"{self.issuer}/keys",
            ), self.status

        @app.get("/keys")
        def keys() -> Any:
            return jsonify(keys=[self.published.as_dict(private=False)])

        @app.post("/token")
        def token() -> Any:
            given = request.authorization
            self.asked.append({**request.form.to_dict(), "user": str(given.username) if given else ""})
            return jsonify(access_token="unused", token_type="Bearer", id_token=self.id_token())

        return app


@contextmanager
def running() -> Iterator[OpenIDProvider]:
    provider = OpenIDProvider()
    server = make_server("127.0.0.1", 0, provider.app(), threaded=True)
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
