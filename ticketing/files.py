"""Keep files by their SHA-256, in a folder or an S3 bucket. Written before the transaction that refers to them, never
inside; a file is removed only after the commit that took away the last row that names it.
"""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import unquote, urlsplit

from flask import Flask, current_app

from config.settings import Settings
from ticketing.errors import NotFound
from ticketing.transaction import in_transaction

CHUNK = 65_536  # bytes


class OpenFile(Protocol):
    """A file of the store, to be read once from its beginning."""

    def read(self, size: int = -1, /) -> bytes: ...

    def close(self) -> None: ...


class FileStore(Protocol):
    """Files named by what is in them, so that keeping one twice is keeping it once. Safe for many threads at once."""

    def keep(self, content: bytes) -> str:
        """Store the bytes, safe against a power cut, and return their SHA-256 in hex."""
        ...

    def keep_file(self, file: IO[bytes]) -> str:
        """Do the same with a file, in pieces, so that its size is not a question of memory."""
        ...

    def has(self, digest: str) -> bool:
        """Say whether the file is here."""
        ...

    def open(self, digest: str) -> OpenFile:
        """Return a file to read; the caller closes it. Raises NotFound."""
        ...

    def read(self, digest: str) -> bytes:
        """Return a file's bytes. Raises NotFound."""
        ...

    def remove(self, digest: str, *, unless_kept_since: datetime) -> bool:
        """Remove a file, but not one that somebody kept after the moment: its row may be on its way. Say whether."""
        ...


class FolderStore:
    """Files in a folder, which may be shared by several hosts."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def keep(self, content: bytes) -> str:
        return self.keep_file(BytesIO(content))

    def keep_file(self, file: IO[bytes]) -> str:
        must_be_outside_of_transactions()
        self._root.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._root, prefix=".new-") as copy:
            digest = _copy(file, copy)
            if not self._touch(digest):
                copy.flush()
                os.fsync(copy.fileno())
                self._name(copy.name, digest)
        return digest

    def _touch(self, digest: str) -> bool:
        """Say whether the file is there, and if so, that somebody wants it now: see `remove`."""
        with contextlib.suppress(FileNotFoundError):
            os.utime(self._path(digest))
        # Asked afterwards: the name may have gone between the moment when it was looked up and that of the touch.
        return self._path(digest).exists()

    def _name(self, copy: str, digest: str) -> None:
        path = self._path(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):  # somebody keeps the same file at the same moment
            path.hardlink_to(copy)
        for folder in (path.parent, path.parent.parent, self._root):
            _sync(folder)

    def has(self, digest: str) -> bool:
        return self._path(digest).exists() or self._aside(digest).exists()

    def open(self, digest: str) -> IO[bytes]:
        # A file that is being removed has another name for a moment, and may yet get its own back.
        for path in (self._path(digest), self._aside(digest), self._path(digest)):
            with contextlib.suppress(FileNotFoundError):
                return path.open("rb")
        raise gone(digest)

    def read(self, digest: str) -> bytes:
        with self.open(digest) as file:
            return file.read()

    def remove(self, digest: str, *, unless_kept_since: datetime) -> bool:
        """Put the file aside under another name first and look at its age then.

        Whoever keeps the same file at the same moment has either made it young before, so that it comes back, or does
        not find it any more and writes it anew. To look first and remove then would leave a gap between the two.
        """
        aside = self._aside(digest)
        try:
            self._path(digest).rename(aside)
        except FileNotFoundError:
            return False
        if datetime.fromtimestamp(aside.stat().st_mtime, UTC) > unless_kept_since:
            with contextlib.suppress(FileExistsError):
                self._path(digest).hardlink_to(aside)
            aside.unlink()
            return False
        aside.unlink()
        return True

    def _path(self, digest: str) -> Path:
        return self._root / digest[:2] / digest[2:4] / digest

    def _aside(self, digest: str) -> Path:
        return self._path(digest).with_suffix(".leaving")


def _copy(file: IO[bytes], copy: IO[bytes]) -> str:
    sha256 = hashlib.sha256()
    for piece in pieces(file):
        sha256.update(piece)
        copy.write(piece)
    return sha256.hexdigest()


def pieces(file: OpenFile) -> Iterator[bytes]:
    """Return what is left of a file, piece by piece."""
    while piece := file.read(CHUNK):
        yield piece


def _sync(folder: Path) -> None:
    """Write the folder itself down: a file that is safe under a name that is lost is lost."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def must_be_outside_of_transactions() -> None:
    """Raise RuntimeError where only the database may be touched."""
    if in_transaction():
        raise RuntimeError("files are kept before the transaction that refers to them")


def gone(digest: str) -> NotFound:
    """Return what to raise about a file that is not in the store."""
    return NotFound(f"the file {digest[:12]}… is not in the store")


def connect_files(app: Flask, settings: Settings) -> None:
    """Attach the file store that the settings name. Raises SettingsError when that cannot be."""
    app.extensions["comptoir.files"] = _store(settings.storage_url)


def _store(url: str) -> FileStore:
    parts = urlsplit(url)
    if parts.scheme == "s3":
        from ticketing.s3 import bucket_store  # which needs a package of the extra `s3`

        return bucket_store(parts.netloc, prefix=unquote(parts.path).strip("/"))
    return FolderStore(Path(unquote(parts.path)))


def file_store() -> FileStore:
    """Return the application's file store."""
    found: FileStore = current_app.extensions["comptoir.files"]
    return found
