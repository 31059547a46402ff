"""Twilio's queues: <Enqueue>, <Leave> and <Dial><Queue>. https://www.twilio.com/docs/voice/twiml/enqueue."""

from collections.abc import Generator
from datetime import datetime
from typing import TYPE_CHECKING

from channels.sandbox.bridges import Bridge
from channels.sandbox.courier import Request
from channels.sandbox.news import (
    ApplicationError,
    Dequeued,
    HungUp,
    LeftQueue,
    News,
    Nudge,
    Program,
    Redirected,
    Target,
    Wanted,
)
from channels.sandbox.program import Script
from channels.sandbox.twiml_reader import Verb
from channels.sandbox.twiml_rules import MUSIC, WAITING

if TYPE_CHECKING:
    from channels.sandbox.calls import Call
    from channels.sandbox.exchange import Exchange

MAX_SIZE = 1000
MAX_NAME = 64
BREATH = 1.0  # seconds between two documents that take no time

Answering = Generator[Wanted, News, dict[str, str]]
Taken = Generator[Wanted, News, Bridge | None]


class WaitingQueue:
    """A queue of calls, the first in front."""

    def __init__(self, exchange: "Exchange", sid: str, name: str) -> None:
        self.exchange = exchange
        self.sid = sid
        self.name = name
        self.max_size = MAX_SIZE
        self.made_at = exchange.now()
        self.members: dict[Call, datetime] = {}
        self._began = 0.0  # the sum of all moments in `members`, as timestamps: every caller asks for the average
        self.takers: list[Call] = []  # who dials the queue while nobody is in it

    @property
    def is_full(self) -> bool:
        return len(self.members) >= self.max_size

    def position(self, call: "Call") -> int:
        """Return a member's place, from 1."""
        for place, member in enumerate(self.members, 1):
            if member is call:
                return place
        return 0

    def seconds(self, call: "Call") -> int:
        since = self.members.get(call)
        return int((self.exchange.now() - since).total_seconds()) if since is not None else 0

    def average(self) -> int:
        """Return how long those who wait now have waited on average, in seconds."""
        if not self.members:
            return 0
        return int(self.exchange.now().timestamp() - self._began / len(self.members))

    def join(self, call: "Call") -> None:
        """Let a call wait behind the others, and whoever waits for somebody have a look."""
        now = self.exchange.now()
        self.members[call] = now
        self._began += now.timestamp()
        if self.takers:
            self.takers.pop(0).deliver(Nudge.CHANGED)

    def leave(self, call: "Call") -> None:
        self._began -= self.members.pop(call).timestamp()

    def facts(self, call: "Call") -> dict[str, str]:
        """Return what a request to a waitUrl says of the queue."""
        return {
            "AvgQueueTime": str(self.average()),
            "CurrentQueueSize": str(len(self.members)),
            "MaxQueueSize": str(self.max_size),
            "QueuePosition": str(self.position(call)),
            "QueueSid": self.sid,
            "QueueTime": str(self.seconds(call)),
        }

    def dequeue(self, call: "Call", interruption: Dequeued | Redirected) -> None:
        """Take a member out."""
        call.interrupt(interruption, only_if=lambda: call in self.members)


def enqueue(script: Script, verb: Verb) -> Program:
    """<Enqueue>."""
    call = script.call
    if len(verb.text) > MAX_NAME:
        raise ApplicationError(13201, "a queue's name has at most 64 characters")
    queue = call.exchange.queue(verb.text)
    form = {"QueueResult": "queue-full"}
    if not queue.is_full:
        queue.join(call)
        form = yield from _wait(script, verb, queue)
    if "action" in verb.attributes:
        raise script.go_on(verb, form)


def _wait(script: Script, verb: Verb, queue: WaitingQueue) -> Answering:
    """Wait in the queue; return what the action is told."""
    call = script.call
    dequeued: Dequeued | None = None
    result = "bridged"
    try:
        call.doing = "waiting"
        yield from music(
            script, verb.attributes.get("waitUrl"), verb.attributes.get("waitUrlMethod", "POST"), WAITING, queue
        )
    except LeftQueue:
        result = "leave"
    except Dequeued as out:
        dequeued = out
    except ApplicationError as error:
        call.exchange.errors.append(f"{call.sid} {error}")
        result = "error"
    except (Redirected, HungUp) as out:
        _tell(script, verb, queue, "redirected" if isinstance(out, Redirected) else "hangup")
        raise
    finally:
        form = {"QueueSid": queue.sid, "QueueTime": str(queue.seconds(call))}
        queue.leave(call)
    if dequeued is not None:
        try:
            yield from _be_bridged(script, dequeued, form)
        except (Redirected, HungUp) as out:
            _tell(script, verb, queue, "redirected-from-bridged" if isinstance(out, Redirected) else "bridged")
            raise
    return form | {"QueueResult": result}


def _be_bridged(script: Script, out: Dequeued, form: dict[str, str]) -> Program:
    """Hear the whisper, then whoever has taken the call out of the queue."""
    try:
        if out.url:
            taker = next(one for one in out.bridge.calls if one is not script.call)
            whisper = script.nested(allowed=MUSIC, extra=lambda: form | {"DequeingCallSid": taker.sid})
            yield from whisper.follow(Target(out.url, out.method))
        yield from out.bridge.talk(script.call)
    finally:
        out.bridge.close()


def _tell(script: Script, verb: Verb, queue: WaitingQueue, result: str) -> None:
    """Tell the action how it ended; nobody follows what it answers."""
    if action := verb.attributes.get("action"):
        call = script.call
        told = {"QueueResult": result, "QueueSid": queue.sid, "QueueTime": str(queue.seconds(call))}
        request = Request(script.address(action), call.form() | told, verb.attributes.get("method", "POST"))
        call.exchange.tell(request, lane=f"queue {call.sid}")


def music(
    script: Script, url: str | None, method: str, allowed: frozenset[str], queue: WaitingQueue | None = None
) -> Program:
    """Follow a waiting document again and again, until something breaks in. "" is silence, None is Twilio's music."""
    call = script.call
    if not url:
        call.note("music" if url is None else "silence", "Twilio's classical music" if url is None else "")
        while True:
            yield None
    while True:
        began = call.exchange.now()
        nested = script.nested(allowed=allowed, extra=lambda: queue.facts(call) if queue is not None else {})
        yield from nested.follow(Target(script.address(url), method))
        if call.exchange.now() == began:
            yield from script.listen(BREATH)


def dial_queue(script: Script, dial: Verb, noun: Verb) -> Answering:
    """<Dial><Queue>: talk with the first of the queue; return the form of the action."""
    call = script.call
    queue = call.exchange.find_queue(noun.text)
    if queue is None:
        return {"DialCallStatus": "failed"}
    bridge = yield from _first(script, dial, noun, queue)
    if bridge is None:
        return {"DialCallStatus": "no-answer"}
    began = call.exchange.now()
    member = next(one for one in bridge.calls if one is not call)
    yield from bridge.talk(call, star_ends=dial.says("hangupOnStar"))
    seconds = round((call.exchange.now() - began).total_seconds())
    return {"DialCallStatus": "completed", "DialCallSid": member.sid, "DialCallDuration": str(seconds)}


def _first(script: Script, dial: Verb, noun: Verb, queue: WaitingQueue) -> Taken:
    call = script.call
    until = call.exchange.after_seconds(dial.number("timeout", 30))
    while not queue.members:
        queue.takers.append(call)
        left = call.exchange.seconds_to(until)
        if left <= 0:
            queue.takers.remove(call)
            return None
        try:
            yield left
        finally:
            if call in queue.takers:
                queue.takers.remove(call)
    member = next(iter(queue.members))
    bridge = Bridge(call, member)
    url = script.address(noun.attributes["url"]) if noun.attributes.get("url") else ""
    queue.dequeue(member, Dequeued(bridge, url, noun.attributes.get("method", "POST")))
    return bridge
