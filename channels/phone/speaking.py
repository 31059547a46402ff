"""Somebody on the line: in which language and voice they are spoken to, and where Twilio comes back to for more."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from twilio.twiml.voice_response import Gather, VoiceResponse

from channels.phone.phrases import Phrases, in_language, spoken_language
from ticketing.spoken_words import Words, for_language, is_audio

VOICE_PATH = "/inbound/twilio/voice"


@dataclass(frozen=True)
class Speaker:
    """How we speak to one caller. `language` is one that `<Say>` knows; `voice` "" leaves the choice to Twilio."""

    public_url: str
    language: str
    voice: str = ""
    desk_language: str = ""  # in which the desk's own words are that are for every caller

    @classmethod
    def to(cls, settings: Mapping[str, Any], *, public_url: str, language: str = "") -> "Speaker":
        """Return how to speak to a caller of an inbox with these settings, who wants a language or says nothing."""
        own = spoken_language(str(settings.get("language") or ""))
        chosen = spoken_language(language, own)
        # A voice speaks one language: whoever hears another one is not to hear it with a wrong accent.
        voice = str(settings.get("voice") or "") if chosen.partition("-")[0] == own.partition("-")[0] else ""
        return cls(public_url, chosen, voice, own)

    @property
    def phrases(self) -> Phrases:
        return in_language(self.language)

    def say(self, where: VoiceResponse | Gather, *words: str) -> None:
        """Say words of ours, one after the other; nothing for none."""
        said = " ".join(filter(None, words))
        if said:
            self._say(where, said, self.language)

    def say_own(self, where: VoiceResponse | Gather, words: Words | None, otherwise: str = "") -> None:
        """Say or play the desk's own words, or ours where it has none for this caller."""
        own = for_language(words, self.language)
        if is_audio(own):
            where.play(own)
        elif own and isinstance(words, str):
            self._say(where, own, self.desk_language or self.language)
        else:
            self.say(where, own or otherwise)

    def address(self, step: str, **query: Any) -> str:
        """Return where Twilio goes on from here."""
        told = {name: value for name, value in query.items() if value not in ("", None)}
        return f"{self.public_url}{VOICE_PATH}/{step}" + (f"?{urlencode(told)}" if told else "")

    def _say(self, where: VoiceResponse | Gather, words: str, language: str) -> None:
        voice = (
            {"voice": self.voice}
            if self.voice and language.partition("-")[0] == self.language.partition("-")[0]
            else {}
        )
        where.say(words, language=language, **voice)
