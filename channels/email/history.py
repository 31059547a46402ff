"""Repeat what a reply answers, below it, in the words of the customer's language. Pure.

The lines that name an author are those that mail programs write themselves, so that `quoting.split_reply` and everybody
else's reader know them.
"""

import re
from collections.abc import Sequence
from datetime import datetime

from channels.email.reply_marker import marker
from channels.protocol import Said

MAX_HISTORY = 10_000  # characters, of all messages together
MAX_AUTHOR = 80  # characters
CUT = "[…]"
BLOCKQUOTE = '<blockquote type="cite" style="padding-left: 1em; border-left: 2px solid #cccccc">'

# By language, with date, time and zone, and the author. The same languages as the marker's.
WROTE = {
    "en": "On {at:%Y-%m-%d} at {at:%H:%M} {at:%Z}, {author} wrote:",
    "cs": "Dne {at:%d.%m.%Y} v {at:%H:%M} {at:%Z} {author} napsal(a):",
    "da": "Den {at:%d.%m.%Y} kl. {at:%H:%M} {at:%Z} skrev {author}:",
    "de": "Am {at:%d.%m.%Y} um {at:%H:%M} {at:%Z} schrieb {author}:",
    "es": "El {at:%d/%m/%Y} a las {at:%H:%M} {at:%Z}, {author} escribió:",
    "fi": "{at:%d.%m.%Y} klo {at:%H:%M} {at:%Z} {author} kirjoitti:",
    "fr": "Le {at:%d/%m/%Y} à {at:%H:%M} {at:%Z}, {author} a écrit :",
    "it": "Il {at:%d/%m/%Y} alle {at:%H:%M} {at:%Z}, {author} ha scritto:",
    "ja": "{at:%Y年%m月%d日} {at:%H:%M} {at:%Z} {author} のメール:",
    "ko": "{at:%Y년 %m월 %d일} {at:%H:%M} {at:%Z}, {author}님이 작성:",
    "nb": "Den {at:%d.%m.%Y} kl. {at:%H:%M} {at:%Z} skrev {author}:",
    "nl": "Op {at:%d-%m-%Y} om {at:%H:%M} {at:%Z} schreef {author}:",
    "pl": "W dniu {at:%d.%m.%Y} o {at:%H:%M} {at:%Z} {author} napisał(a):",
    "pt": "Em {at:%d/%m/%Y} às {at:%H:%M} {at:%Z}, {author} escreveu:",
    "ru": "{at:%d.%m.%Y} {at:%H:%M} {at:%Z}, {author} пишет:",
    "sv": "Den {at:%Y-%m-%d} kl. {at:%H:%M} {at:%Z} skrev {author}:",
    "tr": "{at:%d.%m.%Y} {at:%H:%M} {at:%Z} tarihinde {author} yazdı:",
    "uk": "{at:%d.%m.%Y} {at:%H:%M} {at:%Z}, {author} пише:",
    "zh": "在 {at:%Y-%m-%d} {at:%H:%M} {at:%Z}，{author} 写道：",
}
TRADITIONAL_CHINESE = "在 {at:%Y-%m-%d} {at:%H:%M} {at:%Z}，{author} 寫道："

_BREAKS = re.compile(r"\r\n|[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]")


def as_text(history: Sequence[Said], language: str) -> str:
    """Return the history as plain text, the newest message first, below the line to answer above; "" without any."""
    parts = [f"{wrote(one, language)}\n\n{_quoted(text)}" for one, text in _capped(history)]
    return "\n\n".join([marker(language), *parts]) if parts else ""


def as_html(history: Sequence[Said], language: str) -> str:
    """Return the same as HTML."""
    parts = [
        f"<p>{_escaped(wrote(one, language))}</p>\n{BLOCKQUOTE}{_escaped(text)}</blockquote>"
        for one, text in _capped(history)
    ]
    return "\n".join([f'<p style="color: #999999">{_escaped(marker(language))}</p>', *parts]) if parts else ""


def wrote(said: Said, language: str) -> str:
    """Return the line that says who wrote when, for a reader of `language`; in English when it is unknown or ""."""
    tag = language.lower().replace("_", "-")
    base = tag.partition("-")[0]
    words = WROTE.get("nb" if base in {"no", "nn"} else base, WROTE["en"])
    if tag.startswith(("zh-hant", "zh-tw", "zh-hk", "zh-mo")):
        words = TRADITIONAL_CHINESE
    author = " ".join(said.author.split())[:MAX_AUTHOR]
    return words.format(at=_WithWords(said.at), author=author)


class _WithWords:
    """A moment whose format may hold any characters: some systems' strftime knows only their own."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def __format__(self, spec: str) -> str:
        return re.sub(r"%[A-Za-z]", lambda found: self._at.strftime(found[0]), spec)


def _capped(history: Sequence[Said]) -> list[tuple[Said, str]]:
    """Return the messages with as much of their words as there is room for, the newest first."""
    room, found = MAX_HISTORY, []
    for one in history:
        text = _BREAKS.sub("\n", one.text).strip("\n")
        if len(text) > room:
            text = f"{text[:room].rpartition(chr(10))[0] or text[:room]}\n{CUT}"
        found.append((one, text))
        room -= len(text)
        if room <= 0:
            break
    return found


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() if not line.startswith(">") else f">{line}" for line in text.split("\n"))


def _escaped(text: str) -> str:
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return safe.replace("\n", "<br>\n")
