"""Decode the encoded words of RFC 2047, the broken ones that mailers really write included. Pure."""

import binascii
import re

from channels.email import charsets

# More forgiving than RFC 2047: blanks and a few question marks inside the word, any length.
_WORD = re.compile(r"=\?([\w.:+-]{1,40})(?:\*[\w-]*)?\?([BbQq])\?([^?]*(?:\?(?!=)[^?]{0,200}){0,5})\?=")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")


def decode_words(text: str) -> str:
    """Return `text` with its encoded words decoded; what is none stays as it is.

    Neighbours of one charset are joined before decoding: many mailers cut a character in two (RFC 2047, 5 forbids it).
    """
    if "=?" not in text:
        return text
    out: list[str] = []
    charset, pending = "", b""
    at = 0
    for found in _WORD.finditer(text):
        between = text[at : found.start()]
        if pending and (between.strip() or found[1].lower() != charset):
            out.append(charsets.decode(pending, charset))
            pending = b""
        if between.strip() or at == 0:
            out.append(between)
        charset = found[1].lower()
        pending += _bytes(found[2], found[3])
        at = found.end()
    if pending:
        out.append(charsets.decode(pending, charset))
    return "".join([*out, text[at:]])


def _bytes(encoding: str, word: str) -> bytes:
    raw = word.encode("utf-8", "replace")
    if encoding in "Qq":
        return binascii.a2b_qp(raw.replace(b" ", b"_"), header=True)
    return decode_base64(raw)


def decode_base64(raw: bytes) -> bytes:
    """Return what `raw` encodes; foreign characters are skipped, and missing padding or a stray letter is forgiven.

    Words after the padding are nobody's (RFC 2045, 6.8): lists append their footers there.
    """
    try:
        return binascii.a2b_base64(raw)
    except binascii.Error:
        letters = _NOT_BASE64.sub(b"", raw.split(b"=", 1)[0])
        letters = letters[: len(letters) - 1] if len(letters) % 4 == 1 else letters
        return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))
