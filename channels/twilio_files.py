"""Fetch files from Twilio: recordings, and what came with messages. Our credentials go to its own hosts only."""

import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message as Headers
from urllib.parse import urljoin, urlsplit

import requests

from channels import twilio_api
from channels.errors import PermanentFailure, TransientFailure
from config.settings import TwilioAccount

TIME_LIMIT = 40.0  # seconds, for all that a job fetches; it has 60
MAX_REDIRECTS = 3
TWILIO_HOST = re.compile(r"(api|mcs)(\.[a-z0-9-]+){0,2}\.twilio\.com")  # with regions, as api.dublin.ie1.twilio.com


class NotThere(TransientFailure):
    """Twilio does not have the file, now or any more."""


@dataclass(frozen=True)
class Fetched:
    """A file as Twilio gave it; `filename` "" where it said none."""

    content: bytes
    filename: str


def download(account: TwilioAccount, url: str, *, most: int, ends_at: float) -> Fetched:
    """Return a file of at most so many bytes, by the moment `ends_at` of the monotonic clock.

    Where Twilio sends us on, we go without credentials. Raises TransientFailure, of which NotThere is one, and
    PermanentFailure, all in words about "it".
    """
    url = _rebased(account, url)
    auth: tuple[str, str] | None = (account.account_sid, account.auth_token)
    try:
        with twilio_api.new_session(account.api_base) as session:
            for _ in range(MAX_REDIRECTS + 1):
                with session.get(
                    url, auth=auth, timeout=twilio_api.TIMEOUT, stream=True, allow_redirects=False
                ) as answer:
                    if not answer.is_redirect:
                        return Fetched(_content(answer, most, ends_at), _filename(answer.headers))
                    url, auth = _onward(url, answer.headers["Location"]), None
    except requests.RequestException as error:
        raise TransientFailure(f"it cannot be fetched now ({type(error).__name__})") from None
    raise PermanentFailure("Twilio sends us round in circles for it")


def _content(answer: requests.Response, most: int, ends_at: float) -> bytes:
    if answer.status_code == 404:
        raise NotThere("it is not there yet (HTTP 404)")
    if answer.status_code == 429 or answer.status_code >= 500:
        raise TransientFailure(f"it is not ready (HTTP {answer.status_code})")
    if answer.status_code != 200:
        raise PermanentFailure(f"Twilio does not give it to us (HTTP {answer.status_code})")
    content = bytearray()
    for chunk in answer.iter_content(65_536):
        content += chunk
        if len(content) > most:
            raise PermanentFailure(f"it is larger than {most} bytes, which is what this desk takes")
        if time.monotonic() > ends_at:
            raise TransientFailure(f"it did not arrive within {TIME_LIMIT:.0f} s")
    if not content:
        raise PermanentFailure("it is empty")
    return bytes(content)


def _rebased(account: TwilioAccount, url: str) -> str:
    """Return the address if it may have our credentials. Raises PermanentFailure."""
    if url.startswith(account.api_base + "/"):
        return url
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.scheme == "https" and parts.port is None and TWILIO_HOST.fullmatch(parts.netloc):
            return url if account.api_base == twilio_api.TWILIO else f"{account.api_base}{parts.path}"
    raise PermanentFailure("its address is not Twilio's, so it was not fetched")


def _onward(url: str, location: str) -> str:
    onward = urljoin(url, location)
    if not onward.startswith("https://"):
        raise PermanentFailure("Twilio sends us to an unsafe address for it")
    return onward


def _filename(headers: Mapping[str, str]) -> str:
    """Return the name that Twilio gives a document of WhatsApp's; "" if there is none."""
    parsed = Headers()
    parsed["Content-Disposition"] = headers.get("Content-Disposition", "")
    return parsed.get_filename("") or ""
