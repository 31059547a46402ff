"""Count the parts in which a text message travels, as operators bill them. Pure.

GSM 7 bit: 3GPP TS 23.038, 6.2.1 and 6.2.1.1. UCS-2, in truth UTF-16: 6.2.3. Parts of a long message have less room, for
their header: 3GPP TS 23.040, 9.2.3.24.1. Twilio counts alike, https://www.twilio.com/docs/glossary/what-is-gsm-7-character-encoding.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("\f^{}\\[~]|€")  # behind an escape, so each takes two
MOST_NAMED = 20


class Encoding(StrEnum):
    """How the characters are written."""

    GSM_7 = "gsm-7"
    UCS_2 = "ucs-2"


ROOM = {Encoding.GSM_7: (160, 153), Encoding.UCS_2: (70, 67)}  # in a message of one part, and in one of several


@dataclass(frozen=True)
class Segments:
    """What a text costs. `units` are septets, or 16 bits each; `because_of` are the characters that ask for UCS-2."""

    encoding: Encoding
    segments: int
    units: int
    units_left: int  # in the last part
    because_of: tuple[str, ...] = ()


def as_sent(text: str) -> str:
    """Return a text as it leaves: line ends are one character."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def count(text: str) -> Segments:
    """Return in how many parts a text travels. Nothing that takes two units is torn apart."""
    sent = as_sent(text)
    odd = tuple(dict.fromkeys(char for char in sent if char not in BASIC and char not in EXTENSION))
    encoding = Encoding.UCS_2 if odd else Encoding.GSM_7
    widths = [_ucs_2(char) if odd else _gsm_7(char) for char in sent]
    alone, together = ROOM[encoding]
    units = sum(widths)
    if units <= alone:
        return Segments(encoding, 1, units, alone - units, odd[:MOST_NAMED])
    parts, used = _fill(widths, together)
    return Segments(encoding, parts, units, together - used, odd[:MOST_NAMED])


def _fill(widths: Iterable[int], room: int) -> tuple[int, int]:
    """Return how many parts it takes, and how much of the last one is used."""
    parts, used = 1, 0
    for width in widths:
        if used + width > room:
            parts, used = parts + 1, 0
        used += width
    return parts, used


def _gsm_7(char: str) -> int:
    return 2 if char in EXTENSION else 1


def _ucs_2(char: str) -> int:
    return 2 if ord(char) > 0xFFFF else 1  # two halves, a surrogate pair
