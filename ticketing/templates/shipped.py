"""Read the texts that come with the program, once."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources

from ticketing.errors import NotFound

LANGUAGES = ("en", "fr", "de", "es", "it", "pt", "nl", "pl", "sv", "da", "fi", "ru", "uk", "ja", "zh")
BESIDES: dict[str, tuple[str, ...]] = {  # variables that only one text has
    "acknowledgement": ("answer.when",),
    "callback_promised": ("promise.when",),
    "transcript": ("transcript.text",),
}


@dataclass(frozen=True)
class Wording:
    """A text in one language; `updated_at` None: as it came with the program."""

    subject: str
    body: str
    updated_at: datetime | None = None


def names() -> list[str]:
    """Return the names of all texts."""
    return list(_texts())


def shipped(name: str) -> Mapping[str, Wording]:
    """Return a text by language. Raises NotFound."""
    found = _texts().get(name)
    if found is None:
        raise NotFound(f"there is no template {name[:60]!r}; there are {', '.join(_texts())}")
    return found


@cache
def _texts() -> dict[str, dict[str, Wording]]:
    texts: dict[str, dict[str, Wording]] = {}
    for language in LANGUAGES:
        file = resources.files("ticketing") / "templates" / f"{language}.toml"
        for name, text in tomllib.loads(file.read_text(encoding="utf-8")).items():
            texts.setdefault(name, {})[language] = Wording(text["subject"], text["body"].strip())
    return texts
