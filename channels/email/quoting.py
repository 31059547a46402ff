"""Split the new words of a mail from what it repeats: quotes, older mails, signatures. Pure; time is linear.

Each line gets a kind (`reply_lines`), and the kinds decide; looking at kinds rather than at words is how Discourse's
email_reply_trimmer goes about it. Nothing is lost: what is no reply is returned as quoted.

Our own line, "##- Please write your answer above this line -##", is stronger than all of them; `compose` takes it in
the customer's language from `reply_marker.marker`.
"""

import re

from channels.email.reply_lines import Kind, kinds_of

MAX_ATTRIBUTIONS = 50  # a time limit: each looks at all the lines below it
# So many lines of words may follow; more is a letter with a line in it.
ALLOWED_BELOW = {Kind.SIGNATURE_MARK: 25, Kind.RULE: 8}
_OLD = frozenset({Kind.EMPTY, Kind.QUOTE, Kind.ATTRIBUTION, Kind.OLDER})
_TRAILING = frozenset({Kind.EMPTY, Kind.DEVICE, Kind.RULE, Kind.ORNAMENT, Kind.SIGNATURE_MARK})

# Those that Outlook and its kin put before the subject of what they forward. VS and VL are left out: in Finnish the one
# means an answer, in Danish a forward.
_FORWARD = re.compile(
    r"\s*(?:fwd?|wg|tr|rv|enc|pd|vb|tov|i̇lt|ilt|doorst|пересл|转发|轉寄|轉發|転送)\s*[:：]", re.IGNORECASE
)


def split_reply(text: str, *, forwarded: bool = False) -> tuple[str, str]:
    """Return (the new words, the rest). Every line of `text` is in one of the two; only blanks around them go.

    The rest is in its own order, so an answer below a quote comes out above it. A mail that only repeats has no new
    words: ("", all of it). A forwarded mail is new as a whole, for it is what the mail is about; `forwarded` says that
    the subject speaks of one, where the text itself does not.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    is_new = new_lines(kinds_of(lines), forwarded=forwarded)
    reply = "\n".join(line for line, new in zip(lines, is_new, strict=True) if new)
    quoted = "\n".join(line for line, new in zip(lines, is_new, strict=True) if not new)
    return _without_empty_ends(reply), _without_empty_ends(quoted)


def is_forward(subject: str) -> bool:
    """Say whether a subject begins like a forwarded mail's: `FW: …`, `WG: …`, but not `Re: FW: …`."""
    return _FORWARD.match(subject) is not None


def new_lines(kinds: list[Kind], *, forwarded: bool = False) -> list[bool]:
    """Say of each line whether it is new."""
    is_new = [True] * len(kinds)
    about = _forward(kinds, forwarded)
    cut = _end_of_reply(kinds, is_new, about)
    if cut < about:  # what was forwarded was so in an older mail
        is_new[cut:] = [False] * (len(kinds) - cut)
        about = len(kinds)
    end = _cut_at_signature(kinds, is_new, cut)
    is_new[end:cut] = [False] * (cut - end)
    if about == len(kinds):
        _drop_trailing(kinds, is_new, end)
    return is_new


def _forward(kinds: list[Kind], forwarded: bool) -> int:
    """Return the line at which a forwarded mail begins."""
    at = _first(kinds, Kind.FORWARDED, len(kinds))
    return min(at, _first(kinds, Kind.OLDER, len(kinds))) if forwarded else at


def _end_of_reply(kinds: list[Kind], is_new: list[bool], end: int) -> int:
    """Return the line at which the new words end; single older lines above it are struck out of `is_new`."""
    cut = _first(kinds, Kind.MARKER, end)
    older = _first(kinds, Kind.OLDER, cut)
    if _says_something(kinds, 0, older):
        cut = older
    return _cut_at_attribution(kinds, is_new, cut)


def _cut_at_attribution(kinds: list[Kind], is_new: list[bool], cut: int) -> int:
    at = _first(kinds, Kind.ATTRIBUTION, cut)
    for _ in range(MAX_ATTRIBUTIONS):
        if at >= cut:
            break
        end = _skip(kinds, at, cut, frozenset({Kind.ATTRIBUTION}))
        tail = _skip(kinds, at, cut, _OLD)  # where new words may begin again
        if _says_something(kinds, 0, at):
            if Kind.QUOTE not in kinds[end:cut] or not _goes_on(kinds, tail, cut):
                return at
            # Where answers and quotes take turns, each needs its question to be understood.
            _strike(is_new, at, end if Kind.QUOTE in kinds[tail:cut] else tail)
        else:
            # The answer stands below what it answers; without quote marks nobody can say where the older words end.
            below = _skip(kinds, end, cut, frozenset({Kind.EMPTY, Kind.QUOTE}))
            alone = Kind.QUOTE in kinds[end:below] and Kind.QUOTE not in kinds[below:cut]
            _strike(is_new, at, below if alone else end)
        at = _first(kinds, Kind.ATTRIBUTION, cut, end)
    return cut


def _goes_on(kinds: list[Kind], tail: int, cut: int) -> bool:
    """Say whether the author answers between or below the quotes, rather than having a footer there."""
    if Kind.QUOTE in kinds[tail:cut]:
        return True
    return tail < cut and kinds[tail] not in _TRAILING


def _cut_at_signature(kinds: list[Kind], is_new: list[bool], cut: int) -> int:
    """Return the first line that begins a signature or footer short enough to be one, `cut` if there is none."""
    found, below = cut, 0
    for at in range(cut - 1, _first(kinds, Kind.TEXT, cut), -1):
        below += kinds[at] is Kind.TEXT
        if is_new[at] and below <= ALLOWED_BELOW.get(kinds[at], -1):
            found = at
    return found


def _drop_trailing(kinds: list[Kind], is_new: list[bool], cut: int) -> None:
    """Strike what no one wrote at the end: quotes that nothing follows, and the phone's own line."""
    has_words = any(new and kind is Kind.TEXT for new, kind in zip(is_new, kinds, strict=True))
    for at in range(cut - 1, -1, -1):
        if kinds[at] in _TRAILING or kinds[at] is Kind.QUOTE or not is_new[at]:
            is_new[at] = is_new[at] and kinds[at] is not Kind.QUOTE and not (has_words and kinds[at] in _TRAILING)
        else:
            return


def _first(kinds: list[Kind], kind: Kind, end: int, start: int = 0) -> int:
    """Return the first line of a kind before `end`, `end` if there is none."""
    return next((at for at in range(start, end) if kinds[at] is kind), end)


def _skip(kinds: list[Kind], start: int, end: int, over: frozenset[Kind]) -> int:
    return next((at for at in range(start, end) if kinds[at] not in over), end)


def _strike(is_new: list[bool], start: int, end: int) -> None:
    is_new[start:end] = [False] * (end - start)


def _says_something(kinds: list[Kind], start: int, end: int) -> bool:
    return any(kinds[at] is Kind.TEXT for at in range(start, end))


def _without_empty_ends(text: str) -> str:
    return text.strip("\n").rstrip() if text.strip() else ""
