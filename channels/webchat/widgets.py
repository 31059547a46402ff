"""Chat widgets: inboxes of the channel, and what is said of them to a page that shows one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from ticketing.envelope import Channel, HandleKind
from ticketing.errors import InvalidHandle, InvalidInput, NotFound
from ticketing.handles import fold
from ticketing.models import Inbox
from ticketing.storable import storable
from ticketing.store import db

MOST_WIDGETS = 1000
LONGEST_VALUE = 2000  # characters
OWN = ("name", "email", "phone")  # fields that a session has of its own
SPOKEN = ["en", "fr"]  # by the widget itself
MOST_FILES = 5
LARGEST_FILE = 10_000_000
TYPES = [
    *("image/*", "audio/*", "video/*", "text/*", "application/pdf", "application/json", "application/zip"),
    *("application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint"),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    *("application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.spreadsheet"),
]


@dataclass(frozen=True)
class FileRules:
    """What visitors may send along: bytes of one file, how many with a message, and of which types."""

    max_bytes: int
    most: int
    types: list[str]

    def takes(self, content_type: str) -> bool:
        """Say whether files of this type are taken."""
        family = content_type.partition("/")[0] + "/*"
        return content_type in self.types or family in self.types


def find_widget(key: str) -> Inbox:
    """Return a widget with its queue, "" for the only or oldest one. Raises NotFound."""
    query = select(Inbox).where(Inbox.channel == Channel.CHAT).options(joinedload(Inbox.queue, innerjoin=True))
    query = query.where(Inbox.address == storable(key)) if key else query
    inbox = db.session().scalar(query.order_by(Inbox.id).limit(1))
    if inbox is None:
        raise NotFound(f"there is no chat widget {key[:80]!r}")
    return inbox


def is_listed(origin: str) -> bool:
    """Say whether any widget may stand on the pages of an origin."""
    every = select(Inbox.settings).where(Inbox.channel == Channel.CHAT).limit(MOST_WIDGETS)
    return any(origin in settings.get("origins", ()) for settings in db.session().scalars(every))


def file_rules(inbox: Inbox, *, largest: int) -> FileRules:
    """Return what visitors may send along; `largest` is what the desk takes at all."""
    said = inbox.settings.get("files", {})
    most_bytes = min(said.get("max_bytes", LARGEST_FILE), largest)
    return FileRules(most_bytes, said.get("most", MOST_FILES), said.get("types") or TYPES)


def language_for(inbox: Inbox, wanted: str) -> str:
    """Return in which of its languages a widget speaks to somebody who wants one: that, a kin of it, or its usual."""
    spoken = languages(inbox)
    main = wanted.partition("-")[0]
    kin = (one for one in spoken if one.partition("-")[0] == main)
    return wanted if wanted in spoken else next(kin, spoken[0])


def languages(inbox: Inbox) -> list[str]:
    """Return the languages that a widget speaks, its usual one first."""
    said: list[str] = inbox.settings.get("languages") or []
    usual = inbox.settings.get("language")
    return said or list(dict.fromkeys([*([usual] if usual else []), *SPOKEN]))


def in_language(words: Any, language: str) -> Any:
    """Return words that are kept by language in the one wanted, else in any; plain words stay."""
    if not isinstance(words, Mapping):
        return words
    main = language.partition("-")[0]
    return words.get(language) or words.get(main) or next(iter(words.values()))


def texts_for(inbox: Inbox, language: str) -> dict[str, str]:
    """Return the widget's own words in a language; those of its kin count where it has none itself."""
    said: dict[str, dict[str, str]] = inbox.settings.get("texts", {})
    return {**said.get(language.partition("-")[0], {}), **said.get(language, {})}


def checked_fields(inbox: Inbox, values: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Return what a visitor filled in, as it is kept; `own` is what they said in fields of the session's own.

    Raises InvalidInput for what the widget did not ask, and for what it asked and did not get.
    """
    asked = {one["name"]: one for one in inbox.settings.get("fields", ())}
    for name in values:
        if name not in asked or name in OWN:
            raise InvalidInput(f"this widget has no field {name[:40]!r}")
    for name, field in asked.items():
        value = own.get(name, "") if name in OWN else values.get(name, "")
        if not value.strip() and field["required"]:
            raise InvalidInput(f"this widget wants the field {name!r}")
        if value.strip() and name not in OWN:
            _check(field, value)
    return {name: storable(value).strip() for name, value in values.items() if value.strip()}


def _check(field: Mapping[str, Any], value: str) -> None:
    if len(value) > LONGEST_VALUE:
        raise InvalidInput(f"the field {field['name']!r} has at most {LONGEST_VALUE} characters")
    if field["type"] == "select" and value.strip() not in field["options"]:
        raise InvalidInput(f"the field {field['name']!r} is one of its options")
    kind = {"email": HandleKind.EMAIL, "tel": HandleKind.PHONE}.get(field["type"])
    if kind is HandleKind.EMAIL or kind is HandleKind.PHONE:
        try:
            fold(kind, value)
        except InvalidHandle as error:
            raise InvalidInput(f"the field {field['name']!r}: {error}") from None
