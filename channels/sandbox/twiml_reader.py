"""Read TwiML as a telephone would: a list of verbs with their words and attributes."""

from dataclasses import dataclass, field
from xml.etree import ElementTree

MAX_DOCUMENT = 64_000  # Twilio's own limit is 64 kB


class UnreadableTwiML(Exception):
    """That is no TwiML."""


@dataclass(frozen=True)
class Verb:
    """One instruction."""

    name: str
    text: str = ""
    attributes: dict[str, str] = field(default_factory=dict)


def read(document: str) -> list[Verb]:
    """Return the verbs in order. Raises UnreadableTwiML."""
    if len(document) > MAX_DOCUMENT or "<!DOCTYPE" in document:
        raise UnreadableTwiML("a TwiML document is short and has no DOCTYPE")
    try:
        root = ElementTree.fromstring(document)  # noqa: S314 - short, without entities of its own
    except ElementTree.ParseError as error:
        raise UnreadableTwiML(f"that is no XML: {error}") from None
    if root.tag != "Response":
        raise UnreadableTwiML(f"TwiML is a <Response>, this is a <{root.tag}>")
    return [Verb(one.tag, " ".join("".join(one.itertext()).split()), dict(one.attrib)) for one in root]


def words(document: str) -> str:
    """Return all that is said. Raises UnreadableTwiML."""
    return " ".join(verb.text for verb in read(document) if verb.name == "Say")
