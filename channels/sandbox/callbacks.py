"""Tell the desk what became of its messages and calls, a moment after the REST call is answered."""

import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import requests
import structlog

from channels.sandbox.signing import reached, signed
from config.settings import Settings

log = structlog.get_logger()

DELAY = 0.05  # seconds; the answer to the REST call is on its way before the first callback
TIMEOUT = 10.0
TRIES = 3
PAUSE = 0.5


@dataclass(frozen=True)
class Callback:
    """One signed form for one address."""

    url: str
    form: dict[str, str]


class CallbackPoster:
    """Posts in order, from one thread that is started when there is something to post."""

    def __init__(self, settings: Settings, token: str) -> None:
        self._settings = settings
        self._token = token
        # When the first may be posted, by the monotonic clock, and what; None is the end.
        self._waiting: queue.SimpleQueue[tuple[float, Sequence[Callback]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def post_soon(self, callbacks: Sequence[Callback]) -> None:
        """Post these one after the other; who waits for the answers is the thread."""
        self._waiting.put((time.monotonic() + DELAY, callbacks))
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="sandbox callbacks", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Post what waits, then end."""
        with self._starting:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._waiting.put(None)
            thread.join(timeout=TIMEOUT * TRIES)

    def _run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while (waiting := self._waiting.get()) is not None:
                not_before, callbacks = waiting
                time.sleep(max(0.0, not_before - time.monotonic()))
                for one in callbacks:
                    self._post(session, one)

    def _post(self, session: requests.Session, callback: Callback) -> None:
        for attempt in range(TRIES):
            try:
                headers = signed(callback.url, callback.form, self._token)
                url = reached(callback.url, self._settings)
                answer = session.post(url, data=callback.form, headers=headers, timeout=TIMEOUT)
                if answer.status_code < 500:
                    return
            except requests.RequestException as error:
                log.warning("sandbox callback not taken", attempt=attempt, error=type(error).__name__)
            time.sleep(PAUSE)
