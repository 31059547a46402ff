"""Show where in a text the words stand that somebody searched for. Pure."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ticketing.search.question import Question, Term
from ticketing.search.words import IS_UNSPACED, LETTERS, LONGEST, UNSPACED, folded

AROUND = 60  # characters before the first mark
LONGEST_EXCERPT = 240
MOST_MARKS = 20

Mark = tuple[int, int]


class Excerpt(NamedTuple):
    """A piece of a text as it was written; `marks` are ranges of its characters, [from, to), in order."""

    text: str
    marks: list[Mark]


class Marker:
    """Finds the words of one question in many texts."""

    def __init__(self, question: Question) -> None:
        self._words = _pattern(question.terms)
        parts = [*question.addresses, *([question.maybe_address] if question.maybe_address else [])]
        self._parts = re.compile("|".join(_of_part(part) for part in parts), re.IGNORECASE) if parts else None

    def excerpt(self, text: str) -> Excerpt | None:
        """Return the part of a text around the first word that is found; None: there is none."""
        marks = self._marks(text)
        return _cut(text, marks) if marks else None

    def of_address(self, text: str) -> Excerpt | None:
        """Return a customer's address with the part that is searched for, or its words."""
        if self._parts and (found := [match.span() for match in self._parts.finditer(text) if match[0]]):
            return Excerpt(text, [(start, end) for start, end in found])
        return self.excerpt(text)

    def _marks(self, text: str) -> list[Mark]:
        if self._words is None:
            return []
        if text.isascii():  # then its letters stay in their places
            return _joined(match.span() for match in self._words.finditer(text.translate(LETTERS)))
        compared = folded(text)
        return _joined(compared.range_of(*match.span()) for match in self._words.finditer(compared.text))


def _pattern(terms: Sequence[Term]) -> re.Pattern[str] | None:
    alternatives = [one for term in terms for one in _of_term(term)]
    return re.compile("|".join(alternatives)) if alternatives else None


def _of_term(term: Term) -> Iterator[str]:
    if not term.phrase:
        yield from (re.escape(run) for run in re.findall(f"[{UNSPACED}]{{3,}}", term.folded))  # before its pairs
        yield from (_of_word(word.text, goes_on=word.goes_on) for word in term.words)
        return
    *firsts, last = term.folded.split()
    pieces = [*(_of_word(one, goes_on=False) for one in firsts), _of_word(last, goes_on=term.words[-1].goes_on)]
    yield " +".join(pieces)


def _of_word(word: str, *, goes_on: bool) -> str:
    """Return the pattern of a whole word in folded text, in which blanks and letters of runs part words."""
    letter = f"[^ {UNSPACED}]"
    begins = "" if IS_UNSPACED.match(word) else f"(?<!{letter})"
    if IS_UNSPACED.match(word[-1]):
        return begins + re.escape(word)
    cut = len(word) == LONGEST
    return begins + re.escape(word) + (f"{letter}*" if goes_on or cut else f"(?!{letter})")


def _of_part(part: str) -> str:
    return r"\D{0,3}".join(part) if part.isdigit() else re.escape(part)


def _joined(marks: Iterator[Mark]) -> list[Mark]:
    """Return ranges in order, each once; those that touch or overlap are one."""
    found: list[Mark] = []
    for start, end in marks:
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif len(found) < MOST_MARKS:
            found.append((start, end))
    return found


def _cut(text: str, marks: list[Mark]) -> Excerpt:
    first = marks[0][0]
    start = _word_start(text, max(0, first - AROUND), first)
    end = min(len(text), max(start + LONGEST_EXCERPT, marks[0][1]))
    shown = [(one - start, min(other, end) - start) for one, other in marks if one < end]
    return Excerpt(text[start:end], shown)


def _word_start(text: str, start: int, first: int) -> int:
    if start == 0:
        return 0
    blank = re.compile(r"\s").search(text, start, first)
    return blank.end() if blank else start
