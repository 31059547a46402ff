"""Turn bytes of any declared charset into text that every store can keep. Pure; nothing here raises."""

import codecs
import re

# What senders declare -> what they mean. The WHATWG Encoding Standard (encoding.spec.whatwg.org, read 2026-11) reads
# Latin-1 as Windows-1252 and GB2312 as GB18030, because that is what the bytes nearly always are.
ALIASES = {
    "ansi": "cp1252",
    "ascii": "utf-8",
    "cp-850": "cp850",
    "euc-kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso-8859-1": "cp1252",
    "iso-8859-8-e": "iso-8859-8",
    "iso-8859-8-i": "iso-8859-8",
    "iso-2022-jp": "iso2022_jp_2",
    "iso8859-1": "cp1252",
    "ks_c_5601-1987": "cp949",
    "latin-1": "cp1252",
    "latin1": "cp1252",
    "shift-jis": "cp932",
    "shift_jis": "cp932",
    "unicode-1-1-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "us-ascii": "utf-8",
    "windows-874": "cp874",
    "x-gbk": "gb18030",
    "x-mac-roman": "mac_roman",
    "x-sjis": "cp932",
}

# Python has them as text codecs, but they are no charsets of mail, and some take quadratic time.
REFUSED = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"}

_ONE_BYTE = ("cp125", "iso8859", "latin", "ascii")

BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))

_SURROGATE = re.compile("[\ud800-\udfff]")  # UTF-7 can spell lone ones, UTF-8 cannot


def decode(raw: bytes, charset: str = "") -> str:
    """Return the text of `raw`; "" or an unknown charset is guessed as UTF-8, then Windows-1252."""
    for bom, name in BOMS:
        if raw.startswith(bom):
            return keepable(raw[len(bom) :].decode(name, "replace"))
    declared = known(charset)
    # What reads as UTF-8 is UTF-8, whatever Western charset a careless program declared.
    for name in ("utf-8", declared) if not declared or declared.startswith(_ONE_BYTE) else (declared, "utf-8"):
        try:
            return keepable(raw.decode(name or "utf-8"))
        except ValueError:
            continue
    return keepable(_damaged(raw, declared))


def known(charset: str) -> str:
    """Return the name of Python's codec for a declared charset, "" if there is none."""
    name = charset.strip().strip("\"'").lower()[:40]
    try:
        codec = codecs.lookup(ALIASES.get(name, name)).name
        "a".encode(codec)  # refuses codecs between bytes and bytes, such as zip
    except (LookupError, ValueError):
        return ""
    return "" if codec.replace("-", "_") in REFUSED else codec


def keepable(text: str) -> str:
    """Return `text` without NUL, which PostgreSQL keeps nowhere, and with U+FFFD for lone surrogates."""
    return _SURROGATE.sub("\ufffd", text.replace("\x00", ""))


def _damaged(raw: bytes, declared: str) -> str:
    """Decode what is not quite in the declared charset, unless it is nothing like it."""
    if declared:
        text = raw.decode(declared, "replace")
        foreign = sum(1 for char in text if char > "\x7f")
        if declared != "utf-8" or text.count("\ufffd") * 2 <= foreign:
            return text
    try:
        return raw.decode("cp1252")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
