"""Keep files by their SHA-256 in a folder. Written before the transaction that refers to them, never inside."""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from flask import Flask, current_app

from config.settings import Settings
from ticketing.errors import NotFound
from ticketing.transaction import in_transaction


class FileStore:
    """A folder of files named by what is in them, so that keeping one twice is keeping it once."""

    def __init__(self, url: str) -> None:
        self._root = Path(unquote(urlsplit(url).path))

    def keep(self, content: bytes) -> str:
        """Store the bytes, safe against a power cut, and return their SHA-256 in hex."""
        if in_transaction():
            raise RuntimeError("files are kept before the transaction that refers to them")
        digest = hashlib.sha256(content).hexdigest()
        path = self._path(digest)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".new-") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                with contextlib.suppress(FileExistsError):  # somebody keeps the same file at the same moment
                    path.hardlink_to(file.name)
            for folder in (path.parent, path.parent.parent, self._root):
                _sync(folder)
        return digest

    def read(self, digest: str) -> bytes:
        """Return a file's bytes. Raises NotFound."""
        try:
            return self._path(digest).read_bytes()
        except FileNotFoundError:
            raise NotFound(f"the file {digest[:12]}… is not in the store") from None

    def _path(self, digest: str) -> Path:
        return self._root / digest[:2] / digest[2:4] / digest


def _sync(folder: Path) -> None:
    """Write the folder itself down: a file that is safe under a name that is lost is lost."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def connect_files(app: Flask, settings: Settings) -> None:
    """Attach the file store."""
    app.extensions["comptoir.files"] = FileStore(settings.storage_url)


def file_store() -> FileStore:
    """Return the application's file store."""
    found: FileStore = current_app.extensions["comptoir.files"]
    return found
