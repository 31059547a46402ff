"""Who listens on one connection, and what waits for them there. The hub's lock guards all of it."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from api.realtime.positions import START, Position, Resumed
from api.realtime.told import Audience, Told
from ticketing.agents import Caller

MOST_PENDING = 100  # events; whoever takes them no faster reads them again from the stream
STALE_SECONDS = 5.0  # what has waited longer is judged anew: who may have it can have changed


class Listener:
    """One open connection."""

    __slots__ = (
        "behind",
        "bell",
        "connection",
        "ended",
        "epoch",
        "is_rung",
        "joined",
        "pending",
        "position",
        "sent",
        "since",
        "taken_at",
        "waiting",
    )

    def __init__(self, resumed: Resumed | None, connection: Any = None) -> None:
        self.epoch = resumed.epoch if resumed else ""  # "": they begin with what comes now
        self.position = resumed.position if resumed else START  # all that came before is done with
        self.sent = self.position  # of the last event that was theirs
        self.pending: list[bytes] = []
        self.waiting = START  # the position of the last pending one
        self.since = 0.0  # when the first pending one came, by the monotonic clock
        self.behind = True  # has to read from the stream what they have not got
        self.ended = ""  # why there is nothing more to come
        self.joined = 0
        self.taken_at = time.monotonic()
        self.connection: socket.socket | None = connection
        self.is_rung = False
        self.bell = threading.Lock()
        self.bell.acquire()

    @property
    def name(self) -> str:
        """Return whom this is one of the connections of."""
        raise NotImplementedError

    def of(self, told: Told) -> bytes:
        """Return what they get of this news, b"" for nothing."""
        raise NotImplementedError

    @property
    def audience(self) -> Audience:
        """Return them alone."""
        raise NotImplementedError

    def chosen(self, frames: Iterable[bytes]) -> list[bytes]:
        """Return what they need of all that they have missed."""
        return list(frames)

    def give(self, frame: bytes, position: Position | None = None) -> None:
        """Let an event wait for them; one without a position is of no journal and may get lost."""
        if self.behind or self.ended:
            return
        if len(self.pending) >= MOST_PENDING:
            self.fall_behind()
            return
        if not self.pending:
            self.since = time.monotonic()
        self.pending.append(frame)
        if position is not None:
            self.waiting = position
        self.ring()

    def take(self, done: Position) -> bytes:
        """Return all that waits; `done` is the position up to which everything was given."""
        self.silence()
        if self.behind:
            return b""
        if self.pending and self.taken_at - self.since > STALE_SECONDS:
            self.fall_behind()
            return b""
        taken = b"".join(self.pending)
        self.pending.clear()
        self.position, self.sent = done, max(self.sent, self.waiting)
        return taken

    def enlist(self) -> None:
        """Begin to take what comes from now on."""
        self.silence()
        self.behind = False
        self.pending.clear()

    def fall_behind(self) -> None:
        """Give up what waits: they read it again."""
        self.behind = True
        self.pending.clear()
        self.ring()

    def end(self, why: str) -> None:
        """Let the connection end."""
        self.ended = self.ended or why
        self.ring()

    def ring(self) -> None:
        if not self.is_rung:
            self.is_rung = True
            self.bell.release()

    def silence(self) -> None:
        """Note that they are there, and see what is new by themselves."""
        self.bell.acquire(blocking=False)
        self.is_rung = False
        self.taken_at = time.monotonic()

    def wait(self, seconds: float) -> bool:
        """Return once something has come, with True, or after so many seconds."""
        return self.bell.acquire(timeout=seconds)

    def cut(self) -> None:
        """Close the connection under whoever writes to it and gets nowhere."""
        if self.connection is not None:
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)


class AgentListener(Listener):
    """An agent, who may want to hear of one ticket or one queue alone."""

    __slots__ = ("caller", "queue_id", "ticket_id")

    def __init__(
        self,
        caller: Caller,
        resumed: Resumed | None,
        *,
        ticket_id: int | None = None,
        queue_id: int | None = None,
        connection: Any = None,
    ) -> None:
        super().__init__(resumed, connection)
        self.caller, self.ticket_id, self.queue_id = caller, ticket_id, queue_id

    @property
    def name(self) -> str:
        return f"agent:{self.caller.agent_id}"

    @property
    def audience(self) -> Audience:
        return Audience(frozenset({self.caller.agent_id}), visitors=False)

    def of(self, told: Told) -> bytes:
        if self.ticket_id is not None and told.ticket_id != self.ticket_id:
            return b""
        if self.caller.agent_id in told.leavers:
            return told.left
        if self.caller.agent_id not in told.agents:
            return b""
        if self.queue_id is None or told.queue_id == self.queue_id:
            return told.body
        return told.left if told.left_queue == self.queue_id else b""


class VisitorListener(Listener):
    """A visitor of a chat, until their token ends."""

    __slots__ = ("until", "visitor")

    def __init__(self, visitor: str, until: datetime, resumed: Resumed | None, connection: Any = None) -> None:
        super().__init__(resumed, connection)
        self.visitor, self.until = visitor, until

    @property
    def name(self) -> str:
        return f"visitor:{self.visitor}"

    @property
    def audience(self) -> Audience:
        return Audience(frozenset(), visitors=True)

    def of(self, told: Told) -> bytes:
        return told.visitors.get(self.visitor, b"")

    def chosen(self, frames: Iterable[bytes]) -> list[bytes]:
        last: dict[bytes, bytes] = {}
        for one in frames:
            hint = one.partition(b"\n")[2]  # without the id
            last.pop(hint, None)
            last[hint] = one
        return list(last.values())
