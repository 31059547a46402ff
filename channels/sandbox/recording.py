"""<Record>: a tone, what the caller says, and what is told of it. https://www.twilio.com/docs/voice/twiml/record."""

from collections.abc import Generator
from datetime import datetime

from channels.sandbox.courier import Request
from channels.sandbox.news import HungUp, Key, Listening, News, Program, Redirected, Wanted, Words
from channels.sandbox.program import WORDS_PER_SECOND, Script
from channels.sandbox.twiml_reader import Verb

LONGEST = 3600
ANY_KEY = "1234567890*#"


class Spoken:
    """What has been said after the tone, and what ended it."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.key = ""


def record(script: Script, verb: Verb) -> Program:
    """<Record>. Without a word it is as if it had not been there."""
    call = script.call
    if verb.attributes.get("playBeep", "true").lower() != "false":
        call.note("tone")
    call.doing = "recording"
    began, spoken = call.exchange.now(), Spoken()
    try:
        yield from _listen(script, verb, spoken)
    except HungUp:
        # Whoever hangs up has finished, too: the action is told, and nobody is there to hear what it answers.
        if form := _finished(script, verb, spoken, began):
            action = verb.attributes.get("action")
            url = script.address(action) if action else script.url
            call.exchange.tell(Request(url, call.form() | form | {"Digits": "hangup"}), lane=f"record {call.sid}")
        raise
    except Redirected:
        _finished(script, verb, spoken, began)
        raise
    call.doing = "listening"
    if form := _finished(script, verb, spoken, began):
        raise script.go_on(verb, form | ({"Digits": spoken.key} if spoken.key else {}))


def _listen(script: Script, verb: Verb, spoken: Spoken) -> Generator[Wanted, News, None]:
    """Hear words until there is silence for too long, a key or the longest time."""
    exchange = script.call.exchange
    silence = verb.number("timeout", 5) / min(script.call.pace, 5)
    finish = verb.attributes.get("finishOnKey", ANY_KEY)
    until = exchange.after_seconds(verb.number("maxLength", LONGEST))
    quiet = silence
    while (left := min(quiet, exchange.seconds_to(until))) > 0:
        news = yield from _next(script, left)
        if isinstance(news, Words):
            spoken.words.append(news.text)
            # The words come all at once, and take their time all the same.
            quiet = silence + len(news.text.split()) / WORDS_PER_SECOND / script.call.pace
        elif isinstance(news, Key) and news.digit in finish:
            spoken.key = news.digit
            return
        elif news is None:
            return


def _next(script: Script, seconds: float) -> Listening:
    return (yield from script.listen(seconds, (Words, Key)))


def _finished(script: Script, verb: Verb, spoken: Spoken, began: datetime) -> dict[str, str]:
    """Keep the recording and have it told of; return what the action is told, nothing for silence."""
    call = script.call
    words = " ".join(spoken.words)
    url = verb.attributes.get("recordingStatusCallback", "")
    sid = call.exchange.keep_recording(
        call_sid=call.sid,
        conference_sid="",
        words=words,
        began_at=began,
        source="RecordVerb",
        callback_url=script.address(url) if url else "",
        events=tuple(verb.attributes.get("recordingStatusCallbackEvent", "completed").split()),
    )
    if not words:
        return {}
    if verb.says("transcribe") or verb.attributes.get("transcribeCallback"):
        callback = verb.attributes.get("transcribeCallback", "")
        call.exchange.transcribe(call, sid, words, script.address(callback) if callback else "")
    seconds = call.exchange.recordings[sid].seconds
    return {"RecordingDuration": str(seconds), "RecordingSid": sid, "RecordingUrl": call.exchange.recording_url(sid)}
