"""Understand what somebody types into the search box. Pure.

kettle leak        both words; the last one may go on: leak, leaks, leaking
"kettle leaks"     these words one after the other
-kettle            not this word
#17, 17            ticket 17 first (with #, alone)
+1 514 555, @home  also a part of a customer's phone number or mail address
"""

import re
from dataclasses import dataclass

from ticketing.errors import InvalidInput
from ticketing.search.words import IS_UNSPACED, LETTERS, Word, words_wanted

MAX_WORDS = 40
SHORTEST_PART = 3  # of an address: what trigrams can look up
_TERM = re.compile(r'(-?)(?:"([^"]*)("?)|(\S+))')
_NUMBER = re.compile(r"(#?)\s*([1-9][0-9]{0,17})")
_PHONE = re.compile(r"\(?(?:\+|00?)?[0-9()./\s-]{5,30}")
_ADDRESS = re.compile(r"@|\w\.\w")
_FEWEST_DIGITS = 5


@dataclass(frozen=True)
class Term:
    """Words of which all must be there; `phrase`: one after the other. `folded`: as they are compared, in one."""

    words: tuple[Word, ...]
    phrase: bool = False
    folded: str = ""


@dataclass(frozen=True)
class Question:
    """What to look for. `addresses` are parts of handles that stand for the `words` they were taken from.

    `others` are the terms that are no part of an address; `ticket` is an id, `ticket_only` says that nothing else is
    asked for; `maybe_address`: a single word to look for inside addresses when no ticket has it.
    """

    terms: tuple[Term, ...] = ()
    unwanted: tuple[Term, ...] = ()
    addresses: tuple[str, ...] = ()
    others: tuple[Term, ...] = ()
    ticket: int | None = None
    ticket_only: bool = False
    maybe_address: str = ""


def understand(text: str) -> Question:
    """Return what is asked for. Raises InvalidInput when there is no word to look for, or too many."""
    text = text.lstrip()
    number = _NUMBER.fullmatch(text.rstrip())
    if number and number[1]:
        return Question(ticket=int(number[2]), ticket_only=True)
    terms, unwanted, addresses, others = _terms(text)
    if not terms:
        raise InvalidInput("search for at least one word, of letters or digits")
    if sum(len(term.words) for term in (*terms, *unwanted)) > MAX_WORDS:
        raise InvalidInput(f"search for at most {MAX_WORDS} words at once")
    if _is_phone(text):
        addresses, others = [_digits(text)], []
    ticket = int(number[2]) if number else None
    return Question(
        tuple(terms), tuple(unwanted), tuple(addresses), tuple(others), ticket, maybe_address=_alone(terms, unwanted)
    )


def _terms(text: str) -> tuple[list[Term], list[Term], list[str], list[Term]]:
    """Return what must be there, what must not, and of the former what are parts of addresses, and what are not."""
    terms: list[Term] = []
    unwanted: list[Term] = []
    addresses: list[str] = []
    others: list[Term] = []
    for match in _TERM.finditer(text):
        term = _term(match, is_last=match.end() == len(text))
        address = _address(match[4] or "")
        if term.words and match[1]:
            unwanted.append(term)
        elif term.words:
            terms.append(term)
            if address:
                addresses.append(address)
            else:
                others.append(term)
    return terms, unwanted, addresses, others


def _address(term: str) -> str:
    part = term.strip("<>,;.").casefold()
    return part if _ADDRESS.search(part) and len(part) >= SHORTEST_PART else ""


def _term(match: "re.Match[str]", *, is_last: bool) -> Term:
    _, quoted, closed, plain = match.groups()
    typed = plain if quoted is None else quoted
    words = words_wanted(typed, in_a_row=quoted is not None)
    if words and is_last and not closed and _may_go_on(words[-1].text):
        words[-1] = words[-1]._replace(goes_on=True)
    return Term(tuple(words), phrase=quoted is not None, folded=typed.translate(LETTERS))


def _may_go_on(word: str) -> bool:
    """Say whether what is being typed is worth completing: one letter may be the beginning of anything."""
    return len(word) > 1 and IS_UNSPACED.match(word) is None


def _is_phone(text: str) -> bool:
    return _PHONE.fullmatch(text.strip()) is not None and len(_digits(text)) >= _FEWEST_DIGITS


def _digits(text: str) -> str:
    """Return the digits without what stands for a country in a local number's place: 0 and 00."""
    return re.sub(r"\D", "", text).lstrip("0")


def _alone(terms: list[Term], unwanted: list[Term]) -> str:
    if len(terms) != 1 or unwanted or terms[0].phrase or len(terms[0].words) != 1:
        return ""
    (word,) = terms[0].words
    return word.text if len(word.text) >= SHORTEST_PART else ""
