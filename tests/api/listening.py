"""Listen to a live stream in a test: what came, in order."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Self

import orjson
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis

from api.realtime.feed import connect_feed, feed
from api.realtime.streaming import STARTING
from ticketing.realtime import connect_news

PATIENCE = 60.0  # seconds; nothing here takes one, unless the machine has other things to do


@dataclass(frozen=True)
class Heard:
    """One event."""

    event: str
    id: str
    data: Any


@contextmanager
def with_valkey(app: Flask, url: str) -> Iterator[None]:
    """Let the application tell its news over a Valkey, which is emptied before."""
    with Redis.from_url(url) as redis:
        redis.flushall()
    settings = replace(app.extensions["comptoir.settings"], redis_url=url)
    connect_news(app, settings)
    connect_feed(app, settings)
    app.extensions.pop("comptoir.swept", None)
    try:
        yield
    finally:
        feed().close()
        redis = app.extensions["comptoir.news"].redis
        redis.close()


class Listening:
    """A stream that is read in a thread of its own, as a client would."""

    def __init__(
        self, client: FlaskClient, headers: dict[str, str], path: str = "/api/v1/events", *, ready: str = "ready"
    ) -> None:
        self._hub, me = client.application.extensions["comptoir.feed"].hub, object()
        self.response = client.get(path, headers=headers, environ_overrides={"gunicorn.socket": me})
        assert self.response.status_code == 200, self.response.text
        self.listener = next(one for one in self._hub.everybody() if one.connection is me)
        self.heard: list[Heard] = []
        self._ready = ready
        self.comments = 0
        self.last_id = ""
        self.is_over = False
        self._come = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        self.until(self._ready)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Go away."""
        self._hub.end([self.listener], "test")
        self._thread.join(PATIENCE)
        self.response.close()

    def until(self, event: str, count: int = 1) -> Heard:
        """Wait for an event of this kind, the last of `count`, and return it."""
        self.when(lambda: len(self.all(event)) >= count, f"{event}, {count} of them")
        return self.all(event)[count - 1]

    def all(self, event: str) -> list[Heard]:
        """Return what has come of one kind."""
        return [one for one in self.heard if one.event == event]

    def when(self, is_so: Callable[[], bool], what: str) -> None:
        """Wait until something is so."""
        with self._come:
            assert self._come.wait_for(is_so, PATIENCE), f"no {what}; {self.heard}"

    def _read(self) -> None:
        buffer = b""
        for chunk in self.response.response:
            buffer += chunk
            *events, buffer = buffer.split(b"\n\n")
            with self._come:
                for one in events:
                    self._take(one)
                self._come.notify_all()
        with self._come:
            self.is_over = True
            self._come.notify_all()

    def _take(self, event: bytes) -> None:
        fields = dict(line.split(b": ", 1) for line in event.split(b"\n") if b": " in line)
        self.last_id = fields.get(b"id", self.last_id.encode()).decode()
        if b"data" not in fields:
            return
        heard = Heard(fields[b"event"].decode(), fields.get(b"id", b"").decode(), orjson.loads(fields[b"data"]))
        if heard.data != {"code": STARTING}:  # whether the reader takes more than a second to begin is the machine's
            self.heard.append(heard)
