"""The thread that reads the news of this process's listeners, and judges each batch once for all of them."""

import time
from collections.abc import Callable

import structlog
from flask import Flask
from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from api.realtime.hints import MOVES_THE_LINE
from api.realtime.hub import RESTARTING, Hub, Line
from api.realtime.tape import Read, Tape
from api.realtime.told import tell
from ticketing.holders import in_force
from ticketing.moment import utc_now

log = structlog.get_logger()

PAUSE = 1.0  # seconds, after trouble
ALONE_FOR = 5.0  # seconds without a listener, then nobody need read
VALKEY, STORE = "valkey", "store"  # what may be away


class Reader:
    """Reads until the process ends, or nobody listens any more."""

    def __init__(self, app: Flask, hub: Hub, tape: Tape, note_moves: Callable[[set[int]], None]) -> None:
        self._app, self._hub, self._tape, self._note_moves = app, hub, tape, note_moves

    def run(self) -> None:
        """Read and hand out."""
        line: Line | None = None
        while self._goes_on():
            try:
                if line is None:
                    line = self._open()
                line = self._step(line)
            except RedisError as error:
                self._pause(VALKEY, error)
            except SQLAlchemyError as error:
                self._pause(STORE, error)
            except Exception:
                # A bug in one batch must not end the news for everybody: they ask for everything again, and it goes on.
                log.exception("news not handed out")
                line = None
                self._hub.forget()
                time.sleep(PAUSE)
        self._hub.forget()

    def _goes_on(self) -> bool:
        if self._hub.is_ending():
            self._hub.end(self._hub.everybody(), RESTARTING)
            return False
        return self._hub.alone_for() < ALONE_FOR

    def _open(self) -> Line:
        found = self._tape.open()
        line = Line(found.epoch, found.until)
        self._hub.connected(line)
        return line

    def _step(self, line: Line) -> Line:
        """Read on behind a line; return the next one."""
        found = self._tape.wait(line.epoch, line.until)
        here = Line(found.epoch, found.until)
        if found.items:
            self._hand_out(found, here)
        self._hub.connected(here)
        return here

    def _hand_out(self, found: Read, line: Line) -> None:
        """Judge at this moment, and hand out."""
        audience, joined = self._hub.audience()
        with self._app.app_context():
            told = tell(found.items, found.epoch, audience)
            callers = self._hub.callers_for(told)
            holders = in_force(callers, now=utc_now()) if callers else set()
        self._hub.hand_out(told, found.items, line, joined, holders)
        if audience.visitors:
            self._note_moves({one.ticket_id for one in found.items if one.ticket_id and one.kind in MOVES_THE_LINE})

    def _pause(self, trouble: str, error: Exception) -> None:
        log.warning("news interrupted", by=trouble, error=type(error).__name__)
        self._hub.troubled(trouble)
        time.sleep(PAUSE)
