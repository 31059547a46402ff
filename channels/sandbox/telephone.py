"""A caller's telephone: rings the desk, hears what its TwiML says, and may speak after the tone."""

import time
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urljoin

from channels.sandbox import provider, twiml_reader
from channels.sandbox.desk import Desk, DeskTrouble
from channels.sandbox.twiml_reader import UnreadableTwiML, Verb

VOICE = "/inbound/twilio/voice"
MAX_DOCUMENTS = 10
NO_DIGITS = "hangup"  # what Twilio sends for the key that ended a recording when the caller just hung up

Narrate = Callable[[str], None]


class Telephone:
    """One call from `caller` to `ours`; `narrate` is told what happens, in plain words."""

    def __init__(self, desk: Desk, *, caller: str, ours: str, voicemail: str, narrate: Narrate) -> None:
        self._desk = desk
        self._form = {
            "AccountSid": desk.account.account_sid,
            "ApiVersion": "2010-04-01",
            "CallSid": provider.new_sid("CA"),
            "Called": ours,
            "Caller": caller,
            "Direction": "inbound",
            "From": caller,
            "To": ours,
        }
        self._voicemail = voicemail
        self._narrate = narrate
        self._later: list[tuple[str, dict[str, str]]] = []  # what Twilio posts when a recording is ready

    @property
    def call_sid(self) -> str:
        return self._form["CallSid"]

    def call(self, *, at: datetime) -> None:
        """Ring, listen, speak, hang up. Raises DeskTrouble."""
        began = time.monotonic()
        self._narrate(f"{self._form['From'] or 'Somebody with a withheld number'} calls {self._form['To']}.")
        self._listen(self._desk.settings.public_url + VOICE, self._form | {"CallStatus": "ringing"})
        seconds = max(1, round(time.monotonic() - began))
        for url, form in self._later:
            self._desk.webhook(url, form)
        ended = provider.call_status(
            self.call_sid,
            self._desk.account.account_sid,
            self._form,
            "completed",
            at=at,
            seconds=seconds,
            direction="inbound",
        )
        self._desk.webhook(f"{VOICE}/status", ended)
        self._narrate("The call is over.")

    def _listen(self, url: str, form: dict[str, str]) -> None:
        """Do what each document says; one may lead to another."""
        for _ in range(MAX_DOCUMENTS):
            onward = self._follow(self._read(self._desk.webhook(url, form)), url)
            if onward is None:
                return
            url, form = onward
        raise DeskTrouble(f"the desk sends the caller on and on, {MAX_DOCUMENTS} times by now")

    def _read(self, document: str) -> list[Verb]:
        try:
            return twiml_reader.read(document)
        except UnreadableTwiML as error:
            raise DeskTrouble(f"a telephone cannot follow what the desk answers: {error}") from None

    def _follow(self, verbs: list[Verb], url: str) -> tuple[str, dict[str, str]] | None:
        """Do the verbs in order; return where the call goes on, None when it ends."""
        for verb in verbs:
            if verb.name == "Say":
                self._narrate(f"The desk says: {verb.text}")
            elif verb.name == "Pause":
                self._narrate(f"Silence for {verb.attributes.get('length', '1')} s.")
            elif verb.name == "Hangup":
                self._narrate("The desk hangs up.")
                return None
            elif verb.name == "Redirect":
                return urljoin(url, verb.text), self._form | {"CallStatus": "in-progress"}
            elif verb.name == "Record":
                return self._record(verb, url)
            else:
                raise DeskTrouble(f"the desk answers <{verb.name}>, which this telephone does not know")
        return None

    def _record(self, verb: Verb, url: str) -> tuple[str, dict[str, str]] | None:
        """Speak after the tone, or hang up at it."""
        if not self._voicemail:
            self._narrate("A tone. The caller hangs up without a word.")
            return None
        self._narrate(f"A tone. The caller says: {self._voicemail}")
        held = self._desk.hold_recording(self._voicemail)
        recording = {
            "RecordingDuration": str(held["seconds"]),
            "RecordingSid": held["sid"],
            "RecordingUrl": held["url"],
        }
        if callback := verb.attributes.get("recordingStatusCallback"):
            told = {name: self._form[name] for name in ("AccountSid", "CallSid")}  # Twilio says no more of the call
            told |= {"RecordingChannels": "1", "RecordingSource": "RecordVerb", "RecordingStatus": "completed"}
            self._later.append((urljoin(url, callback), told | recording))
        key = verb.attributes.get("finishOnKey", NO_DIGITS)[:1] or NO_DIGITS
        form = self._form | {"CallStatus": "in-progress", "Digits": key} | recording
        return urljoin(url, verb.attributes.get("action") or url), form
