"""Cut text into words as they are compared: folded, without punctuation. Pure.

Chinese, Japanese, Thai and their like put no blanks between words. A run of their letters becomes every pair of
neighbours, and its last letter alone: 東京都 is 東京, 京都 and 都, so that any part of it is found.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ticketing.folding import fold_letters

LONGEST = 64  # letters of a word; the rest of a longer one is not compared

# Thai and Lao, Myanmar, Khmer, kana and bopomofo, Han. Korean has blanks.
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u312f\u31f0-\u31ff"
UNSPACED += "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
IS_UNSPACED = re.compile(f"[{UNSPACED}]")
_RUNS = re.compile(f"[{UNSPACED}]+|[^{UNSPACED}]+")


class _Letters(dict[int, str]):
    """What each character is compared as: folded letters and digits, a blank for what parts words, or nothing."""

    def __missing__(self, code: int) -> str:
        found = self[code] = _compared(chr(code))
        return found


def _compared(char: str) -> str:
    if unicodedata.category(char) == "Cf" or _selects_variation(char):  # soft hyphens, joiners: nobody sees them
        return ""
    return "".join(one if unicodedata.category(one)[0] in "LNM" else " " for one in fold_letters(char))


def _selects_variation(char: str) -> bool:
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


LETTERS = _Letters()


def words_of(text: str) -> list[str]:
    """Return the words of a text in their order."""
    folded = text.translate(LETTERS)
    if IS_UNSPACED.search(folded) is None:
        return [word[:LONGEST] for word in folded.split()]
    return [word for run in _RUNS.findall(folded) for word in _words_of_run(run)]


def _words_of_run(run: str) -> Sequence[str]:
    if IS_UNSPACED.match(run):
        return [run[start : start + 2] for start in range(len(run))]
    return [word[:LONGEST] for word in run.split()]


class Word(NamedTuple):
    """A word to look for; `goes_on`: words that begin with it will do."""

    text: str
    goes_on: bool = False


def words_wanted(text: str, *, in_a_row: bool = False) -> list[Word]:
    """Return what a text that is searched for asks of the words of another; `in_a_row`: without a gap between them."""
    wanted: list[Word] = []
    ended = ""  # the run of unspaced letters behind which we are
    for run in _RUNS.findall(text.translate(LETTERS)):
        words = _wanted_of_run(run)
        if in_a_row and ended and words:  # there its last letter stands alone
            wanted = [*wanted, Word(ended[-1])] if len(ended) > 1 else [*wanted[:-1], Word(ended)]
        wanted += words
        if words:
            ended = run if IS_UNSPACED.match(run) else ""
    return wanted


def _wanted_of_run(run: str) -> Sequence[Word]:
    if not IS_UNSPACED.match(run):
        return [Word(word[:LONGEST]) for word in run.split()]
    if len(run) == 1:  # it stands at the beginning of a pair, or alone
        return [Word(run, goes_on=True)]
    return [Word(run[start : start + 2]) for start in range(len(run) - 1)]


@dataclass(frozen=True)
class Folded:
    """A text as it is compared, and where each of its characters comes from: folding changes lengths."""

    text: str
    origins: Sequence[int]
    original: str

    def range_of(self, start: int, end: int) -> tuple[int, int]:
        """Return the range of the original that became this part; accents that follow its last letter belong to it."""
        last = self.origins[end - 1] + 1
        while last < len(self.original) and not LETTERS[ord(self.original[last])]:
            last += 1
        return self.origins[start], last


def folded(text: str) -> Folded:
    """Fold a text so that what is found in it can be shown in the original."""
    parts = [LETTERS[ord(char)] for char in text]
    origins = [place for place, part in enumerate(parts) for _ in part]
    return Folded("".join(parts), origins, text)
