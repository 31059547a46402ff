"""Follow TwiML on a call, verb by verb: https://www.twilio.com/docs/voice/twiml.

Each verb is a generator that takes as long as the thing that it does, by the exchange's clock.
"""

from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from channels.sandbox.courier import Request, Response
from channels.sandbox.news import (
    ApplicationError,
    GoOn,
    HungUp,
    Key,
    LeftQueue,
    Listening,
    News,
    Nudge,
    Program,
    Redirected,
    Target,
    Wanted,
    Words,
)
from channels.sandbox.twiml_reader import UnreadableTwiML, Verb, check, read, warnings
from channels.sandbox.twiml_rules import EVERYWHERE

if TYPE_CHECKING:
    from channels.sandbox.calls import Call

Doing = Callable[["Script", Verb], Program]
Reading = Generator[Wanted, News, list[Verb]]
Fetching = Generator[Wanted, News, str]
Gathering = Generator[Wanted, News, dict[str, str]]

WORDS_PER_SECOND = 2.5
SOUND_SECONDS = 10.0  # of a sound file; the sandbox does not listen to it
MANY_TIMES = 1000  # loop="0" means on and on
MAX_DOCUMENTS_AT_ONCE = 50  # that lead to each other without any time going by
TWIML = ("text/xml", "application/xml", "text/html")
AUDIO = "audio/"
APOLOGY = "An application error has occurred. Goodbye."


class Script:
    """One run through documents on a call. `allowed` are the verbs that have a place there."""

    def __init__(
        self,
        call: "Call",
        verbs: dict[str, Doing],
        *,
        allowed: Iterable[str] = EVERYWHERE,
        extra: Callable[[], dict[str, str]] = dict,
    ) -> None:
        self.call = call
        self.verbs = verbs
        self.allowed = frozenset(allowed)
        self.extra = extra  # what the requests for documents say besides the usual
        self.url = ""

    def nested(self, *, allowed: Iterable[str], extra: Callable[[], dict[str, str]] = dict) -> "Script":
        """Return a script for a document within this one, as that of a queue's music."""
        script = Script(self.call, self.verbs, allowed=allowed, extra=extra)
        script.url = self.url
        return script

    def address(self, reference: str) -> str:
        """Return where a reference of the current document leads."""
        return urljoin(self.url, reference)

    def follow(self, target: Target, form: dict[str, str] | None = None) -> Program:
        """Follow the document and those to which it leads, until one is out of verbs."""
        form, at, documents = form or {}, None, 0
        while True:
            documents, at = (documents + 1 if at == self.call.exchange.now() else 1), self.call.exchange.now()
            if documents > MAX_DOCUMENTS_AT_ONCE:
                raise ApplicationError(11202, "documents lead to each other, on and on, within no time")
            try:
                yield from self._one_document(target, form)
            except GoOn as onward:
                target, form = onward.target, onward.form
            else:
                return

    def go_on(self, verb: Verb, form: dict[str, str]) -> GoOn:
        """Return what leads to a verb's `action`, by default to the current document."""
        url = self.address(verb.attributes.get("action", "")) if verb.attributes.get("action") else self.url
        return GoOn(Target(url, _method(verb)), form)

    def listen(self, seconds: float, stops: tuple[type, ...] = ()) -> Listening:
        """Let the time go by; return the first news of a kind that stops it, or None."""
        exchange = self.call.exchange
        until = exchange.after_seconds(seconds)
        while (left := exchange.seconds_to(until)) > 0:
            news = yield left
            if isinstance(news, stops) and not isinstance(news, Nudge):
                return news
        return None

    def prompt(self, verb: Verb, stops: tuple[type, ...] = ()) -> Listening:
        """Say, play or pause; return the news that stopped it, or None."""
        if verb.name == "Pause":
            seconds = verb.number("length", 1)
            self.call.note("silence", seconds=seconds)
            return (yield from self.listen(seconds / self.call.pace, stops))
        times = int(verb.number("loop", 1)) or MANY_TIMES
        for _ in range(times):
            seconds = self._sound(verb)
            news = yield from self.listen(seconds / self.call.pace, stops)
            if news is not None:
                return news
        return None

    def _sound(self, verb: Verb) -> float:
        """Make the device hear it; return how long it lasts."""
        if verb.name == "Say":
            seconds = max(0.5, len(verb.text.split()) / WORDS_PER_SECOND)
            language = verb.attributes.get("language", "en-US")
            self.call.note("said", verb.text, language=language, seconds=round(seconds, 1))
            return seconds
        if digits := verb.attributes.get("digits", ""):
            self.call.note("played", f"keys {digits}")
            return 0.5 * len(digits)
        url = self.address(verb.text)
        seconds = self.call.exchange.sounds.get(url, SOUND_SECONDS)
        self.call.note("played", url, seconds=seconds)
        return seconds

    def _one_document(self, target: Target, form: dict[str, str]) -> Program:
        verbs = yield from self._read(target, form)
        for verb in verbs:
            if verb.name not in self.allowed:
                raise ApplicationError(12200, f"<{verb.name}> has no place here")
            yield from self.verbs[verb.name](self, verb)

    def _read(self, target: Target, form: dict[str, str]) -> Reading:
        if target.url:
            document = yield from self._fetch(target, form)
        else:
            document = target.document
        try:
            verbs = read(document)
            check(verbs)
        except UnreadableTwiML as error:
            raise ApplicationError(error.code, str(error)) from None
        self.call.exchange.warnings.extend(warnings(verbs))
        return verbs

    def _fetch(self, target: Target, form: dict[str, str]) -> Fetching:
        self.url = target.url
        answer = yield Request(target.url, self.call.form() | self.extra() | form, target.method)
        try:
            return _document(answer, target.url)
        except ApplicationError as error:
            if not target.fallback_url:
                raise
            told = {"ErrorCode": str(error.code), "ErrorUrl": target.url}
            self.url = target.fallback_url
            answer = yield Request(target.fallback_url, self.call.form() | self.extra() | told, "POST")
            return _document(answer, target.fallback_url)


def _document(answer: News, url: str) -> str:
    """Return the TwiML that was answered. A sound file is as good as a <Play> of it."""
    if not isinstance(answer, Response) or not answer.is_good:
        status, words = (answer.status, answer.text[:80]) if isinstance(answer, Response) else (0, "")
        raise ApplicationError(11200, f"HTTP {status or 'failure'} from {url} {words if not status else ''}".strip())
    kind = answer.content_type.partition(";")[0].strip().lower()
    if kind.startswith(AUDIO):
        return f"<Response><Play>{url}</Play></Response>".replace("&", "&amp;")
    if kind not in TWIML:
        raise ApplicationError(12300, f"{url} answers {kind or 'no content type'}")
    return answer.text


def _method(verb: Verb) -> str:
    return "GET" if verb.attributes.get("method", "").upper() == "GET" else "POST"


def say(script: Script, verb: Verb) -> Program:
    """<Say>, <Play> and <Pause>."""
    if script.allowed == EVERYWHERE:  # not while one waits, where the music is a document, too
        script.call.doing = "listening"
    yield from script.prompt(verb)


def redirect(script: Script, verb: Verb) -> Program:
    """<Redirect>."""
    if not verb.text:
        raise ApplicationError(12100, "<Redirect> leads nowhere")
    raise GoOn(Target(script.address(verb.text), _method(verb)), {})


def hang_up(script: Script, verb: Verb) -> Program:
    """<Hangup>."""
    raise HungUp("desk")


def leave(script: Script, verb: Verb) -> Program:
    """<Leave>."""
    raise LeftQueue


def gather(script: Script, verb: Verb) -> Program:
    """<Gather>: keys or words, which also cut its prompts short."""
    spoken = "speech" in verb.attributes.get("input", "dtmf").split()
    typed = "dtmf" in verb.attributes.get("input", "dtmf").split()
    stops: tuple[type, ...] = (*((Key,) if typed else ()), *((Words,) if spoken else ()))
    before, script.call.doing = script.call.doing, "keys"
    news: News | None = None
    for prompt in verb.children:
        news = yield from script.prompt(prompt, stops if verb.attributes.get("bargeIn") != "false" else ())
        if news is not None:
            break
    form = yield from _gathered(script, verb, news, stops)
    script.call.doing = before
    if form or verb.says("actionOnEmptyResult"):
        raise script.go_on(verb, form or {"Digits": "", "msg": "Gather End"})


def _gathered(script: Script, verb: Verb, news: News | None, stops: tuple[type, ...]) -> Gathering:
    seconds = verb.number("timeout", 5) / min(script.call.pace, 5)
    finish = verb.attributes.get("finishOnKey", "#")
    many = int(verb.number("numDigits", MANY_TIMES))
    digits = ""
    while True:
        if news is None:
            news = yield from script.listen(seconds, stops)
        if isinstance(news, Words):
            return {"SpeechResult": news.text, "Confidence": "0.9"}
        if not isinstance(news, Key) or (finish and news.digit in finish):
            break
        digits += news.digit
        news = None
        if len(digits) >= many:
            break
    if not digits:
        return {}
    return {"Digits": digits} | ({"FinishedOnKey": news.digit} if isinstance(news, Key) else {})


def run(script: Script, target: Target, form: dict[str, str] | None = None) -> Program:
    """Run a call from its first document on, wherever the desk sends it, to its end."""
    trouble: ApplicationError | None = None
    while True:
        try:
            if trouble is not None:
                yield from _apologise(script, trouble)
            else:
                yield from script.follow(target, form)
        except Redirected as elsewhere:
            target, form, trouble = elsewhere.target, {}, None
        except LeftQueue:
            return  # a <Leave> outside a queue says nothing
        except ApplicationError as error:
            trouble = error
        else:
            return


def _apologise(script: Script, error: ApplicationError) -> Program:
    """Say that something is wrong, as Twilio does."""
    script.call.exchange.errors.append(f"{script.call.sid} {error}")
    script.call.note("said", APOLOGY, language="en-US", seconds=2.0)
    script.call.note("told", f"Twilio's error {error}")
    yield from script.listen(2.0 / script.call.pace)
