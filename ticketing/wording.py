"""Texts in several languages with variables: choose the customer's language, fill in what is known of the ticket."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ticketing.errors import InvalidInput
from ticketing.languages import language_tag
from ticketing.models import Agent, Ticket
from ticketing.placeholders import FIELD, check

Variant = TypeVar("Variant")

FALLBACK = "en"
MAX_LANGUAGES = 20
MAX_WORDS = 20_000  # characters of one text


@dataclass(frozen=True)
class Worded:
    """A text as it was chosen and filled in."""

    language: str
    body: str


def choose(variants: Mapping[str, Variant], wanted: str) -> tuple[str, Variant]:
    """Return the best language and its variant: the wanted one, wider ones (fr-CA, fr), a narrower one (fr-CH for fr),
    English, any. There is at least one.
    """
    by_tag = {tag.casefold(): tag for tag in variants}
    for candidate in (*_widening(wanted.casefold()), FALLBACK):
        near = next((tag for folded, tag in sorted(by_tag.items()) if folded.startswith(f"{candidate}-")), None)
        found = by_tag.get(candidate) or (near if "-" not in candidate else None)
        if found is not None:
            return found, variants[found]
    first = min(variants)
    return first, variants[first]


def _widening(tag: str) -> list[str]:
    parts = tag.split("-") if tag else []
    return ["-".join(parts[:count]) for count in range(len(parts), 0, -1)]


def checked_bodies(bodies: Mapping[str, str], *, besides: Iterable[str] = ()) -> dict[str, str]:
    """Return texts by language as they are kept. Raises InvalidInput, naming the language that is to blame."""
    if not 0 < len(bodies) <= MAX_LANGUAGES:
        raise InvalidInput(f"give the text in 1 to {MAX_LANGUAGES} languages")
    kept: dict[str, str] = {}
    for tag, body in bodies.items():
        language = language_tag(tag)
        if not language or language in kept:
            raise InvalidInput(f"each text needs a language of its own, like en or fr-CA; {tag[:40]!r} is none")
        check_body(body, language, besides=besides)
        kept[language] = body
    return kept


def check_body(body: str, language: str, *, besides: Iterable[str] = ()) -> None:
    """Raise InvalidInput for a text that says nothing, is too long, or has variables that do not exist."""
    if not body.strip():
        raise InvalidInput(f"the text in {language} says nothing")
    if len(body) > MAX_WORDS:
        raise InvalidInput(f"the text in {language} has more than {MAX_WORDS} characters")
    try:
        check(body, besides=besides)
    except InvalidInput as error:
        raise InvalidInput(f"in {language}: {error}") from None


def values_of(ticket: Ticket, agent: Agent | None) -> dict[str, str]:
    """Return what the variables stand for; `agent` is who writes, None if nobody does."""
    name = " ".join(ticket.customer.name.split())
    values = {
        "customer.name": name,
        "customer.first_name": _first_name(name),
        "ticket.id": str(ticket.id),
        "ticket.subject": ticket.subject,
        "agent.name": agent.name if agent is not None else "",
        "queue.name": ticket.queue.name,
    }
    return values | {f"{FIELD}{name}": _shown(value) for name, value in ticket.fields.items()}


def _first_name(name: str) -> str:
    """Return how to address somebody: of `Dupont, Marie` the second part, else the first word; "" for an address."""
    family, comma, given = name.partition(",")
    words = (given if comma and given.strip() else family).split()
    return words[0] if words and "@" not in name else ""


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "✓" if value else "✗"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
