"""Take the files out of a text in which an old mailer or a script uuencoded them. Pure, takes linear time.

Format: POSIX.1-2017, uuencode (`begin MODE NAME`, lines, an empty one, `end`).
"""

import binascii
import re

_BEGIN = re.compile(r"begin(?:-base64)? [0-7]{3,4} (\S.{0,199})")
_LONGEST = 45  # bytes a line


def without_files(text: str, *, most: int) -> tuple[str, list[tuple[str, bytes]]]:
    """Return the text without its first `most` uuencoded files, and these as (name, content).

    What is not whole stays text.
    """
    if not text.startswith("begin ") and "\nbegin " not in text:
        return text, []
    kept, files = list[str](), list[tuple[str, bytes]]()
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        begins = _BEGIN.fullmatch(lines[at].rstrip()) if len(files) < most else None
        content, end = _content(lines, at + 1) if begins else (b"", at)
        if begins and end > at:
            files.append((begins[1], content))
            at = end
        else:
            kept.append(lines[at])
        at += 1
    return "\n".join(kept), files


def _content(lines: list[str], first: int) -> tuple[bytes, int]:
    """Return what stands up to the `end`, and in which line that is: 0 when there is none before something else."""
    pieces = list[bytes]()
    for number in range(first, len(lines)):
        line = lines[number].rstrip()
        if line == "end" and pieces:
            return b"".join(pieces), number
        decoded = _decoded(line)
        if decoded is None:
            return b"", 0
        pieces.append(decoded)
    return b"", 0


def _decoded(line: str) -> bytes | None:
    size = (ord(line[0]) - 32) & 63 if line else 0
    if size > _LONGEST or not line.isascii() or len(line) > 2 + (size + 2) // 3 * 4:
        return None
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        return None
