"""The desk as the world sees it: its public doors, knocked at with signatures where they want one."""

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import requests

from channels.sandbox.signing import reached, signed
from config.settings import Settings, TwilioAccount

TIMEOUT = 20.0


class DeskTrouble(Exception):
    """The desk did not take it; the message says why, in a sentence."""


class Desk:
    """The desk of these settings, as this machine reaches it. Use it as a context, so that connections are closed."""

    def __init__(self, settings: Settings) -> None:
        if not settings.sandbox or settings.twilio is None:
            raise DeskTrouble("this desk runs without its sandbox, so nobody can play a customer (COMPTOIR_SANDBOX)")
        self.account: TwilioAccount = settings.twilio
        self.settings = settings
        self._speed: float | None = None  # of the sandbox's clock, once it is known
        self._session = requests.Session()
        self._session.trust_env = False

    def __enter__(self) -> "Desk":
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def webhook(self, url: str, form: Mapping[str, str]) -> str:
        """Post a form as Twilio does, signed, to a path or an address; return what is answered."""
        if url.startswith("/"):
            url = self.settings.public_url + url
        headers = signed(url, form, self.account.auth_token)
        return self._post(reached(url, self.settings), data=dict(form), headers=headers).text

    def json(self, path: str, body: Mapping[str, Any], *, token: str = "") -> dict[str, Any]:
        """Post JSON and return the JSON answered."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer: dict[str, Any] = self._post(self.settings.local_url + path, json=dict(body), headers=headers).json()
        return answer

    def look(self, path: str, *, token: str) -> dict[str, Any]:
        """Return the JSON that stands at a path, for whoever has a token."""
        headers = {"Authorization": f"Bearer {token}"}
        answer: dict[str, Any] = self._ask("GET", self.settings.local_url + path, headers=headers).json()
        return answer

    def tell(self, path: str, body: Mapping[str, Any], *, token: str) -> None:
        """Post JSON to which nothing is answered."""
        self._post(self.settings.local_url + path, json=dict(body), headers={"Authorization": f"Bearer {token}"})

    def upload(self, path: str, filename: str, content: bytes, *, token: str) -> dict[str, Any]:
        """Post a file and return the JSON answered."""
        headers, files = {"Authorization": f"Bearer {token}"}, {"file": (filename, content)}
        answer: dict[str, Any] = self._post(self.settings.local_url + path, files=files, headers=headers).json()
        return answer

    def sandbox(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask the sandbox's doors for something, or with a body do something there."""
        url = f"{self.settings.local_url}/sandbox{path}"
        answer: dict[str, Any] = (self._ask("GET", url) if body is None else self._post(url, json=dict(body))).json()
        return answer

    def let_time_pass(self, seconds: float) -> None:
        """Wait; where the sandbox's clock stands still, have it make the step."""
        if self._speed is None:
            self._speed = float(self.sandbox("/clock")["speed"])
        if self._speed:
            time.sleep(seconds)
        else:
            self.sandbox("/clock/steps", {"seconds": seconds})

    def _post(self, url: str, **values: Any) -> requests.Response:
        return self._ask("POST", url, **values)

    def _ask(self, method: str, url: str, **values: Any) -> requests.Response:
        try:
            answer = self._session.request(method, url, timeout=TIMEOUT, **values)
        except requests.RequestException as error:
            raise DeskTrouble(
                f"nobody answers at {self.settings.local_url} ({type(error).__name__}); is `comptoir serve` running?"
            ) from None
        if not answer.ok:
            raise DeskTrouble(f"the desk answered {answer.status_code}: {_words(answer)}")
        return answer


def device_path(address: str) -> str:
    """Return where the sandbox has a device."""
    return f"/devices/{quote(address, safe='')}"


def _words(answer: requests.Response) -> str:
    try:
        problem = answer.json()
    except ValueError:
        return answer.text[:200].strip() or answer.reason
    return str(problem.get("detail") or problem.get("title") or problem) if isinstance(problem, dict) else str(problem)
