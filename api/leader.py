"""Exactly one ticker acts: whoever holds the lock. The others stand by and take over within a tick."""

import fcntl
from pathlib import Path
from typing import IO

from flask import Flask
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from config.settings import Settings
from ticketing.store import db

ADVISORY_KEY = 0x434F4D50  # "COMP"


class Leadership:
    """A lock that ends with its holder: PostgreSQL's advisory lock of a session, or a lock on a file beside SQLite."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self._app = app
        self._path = settings.data_dir / "ticker.lock" if settings.uses_sqlite else None
        self._file: IO[bytes] | None = None
        self._connection: Connection | None = None

    def is_mine(self) -> bool:
        """Say whether this process may act, taking the lock if it is free."""
        if self._path is not None:
            return self._file is not None or self._lock_file(self._path)
        return self._still_connected() or self._lock_in_database()

    def give_up(self) -> None:
        """Let another ticker act."""
        if self._file is not None:
            self._file.close()
        if self._connection is not None:
            self._connection.close()
        self._file = self._connection = None

    def _lock_file(self, path: Path) -> bool:
        file = path.open("wb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        return True

    def _still_connected(self) -> bool:
        """Ask over the very connection that holds the lock: if it is gone, so is the lock."""
        if self._connection is None:
            return False
        try:
            self._connection.execute(text("SELECT 1"))
            self._connection.rollback()
        except SQLAlchemyError:
            self._connection.invalidate()
            self.give_up()
            return False
        return True

    def _lock_in_database(self) -> bool:
        try:
            with self._app.app_context():
                connection = db.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            connection.detach()  # from the pool, which would keep it open, and the lock with it
            if connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": ADVISORY_KEY}):
                self._connection = connection
            else:
                connection.close()
        except SQLAlchemyError:
            return False  # the database is away: whoever can reach it acts
        return self._connection is not None
