"""What arrived at the sandbox, in a SQLite file of its own, which threads and processes share and a kill -9 spares."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from config.settings import Settings
from ticketing.envelope import Channel

FILE = "sandbox.sqlite3"
BUSY_SECONDS = 15.0

SCHEMA = """
CREATE TABLE IF NOT EXISTS arrived (
    id INTEGER PRIMARY KEY, channel TEXT NOT NULL, recipient TEXT NOT NULL, provider_id TEXT NOT NULL,
    item TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS recording (
    provider_id TEXT PRIMARY KEY, content BLOB NOT NULL, seconds INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS medium (
    provider_id TEXT PRIMARY KEY, content BLOB NOT NULL, content_type TEXT NOT NULL
);
"""


@dataclass(frozen=True)
class Arrived:
    """One message as its recipient has it; `message_id` and `headers` are a mail's."""

    channel: str
    sender: str
    recipient: str
    body: str
    provider_id: str
    at: datetime
    subject: str = ""
    message_id: str = ""
    html: str = ""  # a mail's design
    attachments: tuple[str, ...] = ()  # the names of a mail's files
    headers: dict[str, str] = field(default_factory=dict)

    def shown(self) -> dict[str, Any]:
        """Return the item as the outbox shows it, without what it does not have."""
        item: dict[str, Any] = {
            "channel": self.channel,
            "to": self.recipient,
            "from": self.sender,
            "subject": self.subject,
            "body": self.body,
            "html": self.html,
            "attachments": list(self.attachments),
            "message_id": self.message_id,
            "provider_id": self.provider_id,
            "headers": self.headers,
            "at": self.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        return {name: value for name, value in item.items() if value or name == "body"}


class SandboxStore:
    """The file. Every call opens it, so that any thread and any process may."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.data_dir / FILE
        _prepare(self._path)

    def keep(self, *items: Arrived) -> None:
        """Keep what arrived, all or nothing; it is safe on the disk when this returns."""
        rows = [(one.channel, one.recipient, one.provider_id, json.dumps(one.shown())) for one in items]
        with self._open() as connection:
            connection.executemany(
                "INSERT INTO arrived (channel, recipient, provider_id, item) VALUES (?, ?, ?, ?)", rows
            )

    def arrived(self, *, channel: str = "", recipient: str = "", limit: int) -> list[dict[str, Any]]:
        """Return the newest items as they are shown, newest last; "" stands for any."""
        query = "SELECT item FROM arrived WHERE ? IN ('', channel) AND ? IN ('', recipient) ORDER BY id DESC LIMIT ?"
        with self._open() as connection:
            rows = connection.execute(query, (channel, recipient, limit)).fetchall()
        return [json.loads(item) for (item,) in reversed(rows)]

    def mails(self, recipient: str, *, after: int, limit: int) -> tuple[list[tuple[int, dict[str, Any]]], int]:
        """Return the newest mails of a mailbox behind the number `after`, oldest first, each with its number.

        Beside them the newest number of all: less than one that was given before, the store was begun anew.
        """
        query = "SELECT id, item FROM arrived WHERE channel = ? AND recipient = ? AND id > ? ORDER BY id DESC LIMIT ?"
        with self._open() as connection:
            rows = connection.execute(query, (Channel.EMAIL, recipient, after, limit)).fetchall()
            (newest,) = connection.execute("SELECT coalesce(max(id), 0) FROM arrived").fetchone()
        return [(number, json.loads(item)) for number, item in reversed(rows)], newest

    def mail(self, number: int) -> dict[str, Any] | None:
        """Return one mail; None if there is none of that number."""
        query = "SELECT item FROM arrived WHERE channel = ? AND id = ?"
        with self._open() as connection:
            row = connection.execute(query, (Channel.EMAIL, number)).fetchone()
        return dict(json.loads(row[0])) if row is not None else None

    def keep_recording(self, provider_id: str, content: bytes, seconds: int) -> None:
        with self._open() as connection:
            connection.execute("INSERT INTO recording VALUES (?, ?, ?)", (provider_id, content, seconds))

    def recording(self, provider_id: str) -> bytes | None:
        """Return a recording's bytes; None if there is none of that name."""
        with self._open() as connection:
            query = "SELECT content FROM recording WHERE provider_id = ?"
            row = connection.execute(query, (provider_id,)).fetchone()
        return bytes(row[0]) if row is not None else None

    def forget_recording(self, provider_id: str) -> None:
        with self._open() as connection:
            connection.execute("DELETE FROM recording WHERE provider_id = ?", (provider_id,))

    def keep_medium(self, provider_id: str, content: bytes, content_type: str) -> None:
        with self._open() as connection:
            connection.execute("INSERT INTO medium VALUES (?, ?, ?)", (provider_id, content, content_type))

    def medium(self, provider_id: str) -> tuple[bytes, str] | None:
        """Return a picture's or file's bytes and content type; None if there is none of that name."""
        with self._open() as connection:
            query = "SELECT content, content_type FROM medium WHERE provider_id = ?"
            row = connection.execute(query, (provider_id,)).fetchone()
        return (bytes(row[0]), str(row[1])) if row is not None else None

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=BUSY_SECONDS)) as connection, connection:
            connection.execute("PRAGMA synchronous = FULL")
            yield connection


def _prepare(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(SCHEMA)
