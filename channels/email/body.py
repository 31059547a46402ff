"""Tell what the parts of a mail say (text, HTML) from what they bring (files). Pure; never raises, bounded.

Stands between `structure`, which cuts a mail into parts, and `mime`, which adds what its headers say.
"""

import html as entities
import re
from dataclasses import dataclass, replace
from urllib.parse import unquote

from channels.email import flowed, invitations
from channels.email.charsets import decode
from channels.email.files import given_name, read_file, uuencoded_file
from channels.email.html import layout, sanitise, words_in
from channels.email.link_echoes import without_echoes
from channels.email.structure import Part
from channels.email.uuencoded import without_files
from ticketing.envelope import IncomingFile

MAX_TEXT = 1_000_000  # characters; the whole stays in the raw mail
MAX_TEXT_BYTES = 2_000_000  # of all texts of a mail; some charsets take long
MAX_UUENCODED = 100  # files
STUB_RATIO = 1.5  # a plain text with so many fewer words than the HTML is no alternative to it

RICH_TYPES = {"text/enriched", "text/richtext"}  # RFC 1896, RFC 1341
SHOWN_TYPES = {"text/plain", "text/html", *RICH_TYPES}
# Alternatives for certain programs, of no use to ours. They say what the others say.
LEFT_OUT_TYPES = {"text/x-amp-html", "text/watch-html"}

_META_CHARSET = re.compile(rb"<meta[^>]{1,200}charset=[\"']?([\w-]{2,30})", re.IGNORECASE)
_HTML_DOCUMENT = re.compile(r"\s{0,100}<(?:!doctype html|html)\b", re.IGNORECASE)
_CID = re.compile(r"""["'(]cid:([^"'<>()\s]{1,998})""", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")
_RICH_COMMAND = re.compile(r"<(?!<)/?[A-Za-z-]{1,60}>")
_ENTITY = re.compile(r"&(?:nbsp|[aouAOU]uml|szlig|[aeiou](?:acute|grave|circ)|[lr]squo|[lr]dquo|[mn]dash|#\d{2,5});")


@dataclass(frozen=True)
class Body:
    """What a mail says and brings: its text, its harmless HTML ("" if there is none), and its files in order."""

    text: str
    html: str
    files: tuple[IncomingFile, ...]
    text_from_html: bool = False  # for want of a plain text that stands for it


@dataclass
class _Budget:
    """What is left to spend on one mail."""

    text_bytes: int = MAX_TEXT_BYTES
    uuencoded: int = MAX_UUENCODED


@dataclass(frozen=True)
class _Said:
    """What a part adds to the mail."""

    text: str = ""
    html: str = ""
    files: tuple[Part | IncomingFile, ...] = ()

    @property
    def as_html(self) -> str:
        if self.html or not self.text.strip():
            return self.html
        return f"<div>{entities.escape(self.text).replace(chr(10), '<br>')}</div>"

    @property
    def is_silent(self) -> bool:
        return not self.text.strip() and not self.html.strip()


def read_body(root: Part) -> Body:
    """Return the text, the HTML and the files of the mail with this root part."""
    budget = _Budget()
    said = _said(root, budget)
    if said.is_silent:
        said = _with_a_file_as_text(said, budget)
    html = sanitise(said.html) if said.html else ""
    files = _files(said, html)
    shown = _shown_text(said, html)
    text = without_echoes(said.text) if shown is None else shown
    return Body(text or _invitation(files), html, files, text_from_html=shown is not None)


def _files(said: _Said, html: str) -> tuple[IncomingFile, ...]:
    """Return the files; those that the HTML shows are inline, although Gmail calls them attachments."""
    shown = {unquote(entities.unescape(name)) for name in _CID.findall(html)}
    files = (file if isinstance(file, IncomingFile) else read_file(file, at) for at, file in enumerate(said.files, 1))
    return tuple(replace(file, inline=True) if file.content_id in shown else file for file in files)


def _shown_text(said: _Said, html: str) -> str | None:
    """Return the HTML's text where there is no plain one, or one that does not stand for it; None: there is one.

    Laying out the HTML takes more time than all the rest, so its words are counted without that first.
    """
    copied = bool(html) and _is_copied_html(said.text, said.html)
    if copied or words_in(html) > STUB_RATIO * len(said.text.split()):
        shown = "\n".join(line.rstrip() for line in layout(html).split("\n"))
        if copied or len(shown.split()) > STUB_RATIO * len(said.text.split()):
            return shown
    return None


def _is_copied_html(text: str, html: str) -> bool:
    """Say whether a program made the text of the HTML and forgot the entities. Who writes of them escapes their &."""
    return _ENTITY.search(text) is not None and "&amp;" not in html


def _invitation(files: tuple[IncomingFile, ...]) -> str:
    calendar = next((file for file in files if file.content_type in invitations.TYPES), None)
    return invitations.in_words(calendar.content) if calendar is not None else ""


def _with_a_file_as_text(said: _Said, budget: _Budget) -> _Said:
    """Take the first text that is a file only by its name, when nothing else says a word.

    It stays a file if it was to be saved under that name.
    """
    for file in said.files:
        if isinstance(file, Part) and file.content_type in SHOWN_TYPES and file.disposition != "attachment":
            saved = bool(file.disposition_parameters.get("filename"))
            files = tuple(other for other in said.files if saved or other is not file)
            return replace(_shown(file, budget), files=files)
    return said


def _said(part: Part, budget: _Budget) -> _Said:
    if part.children:
        said = [_said(child, budget) for child in part.children]
        if part.content_type == "multipart/alternative":
            return _alternative(said)
        return _related(part, said) if part.content_type == "multipart/related" else _joined(said)
    if part.content_type in LEFT_OUT_TYPES:
        return _Said()
    return _Said(files=(part,)) if _is_file(part) else _shown(part, budget)


def _is_file(part: Part) -> bool:
    return part.content_type not in SHOWN_TYPES or part.disposition == "attachment" or bool(given_name(part))


def _shown(part: Part, budget: _Budget) -> _Said:
    content = part.content[: budget.text_bytes]
    if not content:
        return _Said(files=(part,) if part.encoded_body else ())
    budget.text_bytes -= len(content)
    if part.content_type == "text/html":
        return _Said(html=_html(part, content)[:MAX_TEXT])
    text = decode(content, part.type_parameters.get("charset", "")).replace("\r\n", "\n").replace("\r", "\n")[:MAX_TEXT]
    if part.content_type in RICH_TYPES:
        return _Said(_RICH_COMMAND.sub("", text.replace("<nl>", "\n")).replace("<<", "<"))
    if _HTML_DOCUMENT.match(text):
        return _Said(html=text)
    if part.type_parameters.get("format", "").lower() == "flowed":
        text = flowed.joined(text, delete_space=part.type_parameters.get("delsp", "").lower() == "yes")
    text, found = without_files(text, most=budget.uuencoded)
    budget.uuencoded -= len(found)
    return _Said(text, files=tuple(uuencoded_file(name, content) for name, content in found))


def _html(part: Part, content: bytes) -> str:
    declared = part.type_parameters.get("charset", "")
    if not declared:
        meta = _META_CHARSET.search(content, 0, 4_096)
        declared = meta[1].decode("ascii") if meta else ""
    return decode(content, declared)


def _alternative(said: list[_Said]) -> _Said:
    """Take the text and the HTML from whichever alternative has them; the last is the richest (RFC 2046, 5.1.4)."""
    return _Said(
        text=next((one.text for one in said if one.text.strip()), ""),
        html=next((one.html for one in reversed(said) if one.html.strip()), ""),
        files=tuple(file for one in said for file in one.files),
    )


def _related(part: Part, said: list[_Said]) -> _Said:
    """Keep HTML that only belongs to the root, a frame for instance, as a file. RFC 2387."""
    found = list[_Said]()
    for child, one in zip(part.children, said, strict=True):
        in_a_frame = child.content_type == "text/html" and any(not before.is_silent for before in found)
        found.append(_Said(files=(child,)) if in_a_frame else one)
    return _joined(found)


def _joined(said: list[_Said]) -> _Said:
    """Put the bodies one under the other, as mailers do that place pictures between paragraphs.

    Where one of them has only HTML, the text is left to be made of the whole HTML, once.
    """
    files = tuple(file for one in said for file in one.files)
    spoken = [one for one in said if not one.is_silent]
    if len(spoken) == 1:
        return _Said(spoken[0].text, spoken[0].html, files)
    if _say_the_same(spoken):
        return replace(_alternative(spoken), files=files)
    rich = any(one.html.strip() for one in spoken)
    complete = all(one.text.strip() for one in spoken)
    return _Said(
        text="\n".join(one.text for one in spoken)[:MAX_TEXT] if complete else "",
        html="\n".join(one.as_html for one in spoken)[:MAX_TEXT] if rich else "",
        files=files,
    )


def _say_the_same(spoken: list[_Said]) -> bool:
    """Say whether these are a text and the same as HTML, from a program that calls its alternatives mixed."""
    if len(spoken) != 2 or spoken[0].html.strip() or spoken[1].text.strip():
        return False
    return _letters(spoken[0].text) == _letters(entities.unescape(_TAG.sub(" ", sanitise(spoken[1].html))))


def _letters(text: str) -> str:
    return "".join(char for char in text if char.isalnum())
