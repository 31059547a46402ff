"""Words that a provider has approved beforehand, with gaps to fill: WhatsApp's templates, kept with the inbox.

A template is kept under its name as `{content_sid, body, language}`; the gaps of its body are `{{1}}`, `{{2}}`, …
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ticketing.errors import InvalidInput
from ticketing.languages import LONGEST_TAG
from ticketing.models import Inbox

MAX_TEMPLATES = 100
MAX_WORDS = 1024  # of a template's body at WhatsApp
MAX_VARIABLE = 500
NAME = re.compile(r"[a-z0-9_]{1,60}")
CONTENT_ID = re.compile(r"HX[0-9a-fA-F]{32}")
GAP = re.compile(r"\{\{\s*([A-Za-z0-9_]{1,30})\s*\}\}")
KEYS = {"content_sid", "body", "language"}


@dataclass(frozen=True)
class Wanted:
    """Which template, and what goes into its gaps."""

    name: str
    variables: Mapping[str, str]


@dataclass(frozen=True)
class Approved:
    """A template that is filled: the words as the customer reads them, and what the provider is told."""

    words: str
    content_id: str
    variables: dict[str, str]


def fill(inbox: Inbox, wanted: Wanted) -> Approved:
    """Return an inbox's template with its gaps filled. Raises InvalidInput."""
    templates: Mapping[str, Any] = inbox.settings.get("templates", {})
    template = templates.get(wanted.name)
    if template is None:
        there = f"it has {', '.join(sorted(templates))}" if templates else "it has none"
        raise InvalidInput(f"inbox {inbox.id} has no approved template {wanted.name[:60]!r}; {there}")
    gaps = gaps_of(template["body"])
    if set(wanted.variables) != set(gaps):
        asked = ", ".join(gaps) or "none"
        raise InvalidInput(f"the template {wanted.name} takes the variables {asked}, all of them and no others")
    values = {gap: _cleaned(gap, wanted.variables[gap]) for gap in gaps}
    return Approved(GAP.sub(lambda gap: values[gap[1]], template["body"]), template["content_sid"], values)


def gaps_of(body: str) -> list[str]:
    """Return the names of a body's gaps, in order."""
    return list(dict.fromkeys(GAP.findall(body)))


def checked_templates(value: Any) -> dict[str, Any]:
    """Return an inbox's templates as they are kept. Raises InvalidInput."""
    if not isinstance(value, Mapping) or len(value) > MAX_TEMPLATES:
        raise InvalidInput(f"an inbox's templates are an object of at most {MAX_TEMPLATES}, by name")
    return {name: _checked(name, template) for name, template in sorted(value.items())}


def _checked(name: str, template: Any) -> dict[str, str]:
    if not NAME.fullmatch(name):
        raise InvalidInput("a template's name has 1 to 60 small letters, digits and underscores, as at WhatsApp")
    if (
        not isinstance(template, Mapping)
        or template.keys() - KEYS
        or not all(isinstance(one, str) for one in template.values())
    ):
        raise InvalidInput(f"the template {name} is an object with content_sid, body and language")
    if not CONTENT_ID.fullmatch(template.get("content_sid", "")):
        raise InvalidInput(
            f"the template {name} needs its content_sid, HX and 32 hex digits, from Twilio's Content API"
        )
    body = template.get("body", "").strip()
    if not 0 < len(body) <= MAX_WORDS:
        raise InvalidInput(f"the template {name} needs its body, as it was approved, of 1 to {MAX_WORDS} characters")
    language = template.get("language", "")
    if len(language) > LONGEST_TAG:
        raise InvalidInput(f"the template {name} has no such language")
    return {"content_sid": template["content_sid"], "body": body, "language": language}


def _cleaned(gap: str, value: str) -> str:
    """Return what goes into a gap; WhatsApp refuses line ends, tabs and long runs of blanks there."""
    cleaned = " ".join(value.split())
    if not 0 < len(cleaned) <= MAX_VARIABLE:
        raise InvalidInput(f"the variable {gap} needs 1 to {MAX_VARIABLE} characters")
    return cleaned
