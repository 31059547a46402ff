"""The documents that lead a caller through the desk, as TwiML: https://www.twilio.com/docs/voice/twiml.

Pure: who is spoken to, what is offered and what is told are given. In a document for a queue's waitUrl Twilio takes
Play, Say, Pause, Gather, Redirect, Leave and Hangup (https://www.twilio.com/docs/voice/twiml/enqueue).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from twilio.twiml.voice_response import Gather, VoiceResponse

from channels.phone.offers import Offers, Out
from channels.phone.opening import Opening
from channels.phone.phrases import when_told
from channels.phone.speaking import Speaker
from ticketing.spoken_words import Words, for_language

MAX_VOICEMAIL_SECONDS = 180
MAX_TRANSCRIBED_SECONDS = (
    119  # Twilio writes down what lasts less than 120: https://www.twilio.com/docs/api/errors/13617
)
SILENCE_ENDS_AFTER_SECONDS = 8
RECORDED_PATH = "/inbound/twilio/voice/recorded"
RECORDING_PATH = "/inbound/twilio/voice/recording"
MUSIC_PATH = "/inbound/twilio/voice/music.wav"
MENU_SECONDS = 6  # of silence after the words
OFFER_SECONDS = 4
NUMBER_SECONDS = 8
PATIENCE_SECONDS = 5  # while we are in trouble

NOTHING = str(VoiceResponse())


def nothing_yet() -> VoiceResponse:
    """Return a document to which somebody adds."""
    return VoiceResponse()


def greeting_open(to: Speaker, own: Words | None) -> VoiceResponse:
    """Greet a caller; what they are then led to is added by whoever asks."""
    response = VoiceResponse()
    to.say_own(response, own, to.phrases.hello)
    return response


def closed_words(to: Speaker, settings: Mapping[str, Any], opening: Opening, at: datetime) -> VoiceResponse:
    """Greet a caller who calls while we are closed, and say when we are not.

    An inbox's `closed_greeting` stands for its `greeting` and our words that we are closed.
    """
    phrases = to.phrases
    response = VoiceResponse()
    if for_language(settings.get("closed_greeting"), to.language):
        to.say_own(response, settings["closed_greeting"])
    else:
        to.say_own(response, settings.get("greeting"), phrases.hello)
        to.say(response, phrases.closed)
    if opening.opens_at is not None:
        when = when_told(opening.opens_at, now=at, zone=opening.time_zone, phrases=phrases)
        to.say(response, phrases.opens.format(when=when), phrases.noted)
    else:
        to.say(response, phrases.noted)
    return response


def add_menu(response: VoiceResponse, to: Speaker, prompt: Words | None, *, call: int, tries: int) -> None:
    """Ask what it is about; who presses nothing comes to the same address without a key."""
    action = to.address("menu", call=call, tries=tries)
    keys = _gather(action, timeout=MENU_SECONDS)
    to.say_own(keys, prompt)
    response.append(keys)
    response.redirect(action, method="POST")


def add_enqueue(
    response: VoiceResponse, to: Speaker, *, call: int, queue: int, notice: Words | None, record: bool
) -> None:
    """Say that the call may be recorded, if it may, and put the caller into the line."""
    if record:
        to.say_own(response, notice, to.phrases.recorded_notice)
    response.enqueue(
        f"queue-{queue}",
        action=to.address("left", call=call),
        method="POST",
        wait_url=to.address("wait", call=call),
        wait_url_method="POST",
    )


def waiting(to: Speaker, *told: str, call: int, music: str, offers: Offers) -> str:
    """Tell a caller how it stands and play music; a key counts at any moment. Then the next turn comes."""
    response = VoiceResponse()
    keys = _gather(to.address("keys", call=call), timeout=1)
    to.say(keys, *told)
    to.say(keys, *_offered(offers, to))
    keys.play(music or f"{to.public_url}{MUSIC_PATH}")
    response.append(keys)
    response.redirect(to.address("wait", call=call), method="POST")
    return str(response)


def back_in_line(to: Speaker, *words: str, call: int) -> str:
    """Say something to a caller in the line, and go on waiting."""
    response = VoiceResponse()
    to.say(response, *words)
    response.redirect(to.address("wait", call=call), method="POST")
    return str(response)


def leave() -> str:
    """Take the caller out of the line; Twilio then asks at the `<Enqueue>`'s action what comes."""
    response = VoiceResponse()
    response.leave()
    return str(response)


def add_offers(response: VoiceResponse, to: Speaker, offers: Offers, *, call: int, out: Out, tries: int = 0) -> None:
    """Offer what there is to a caller who is not in the line, or not to be for longer.

    Who presses nothing leaves a message; where there is nothing to offer, the call is noted and over.
    """
    phrases = to.phrases
    if offers.callback or offers.text:
        action = to.address("keys", call=call, out=out, tries=tries)
        keys = _gather(action, timeout=OFFER_SECONDS)
        to.say(keys, *_offered(offers, to, out), phrases.or_stay if offers.voicemail else "")
        response.append(keys)
        response.redirect(action, method="POST")
    elif offers.voicemail:
        response.redirect(to.address("keys", call=call, out=out), method="POST")
    else:
        to.say(response, phrases.nobody_now)
        response.hangup()


def busy(to: Speaker, *words: str) -> VoiceResponse:
    """Say why a caller cannot wait in the line, or not for longer."""
    response = VoiceResponse()
    to.say(response, *words)
    return response


def voicemail(
    to: Speaker,
    *,
    inbox: str,
    call: int,
    response: VoiceResponse | None = None,
    transcription: Mapping[str, str | bool] | None = None,
) -> str:
    """Take a voicemail. Both callbacks carry the inbox, for Twilio does not repeat it.

    `transcription` are the attributes by which Twilio writes it down, if it is to (`recording_news`).
    """
    query = urlencode({"inbox": inbox})
    response = response or VoiceResponse()
    to.say(response, to.phrases.voicemail)
    response.record(
        action=f"{to.public_url}{RECORDED_PATH}?{query}&call={call}",
        method="POST",
        max_length=MAX_TRANSCRIBED_SECONDS if transcription else MAX_VOICEMAIL_SECONDS,
        timeout=SILENCE_ENDS_AFTER_SECONDS,
        finish_on_key="#",
        play_beep=True,
        recording_status_callback=f"{to.public_url}{RECORDING_PATH}?{query}",
        recording_status_callback_method="POST",
        recording_status_callback_event="completed absent",
        **(transcription or {}),
    )
    # Twilio comes here only when nothing was recorded; else it goes on with the answer to `action`.
    to.say(response, to.phrases.nothing_heard)
    response.hangup()
    return str(response)


def ask_number(to: Speaker, *words: str, call: int, out: str, tries: int) -> str:
    """Ask a caller whose number is withheld where to call them."""
    response = VoiceResponse()
    action = to.address("number", call=call, out=out, tries=tries)
    keys = Gather(input="dtmf", action=action, method="POST", finish_on_key="#", timeout=NUMBER_SECONDS)
    to.say(keys, *words, to.phrases.ask_number)
    response.append(keys)
    response.redirect(action, method="POST")
    return str(response)


def go_on(to: Speaker, step: str, **query: Any) -> str:
    """Let Twilio go on at another of our addresses."""
    response = VoiceResponse()
    response.redirect(to.address(step, **query), method="POST")
    return str(response)


def goodbye(to: Speaker, *words: str) -> str:
    """Say last words, and hang up."""
    response = VoiceResponse()
    to.say(response, *words)
    response.hangup()
    return str(response)


def rejected() -> str:
    """Do not pick up: https://www.twilio.com/docs/voice/twiml/reject."""
    response = VoiceResponse()
    response.reject()
    return str(response)


def patience(to_address: str) -> str:
    """Let Twilio ask again in a moment: our store is away, and the caller need not know."""
    response = VoiceResponse()
    response.pause(length=PATIENCE_SECONDS)
    response.redirect(to_address, method="POST")
    return str(response)


def thanks(settings: Mapping[str, Any]) -> str:
    """Thank for the voicemail and hang up."""
    to = Speaker.to(settings, public_url="")
    return goodbye(to, to.phrases.thanks)


def trouble(settings: Mapping[str, Any]) -> str:
    """Tell a caller whose call we could not note down what is true, and hang up."""
    to = Speaker.to(settings, public_url="")
    return goodbye(to, to.phrases.trouble)


def trouble_in_every_language() -> str:
    """Say the same to a caller of whom we cannot even find out which number of ours they called."""
    response = VoiceResponse()
    for language in ("en", "fr"):
        to = Speaker.to({"language": language}, public_url="")
        to.say(response, to.phrases.trouble)
    response.hangup()
    return str(response)


def spoken(text: str, language: str = "") -> str:
    """Speak an agent's reply to the customer who picks up, in a language that Twilio's `<Say>` knows."""
    response = VoiceResponse()
    response.pause(length=1)
    response.say(text, language=language or "en-US")
    response.hangup()
    return str(response)


def _gather(action: str, *, timeout: int) -> Gather:
    """Return what takes one key, at any moment of the words within; who presses none comes to what stands behind it."""
    every_key = ""  # is an answer, the hash key too
    return Gather(input="dtmf", action=action, method="POST", num_digits=1, finish_on_key=every_key, timeout=timeout)


def _offered(offers: Offers, to: Speaker, out: Out | None = None) -> list[str]:
    phrases = to.phrases
    callback = phrases.offer_callback_closed if out is Out.CLOSED else phrases.offer_callback
    said = [(offers.callback, callback), (offers.voicemail, phrases.offer_voicemail), (offers.text, phrases.offer_text)]
    return [words for offered, words in said if offered]
