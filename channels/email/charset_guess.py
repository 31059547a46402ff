"""Guess the charset of bytes that declare none, or a wrong one, and are no UTF-8. Pure, bounded.

Western text has single accented letters among ASCII ones; everything else has runs of bytes beyond ASCII. Which of the
many charsets a run is in shows in how many of its characters are frequent ones of the language.
"""

import re

SAMPLE = 8_000  # bytes
WESTERN = "cp1252"

_HIGH = re.compile(rb"[\x80-\xff]")
_HIGH_PAIR = re.compile(rb"(?<=[\x80-\xff])[\x80-\xff]")
_HANGUL = re.compile(rb"(?:[\xb0-\xc8][\xa1-\xfe])")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")

# Charset -> the letters that make up more than half of a text in it.
LETTERS = {
    "cp1251": re.compile("[оеаинтсрвлк]"),
    "koi8-r": re.compile("[оеаинтсрвлк]"),
    "cp866": re.compile("[оеаинтсрвлк]"),
    "cp1253": re.compile("[αοιετσνηυρπκςά]"),
    "cp1255": re.compile("[יוהלאמרתבש]"),
    "cp1256": re.compile("[الينمرتوبهد]"),
}
# The common half of each charset's ideographs, by the first byte of their pairs.
IDEOGRAPHS = {
    "cp949": _HANGUL,
    "gb18030": re.compile(rb"[\xb0-\xd7][\xa1-\xfe]"),
    "cp950": re.compile(rb"[\xa4-\xc6][\x40-\x7e\xa1-\xfe]"),
}
# Charset -> what its texts are made of, and which part of that no other text has so often: kana.
MARKED = {
    "euc-jp": (re.compile("[ぁ-んァ-ヶー一-龥、。]"), re.compile("[ぁ-んァ-ヶー]")),
    "cp932": (re.compile("[ぁ-んァ-ヶー一-龥、。]"), re.compile("[ぁ-んァ-ヶー]")),
}
_LEAST_MARKED = 0.25
_LEAST = 0.4


def likely(raw: bytes) -> str:
    """Return the name of the codec in which `raw` most likely is."""
    sample = _around_the_first(raw)
    high = len(_HIGH.findall(sample))
    if len(_HIGH_PAIR.findall(sample)) < high / 2:
        return WESTERN
    scores = {codec: _score(sample, codec) for codec in (*IDEOGRAPHS, *MARKED, *LETTERS)}
    best = max(scores, key=lambda codec: scores[codec])
    return best if scores[best] > _LEAST else WESTERN


def _around_the_first(raw: bytes) -> bytes:
    first = _HIGH.search(raw)
    start = max(0, first.start() - 100) if first else 0
    sample = raw[start : start + SAMPLE]
    # Cut where no pair of bytes can be cut in two.
    return sample if start + SAMPLE >= len(raw) else sample[: sample.rfind(b"\n") + 1] or sample


def _score(sample: bytes, codec: str) -> float:
    """Return the share of frequent characters among those beyond ASCII, 0 when the bytes cannot be in the charset."""
    try:
        text = sample.decode(codec)
    except UnicodeDecodeError:
        return 0.0
    foreign = len(_BEYOND_ASCII.findall(text)) or 1
    if codec in LETTERS:
        return len(LETTERS[codec].findall(text)) / foreign
    if codec in IDEOGRAPHS:
        return len(IDEOGRAPHS[codec].findall(sample)) / foreign
    own, marks = (len(pattern.findall(text)) / foreign for pattern in MARKED[codec])
    return own + marks if marks >= _LEAST_MARKED else 0.0
