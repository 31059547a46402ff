"""The raw yardstick of mail.py: a bare aiosmtpd whose threads write the raw mail and one message by psycopg.

It reads nothing of a mail, looks for no inbox, customer, ticket or duplicate, and starts no clock.
"""

import asyncio
import queue
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import psycopg
from aiosmtpd.controller import Controller

THREADS = 4


class Handler:
    """Keeps each mail in one transaction of two statements."""

    def __init__(self, url: str) -> None:
        self._url = url.replace("+psycopg", "")
        self._threads = ThreadPoolExecutor(THREADS)
        self._idle: queue.LifoQueue[psycopg.Connection[Any]] = queue.LifoQueue()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Answer when the mail is committed."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self._keep, envelope.content)
        return "250 OK"

    def _keep(self, content: bytes) -> None:
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = psycopg.connect(self._url)
        at = datetime.now(UTC)
        message = connection.execute(
            "INSERT INTO message (ticket_id, kind, channel, body, html, quoted, automatic, state, data, attempts,"
            " created_at) VALUES ((SELECT min(id) FROM ticket), 'inbound', 'email', %s, '', '', false, 'received',"
            " '{}', 0, %s) RETURNING id",
            (content[:2000].decode("latin-1"), at),
        ).fetchone()
        assert message is not None
        connection.execute(
            "INSERT INTO inbound_item (channel, kind, inbox_address, key, body, content_type, url, headers, meta,"
            " state, message_id, received_at, processed_at) VALUES ('email', 'message', 'raw', %s, %s, '', '', '{}',"
            " '{}', 'processed', %s, %s, %s)",
            (sha256(content).hexdigest(), content, message[0], at, at),
        )
        connection.commit()
        self._idle.put(connection)


def main() -> None:
    """Listen on the port until told to end."""
    controller = Controller(Handler(sys.argv[2]), hostname="127.0.0.1", port=int(sys.argv[1]), ready_timeout=30)
    controller.start()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    stop.wait()
    controller.stop()


if __name__ == "__main__":
    main()
