"""Turn bytes of any declared charset into text that every store can keep. Pure; nothing here raises."""

import codecs
import re
from functools import lru_cache

from channels.email import charset_guess, jis

# What senders declare -> what they mean. The WHATWG Encoding Standard (encoding.spec.whatwg.org, read 2026-11) reads
# Latin-1 as Windows-1252 and GB2312 as GB18030, because that is what the bytes nearly always are.
ALIASES = {
    "ansi": "cp1252",
    "big5": "cp950",
    "big5-eten": "cp950",
    "big5-hkscs": "big5hkscs",
    "cn-big5": "cp950",
    "cn-gb": "gb18030",
    "cp1200": "utf-16-le",
    "cp20866": "koi8-r",
    "cp21866": "koi8-u",
    "cp28591": "cp1252",
    "cp50220": "iso-2022-jp",
    "cp50221": "iso-2022-jp",
    "cp51932": "euc-jp",
    "cp51949": "cp949",
    "cp54936": "gb18030",
    "cp65001": "utf-8",
    "cp936": "gb18030",
    "csisolatin1": "cp1252",
    "cskoi8r": "koi8-r",
    "csshiftjis": "cp932",
    "euc-cn": "gb18030",
    "euc-kr": "cp949",
    "gb2312": "gb18030",
    "gb-2312": "gb18030",
    "gb-2312-80": "gb18030",
    "gbk": "gb18030",
    "hz-gb-2312": "hz",
    "cp819": "cp1252",
    "iso-10646-ucs-2": "utf-16",
    "iso-2022-jp-ms": "iso-2022-jp",
    "koi8": "koi8-r",
    "koi8-ru": "koi8-u",
    "ks-c-5601": "cp949",
    "ks-c-5601-1987": "cp949",
    "ks-c-5601-1989": "cp949",
    "ksc5601": "cp949",
    "ksc-5601": "cp949",
    "latin-1": "cp1252",
    "latin1": "cp1252",
    "l1": "cp1252",
    "macintosh": "mac-roman",
    "mac": "mac-roman",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "tis-620": "cp874",
    "unicode-1-1-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "ucs-2": "utf-16",
    "utf8mb4": "utf-8",
    "windows-31j": "cp932",
}

# Python has them as text codecs, but they are no charsets of mail, and some take quadratic time.
REFUSED = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"}

# The byte sequences of these may look like UTF-8 by chance, or are all ASCII.
_MANY_BYTES = (
    *("big5", "cp932", "cp949", "cp950", "euc", "gb", "johab", "shift_jis"),
    *("hz", "iso2022", "utf-7", "utf-16", "utf-32"),
)
_WIDER = {"euc_jp": "euc_jis_2004", "cp950": "big5hkscs"}  # the same with more signs
_SEVEN_BITS = ("hz", "iso2022", "utf-7")
_ENOUGH = 3  # characters beyond ASCII: no text in a legacy charset is so many of UTF-8's by chance

BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))

_ASCII = {"ascii", "us-ascii", "ansi-x3.4-1968", "iso-646", "cp20127", "iso-ir-6"}
_NUMBERED = re.compile(r"(?:x-)?(?:windows|win|cp|ms|ibm|dos)-?(\d{3,5})")
_ISO_8859 = re.compile(r"(?:x-)?(?:cs)?(?:iso)?-?8859(?:-?(\d{1,2}))?(?:-[ei]|:\d{4})?")
_MEANT = {"1": "cp1252", "9": "cp1254", "11": "cp874"}  # of ISO 8859, says WHATWG

_SURROGATE = re.compile("[\ud800-\udfff]")  # UTF-7 can spell lone ones, UTF-8 cannot


def decode(raw: bytes, charset: str = "", *, hint: str = "") -> str:
    """Return the text of `raw`, which is declared to be in `charset`.

    "" or an unknown one: UTF-8 if it can be, else the charset `hint`, else what its bytes look like.
    """
    declared = known(charset) if charset else ""
    if declared in {"", "utf-8"} and raw.isascii() and not jis.is_marked(raw):
        return keepable(raw.decode("ascii"))  # as most are: what follows would come to the same
    for bom, name in BOMS:
        if raw.startswith(bom):
            return keepable(raw[len(bom) :].decode(name, "replace"))
    if jis.is_marked(raw) and declared in {"", "utf-8", "cp932", "iso2022_jp"}:
        return keepable(jis.decode(raw))
    if declared.startswith(_SEVEN_BITS) and not raw.isascii():
        declared = ""
    if declared.startswith("utf-16"):
        declared = _sixteen_bits(raw, declared)
    for name in _to_try(raw, declared, known(hint)):
        try:
            return keepable(raw.decode(name))
        except ValueError:
            continue
    return keepable(_damaged(raw, declared))


def _sixteen_bits(raw: bytes, declared: str) -> str:
    """Return which UTF-16 this is, from where the zeros of ASCII letters stand; without any, ASCII is none."""
    if b"\x00" not in raw and raw.isascii():
        return "utf-8"
    if declared != "utf-16":
        return declared
    return "utf-16-be" if raw[::2].count(0) > raw[1::2].count(0) else "utf-16-le"


def _to_try(raw: bytes, declared: str, hint: str) -> list[str]:
    if not declared:
        return ["utf-8", hint] if hint else ["utf-8"]
    if not declared.startswith(_MANY_BYTES):
        return ["utf-8", declared]  # what reads as UTF-8 is UTF-8, whatever a careless program declared
    if declared.startswith((*_SEVEN_BITS, "utf-16", "utf-32")):
        return [declared]
    wider = _WIDER.get(declared, declared)
    return ["utf-8", declared, wider] if _is_surely_utf8(raw) else [declared, wider, "utf-8"]


def _is_surely_utf8(raw: bytes) -> bool:
    try:
        text = raw.decode()
    except ValueError:
        return False
    return len(raw) - len(text) >= 2 * _ENOUGH


def known(charset: str) -> str:
    """Return the name of Python's codec for a declared charset; "" if there is none, or it says nothing (ASCII)."""
    return _known(charset[:80])


@lru_cache(maxsize=256)
def _known(charset: str) -> str:
    name = charset.strip().strip("\"'").lower().removeprefix("charset=").replace("_", "-").removeprefix("x-")[:40]
    numbered, iso = _NUMBERED.fullmatch(name), _ISO_8859.fullmatch(name)
    if name in _ASCII:
        return ""
    if iso:
        name = _MEANT.get(iso[1] or "1", f"iso8859-{iso[1]}")
    elif numbered:
        name = f"cp{numbered[1]}"
    try:
        codec = codecs.lookup(ALIASES.get(name, name)).name
        "a".encode(codec)  # refuses codecs between bytes and bytes, such as zip
    except (LookupError, ValueError):
        return ""
    return "" if codec.replace("-", "_") in REFUSED else codec


def keepable(text: str) -> str:
    """Return `text` without NUL, which PostgreSQL keeps nowhere, and with U+FFFD for lone surrogates."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def _damaged(raw: bytes, declared: str) -> str:
    """Decode what is not quite in the declared charset, unless it is nothing like it."""
    text = raw.decode(declared or "utf-8", "replace")
    foreign = sum(1 for char in text if char > "\x7f")
    if declared not in {"", "utf-8"} or text.count("\ufffd") * 2 <= foreign:
        return text
    try:
        return raw.decode(charset_guess.likely(raw))
    except UnicodeDecodeError:
        return raw.decode("latin-1")
