"""The provider: takes messages and calls as Twilio's REST API does, keeps them, and reports on them.

Refuses what Twilio refuses, and has the magic numbers of Twilio's test credentials, so that a refusal can be tried:
https://www.twilio.com/docs/iam/test-credentials.
"""

import hmac
import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from channels.sandbox import resources, sound, twiml_reader
from channels.sandbox.callbacks import Callback, CallbackPoster
from channels.sandbox.store import Arrived, SandboxStore
from config.settings import Settings
from ticketing.envelope import Channel

MAX_BODY = 1600
WORDS_PER_SECOND = 2.5

MESSAGE_REFUSALS = {  # the magic recipients of a message
    "+15005550001": (21211, "Invalid 'To' Phone Number"),
    "+15005550002": (21612, "Message cannot be sent with the current combination of 'To' and/or 'From' parameters"),
    "+15005550003": (21408, "Permission to send an SMS has not been enabled for the region of the 'To' number"),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient"),
    "+15005550009": (21614, "'To' number is not a valid mobile number"),
}
CALL_REFUSALS = {  # the magic recipients of a call
    "+15005550001": (21217, "Phone number does not appear to be valid"),
    "+15005550002": (21214, "'To' phone number cannot be reached"),
    "+15005550003": (21215, "Account not authorized to make the call"),
    "+15005550004": (21216, "Account not allowed to make a call to this number"),
}
CALL_EVENTS = {  # Twilio's StatusCallbackEvent -> the CallStatus that it posts
    "initiated": "initiated",
    "ringing": "ringing",
    "answered": "in-progress",
    "completed": "completed",
}


@dataclass(frozen=True)
class Answer:
    """What the REST API answers."""

    status: int
    body: dict[str, Any]


class SandboxProvider:
    """One account's provider. `close` waits for the callbacks that are still to be posted."""

    def __init__(self, settings: Settings) -> None:
        if settings.twilio is None:
            raise ValueError("the sandbox has an account of its own")
        self._account = settings.twilio
        self._public_url = settings.public_url
        self.store = SandboxStore(settings)
        self._poster = CallbackPoster(settings, settings.twilio.auth_token)

    def close(self) -> None:
        self._poster.close()

    def knows(self, username: str, password: str) -> bool:
        """Say whether these are the account's credentials."""
        known = hmac.compare_digest(username.encode(), self._account.account_sid.encode())
        return hmac.compare_digest(password.encode(), self._account.auth_token.encode()) and known

    def create_message(self, form: dict[str, str], *, at: datetime) -> Answer:
        """Take a text message."""
        refusal = self._refusal(form, MESSAGE_REFUSALS, missing=(("To", 21604), ("From", 21603), ("Body", 21602)))
        if refusal is not None:
            return refusal
        if len(form["Body"]) > MAX_BODY:
            return _refused(21617, "The concatenated message body exceeds the 1600 character limit")
        sid = new_sid("SM")
        self.store.keep(Arrived(Channel.SMS, form["From"], form["To"], form["Body"], sid, at))
        self._report(
            form, [_message_status(sid, self._account.account_sid, form, one) for one in ("sent", "delivered")]
        )
        return Answer(201, resources.message(sid, self._account.account_sid, form, at))

    def create_call(self, form: dict[str, str], events: Sequence[str], *, at: datetime) -> Answer:
        """Call somebody who picks up and listens; `events` are those that the caller wants to hear of."""
        refusal = self._refusal(form, CALL_REFUSALS, missing=(("To", 21201), ("From", 21213), ("Twiml", 21205)))
        if refusal is not None:
            return refusal
        try:
            heard = twiml_reader.words(form["Twiml"])
        except twiml_reader.UnreadableTwiML as error:
            return _refused(21205, str(error))
        sid = new_sid("CA")
        self.store.keep(Arrived(Channel.PHONE, form["From"], form["To"], heard, sid, at))
        seconds = math.ceil(len(heard.split()) / WORDS_PER_SECOND)
        statuses = [status for event, status in CALL_EVENTS.items() if event in (events or ("completed",))]
        status_forms = [
            call_status(sid, self._account.account_sid, form, status, number=number, seconds=seconds, at=at)
            for number, status in enumerate(statuses)
        ]
        self._report(form, status_forms)
        return Answer(201, resources.call(sid, self._account.account_sid, form, at))

    def record(self, words: str) -> dict[str, Any]:
        """Hold a recording in which somebody says these words; return its `sid`, `url` and `seconds`."""
        content, seconds = sound.voice(words)
        sid = new_sid("RE")
        self.store.keep_recording(sid, content, seconds)
        url = f"{self._account.api_base}{resources.API}/{self._account.account_sid}/Recordings/{sid}"
        return {"sid": sid, "url": url, "seconds": seconds}

    def _refusal(
        self, form: dict[str, str], magic: dict[str, tuple[int, str]], *, missing: Sequence[tuple[str, int]]
    ) -> Answer | None:
        for name, code in missing:
            if not form.get(name, "").strip():
                return _refused(code, f"A '{name}' is required.")
        if form["To"] in magic:
            return _refused(*magic[form["To"]])
        callback = form.get("StatusCallback", "")
        if callback and not callback.startswith(self._public_url + "/"):
            return _refused(21609, "The sandbox calls back nobody but this desk, at its COMPTOIR_PUBLIC_URL.")
        return None

    def _report(self, form: dict[str, str], statuses: Sequence[dict[str, str]]) -> None:
        if url := form.get("StatusCallback"):
            self._poster.post_soon([Callback(url, one) for one in statuses])


def call_status(
    sid: str,
    account_sid: str,
    form: dict[str, str],
    status: str,
    *,
    at: datetime,
    seconds: int,
    number: int = 0,
    direction: str = "outbound-api",
) -> dict[str, str]:
    """Return the form in which Twilio tells how a call goes on; a span is told with the end only."""
    told = {
        "AccountSid": account_sid,
        "ApiVersion": resources.VERSION,
        "CallSid": sid,
        "CallStatus": status,
        "CallbackSource": "call-progress-events",
        "Direction": direction,
        "From": form["From"],
        "SequenceNumber": str(number),
        "Timestamp": format_datetime(at),
        "To": form["To"],
    }
    return told | ({"CallDuration": str(seconds), "Duration": "1"} if status == "completed" else {})


def _message_status(sid: str, account_sid: str, form: dict[str, str], status: str) -> dict[str, str]:
    return {
        "AccountSid": account_sid,
        "ApiVersion": resources.VERSION,
        "From": form["From"],
        "MessageSid": sid,
        "MessageStatus": status,
        "SmsSid": sid,
        "SmsStatus": status,
        "To": form["To"],
    }


def new_sid(prefix: str) -> str:
    """Return an id in Twilio's form: two letters and 32 hex digits."""
    return prefix + uuid.uuid4().hex


def _refused(code: int, words: str) -> Answer:
    return Answer(400, resources.error(400, code, words))
