"""Check what people say of their language and time zone."""

import re
from functools import cache
from zoneinfo import available_timezones

from ticketing.errors import InvalidInput

# RFC 5646, 2.1, without the grandfathered tags: language, script, region, variants, extensions, private use.
_TAG = re.compile(
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|\d{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|\d[a-z0-9]{3}))*(?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?",
    re.IGNORECASE | re.ASCII,
)
LONGEST_TAG = 35  # RFC 5646, 4.4.1


def language_tag(tag: str) -> str:
    """Return the tag in its usual case (`fr-CA`, `zh-Hant`); "" stays. Raises InvalidInput."""
    tag = tag.strip()
    if not tag:
        return ""
    if len(tag) > LONGEST_TAG or not _TAG.fullmatch(tag):
        raise InvalidInput(f"{tag[:40]!r} is no language tag like fr or pt-BR (RFC 5646)")
    first, *others = tag.split("-")
    return "-".join([first.lower(), *_usual_case(others)])


def _usual_case(parts: list[str]) -> list[str]:
    """Return the parts behind the language as RFC 5646, 2.1.1, writes them."""
    done: list[str] = []
    for part in parts:
        if any(len(one) == 1 for one in done):
            done.append(part.lower())
        elif len(part) == 2:
            done.append(part.upper())
        else:
            done.append(part.title() if len(part) == 4 and part.isalpha() else part.lower())
    return done


def zone_name(name: str) -> str:
    """Return the name of an IANA time zone; "" stays. Raises InvalidInput."""
    name = name.strip()
    if name and name not in _zones():
        raise InvalidInput(f"there is no time zone {name[:40]!r}; use an IANA name like Europe/Paris")
    return name


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
