"""Read TwiML as a telephone would: a list of verbs with their words and attributes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree

from channels.sandbox.twiml_rules import ALONE, ATTRIBUTES, CHILDREN, MANY_NOUNS, SPEECH

MAX_DOCUMENT = 64_000  # Twilio's own limit is 64 kB


class UnreadableTwiML(Exception):
    """That is no TwiML; `code` is Twilio's error."""

    def __init__(self, words: str, code: int = 12100) -> None:
        super().__init__(words)
        self.code = code


@dataclass(frozen=True)
class Verb:
    """One instruction. `text` is all that stands in it; `children` are the verbs and nouns inside."""

    name: str
    text: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    children: tuple["Verb", ...] = ()

    def says(self, name: str) -> bool:
        """Say whether an attribute is "true"."""
        return self.attributes.get(name, "").strip().lower() == "true"

    def number(self, name: str, default: float) -> float:
        """Return an attribute as a number >= 0; what is none counts as not given, as with Twilio."""
        try:
            value = float(self.attributes.get(name, default))
        except ValueError:
            return default
        return value if 0 <= value < 1_000_000 else default


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
    return [_verb(one) for one in root]


def words(document: str) -> str:
    """Return all that is said. Raises UnreadableTwiML."""
    return " ".join(verb.text for verb in read(document) if verb.name == "Say")


def check(verbs: list[Verb]) -> None:
    """Hold the verbs against Twilio's rules of nesting. Raises UnreadableTwiML."""
    for verb in verbs:
        _check(verb, "Response")


def warnings(verbs: list[Verb]) -> Iterator[str]:
    """Yield what Twilio would only warn of (its error 12200): attributes that it does not know."""
    for verb in verbs:
        for name in sorted(set(verb.attributes) - ATTRIBUTES.get(verb.name, frozenset())):
            yield f"<{verb.name}> has no attribute {name}"
        yield from warnings(list(verb.children))


def _verb(element: ElementTree.Element) -> Verb:
    children = () if element.tag in SPEECH else tuple(_verb(one) for one in element)
    return Verb(element.tag, " ".join("".join(element.itertext()).split()), dict(element.attrib), children)


def _check(verb: Verb, parent: str) -> None:
    if verb.name not in CHILDREN.get(parent, frozenset()):
        raise UnreadableTwiML(f"<{verb.name}> has no place in <{parent}>", 12200)
    names = [one.name for one in verb.children]
    if verb.name == "Dial" and (len(names) > MANY_NOUNS or (len(names) > 1 and ALONE & set(names))):
        raise UnreadableTwiML(f"<Dial> cannot hold {', '.join(names)} together", 12200)
    for one in verb.children:
        _check(one, verb.name)
