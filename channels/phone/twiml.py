"""What we say to a caller, as TwiML: https://www.twilio.com/docs/voice/twiml."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from twilio.twiml.voice_response import VoiceResponse

DEFAULT_LANGUAGE = "en-US"
MAX_VOICEMAIL_SECONDS = 180
SILENCE_ENDS_AFTER_SECONDS = 8
RECORDED_PATH = "/inbound/twilio/voice/recorded"
RECORDING_PATH = "/inbound/twilio/voice/recording"


@dataclass(frozen=True)
class Phrases:
    """What is said in one language."""

    greeting: str
    thanks: str
    nothing_heard: str
    trouble: str


PHRASES = {
    "en": Phrases(
        greeting="Hello, and thank you for calling. Your call is noted, and somebody will get back to you. "
        "Please leave a message after the tone, and press the hash key when you are done.",
        thanks="Thank you. Your message is recorded, and somebody will get back to you. Goodbye.",
        nothing_heard="We did not hear a message, but your call is noted. Goodbye.",
        trouble="We are sorry: your call reached us, but something is wrong on our side, so nobody may see it soon. "
        "Please call again later, or write to us. Goodbye.",
    ),
    "fr": Phrases(
        greeting="Bonjour, et merci de votre appel. Il est bien noté, et quelqu'un vous répondra. "
        "Laissez un message après le signal, puis appuyez sur la touche dièse.",
        thanks="Merci. Votre message est enregistré, et quelqu'un vous répondra. Au revoir.",
        nothing_heard="Nous n'avons pas entendu de message, mais votre appel est bien noté. Au revoir.",
        trouble="Nous sommes désolés : votre appel nous est parvenu, mais un ennui de notre côté peut nous empêcher "
        "de le voir bientôt. Rappelez plus tard, ou écrivez-nous. Au revoir.",
    ),
}


def greeting(inbox_address: str, settings: Mapping[str, object], *, public_url: str) -> str:
    """Greet and take a voicemail. An inbox's settings may hold a `language` (as Twilio's `<Say>` knows it) and a
    `greeting`. Both callbacks carry the inbox, for Twilio does not repeat it."""
    language, phrases = _in_language(settings)
    inbox = urlencode({"inbox": inbox_address})
    response = VoiceResponse()
    response.say(str(settings.get("greeting") or phrases.greeting), language=language)
    response.record(
        action=f"{public_url}{RECORDED_PATH}?{inbox}",
        method="POST",
        max_length=MAX_VOICEMAIL_SECONDS,
        timeout=SILENCE_ENDS_AFTER_SECONDS,
        finish_on_key="#",
        play_beep=True,
        recording_status_callback=f"{public_url}{RECORDING_PATH}?{inbox}",
        recording_status_callback_method="POST",
        recording_status_callback_event="completed absent",
    )
    # Twilio comes here only when nothing was recorded; else it goes on with the answer to `action`.
    response.say(phrases.nothing_heard, language=language)
    response.hangup()
    return str(response)


def thanks(settings: Mapping[str, object]) -> str:
    """Thank for the voicemail and hang up."""
    language, phrases = _in_language(settings)
    return _said_and_done(phrases.thanks, language)


def trouble(settings: Mapping[str, object]) -> str:
    """Tell a caller whose call we could not note down what is true, and hang up."""
    language, phrases = _in_language(settings)
    return _said_and_done(phrases.trouble, language)


def spoken(text: str, language: str = "") -> str:
    """Speak an agent's reply to the customer who picks up, in a language that Twilio's `<Say>` knows."""
    response = VoiceResponse()
    response.pause(length=1)
    response.say(text, language=language or DEFAULT_LANGUAGE)
    response.hangup()
    return str(response)


def _said_and_done(words: str, language: str) -> str:
    response = VoiceResponse()
    response.say(words, language=language)
    response.hangup()
    return str(response)


def _in_language(settings: Mapping[str, object]) -> tuple[str, Phrases]:
    """Return the language that the inbox asks for, if we speak it, else English."""
    language = str(settings.get("language") or DEFAULT_LANGUAGE)
    phrases = PHRASES.get(language.partition("-")[0].lower())
    return (language, phrases) if phrases is not None else (DEFAULT_LANGUAGE, PHRASES["en"])
