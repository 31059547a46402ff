"""Ask DNS whether the world can check our signatures, and say in words what is wrong."""

import re

import dns.exception
import dns.resolver

PATIENCE = 8.0  # seconds, for all that is asked of a name


class NoAnswer(Exception):
    """Nobody can tell now; the sentence says why."""


def published(name: str, *, resolver: dns.resolver.Resolver | None = None, patience: float = PATIENCE) -> list[str]:
    """Return the TXT records at a name, none if there are none. Raises NoAnswer."""
    try:
        asked = resolver or dns.resolver.Resolver()
        answer = asked.resolve(f"{name}.", "TXT", lifetime=patience, raise_on_no_answer=False)
    except dns.resolver.NXDOMAIN:
        return []
    except dns.exception.Timeout:
        raise NoAnswer(f"no name server answered within {patience:.0f} seconds") from None
    except dns.resolver.NoResolverConfiguration:
        raise NoAnswer("this machine knows no name server") from None
    except dns.exception.DNSException as error:
        raise NoAnswer(f"the name servers cannot tell: {type(error).__name__}") from None
    return [b"".join(row.strings).decode("utf-8", "replace") for row in answer.rrset or ()]


def verdict(records: list[str], public_key: str) -> str:
    """Return "" when the records hold our key, else what is wrong with them."""
    keys = [tags for tags in map(_tags, records) if "p" in tags]
    if not records:
        return "there is no TXT record yet; a new one can take hours until everybody sees it"
    if not keys:
        return "there is a TXT record, and it is no DKIM key"
    if len(keys) > 1:
        return "there are several keys at this name; nobody knows which counts (RFC 6376, 3.6.2.2)"
    (tags,) = keys
    if tags["p"] == "":
        return "the key in DNS is revoked: p= is empty"
    if tags["p"] != public_key:
        return "the key in DNS is another one; was it cut, or is it that of an earlier key?"
    if "y" in tags.get("t", "").split(":"):
        return "the key in DNS says t=y: in testing, others may treat signed mail as unsigned"
    return ""


def _tags(record: str) -> dict[str, str]:
    """Return a record's tags: RFC 6376, 3.2. Blanks within a key mean nothing."""
    parts = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): re.sub(r"\s+", "", value) for name, sign, value in parts if sign}
