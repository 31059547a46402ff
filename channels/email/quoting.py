"""Split the new words of a mail from what it repeats: quotes, older mails, signatures. Pure; time is linear.

Each line gets a kind (`reply_lines`), and the kinds decide; looking at kinds rather than at words is how Discourse's
email_reply_trimmer goes about it. Nothing is lost: what is no reply is returned as quoted.
"""

from channels.email.reply_lines import Kind, kinds_of

MARKER = "## Please write your answer above this line ##"  # compose puts it above the history that it quotes

MAX_ATTRIBUTIONS = 50  # a time limit: each looks at all the lines below it
# So many lines of words may follow; more is a letter with a line in it.
ALLOWED_BELOW = {Kind.SIGNATURE_MARK: 25, Kind.RULE: 8}
_OLD = frozenset({Kind.EMPTY, Kind.QUOTE, Kind.ATTRIBUTION, Kind.OLDER})
_TRAILING = frozenset({Kind.EMPTY, Kind.DEVICE, Kind.RULE, Kind.SIGNATURE_MARK})


def split_reply(text: str) -> tuple[str, str]:
    """Return (the new words, the rest). Every line of `text` is in one of the two; only blanks around them go.

    The rest is in its own order, so an answer below a quote comes out above it. A mail that only repeats has no new
    words: ("", all of it). A forwarded mail with no words above it is new as a whole.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    kinds = kinds_of(lines)
    is_new = [True] * len(lines)
    cut = _end_of_reply(kinds, lines, is_new)
    for at in range(cut, len(lines)):
        is_new[at] = False
    _drop_trailing(kinds, is_new, cut)
    reply = "\n".join(line for line, new in zip(lines, is_new, strict=True) if new)
    quoted = "\n".join(line for line, new in zip(lines, is_new, strict=True) if not new)
    return _without_empty_ends(reply), _without_empty_ends(quoted)


def _end_of_reply(kinds: list[Kind], lines: list[str], is_new: list[bool]) -> int:
    """Return the line at which the new words end; single older lines above it are struck out of `is_new`."""
    cut = _first(kinds, Kind.MARKER, len(kinds))
    older = _first(kinds, Kind.OLDER, cut)
    if _says_something(kinds, 0, older):
        cut = older
    cut = _cut_at_attribution(kinds, lines, is_new, cut)
    return _cut_at_signature(kinds, is_new, cut)


def _cut_at_attribution(kinds: list[Kind], lines: list[str], is_new: list[bool], cut: int) -> int:
    at = _first(kinds, Kind.ATTRIBUTION, cut)
    for _ in range(MAX_ATTRIBUTIONS):
        if at >= cut:
            break
        end = _skip(kinds, at, cut, frozenset({Kind.ATTRIBUTION}))
        tail = _skip(kinds, at, cut, _OLD)  # where new words may begin again
        if _says_something(kinds, 0, at):
            if Kind.QUOTE not in kinds[end:cut] or not _goes_on(kinds, lines, at, tail, cut):
                return at
            _strike(is_new, at, end)
        else:
            # The answer stands below what it answers; without quote marks nobody can say where the older words end.
            below = _skip(kinds, end, cut, frozenset({Kind.EMPTY, Kind.QUOTE}))
            _strike(is_new, at, below if Kind.QUOTE in kinds[end:below] else end)
        at = _first(kinds, Kind.ATTRIBUTION, cut, end)
    return cut


def _goes_on(kinds: list[Kind], lines: list[str], at: int, tail: int, cut: int) -> bool:
    """Say whether the author answers between or below the quotes, rather than having a footer there."""
    if Kind.QUOTE in kinds[tail:cut]:
        return True
    if tail < cut and kinds[tail] in _TRAILING:
        return False
    above = sum(len(lines[i]) for i in range(at) if kinds[i] is Kind.TEXT)
    below = sum(len(lines[i]) for i in range(tail, cut) if kinds[i] is Kind.TEXT)
    return below > above


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
