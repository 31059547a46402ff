"""The live feed of this process, put together: the hub, the thread that reads for it, the one that looks after it."""

import threading
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, current_app, request

from api.errors import Refused
from api.realtime.hub import RESTARTING, Hub
from api.realtime.keeping import Keeper
from api.realtime.listeners import Listener
from api.realtime.positions import START, Resumed, read
from api.realtime.reading import ALONE_FOR, Reader
from api.realtime.streaming import Streams
from api.realtime.tape import Tape
from config.settings import Settings

PATIENCE = 10.0  # seconds, for the threads to end
GONE = Resumed("gone", START)


class Feed:
    """Everything that one process needs for its streams; the threads run while anybody listens."""

    def __init__(self, app: Flask, redis_url: str, most: int) -> None:
        self.hub = Hub(most)
        self._tape = Tape(redis_url)
        self.keeper = Keeper(app, self.hub)
        self._reader = Reader(app, self.hub, self._tape, self.keeper.note_moves)
        self._streams = Streams(app, self.hub, self._tape)
        self._lock = threading.Lock()
        self._works: dict[str, Callable[[], None]] = {
            "news reader": self._reader.run,
            "stream keeper": lambda: self.keeper.run(self._goes_on),
        }
        self._threads: dict[str, threading.Thread] = {}

    def stream(self, listener: Listener) -> Response:
        """Return the response on which somebody listens. Raises Refused."""
        self.hub.join(listener)
        self._start()
        response = Response(self._streams.events(listener), mimetype="text/event-stream")
        response.call_on_close(lambda: self.hub.leave(listener))
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Accel-Buffering"] = "no"  # nginx would hold it back
        return response

    def close(self) -> None:
        """End all streams, and the threads."""
        self.hub.is_ending = lambda: True
        self.hub.end(self.hub.everybody(), RESTARTING)
        for one in list(self._threads.values()):
            one.join(PATIENCE)
        self._tape.close()

    def _start(self) -> None:
        with self._lock:
            for name in self._works.keys() - self._threads.keys():
                thread = threading.Thread(target=self._run, args=(name,), name=name, daemon=True)
                self._threads[name] = thread
                thread.start()

    def _run(self, name: str) -> None:
        while True:
            self._works[name]()
            with self._lock:  # against somebody who joins just now
                if not self._goes_on():
                    del self._threads[name]
                    return

    def _goes_on(self) -> bool:
        return not self.hub.is_ending() and self.hub.alone_for() < ALONE_FOR


def connect_feed(app: Flask, settings: Settings) -> None:
    """Attach the feed; it asks nothing of anybody until somebody listens. Without Redis there is none."""
    made = Feed(app, settings.redis_url, settings.most_streams) if settings.redis_url else None
    app.extensions["comptoir.feed"] = made


def feed() -> Feed:
    """Return the application's feed. Raises Refused where there can be none."""
    found: Feed | None = current_app.extensions["comptoir.feed"]
    if found is None:
        raise Refused(503, "no_real_time", "news needs Redis or Valkey: COMPTOIR_REDIS_URL is not set", retry_after=60)
    return found


def resumed() -> Resumed | None:
    """Return from where this request wants to go on, None for from now; what is no position of ours is one long gone.

    A browser that reconnects says it in a header; the query serves who cannot write headers.
    """
    text = request.headers.get("Last-Event-ID") or request.args.get("last_event_id", "")
    return (read(text) or GONE) if text else None


def connection() -> Any:
    """Return the socket of this request, None where the web server does not show it."""
    return request.environ.get("gunicorn.socket")
