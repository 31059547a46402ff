"""What an inbox says of its chat widget: on whose pages it stands, what it asks first, how it looks and speaks."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ticketing.errors import InvalidInput
from ticketing.languages import language_tag

MAX_ORIGINS = 50
MAX_FIELDS = 10
MAX_OPTIONS = 50
MAX_LANGUAGES = 20
MAX_TEXTS = 200
MAX_WORDS = 500  # characters of a label or a text
MOST_FILES = range(21)  # of one message; 0: none at all
FIELD_TYPES = ("text", "email", "tel", "select", "textarea")
PORTS = {"http": 80, "https": 443}
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,59}")
_TYPE = re.compile(r"[a-z]+/(\*|[a-z0-9][a-z0-9.+-]{0,80})")


def origins(value: Any) -> list[str]:
    """Return the pages' origins as browsers write them (RFC 6454, 6.1)."""
    if not isinstance(value, list) or len(value) > MAX_ORIGINS:
        raise InvalidInput(f"a widget's origins are a list of at most {MAX_ORIGINS}")
    return list(dict.fromkeys(_origin(one) for one in value))


def _origin(value: Any) -> str:
    wrong = InvalidInput(
        f"{str(value)[:80]!r} is no origin of a page, such as https://shop.example or http://host:8080"
    )
    if not isinstance(value, str) or not value.isascii() or any(one.isspace() for one in value):
        raise wrong
    try:
        parts = urlsplit(value.lower())
        port = parts.port
    except ValueError:
        raise wrong from None
    nothing_else = parts.path in {"", "/"} and not parts.query and not parts.fragment and "@" not in parts.netloc
    if parts.scheme not in PORTS or not parts.hostname or not nothing_else or "*" in parts.netloc:
        raise wrong
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in {None, PORTS[parts.scheme]} else "")


def colour(value: Any) -> str:
    """Return a colour like #0055aa."""
    if not isinstance(value, str) or not _COLOUR.fullmatch(value):
        raise InvalidInput("a widget's colour is like #0055aa")
    return value.lower()


def fields(value: Any) -> list[dict[str, Any]]:
    """Return what visitors are asked before the chat: `[{name, label, type, required?, options?}]`."""
    if not isinstance(value, list) or len(value) > MAX_FIELDS:
        raise InvalidInput(f"a widget's fields are a list of at most {MAX_FIELDS}")
    found = [_field(one) for one in value]
    if len({one["name"] for one in found}) < len(found):
        raise InvalidInput("two of a widget's fields have the same name")
    return found


def _field(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or value.keys() - {"name", "label", "type", "required", "options"}:
        raise InvalidInput("a widget's field is an object with name, label, type, required and options")
    name, kind, required = value.get("name"), value.get("type", "text"), value.get("required", False)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidInput("a widget's field has a name of small letters, digits and underscores")
    if kind not in FIELD_TYPES:
        raise InvalidInput(f"the type of a widget's field is one of {', '.join(FIELD_TYPES)}")
    if not isinstance(required, bool):
        raise InvalidInput("a widget's field is required or not: true or false")
    field = {"name": name, "label": _label(value.get("label", name)), "type": kind, "required": required}
    return {**field, "options": _options(value.get("options"))} if kind == "select" else field


def _label(value: Any) -> str | dict[str, str]:
    if isinstance(value, Mapping) and 0 < len(value) <= MAX_LANGUAGES:
        return {_tag(language): _words("a label", one) for language, one in value.items()}
    return _words("a label", value)


def _options(value: Any) -> list[str]:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_OPTIONS:
        raise InvalidInput(f"a field to select from has 1 to {MAX_OPTIONS} options")
    return list(dict.fromkeys(_words("an option", one) for one in value))


def texts(value: Any) -> dict[str, dict[str, str]]:
    """Return the widget's own words by language: `{"fr": {"title": "Bonjour"}}`."""
    if not isinstance(value, Mapping) or len(value) > MAX_LANGUAGES:
        raise InvalidInput(f"a widget's texts are objects by at most {MAX_LANGUAGES} languages")
    found = {}
    for language, words in value.items():
        if not isinstance(words, Mapping) or len(words) > MAX_TEXTS:
            raise InvalidInput(f"a widget's texts in one language are an object of at most {MAX_TEXTS}")
        if not all(isinstance(key, str) and _KEY.fullmatch(key) for key in words):
            raise InvalidInput("a widget's texts have names of letters, digits, dots, dashes and underscores")
        found[_tag(language)] = {key: _words(f"the text {key}", one) for key, one in words.items()}
    return found


def languages(value: Any) -> list[str]:
    """Return the languages that the widget speaks, its usual one first."""
    if not isinstance(value, list) or not 0 < len(value) <= MAX_LANGUAGES:
        raise InvalidInput(f"a widget's languages are a list of 1 to {MAX_LANGUAGES} tags like en or fr-CA")
    return list(dict.fromkeys(_tag(one) for one in value))


def files(value: Any) -> dict[str, Any]:
    """Return what visitors may send along: `{max_bytes?, most?, types?}`; `most` 0 is nothing."""
    if not isinstance(value, Mapping) or value.keys() - {"max_bytes", "most", "types"}:
        raise InvalidInput("a widget's files are an object with max_bytes, most and types")
    for name, allowed in (("max_bytes", range(1, 100_000_001)), ("most", MOST_FILES)):
        one = value.get(name, allowed[-1])
        if not isinstance(one, int) or isinstance(one, bool) or one not in allowed:
            raise InvalidInput(f"a widget's files have {name} from {allowed[0]} to {allowed[-1]}")
    types = value.get("types", [])
    if not isinstance(types, list) or len(types) > MAX_OPTIONS:
        raise InvalidInput(f"a widget's files have a list of at most {MAX_OPTIONS} types")
    if not all(isinstance(one, str) and _TYPE.fullmatch(one) for one in types):
        raise InvalidInput("a type of a widget's files is like image/png or image/*")
    return dict(value)


def _tag(value: Any) -> str:
    tag = language_tag(value) if isinstance(value, str) else ""
    if not tag:
        raise InvalidInput(f"{str(value)[:40]!r} is no language tag like fr or pt-BR")
    return tag


def _words(what: str, value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= MAX_WORDS:
        raise InvalidInput(f"{what} of a widget has 1 to {MAX_WORDS} characters")
    return value.strip()
