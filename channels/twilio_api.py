"""Twilio's REST API: the SDK's client at the address that the settings name, and its troubles in our words."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus
from ssl import SSLCertVerificationError
from typing import Any
from urllib.parse import urlsplit

import requests
from twilio.base.exceptions import TwilioRestException, TwilioServiceException
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProxyError

from channels import twilio_troubles
from channels.errors import ChannelError, OutcomeUnknown, PermanentFailure, TransientFailure
from channels.twilio_troubles import Upshot
from config.settings import TwilioAccount

TWILIO = "https://api.twilio.com"
TIMEOUT = 15.0  # seconds to connect, and again between bytes of the answer
LONGEST_RETRY_AFTER = 3600
UNABLE = "Unable to create record: "  # the SDK's preface to Twilio's words

_silent = logging.getLogger("comptoir.twilio")  # the SDK would log addresses
_silent.setLevel(logging.CRITICAL)


def connect(account: TwilioAccount, *, timeout: float = TIMEOUT) -> Client:
    """Return the SDK's client for an account."""
    http_client = RebasedHttpClient(account.api_base, timeout)
    return Client(account.account_sid, account.auth_token, http_client=http_client)


@contextmanager
def handing_over() -> Iterator[None]:
    """Say of whatever goes wrong in the block whether Twilio can have taken what we gave it.

    A 4xx is a refusal. "When an API request receives an Error 429 response, this request is never processed"
    (support.twilio.com, article 360044308153). Of a 5xx, 503 included, Twilio says only that it may be tried again
    (article 48916449686299), not that nothing was taken, so that we do not know.
    """
    try:
        yield
    except (TwilioRestException, TwilioServiceException) as error:
        if error.status >= 500:
            raise OutcomeUnknown(
                f"Twilio had trouble of its own (HTTP {error.status}), perhaps after it sent"
            ) from None
        if error.status == HTTPStatus.UNAUTHORIZED:  # our own fault, not the message's: it waits
            raise TransientFailure("Twilio does not accept TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN") from None
        raise _refusal(error) from None
    except requests.ConnectionError as error:
        if _never_left(error):
            raise TransientFailure("Twilio cannot be reached") from None
        raise OutcomeUnknown("the connection to Twilio broke before it answered") from None
    except requests.RequestException as error:
        raise OutcomeUnknown(f"no answer from Twilio ({type(error).__name__})") from None
    except ValueError:
        raise OutcomeUnknown("Twilio's answer cannot be read") from None


def _refusal(error: TwilioRestException | TwilioServiceException) -> ChannelError:
    trouble = twilio_troubles.of_code(error.code)
    words = error.msg if isinstance(error, TwilioRestException) else error.detail or error.title
    said = trouble.words if trouble is not None else str(words).removeprefix(UNABLE)
    told = f"Twilio refused it: {said} (error {error.code})"
    upshot = trouble.upshot if trouble is not None else Upshot.FINAL
    if upshot is Upshot.AGAIN:
        return TransientFailure(told)
    return PermanentFailure(told, dead_address=upshot is Upshot.DEAD, opted_out=upshot is Upshot.OPTED_OUT)


def _never_left(error: requests.ConnectionError) -> bool:
    if isinstance(error, requests.ConnectTimeout):
        return True
    reason: Exception | None = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(reason, NewConnectionError | ConnectTimeoutError | ProxyError):
        return True
    return reason is not None and any(isinstance(one, SSLCertVerificationError) for one in reason.args)


class RebasedHttpClient(HttpClient):  # type: ignore[misc]  # the SDK is untyped
    """Takes the SDK's requests for api.twilio.com to where the settings say. Tries once, and logs nothing.

    Every request has a connection of its own: a kept one may turn out to be closed just when we write to it, and then
    nobody knows whether the request arrived.
    """

    def __init__(self, api_base: str, timeout: float) -> None:
        super().__init__(_silent, False, timeout)
        self._api_base = api_base

    def request(
        self,
        method: str,
        uri: str,
        params: dict[str, Any] | None = None,
        data: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        with new_session(self._api_base) as session:
            answer = session.request(
                method,
                self._rebased(uri),
                params=params,
                data=data,
                headers=headers,
                auth=auth,
                timeout=timeout or self.timeout,
                allow_redirects=allow_redirects,
            )
            if answer.status_code == 429:
                raise TransientFailure("Twilio asks us to slow down", retry_after=_retry_after(answer))
            return Response(answer.status_code, answer.text, answer.headers)

    def _rebased(self, uri: str) -> str:
        if self._api_base == TWILIO:
            return uri
        parts = urlsplit(uri)
        return f"{self._api_base}{parts.path}" + (f"?{parts.query}" if parts.query else "")


def new_session(api_base: str) -> requests.Session:
    """Return a session that goes through the environment's proxies to Twilio itself, and straight anywhere else."""
    session = requests.Session()
    session.trust_env = api_base == TWILIO
    return session


def _retry_after(answer: requests.Response) -> timedelta | None:
    seconds = answer.headers.get("Retry-After", "")
    return timedelta(seconds=min(int(seconds), LONGEST_RETRY_AFTER)) if seconds.isdecimal() else None
