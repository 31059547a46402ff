"""Read Japanese mail in ISO-2022-JP as mailers write it: with the signs that only Windows has. Pure. RFC 1468.

Python's codecs refuse row 13 (circled numbers and such) and half-width katakana; Windows' cp932 has them all.
"""

import re

MAX_SLOW = 300_000  # bytes; what comes after the first so many is read by Python's codec

_ESCAPE = re.compile(rb"\x1b(\$[@B]|\$\([@BD]|\([BJIH])")
_MARKED = re.compile(rb"\x1b\$[@B]|\x1b\([IJ]")


def is_marked(raw: bytes) -> bool:
    """Say whether escape sequences turn these bytes into Japanese."""
    return b"\x1b" in raw and raw.isascii() and _MARKED.search(raw) is not None


def decode(raw: bytes) -> str:
    """Return the text; what cannot be read is U+FFFD."""
    try:
        return raw.decode("iso2022_jp_ext")
    except ValueError:
        cut = raw.find(b"\n", MAX_SLOW) + 1 or MAX_SLOW  # a line begins in ASCII
        return _decoded_run_by_run(raw[:cut]) + raw[cut:].decode("iso2022_jp_ext", "replace")


def _decoded_run_by_run(raw: bytes) -> str:
    first, *rest = _ESCAPE.split(raw)
    runs = zip(rest[::2], rest[1::2], strict=True)
    return first.decode("ascii", "replace") + "".join(_decoded(escape, run) for escape, run in runs)


def _decoded(escape: bytes, run: bytes) -> str:
    if escape == b"(I":
        return bytes(byte | 0x80 for byte in run).decode("cp932", "replace")
    if escape == b"$(D":  # JIS X 0212, which Windows does not have
        return (b"\x1b$(D" + run + b"\x1b(B").decode("iso2022_jp_1", "replace")
    if escape.startswith(b"$"):
        # A line begins in ASCII, even where the mailer forgot the escape.
        line, end, rest = run.partition(b"\n")
        return _kanji(line) + (end + rest).decode("ascii", "replace")
    return run.decode("ascii", "replace")


def _kanji(run: bytes) -> str:
    """Move the pairs from JIS to Shift JIS, where cp932 knows them."""
    shifted = bytearray()
    for first, second in zip(run[::2], run[1::2], strict=False):
        if not (0x21 <= first <= 0x7E and 0x21 <= second <= 0x7E):
            shifted += b"?"
            continue
        row = (first - 0x21) // 2
        shifted.append(row + (0x81 if row < 0x1F else 0xC1))
        if first % 2:
            shifted.append(second + (0x1F if second < 0x60 else 0x20))
        else:
            shifted.append(second + 0x7E)
    return shifted.decode("cp932", "replace")
