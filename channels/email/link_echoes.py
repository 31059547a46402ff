"""Drop the link that Outlook writes behind words that are that link already. Pure, takes linear time.

ann@home.example<mailto:ann@home.example>   www.shop.example <http://www.shop.example/>
"""

import re

MAX_LINK = 300

_LINK = re.compile(r"[ \t\n]?<(?:mailto:|https?://)([^<>\s]{3,300})>", re.IGNORECASE)
_SCHEME = re.compile(r"(?:mailto:|https?://)", re.IGNORECASE)


def without_echoes(text: str) -> str:
    """Return `text` without links in angle brackets that repeat the word before them; all others stay."""
    return _LINK.sub(_kept, text)


def _kept(link: re.Match[str]) -> str:
    before = link.string[max(0, link.start() - MAX_LINK - 20) : link.start()].split()
    word = before[-1].lstrip("<([{\"'*_") if before and not link.string[link.start() - 1].isspace() else ""
    return "" if word and _bare(word) == _bare(link[1]) else link[0]


def _bare(link: str) -> str:
    return _SCHEME.sub("", link, count=1).rstrip("/").lower()
