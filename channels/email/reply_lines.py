"""Say of each line of a mail what it is: new words, a quote, the beginning of an older mail, a signature. Pure.

Every pattern sees at most MAX_LINE characters, because some take quadratic time.
"""

import re
from bisect import bisect_left
from enum import StrEnum

from channels.email import reply_phrases as phrases
from channels.email.reply_marker import is_marker

MAX_LINE = 200
MAX_LINES = 5_000  # the lines after these are only asked whether they are quotes
LOOK_BACK = 6  # an attribution is wrapped over at most so many lines
LOOK_AHEAD = 2
HEADER_LINES = 8
MAX_DEVICE = 120
LONG_LINE, FRAGMENT = 66, 20  # characters


class Kind(StrEnum):
    """What a line is."""

    EMPTY = "empty"
    TEXT = "text"
    QUOTE = "quote"  # > words
    ATTRIBUTION = "attribution"  # On Monday Jane wrote:
    OLDER = "older"  # -----Original Message-----, or a block of From:, Sent:, To:, Subject:
    FORWARDED = "forwarded"  # ---------- Forwarded message ---------
    MARKER = "marker"  # our own line above which the customer was asked to answer
    SIGNATURE_MARK = "signature mark"  # "-- "
    RULE = "rule"  # _______, below which mailing lists and disclaimers stand
    ORNAMENT = "ornament"  # ------- or =======, below which anything stands
    DEVICE = "device"  # Sent from my phone


_VERB = phrases.pattern("", phrases.WROTE)
_OPENER = phrases.pattern(r"\W*", phrases.OPENERS)
_BIDI = "\u200e\u200f\u202a-\u202e\u2066-\u2069"
_ENDS = re.compile(rf"[:：][\s*{_BIDI}]*$|-{{2,}}\s*$")
_YEAR = r"\b(?:19|20)\d\d\b|\d{4}年|\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b"
_WHO_OR_WHEN = re.compile(rf"[\w.+-]@[\w.-]|{_YEAR}|\d{{1,2}}:\d\d")
_DAY_AND_TIME = re.compile(rf"(?=.*(?:{_YEAR})).*\d{{1,2}}[:.]\d\d")
# Gmail's Japanese and Russian end in an address and have no verb; once it wrote just a date and a name.
_DATED_NAME = re.compile(r"\s*\d{4}-\d\d-\d\d \d{1,2}:\d\d (?:GMT|UTC)[+-]\d\d:\d\d \S.{1,100}$")
_DATED_ADDRESS = re.compile(rf"(?=.*(?:19|20)\d\d)(?=.*\d{{1,2}}[:.]\d\d).*<[^<>\s]+@[^<>\s]+>[\s{_BIDI}]*[:：]\s*$")

# A line between two bars is a row of a table that somebody drew.
_QUOTE = re.compile(r"[ \t]*(?:[>＞]|[A-Za-z]{1,3}>(?:\s|$)|\|\s(?!.*\|\s*$))")
_SIGNATURE_MARK = re.compile(r"\s{0,3}(?:--|__|—|–)\s*$")
_RULE = re.compile(r"\s*_{5,}\s*$|\s*(?:_ ){5,}\s*_?$")
_ORNAMENT = re.compile(r"\s*([-_=*~#+])\1{2,}\s*$|\s*(?:[-_] ?){10,}\s*$")
_TITLE = re.compile(r"\s*[-_=*]{4,}\s?\S.{1,60}\S\s?[-_=*]{4,}\s*$")
# The most of all lines, and none of the patterns above and below matches them: a letter first, no colon at the end.
_WORDS = re.compile(r"(?!.{0,3}>)[A-Za-zÀ-ɏ].*(?<![:：*])$")
_NOTHING = re.compile(r"[\s\u200b-\u200f\u2060\ufeff\u1427]*$")

_OLDER = phrases.pattern(r"[\s>*]{0,40}(?:[-_—–=*]{2,})\s*", phrases.ORIGINAL, r"\s*(?:[-_—–=*:]|$)")
_FORWARDED = phrases.pattern(r"[\s*]{0,40}(?:[-_—–=*]{2,})\s*", phrases.FORWARDED)
_BEGINS_FORWARDED = phrases.pattern(r"[\s*]{0,40}", phrases.FORWARDED, r"\s*[:：]\s*\*?\s*$")
_FROM = phrases.pattern(r"[>\s*]{0,40}", phrases.FROM, r"[\s\xa0]?\*?[:：]")
_SUBJECT = phrases.pattern(r"[>\s*]{0,40}", phrases.SUBJECT, r"[\s\xa0]?\*?[:：]")
_OTHER_HEADER = phrases.pattern(r"[>\s*]{0,40}", phrases.OTHER_HEADERS, r"[\s\xa0]?\*?[:：]")
_DEVICE = phrases.pattern(
    r"[\W_]*", f"(?:{phrases.SENT_FROM})[^,;!?]{{0,60}}?{phrases.DEVICES}|{phrases.OF_THE_PROGRAM}"
)


def kinds_of(lines: list[str]) -> list[Kind]:
    """Return the kind of each line."""
    short = [line[:MAX_LINE].rstrip() for line in lines[:MAX_LINES]]
    kinds = [_kind(line) for line in short]
    _join_fragments(short, kinds)
    ends = [at for at, line in enumerate(short) if _ENDS.search(line)]
    for at in sorted({one - before for one in ends for before in range(min(one, LOOK_AHEAD) + 1)}):
        start, end = _attribution(short, kinds, at, ends)
        kinds[start:end] = [Kind.ATTRIBUTION] * (end - start)
    for at, line in enumerate(short):
        if kinds[at] is Kind.TEXT and (":" in line or "：" in line):
            end = _header_block(short, at)
            kinds[at:end] = [Kind.OLDER] * (end - at)
    _join_titles(short, kinds)
    return kinds + [_plain_kind(line) for line in lines[MAX_LINES:]]


def _kind(line: str) -> Kind:
    if "##-" in line and is_marker(line):
        # Behind quote marks it is a line of what they quote: what stands below without them is new.
        return Kind.QUOTE if line.lstrip().startswith(">") else Kind.MARKER
    if not _WORDS.match(line):
        for kind, pattern in _LINES:
            if pattern.match(line):
                return kind
    return Kind.DEVICE if len(line) <= MAX_DEVICE and _DEVICE.match(line) else Kind.TEXT


def _plain_kind(line: str) -> Kind:
    if line.startswith(">"):
        return Kind.QUOTE
    return Kind.TEXT if line.strip() else Kind.EMPTY


_LINES = (
    (Kind.EMPTY, _NOTHING),
    (Kind.QUOTE, _QUOTE),
    (Kind.SIGNATURE_MARK, _SIGNATURE_MARK),
    (Kind.RULE, _RULE),
    (Kind.ORNAMENT, _ORNAMENT),
    (Kind.FORWARDED, _FORWARDED),
    (Kind.FORWARDED, _BEGINS_FORWARDED),
    (Kind.OLDER, _OLDER),
    (Kind.ATTRIBUTION, _DATED_NAME),
    (Kind.ATTRIBUTION, _DATED_ADDRESS),
)


def _join_fragments(lines: list[str], kinds: list[Kind]) -> None:
    """Give back to a quote the ends of its lines that a mail program broke off without a mark."""
    for at in range(1, len(lines) - 1):
        between = kinds[at - 1] is kinds[at + 1] is Kind.QUOTE and kinds[at] is Kind.TEXT
        if between and len(lines[at - 1]) >= LONG_LINE and len(lines[at]) <= FRAGMENT:
            kinds[at] = Kind.QUOTE if lines[at - 1][-1] not in ".:?!" else Kind.TEXT


def _attribution(lines: list[str], kinds: list[Kind], at: int, ends: list[int]) -> tuple[int, int]:
    """Return the span of the attribution whose verb stands in line `at`, (at, at) if there is none.

    `ends` are the lines that end as the last one of an attribution does, at least one of them within reach.
    """
    nothing = (at, at)
    if kinds[at] not in {Kind.TEXT, Kind.QUOTE}:
        return nothing
    end = ends[bisect_left(ends, at)] + 1
    if any(kinds[i] is Kind.EMPTY for i in range(at, end)):
        return nothing
    if not _VERB.search(lines[at]):
        return _wordless(lines, kinds, at) if end == at + 1 else nothing
    start = _beginning(lines, kinds, at)
    if not _WHO_OR_WHEN.search(" ".join(lines[start:end])):
        return nothing
    # A quoted attribution belongs to the quote around it; but programs break lines before "> wrote:".
    quoted = all(kinds[i] in {Kind.QUOTE, Kind.EMPTY} for i in range(start, end))
    return nothing if quoted else (start, end)


def _wordless(lines: list[str], kinds: list[Kind], at: int) -> tuple[int, int]:
    """Return the span of an attribution in a language that we do not know: a day, a time, a colon, and then a quote."""
    below = next((kinds[i] for i in range(at + 1, min(at + 3, len(lines))) if kinds[i] is not Kind.EMPTY), None)
    if kinds[at] is not Kind.TEXT or below is not Kind.QUOTE:
        return at, at
    for start in range(at, max(-1, at - LOOK_AHEAD), -1):
        if kinds[start] is not Kind.TEXT:
            break
        if _DAY_AND_TIME.match(" ".join(lines[start : at + 1])):
            return start, at + 1
    return at, at


def _beginning(lines: list[str], kinds: list[Kind], at: int) -> int:
    for i in range(at, max(-1, at - LOOK_BACK), -1):
        if kinds[i] in {Kind.TEXT, Kind.QUOTE} and _OPENER.match(lines[i]) and _opens(lines[i]):
            return i
    # Name <address> wrote:, with the address on its own line.
    wraps = at > 0 and kinds[at - 1] is Kind.TEXT and lines[at].lstrip().startswith("<")
    return at - 1 if wraps else at


def _opens(line: str) -> bool:
    return any(char.isdigit() for char in line) or bool(_VERB.search(line))


def _header_block(lines: list[str], at: int) -> int:
    """Return where the block of headers that begins at `at` ends, `at` if it is none.

    It needs a subject or an address: "From: Paris, To: London" is a journey.
    """
    if not (_FROM.match(lines[at]) or _OTHER_HEADER.match(lines[at])):
        return at
    last, headers, has_from, has_subject = at, 0, False, False
    for i in range(at, min(at + 1 + HEADER_LINES, len(lines))):
        is_from, is_subject = bool(_FROM.match(lines[i])), bool(_SUBJECT.match(lines[i]))
        if is_from or is_subject or _OTHER_HEADER.match(lines[i]):
            last, headers = i, headers + 1
            has_from, has_subject = has_from or is_from, has_subject or is_subject
    has_address = any("@" in line for line in lines[at : last + 1])
    return last + 1 if headers >= 3 and has_from and (has_subject or has_address) else at


def _join_titles(lines: list[str], kinds: list[Kind]) -> None:
    """Let `-----words-----` above an older mail's headers begin it, whatever the words say."""
    for at, line in enumerate(lines):
        if kinds[at] is Kind.TEXT and _TITLE.match(line):
            below = next((kinds[i] for i in range(at + 1, min(at + 4, len(lines))) if kinds[i] is not Kind.EMPTY), None)
            if below is Kind.OLDER:
                kinds[at] = Kind.OLDER
