"""What a desk says to callers in its own words: a text, or an audio file's address, for all or by language. Pure."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ticketing.errors import InvalidInput
from ticketing.languages import language_tag

MAX_WORDS = 1000
MAX_ADDRESS = 500
MOST_LANGUAGES = 20

Words = str | dict[str, str]  # for every caller, or by language tag


def checked_words(name: str, value: Any) -> Words:
    """Return words as they are kept. Raises InvalidInput; `name` says which words in its sentence."""
    if isinstance(value, str):
        return _text(name, value)
    if not isinstance(value, Mapping) or not 0 < len(value) <= MOST_LANGUAGES:
        raise InvalidInput(f"{name} is a text or the https address of an audio file, or such by language: {{fr: …}}")
    if not all(isinstance(tag, str) and tag.strip() for tag in value):
        raise InvalidInput(f"{name} is by language tag, such as fr or en-GB")
    return {language_tag(tag): _text(name, words) for tag, words in value.items()}


def checked_address(name: str, value: Any) -> str:
    """Return the address of an audio file that a telephone network fetches. Raises InvalidInput."""
    text = value.strip() if isinstance(value, str) else ""
    try:
        parts = urlsplit(text)
        usable = parts.scheme == "https" and bool(parts.hostname) and not parts.username
    except ValueError:
        usable = False
    if not usable or len(text) > MAX_ADDRESS or any(mark.isspace() for mark in text):
        raise InvalidInput(f"{name} is the https address of an audio file, of at most {MAX_ADDRESS} characters")
    return text


def is_audio(words: str) -> bool:
    """Say whether these are no words but the address of an audio file."""
    return words.startswith("https://")


def for_language(words: Words | None, language: str) -> str:
    """Return the words for somebody who is spoken to in `language`; "": there are none for them.

    The tag itself comes first, then another of the same language, then the words for every caller.
    """
    if not isinstance(words, Mapping):
        return words or ""
    wanted = language.lower()
    exact = next((said for tag, said in words.items() if tag.lower() == wanted), "")
    primary = wanted.partition("-")[0]
    return exact or next((said for tag, said in words.items() if tag.lower().partition("-")[0] == primary), "")


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= MAX_WORDS:
        raise InvalidInput(f"{name} has 1 to {MAX_WORDS} characters")
    text = value.strip()
    if text.startswith("http://"):
        raise InvalidInput(f"{name} is played from an https address only")
    return checked_address(name, text) if is_audio(text) else text
