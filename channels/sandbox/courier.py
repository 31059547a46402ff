"""Carry requests to the desk: signed forms over HTTP, as Twilio sends them."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlencode, urlsplit

import requests

from channels.sandbox.signing import reached, signed
from config.settings import Settings

TIMEOUT = 15.0  # seconds, Twilio's own: https://www.twilio.com/docs/voice/twiml
MAX_ANSWER = 100_000
MAX_FILE = 5_000_000  # of one message's media


@dataclass(frozen=True)
class Request:
    """One request to the desk. `form` are the fields; with GET they go into the address. FILE fetches bytes."""

    url: str
    form: dict[str, str]
    method: str = "POST"
    token: str = field(default_factory=lambda: str(uuid.uuid4()))  # the same when it is sent again

    @property
    def path(self) -> str:
        return urlsplit(self.url).path


@dataclass(frozen=True)
class Response:
    """What the desk answered. A status of 0: nobody did, and `text` says why."""

    status: int
    text: str = ""
    content_type: str = ""
    content: bytes | None = None  # of a FILE

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300


class Courier(Protocol):
    """Whoever brings requests to the desk."""

    def carry(self, request: Request) -> Response:
        """Return what the desk answers; never raises."""


@dataclass(frozen=True)
class Errand:
    """A request under way, and who wants to know its answer. Errands of one lane go one after the other."""

    request: Request
    done: Callable[[Response], None]
    lane: str = ""


class HTTPCourier:
    """Goes to the desk of these settings and to nobody else."""

    def __init__(self, settings: Settings, auth_token: str) -> None:
        self._settings = settings
        self._auth_token = auth_token

    def knows(self, url: str) -> bool:
        """Say whether this is an address of the desk's."""
        return url.startswith((self._settings.public_url + "/", self._settings.local_url + "/"))

    def carry(self, request: Request) -> Response:
        if not self.knows(request.url):
            return Response(0, "the sandbox goes to nobody but this desk, at its COMPTOIR_PUBLIC_URL")
        if request.method == "FILE":
            return self._fetch(request.url)
        url, form = request.url, request.form
        if request.method == "GET" and form:
            url, form = f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(form)}", {}
        headers = signed(url, form, self._auth_token) | {"I-Twilio-Idempotency-Token": request.token}
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.request(
                    request.method,
                    reached(url, self._settings),
                    data=form or None,
                    headers=headers,
                    timeout=TIMEOUT,
                    allow_redirects=False,
                )
        except requests.RequestException as error:
            return Response(0, type(error).__name__)
        return Response(answer.status_code, answer.text[:MAX_ANSWER], answer.headers.get("Content-Type", ""))

    def _fetch(self, url: str) -> Response:
        """Return a file of the desk's."""
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.get(reached(url, self._settings), timeout=TIMEOUT)
        except requests.RequestException as error:
            return Response(0, type(error).__name__)
        content = answer.content if answer.ok and len(answer.content) <= MAX_FILE else None
        return Response(answer.status_code, "", answer.headers.get("Content-Type", ""), content)
