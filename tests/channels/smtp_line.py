"""A line to a mail door, spoken by hand: for what no mail library would say."""

import socket
from contextlib import AbstractContextManager
from pathlib import Path


class Line(AbstractContextManager["Line"]):
    """A connection on which `say` returns the answer's lines; a multi-line answer is one list."""

    def __init__(self, at: int | Path) -> None:
        if isinstance(at, Path):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(str(at))
        else:
            self.socket = socket.create_connection(("127.0.0.1", at))
        self.socket.settimeout(60)
        self._file = self.socket.makefile("rb")
        self.greeting = self.hear()

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self.socket.close()

    def say(self, words: str | bytes) -> str:
        """Say a line and return the last line of the answer."""
        self.send((words.encode() if isinstance(words, str) else words) + b"\r\n")
        return self.hear()

    def send(self, raw: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(raw)

    def hear(self) -> str:
        """Return the last line of the next answer; "" when there is nobody any more."""
        try:
            while (line := self._file.readline())[3:4] == b"-":
                pass
        except ConnectionResetError:
            return ""
        return line.decode().rstrip("\r\n")
