"""The exchange: every call, queue, conference and device of the sandbox, living by one clock.

Tests drive it by `run_for`; beside a running desk it goes by itself. Whoever plays a customer or an agent uses
`dial`, `press`, `speak`, `pick_up`, `decline`, `hang_up` and `vanish`; the desk uses the REST API (rest.py).
"""

import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from channels.sandbox import sound
from channels.sandbox.calls import FINAL, Call
from channels.sandbox.clock import Appointment
from channels.sandbox.conferences import Conference
from channels.sandbox.courier import Courier, HTTPCourier, Request, Response
from channels.sandbox.devices import Answers, Device
from channels.sandbox.engine import Engine
from channels.sandbox.faults import FaultPlan, Mishap, WebhookFault
from channels.sandbox.news import HungUp, Key, Nudge, Target, Words
from channels.sandbox.program import Script, run
from channels.sandbox.queues import WaitingQueue
from channels.sandbox.refusals import Refused
from channels.sandbox.store import Arrived, SandboxStore
from channels.sandbox.texting import Texting
from channels.sandbox.twiml_reader import UnreadableTwiML, read
from channels.sandbox.verbs import VERBS
from config.settings import Settings
from ticketing.envelope import Channel

API = "/2010-04-01/Accounts"
VOICE = "/inbound/twilio/voice"
CALLBACK_DELAY = 0.1  # seconds until Twilio tells what has happened
PROCESSING = 1.0  # seconds until a recording can be had
TRANSCRIBING = 5.0
LONGEST_CALL = timedelta(hours=4)
KEPT_CALLS = 10_000
KEYS = frozenset("0123456789*#w")


Watcher = Callable[[str, str, str, Mapping[str, Sequence[str]], Any], None]


class NotNow(Exception):
    """That cannot be done with this call, or not any more; the message is a sentence."""


@dataclass
class Recording:
    """What has been recorded; the sound itself is in the store."""

    sid: str
    call_sid: str
    conference_sid: str
    seconds: int
    source: str
    began_at: datetime
    made_at: datetime
    is_deleted: bool = False


class Exchange:
    """One account's exchange, from the desk's point of view Twilio itself."""

    def __init__(
        self, settings: Settings, *, speed: float = 1.0, courier: Courier | None = None, began: datetime | None = None
    ) -> None:
        if settings.twilio is None:
            raise ValueError("the sandbox has an account of its own")
        self.settings = settings
        self.account = settings.twilio
        self.account_sid = settings.twilio.account_sid
        self.store = SandboxStore(settings)
        self.courier = courier or HTTPCourier(settings, settings.twilio.auth_token)
        self.engine = Engine(self.courier, speed=speed, began=began)
        self.faults = FaultPlan()
        self.texting = Texting(self)
        self.devices: dict[str, Device] = {}
        self.calls: dict[str, Call] = {}
        self._kept_words: set[str] = set()  # the SIDs of calls under way that are in the outbox
        self.queues: dict[str, WaitingQueue] = {}  # by SID
        self.conferences: dict[str, Conference] = {}  # by SID, also those that are over
        self.recordings: dict[str, Recording] = {}
        self.sounds: dict[str, float] = {}  # how long sound files are, by their address
        self.errors: deque[str] = deque(maxlen=1000)  # what Twilio would write into its debugger
        self.warnings: deque[str] = deque(maxlen=1000)
        self.service_number = "+15145550100"  # with which a messaging service sends
        self.watchers: list[Watcher] = []  # who sees every request of the REST API and its answer
        self._overtaken: dict[str, list[Callable[[], None]]] = {}

    # Time.

    def now(self) -> datetime:
        return self.engine.now()

    def run_for(self, seconds: float) -> None:
        """Let everything happen that is due within so many seconds, webhooks included, and be there then."""
        self.engine.run_for(seconds)

    def close(self) -> None:
        self.engine.close()

    def after(self, seconds: float, action: Callable[[], None]) -> Appointment:
        return self.engine.after(seconds, action)

    def soon(self, action: Callable[[], None]) -> None:
        """Have something done as soon as what happens now is through."""
        self.engine.after(0, action)

    def after_seconds(self, seconds: float) -> datetime:
        """Return the moment so many seconds ahead."""
        return self.now() + timedelta(seconds=seconds)

    def seconds_to(self, moment: datetime) -> float:
        return (moment - self.now()).total_seconds()

    def new_sid(self, prefix: str) -> str:
        return new_sid(prefix)

    # What people do with their devices.

    def device(self, address: str) -> Device:
        """Return a device; there is one at every address."""
        found = self.devices.get(address)
        if found is None:
            found = self.devices.setdefault(address, Device(address))
        return found

    def open(self, address: str, answers: Answers = Answers.BY_HAND) -> Device:
        """Have a device answer in another manner; by hand, it waits for `pick_up`."""
        with self.engine.lock:
            device = self.device(address)
            device.answers = answers
            return device

    def dial(self, sender: str, recipient: str, *, pace: float = 1.0) -> str:
        """Call a number of the desk's; return the call's SID."""
        with self.engine.lock:
            self.open(sender)
            call = self.new_call(sender=sender, recipient=recipient, direction="inbound", pace=pace)
            call.callback_url = self.settings.public_url + f"{VOICE}/status"
            call.note("told", f"Calling {recipient}.")
            call.move("ringing")
            script = Script(call, VERBS)
            self.limit(call)
            call.run(run(script, Target(self.settings.public_url + VOICE)))
            return call.sid

    def incoming(self, address: str) -> list[str]:
        """Return the SIDs of the calls that ring on a device."""
        with self.engine.lock:
            calls = self.device(address).calls
            return [one.sid for one in calls if one.is_incoming and one.status == "ringing"]

    def pick_up(self, sid: str) -> None:
        """Answer a call that rings. Raises NotNow."""
        with self.engine.lock:
            self._ringing(sid).deliver(Nudge.PICKED_UP)

    def decline(self, sid: str) -> None:
        """Refuse a call that rings. Raises NotNow."""
        with self.engine.lock:
            self._ringing(sid).deliver(Nudge.DECLINED)

    def press(self, sid: str, digits: str) -> None:
        """Press keys. Raises NotNow."""
        with self.engine.lock:
            call = self._under_way(sid)
            call.note("pressed", digits)
            for digit in digits:
                if digit in KEYS - {"w"}:
                    call.deliver(Key(digit))

    def speak(self, call: "str | Call", words: str) -> None:
        """Say something into a device: it is recorded, recognised, or heard by whoever is there. Raises NotNow."""
        with self.engine.lock:
            if isinstance(call, str):
                call = self._under_way(call)
            if call.is_over:
                return
            call.note("spoke", words)
            if call.bridge is not None:
                call.bridge.hear(call, words)
            elif call.participant is not None:
                call.participant.conference.hear(call, words)
            else:
                call.deliver(Words(words))

    def hang_up(self, sid: str) -> None:
        """End a call on its device, whatever its state. Raises NotNow."""
        with self.engine.lock:
            self._not_over(sid).interrupt(HungUp("device"))

    def vanish(self, sid: str, *, after: float = 0.0) -> None:
        """Lose the line of a device, as when a browser is closed; Twilio may notice a while later. Raises NotNow."""
        with self.engine.lock:
            call = self._not_over(sid)
            self.after(after, lambda: call.interrupt(HungUp("line")))

    def text(self, sender: str, recipient: str, body: str, media: list[tuple[str, bytes]] | None = None) -> str:
        """Send a text message from a device to the desk; return its SID. `media` are content types and bytes."""
        with self.engine.lock:
            return self.texting.receive(sender, recipient, body, media or [])

    def heard(self, address: str, kind: str = "said") -> list[str]:
        """Return what has been heard on a device, in order."""
        with self.engine.lock:
            return [item.text for item in self.device(address).items if item.kind == kind]

    # What the calls' programs and the REST API do.

    def new_call(
        self,
        *,
        sender: str,
        recipient: str,
        direction: str,
        parent: Call | None = None,
        pace: float = 1.0,
    ) -> Call:
        """Make a call; its device is the sender's of one that comes in, else the recipient's."""
        device = self.device(sender if direction == "inbound" else recipient)
        call = Call(
            self,
            device,
            sid=new_sid("CA"),
            sender=sender,
            recipient=recipient,
            direction=direction,
            parent=parent,
            pace=pace,
        )
        self.calls[call.sid] = call
        if len(self.calls) > KEPT_CALLS:
            self._forget_the_oldest()
        return call

    def is_over(self, call: Call) -> None:
        """Note that a call is over: what a customer heard of one of ours has arrived with them."""
        is_ours = call.direction != "inbound" and call.device.kind == "number"
        if is_ours and call.answered_at is not None and call.sid not in self._kept_words:
            self.keep_words(call, " ".join(call.heard))
        self._kept_words.discard(call.sid)
        self.engine.changed()

    def keep_words(self, call: Call, words: str) -> None:
        """Show in the outbox what a call says to a customer; one that brings its words along is there at once."""
        self._kept_words.add(call.sid)
        self.store.keep(Arrived(Channel.PHONE, call.sender, call.recipient, words, call.sid, self.now()))

    def queue(self, name: str) -> WaitingQueue:
        """Return a queue by its name; it is made on demand."""
        found = self.find_queue(name)
        if found is None:
            found = WaitingQueue(self, new_sid("QU"), name)
            self.queues[found.sid] = found
        return found

    def find_queue(self, name: str) -> WaitingQueue | None:
        return next((one for one in self.queues.values() if one.name == name), None)

    def conference(self, name: str) -> Conference:
        """Return the conference of a name (or SID) that is not over; it is made on demand."""
        found = self.find_conference(name)
        if found is None:
            found = Conference(self, new_sid("CF"), name, self.now())
            self.conferences[found.sid] = found
        return found

    def find_conference(self, name: str) -> Conference | None:
        by_sid = self.conferences.get(name)
        if by_sid is not None:
            return by_sid
        return next((one for one in self.conferences.values() if one.name == name and not one.is_over), None)

    def keep_recording(
        self,
        *,
        call_sid: str,
        conference_sid: str,
        words: str,
        began_at: datetime,
        source: str,
        callback_url: str,
        events: tuple[str, ...],
    ) -> str:
        """Keep what was said; a moment later it can be had, and the desk is told. Return its SID.

        A recording without a word is "absent", unless it is of a conversation.
        """
        sid = new_sid("RE")
        is_absent = source == "RecordVerb" and not words
        content, seconds = sound.voice(words)
        if source != "RecordVerb":
            seconds = max(1, round((self.now() - began_at).total_seconds()))
        if not is_absent:
            self.store.keep_recording(sid, content, seconds)
            self.recordings[sid] = Recording(sid, call_sid, conference_sid, seconds, source, began_at, self.now())
        status = "absent" if is_absent else "completed"
        if callback_url and status in events:
            form = {
                "AccountSid": self.account_sid,
                "RecordingChannels": "1",
                "RecordingDuration": "-1" if is_absent else str(seconds),
                "RecordingSid": sid,
                "RecordingSource": source,
                "RecordingStartTime": format_datetime(began_at),
                "RecordingStatus": status,
                "RecordingUrl": self.recording_url(sid),
            }
            form |= {"CallSid": call_sid} if call_sid else {"ConferenceSid": conference_sid}
            self.after(PROCESSING, lambda: self.tell(Request(callback_url, form), lane=f"recording {sid}"))
        return sid

    def recording_url(self, sid: str) -> str:
        return f"{self.account.api_base}{API}/{self.account_sid}/Recordings/{sid}"

    def hold_recording(self, words: str) -> dict[str, Any]:
        """Hold a recording in which somebody says these words; return its `sid`, `url` and `seconds`."""
        content, seconds = sound.voice(words)
        sid, now = new_sid("RE"), self.now()
        self.store.keep_recording(sid, content, seconds)
        self.recordings[sid] = Recording(sid, "", "", seconds, "RecordVerb", now, now)
        return {"sid": sid, "url": self.recording_url(sid), "seconds": seconds}

    def transcribe(self, call: Call, recording_sid: str, words: str, callback_url: str) -> None:
        """Tell the desk, a while later, what was said."""
        if not callback_url:
            return
        sid = new_sid("TR")
        form = call.form() | {
            "RecordingSid": recording_sid,
            "RecordingUrl": self.recording_url(recording_sid),
            "TranscriptionSid": sid,
            "TranscriptionStatus": "completed",
            "TranscriptionText": words,
            "TranscriptionType": "fast",
            "TranscriptionUrl": f"{self.account.api_base}{API}/{self.account_sid}/Transcriptions/{sid}",
        }
        self.after(TRANSCRIBING, lambda: self.tell(Request(callback_url, form), lane=f"recording {recording_sid}"))

    def announce(self, call: Call, url: str, method: str, allowed: frozenset[str]) -> None:
        """Have somebody in a conference hear the words of a document, over everything else."""

        def heard(answer: Response) -> None:
            try:
                verbs = read(answer.text)
            except UnreadableTwiML as error:
                self.errors.append(f"{call.sid} {error.code}: {error}")
                return
            for verb in verbs:
                if verb.name == "Say" and verb.name in allowed and not call.is_over:
                    call.note("said", verb.text, language=verb.attributes.get("language", "en-US"))

        self.ask(Request(url, call.form(), method), heard, lane=f"announcement {call.sid}")

    # Requests to the desk.

    def knows(self, url: str) -> bool:
        """Say whether an address is this desk's; the sandbox goes to no other."""
        return url.startswith((self.settings.public_url + "/", self.settings.local_url + "/"))

    def check_callback(self, url: str) -> None:
        """Raise Refused for a callback to somebody else."""
        if url and not self.knows(url):
            raise Refused(21609, "The sandbox calls back nobody but this desk, at its COMPTOIR_PUBLIC_URL.")

    def ask(self, request: Request, done: Callable[[Response], None], *, lane: str) -> None:
        """Have a request carried whose answer counts."""
        fault = self.faults.of_webhook(request.path)
        if fault is None or fault.does is Mishap.SWAP:
            self.engine.send(request, done, lane=lane)
        elif fault.does is Mishap.LOSE:
            self.soon(lambda: done(Response(0, "lost on the way")))
        elif fault.does is Mishap.DOUBLE:
            self.engine.send(request, done, lane=lane)
            self.engine.send(request, _ignore, lane=lane)
        else:
            self.after(fault.seconds, lambda: self.engine.send(request, done, lane=lane))

    def tell(self, request: Request, *, lane: str, done: Callable[[Response], None] | None = None) -> None:
        """Have a request carried a moment later; nothing is done with its answer but by `done`."""
        fault = self.faults.of_webhook(request.path)
        self._befall(request.path, fault, lambda: self.engine.send(request, done or _ignore, lane=lane))
        if fault is not None and fault.does is Mishap.DOUBLE:
            self.after(2 * CALLBACK_DELAY, lambda: self.engine.send(request, _ignore, lane=lane))

    def _befall(self, path: str, fault: WebhookFault | None, go: Callable[[], None]) -> None:
        waiting = self._overtaken.pop(path, [])
        if fault is None or fault.does is Mishap.DOUBLE:
            self.after(CALLBACK_DELAY, go)
        elif fault.does is Mishap.DELAY:
            self.after(fault.seconds, go)
        elif fault.does is Mishap.SWAP:
            held = _once(go)
            waiting = [*waiting, held]
            self._overtaken[path] = waiting
            self.after(fault.seconds, held)  # nobody comes to overtake it
            return
        for one in waiting:
            self.after(2 * CALLBACK_DELAY, one)

    def limit(self, call: Call) -> None:
        """Start a call's time; Twilio ends it when nobody does."""
        call.limit = self.after(LONGEST_CALL.total_seconds(), lambda: call.interrupt(HungUp("desk")))

    def _forget_the_oldest(self) -> None:
        for sid, call in list(self.calls.items())[: KEPT_CALLS // 10]:
            if call.status in FINAL:
                del self.calls[sid]

    def find_call(self, sid: str) -> Call:
        """Raises NotNow."""
        found = self.calls.get(sid)
        if found is None:
            raise NotNow(f"the sandbox knows no call {sid[:40]}")
        return found

    def _not_over(self, sid: str) -> Call:
        call = self.find_call(sid)
        if call.is_over:
            raise NotNow("the call is over")
        return call

    def _under_way(self, sid: str) -> Call:
        call = self._not_over(sid)
        if call.answered_at is None:
            raise NotNow("nobody has picked up yet")
        return call

    def _ringing(self, sid: str) -> Call:
        call = self._not_over(sid)
        if not call.is_incoming or call.status != "ringing":
            raise NotNow("the call does not ring")
        return call


def new_sid(prefix: str) -> str:
    """Return an id in Twilio's form: two letters and 32 hex digits."""
    return prefix + uuid.uuid4().hex


def _ignore(answer: Response) -> None:
    """Twilio looks at no answer to a callback."""


def _once(go: Callable[[], None]) -> Callable[[], None]:
    gone: list[bool] = []

    def go_once() -> None:
        if not gone:
            gone.append(True)
            go()

    return go_once
