"""Call somebody: ring their device, and <Dial> with its nouns. https://www.twilio.com/docs/voice/twiml/dial."""

from collections.abc import Generator
from dataclasses import replace

from channels.sandbox.bridges import Bridge
from channels.sandbox.calls import ENDED, Call
from channels.sandbox.conferences import Entry, attend
from channels.sandbox.courier import Request
from channels.sandbox.devices import Answers
from channels.sandbox.news import ApplicationError, HungUp, News, Nudge, Program, Redirected, Target, Wanted
from channels.sandbox.program import Script, run
from channels.sandbox.queues import Answering, dial_queue
from channels.sandbox.twiml_reader import Verb
from channels.sandbox.twiml_rules import WHISPER

AT_ONCE = 0.5  # seconds until a network knows that a number is busy, or none
ITSELF_AFTER = 1.0
MAILBOX_AFTER = 4.0
LISTENER_STAYS = 600.0  # seconds; nobody minds a device that answers by itself
MAILBOX_SAYS = "You have reached a mailbox. Nobody can take your call. Leave a message after the tone."
ITSELF_PACE = 20.0  # nobody listens, so words may fly by
DETECTING = 3.0  # seconds until Twilio knows whether a person or a machine picked up
FAILURES = {Answers.BUSY: "busy", Answers.FAILS: "failed", Answers.DECLINES: "busy"}

Ringing = Generator[Wanted, News, bool]


def ring(call: Call, *, timeout: float) -> Ringing:
    """Ring the device of a call; say whether it was picked up. If not, the call is over when this returns."""
    device, manner = call.device, call.device.answers
    call.move("initiated")
    if device.kind == "client" and manner is Answers.FAILS:
        yield from _listen(call, AT_ONCE)
        call.end("no-answer", "nobody picked up")  # nobody is registered under that name
        return False
    if manner in FAILURES:
        yield from _listen(call, AT_ONCE)
        call.end(FAILURES[manner], ENDED[FAILURES[manner]])
        return False
    call.move("ringing")
    call.note("told", f"It rings: {call.other_end} is calling.")
    patience = {Answers.ITSELF: ITSELF_AFTER, Answers.MAILBOX: MAILBOX_AFTER}.get(manner, timeout)
    answer = yield from _listen(call, min(patience, timeout))
    if answer is Nudge.DECLINED:
        call.end("busy", "declined")
        return False
    if answer is Nudge.TIME_IS_UP and (patience >= timeout):
        call.end("no-answer", "nobody picked up")
        return False
    _pick_up(call, manner)
    return True


def _listen(call: Call, seconds: float) -> Generator[Wanted, News, Nudge]:
    """Wait for somebody to pick up or decline."""
    until = call.exchange.after_seconds(seconds)
    while (left := call.exchange.seconds_to(until)) > 0:
        news = yield left
        if news in (Nudge.PICKED_UP, Nudge.DECLINED):
            return Nudge(news)
    return Nudge.TIME_IS_UP


def _pick_up(call: Call, manner: Answers) -> None:
    call.note("told", "Picked up.")
    call.move("in-progress")
    if manner is Answers.BY_HAND:
        return
    call.pace = ITSELF_PACE
    call.exchange.after(LISTENER_STAYS, lambda: call.interrupt(HungUp("device")))
    if manner is Answers.MAILBOX:
        call.exchange.after(1.0, lambda: call.exchange.speak(call, MAILBOX_SAYS))


def call_out(script: Script, target: Target, *, timeout: float, detect: bool = False) -> Program:
    """The life of a call that the REST API asked for."""
    call = script.call
    if not (yield from ring(call, timeout=timeout)):
        return
    if detect:
        yield from script.listen(DETECTING)
        _tell_apart(call)
    elif call.machine_url:
        call.exchange.after(DETECTING, lambda: _tell_later(call))
    yield from run(script, target)


def _tell_apart(call: Call) -> None:
    call.answered_by = "machine_start" if call.device.answers is Answers.MAILBOX else "human"


def _tell_later(call: Call) -> None:
    """Say who picked up, to whom hears the call meanwhile; a call that is over is not listened to any more."""
    if call.is_over:
        return
    _tell_apart(call)
    told = ("AccountSid", "CallSid", "AnsweredBy")
    form = {name: value for name, value in call.form().items() if name in told}
    form["MachineDetectionDuration"] = str(int(DETECTING * 1000))
    call.exchange.tell(Request(call.machine_url, form), lane=f"machine {call.sid}")


def call_into(script: Script, conference_name: str, entry: Entry, *, timeout: float) -> Program:
    """The life of a call that the REST API asked for as a participant of a conference."""
    call = script.call
    conference = call.exchange.conference(conference_name)
    conference.dialled[call.sid] = call
    try:
        picked_up = yield from ring(call, timeout=timeout)
    finally:
        conference.dialled.pop(call.sid, None)
    if not picked_up or conference.is_over:
        return
    try:
        yield from attend(script, conference, entry)
    except Redirected as elsewhere:
        yield from run(script, elsewhere.target)


def dial(script: Script, verb: Verb) -> Program:
    """<Dial>."""
    call = script.call
    nouns = verb.children or ((Verb("Number", verb.text),) if verb.text else ())
    if not nouns:
        raise ApplicationError(13222, "<Dial> calls nobody")
    if nouns[0].name == "Conference":
        yield from attend(script, call.exchange.conference(nouns[0].text), _entry(script, verb, nouns[0]))
        form = {"DialCallStatus": "answered"}
    elif nouns[0].name == "Queue":
        form = yield from dial_queue(script, verb, nouns[0])
    else:
        form = yield from _dial_devices(script, verb, nouns)
    call.doing = "listening"
    if "action" in verb.attributes:
        raise script.go_on(verb, form)


def _dial_devices(script: Script, verb: Verb, nouns: tuple[Verb, ...]) -> Answering:
    """Ring all at once; talk with the first who picks up."""
    call = script.call
    call.note("told", "It rings at the other end.")
    attempt = Attempt(call)
    for noun in nouns:
        attempt.children.append(_child(script, verb, noun, attempt))
    try:
        while attempt.winner is None and attempt.is_going_on:
            yield None
        winner = attempt.winner
        if winner is None:
            last = attempt.children[-1]
            return {"DialCallStatus": last.status, "DialCallSid": last.sid, "DialBridged": "false"}
        attempt.cancel(but=winner)
        return (yield from _talk(script, verb, attempt, winner))
    finally:
        attempt.cancel()


def _talk(script: Script, verb: Verb, attempt: "Attempt", winner: Call) -> Answering:
    call = script.call
    began = call.exchange.now()
    limit = verb.number("timeLimit", 14_400)
    recorded = verb.attributes.get("record", "do-not-record") not in ("do-not-record", "false")
    assert_bridge = attempt.bridge or Bridge(call, winner)
    yield from assert_bridge.talk(call, star_ends=verb.says("hangupOnStar"), seconds=limit)
    seconds = round((call.exchange.now() - began).total_seconds())
    form = {"DialCallStatus": "completed", "DialCallSid": winner.sid, "DialBridged": "true"}
    if recorded:
        url = verb.attributes.get("recordingStatusCallback", "")
        sid = call.exchange.keep_recording(
            call_sid=call.sid,
            conference_sid="",
            words="",
            began_at=began,
            source="DialVerb",
            callback_url=script.address(url) if url else "",
            events=tuple(verb.attributes.get("recordingStatusCallbackEvent", "completed").split()),
        )
        form["RecordingUrl"] = call.exchange.recording_url(sid)
    return form | {"DialCallDuration": str(seconds)}


class Attempt:
    """The calls of one <Dial>; the first to be picked up wins."""

    def __init__(self, parent: Call) -> None:
        self.parent = parent
        self.children: list[Call] = []
        self.winner: Call | None = None
        self.bridge: Bridge | None = None

    @property
    def is_going_on(self) -> bool:
        return not all(child.is_over for child in self.children)

    def win(self, child: Call) -> bool:
        """Say whether this one is the first."""
        if self.winner is None and not self.parent.is_over:
            self.winner, self.bridge = child, Bridge(self.parent, child)
            self.parent.deliver(Nudge.CHANGED)
            return True
        return False

    def cancel(self, *, but: Call | None = None) -> None:
        """Let the others go."""
        for child in self.children:
            if child is not but and not child.is_over:
                child.interrupt(HungUp("desk"))


def _child(script: Script, verb: Verb, noun: Verb, attempt: Attempt) -> Call:
    parent = script.call
    sender = verb.attributes.get("callerId") or parent.sender
    address = {"Client": "client:", "Sip": ""}.get(noun.name, "") + _address(noun)
    child = parent.exchange.new_call(sender=sender, recipient=address, direction="outbound-dial", parent=parent)
    if url := noun.attributes.get("statusCallback"):
        child.callback_url = script.address(url)
        child.callback_method = noun.attributes.get("statusCallbackMethod", "POST")
        child.callback_events = tuple(noun.attributes.get("statusCallbackEvent", "completed").split())
    whisper = noun.attributes.get("url", "")
    target = Target(script.address(whisper) if whisper else "", noun.attributes.get("method", "POST"))
    nested = Script(child, script.verbs, allowed=WHISPER)
    child.run(_child_life(nested, target, attempt, timeout=verb.number("timeout", 30)))
    return child


def _child_life(script: Script, target: Target, attempt: Attempt, *, timeout: float) -> Program:
    """Be rung, hear the whisper, and talk if one is the first."""
    child = script.call
    try:
        if not (yield from ring(child, timeout=timeout)):
            return
        if target.url:
            yield from run(script, target)
        if attempt.win(child) and attempt.bridge is not None:
            yield from attempt.bridge.talk(child)
    except Redirected as elsewhere:
        attempt.parent.deliver(Nudge.CHANGED)
        yield from run(Script(child, script.verbs), elsewhere.target)
    finally:
        child.exchange.soon(lambda: attempt.parent.deliver(Nudge.CHANGED))


def _address(noun: Verb) -> str:
    identity = [one.text for one in noun.children if one.name == "Identity"]
    return identity[0] if identity else noun.text.split(" ")[0]


def _entry(script: Script, dial_verb: Verb, noun: Verb) -> Entry:
    """Return how <Conference> lets its caller in."""
    given = noun.attributes
    wait_url = given.get("waitUrl")
    callback, recording = given.get("statusCallback", ""), given.get("recordingStatusCallback", "")
    entry = Entry(
        muted=noun.says("muted"),
        starts=given.get("startConferenceOnEnter", "true").lower() == "true",
        ends=noun.says("endConferenceOnExit"),
        beep=given.get("beep", "true"),
        wait_url=script.address(wait_url) if wait_url else wait_url,
        wait_method=given.get("waitMethod", "POST"),
        coach=given.get("coach", ""),
        label=given.get("participantLabel", ""),
        record=given.get("record", "do-not-record") == "record-from-start",
        callback_url=script.address(callback) if callback else "",
        callback_method=given.get("statusCallbackMethod", "POST"),
        callback_events=tuple(given.get("statusCallbackEvent", "start end").split()),
        recording_callback_url=script.address(recording) if recording else "",
        recording_events=tuple(given.get("recordingStatusCallbackEvent", "completed").split()),
    )
    return replace(entry, star_leaves=dial_verb.says("hangupOnStar"))
