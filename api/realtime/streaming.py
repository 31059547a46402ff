"""One connection, from its first byte to its last: what a listener has missed, what comes, and a sign of life between.

It runs after the request, outside every application context; nothing of the database is held while it waits.
"""

import random
import threading
import time
from collections.abc import Iterator, Sequence

import structlog
from flask import Flask
from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from api.realtime.frames import HEARTBEAT_SECONDS, RETRY_SECONDS, frame, heartbeat, retry
from api.realtime.hub import SIGNED_OUT, Hub, Line
from api.realtime.listeners import AgentListener, Listener
from api.realtime.positions import written
from api.realtime.tape import Item, Tape
from api.realtime.told import Told, tell
from ticketing.holders import in_force
from ticketing.moment import utc_now

log = structlog.get_logger()

PAUSE = 1.0  # seconds, after trouble
AT_ONCE = 8  # listeners that read what they have missed: other requests want the database too
BATCH = 500  # items that are judged together
CATCH_UP_MOST = 10_000  # items; whoever has missed more asks for everything again
SIGN_OF_LIFE = b": \n\n"
STARTING = "starting"


class Streams:
    """Writes what listeners get, each on its own connection."""

    def __init__(self, app: Flask, hub: Hub, tape: Tape) -> None:
        self._app, self._hub, self._tape = app, hub, tape
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    def events(self, listener: Listener) -> Iterator[bytes]:
        """Yield what goes over the wire, until the listener is told to go or the client is gone."""
        yield retry(random.uniform(*RETRY_SECONDS))  # noqa: S311 - no secret
        while not listener.ended:
            if listener.behind:
                yield from self._catch_up(listener)
            elif taken := self._hub.take(listener):
                yield taken
            elif not listener.wait(HEARTBEAT_SECONDS):
                yield heartbeat(listener.epoch, self._hub.reach(listener))
        if listener.ended != SIGNED_OUT:
            yield self._hub.take(listener)
        yield frame("goodbye", {"code": listener.ended})

    def _catch_up(self, listener: Listener) -> Iterator[bytes]:
        """Yield what the listener has missed, or that they must ask for everything again."""
        line = self._hub.enlist(listener)
        if line is None:
            yield from self._wait_for_line(listener)
        elif listener.epoch != line.epoch:
            yield self._begin(listener, line, "reload" if listener.epoch else "ready")
        else:
            yield from self._go_on(listener, line)

    def _wait_for_line(self, listener: Listener) -> Iterator[bytes]:
        if listener.wait(PAUSE):
            return
        yield frame("trouble", {"code": self._hub.trouble or STARTING})
        while listener.behind and not listener.ended and not listener.wait(HEARTBEAT_SECONDS):
            yield SIGN_OF_LIFE
            listener.taken_at = time.monotonic()  # they read; there is only nothing for them

    def _begin(self, listener: Listener, line: Line, event: str) -> bytes:
        """Begin at a line; what came before it the listener asks for elsewhere."""
        listener.epoch, listener.position, listener.sent = line.epoch, line.until, line.until.coarsely
        data = {"resumed": False} if event == "ready" else {}
        return frame(event, data, written(line.epoch, listener.sent))

    def _go_on(self, listener: Listener, line: Line) -> Iterator[bytes]:
        """Yield what came between the listener's position and the line."""
        try:
            missed = self._missed(listener, line)
        except (RedisError, SQLAlchemyError) as error:
            log.warning("news not caught up", error=type(error).__name__)
            self._hub.fall_behind(listener)
            yield frame("trouble", {"code": STARTING})
            listener.wait(PAUSE)
            return
        except Exception:
            log.exception("news not caught up")  # they would come back for the same for ever
            missed = None
        if listener.ended == SIGNED_OUT:
            return  # who is sent elsewhere gets it still, for what waits behind it carries later positions
        if missed is None:
            yield self._begin(listener, line, "reload")
            return
        listener.position = line.until
        yield missed + frame("ready", {"resumed": True})

    def _missed(self, listener: Listener, line: Line) -> bytes | None:
        """Return what came between, judged at this moment; None if some of it is gone, or it is too much."""
        with self._turns:
            items = self._hub.remembered(listener.position, line.until)
            if items is None:
                items = self._tape.between(listener.position, line.until, CATCH_UP_MOST)
            if items is None:
                return None
            frames: list[bytes] = []
            for start in range(0, len(items), BATCH):
                for one in self._judged(items[start : start + BATCH], line.epoch, listener):
                    if theirs := listener.of(one):
                        frames.append(theirs)
                        listener.sent = max(listener.sent, one.position)
            return b"".join(listener.chosen(frames))

    def _judged(self, items: Sequence[Item], epoch: str, listener: Listener) -> list[Told]:
        with self._app.app_context():
            if isinstance(listener, AgentListener) and not in_force([listener.caller], now=utc_now()):
                listener.end(SIGNED_OUT)
                return []
            return tell(items, epoch, listener.audience)
