"""One mail on its way in, after DATA: find its end, and keep it meanwhile, on the disk where it is large. Pure.

Only CR LF . CR LF ends a mail (RFC 5321, 4.1.1.4). Servers that took a dot between bare line feeds for the end, too,
let a sender hide a second mail inside the first ("SMTP smuggling", CVE-2023-51764 and others).
"""

import os
import re
from tempfile import SpooledTemporaryFile

END = b"\r\n.\r\n"
KEPT_IN_MEMORY = 262_144  # bytes; what is larger waits on the disk

# A dot on a line by itself for who is careless with line ends, and behind it what only an SMTP client says. An end for
# everybody, CR LF . CR LF, cannot stand there any more.
_CARELESS_ENDS = (b"\n.\n", b"\n.\r", b"\r.\n", b"\r.\r")
_HIDDEN_MAIL = re.compile(
    rb"[\r\n]\.(?:\r\n|\n|\r)(?:mail from:|rcpt to:|(?:ehlo|helo|lhlo) |data\r?\n)", re.IGNORECASE
)


class HiddenMail(Exception):
    """Behind an end that is none stands a second mail."""


class IncomingData:
    """Takes blocks until the end has come; then `content` is the mail, its dots unstuffed."""

    def __init__(self) -> None:
        self.size = 0  # bytes that came, kept or not
        self.taken = 0  # bytes of the blocks that were to be kept
        self._file = SpooledTemporaryFile(max_size=KEPT_IN_MEMORY)  # noqa: SIM115 - closed by `close`
        self._tail = END[:2]  # DATA's own line end: a dot on the first line ends an empty mail

    @property
    def kept(self) -> int:
        """How large the mail is so far."""
        return self._file.tell()

    def feed(self, block: bytes, *, keep: bool = True) -> bytes | None:
        """Take a block. Return what stands behind the mail's end, None when the end has not come yet."""
        self.size += len(block)
        window = self._tail + block
        end = window.find(END)
        known = len(self._tail)
        if keep:
            self.taken += len(block)
            self._keep(block if end < 0 else window[known : end + 2], known - (end + 2) if end >= 0 else 0)
        self._tail = window[1 - len(END) :]
        return None if end < 0 else window[end + len(END) :]

    def _keep(self, block: bytes, surplus: int) -> None:
        self._file.write(block)
        if surplus > 0:  # the end's first bytes were kept before they were known for the end
            self._file.seek(-surplus, os.SEEK_CUR)
            self._file.truncate()

    def content(self) -> bytes:
        """Return the mail as it was written (RFC 5321, 4.5.2). Raises HiddenMail."""
        self._file.seek(0)
        stuffed = self._file.read()
        if any(end in stuffed for end in _CARELESS_ENDS) and _HIDDEN_MAIL.search(stuffed):
            raise HiddenMail
        return stuffed[stuffed.startswith(b".") :].replace(b"\r\n.", b"\r\n")

    def close(self) -> None:
        """Forget the mail; what still comes is only counted."""
        self._file.close()
        self.taken = 0
