"""Say what a file is by its bytes, never by what its sender claims, and refuse programs and scripts. Pure."""

import re

import filetype

from ticketing.errors import FileRefused

ENOUGH = 8192  # bytes from the beginning that tell what a file is
MAX_NAME = 150  # characters; with room for a path of 255 bytes in most scripts
UNKNOWN = "application/octet-stream"
TEXT = "text/plain"

# What Gmail blocks too (https://support.google.com/mail/answer/6590, read in November 2026), and scripts of Unix.
REFUSED_SUFFIXES = """
    ade adp apk appx appxbundle bat cab chm cmd com cpl diagcab diagcfg diagpkg dll dmg ex ex_ exe hta img ins iso
    isp jar jnlp js jse lib lnk mde mjs msc msi msix msixbundle msp mst nsh pif ps1 psm1 reg scf scr sct sh shb sys
    vb vbe vbs vhd vxd wsc wsf wsh xll app bash command csh gadget inf ksh pl py rb url workflow zsh
"""
REFUSED = frozenset(REFUSED_SUFFIXES.split())
PROGRAMS = {  # first bytes -> what that is
    b"MZ": "a program for Windows",
    b"\x7fELF": "a program for Linux",
    b"\xfe\xed\xfa\xce": "a program for macOS",
    b"\xfe\xed\xfa\xcf": "a program for macOS",
    b"\xce\xfa\xed\xfe": "a program for macOS",
    b"\xcf\xfa\xed\xfe": "a program for macOS",
    b"\xca\xfe\xba\xbe": "a program for Java or macOS",
    b"dex\n": "a program for Android",
    b"L\x00\x00\x00\x01\x14\x02\x00": "a shortcut of Windows",
    b"#!": "a script",
}
REFUSED_TYPES = {"application/vnd.ms-cab-compressed": "an installer's archive", "application/x-rpm": "an installer"}
WRITTEN_AS_TEXT = {"application/pdf", "application/postscript", "application/rtf"}
SORTS_OF_TEXT = {"csv": "text/csv", "ics": "text/calendar", "json": "application/json", "vcf": "text/vcard"}

_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_ODD = re.compile(r'[\\/:*?"<>|\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]')


def recognise(beginning: bytes, filename: str) -> str:
    """Return the content type of a file by its first bytes; its name only tells one sort of text from another.

    Raises FileRefused for a program or a script.
    """
    suffix = filename.rpartition(".")[2].casefold()
    if suffix in REFUSED:
        raise FileRefused(f"files of the kind .{suffix} are not passed on; put it into an archive, or send a link")
    is_text = _is_text(beginning)
    for magic, what in PROGRAMS.items():
        if beginning.startswith(magic) and (not is_text or magic == b"#!"):
            raise FileRefused(f"{filename} is {what}, which is not passed on, whatever its name")
    kind = filetype.guess(beginning)
    found = str(kind.mime) if kind is not None else UNKNOWN
    if is_text and found not in WRITTEN_AS_TEXT:  # two letters make a bitmap: what is text may begin with them
        return SORTS_OF_TEXT.get(suffix, TEXT)
    if found in REFUSED_TYPES:
        raise FileRefused(f"{filename} is {REFUSED_TYPES[found]}, which is not passed on, whatever its name")
    return found


def clean_name(name: str) -> str:
    """Return a file's name without folders, without what would steer a terminal or a header, and not too long."""
    base = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(char if char.isprintable() else "_" for char in base)
    cleaned = " ".join(_ODD.sub("_", shown).encode("utf-8", "replace").decode().split()).strip(". ")
    stem, dot, suffix = cleaned.rpartition(".")
    if len(cleaned) > MAX_NAME and dot and len(suffix) < 20:
        return stem[: MAX_NAME - len(suffix) - 1].rstrip(". ") + "." + suffix
    return cleaned[:MAX_NAME] or "file"


def _is_text(beginning: bytes) -> bool:
    """Say whether these bytes are words: UTF-8, perhaps cut within a character, without control characters."""
    if not beginning or _BINARY.search(beginning):
        return False
    try:
        beginning.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data" and len(beginning) >= ENOUGH
    return True
