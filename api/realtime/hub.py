"""All open streams of this process: who listens, what waits for whom, and what became of the connection to Valkey.

Plain threading: gevent patches it in the web processes that use it, and our code need not know. See `reading` and
`keeping` for the two threads that fill it.
"""

import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, TypeVar

from api.errors import Refused
from api.realtime.frames import frame
from api.realtime.listeners import AgentListener, Listener, VisitorListener
from api.realtime.positions import START, Position
from api.realtime.tape import Item
from api.realtime.told import Audience, Told
from ticketing.agents import Caller

MOST_OF_AGENT = 20  # open streams of one agent in one process: tabs, devices, programs
MOST_OF_VISITOR = 6
FOR_VISITORS = 0.8  # of all streams: the rest is the agents', however many visitors come
RETRY_AFTER = 15  # seconds
REMEMBERED = 5000  # items that need not be read again for whoever comes back
RESTARTING, SIGNED_OUT = "restarting", "not_authenticated"
POSITION = attrgetter("position")
Key = TypeVar("Key")


@dataclass(frozen=True)
class Line:
    """Up to where everything was handed out, and in which epoch of the stream."""

    epoch: str
    until: Position


class Hub:
    """Knows who listens, and lets wait for each what is theirs."""

    def __init__(self, most: int) -> None:
        self.is_ending: Callable[[], bool] = lambda: False
        self._most = most
        self._lock = threading.Lock()
        self._listeners: dict[str, list[Listener]] = {}  # by name
        self._agents: dict[int, list[AgentListener]] = {}
        self._count = self._visitors = self._joined = 0
        self._line: Line | None = None  # None: not connected yet
        self._trouble = ""
        self._remembered: list[Item] = []
        self._remembered_from = START
        self._alone_since = time.monotonic()

    def join(self, listener: Listener) -> None:
        """Let somebody listen. Raises Refused when too many do."""
        is_visitor = isinstance(listener, VisitorListener)
        with self._lock:
            theirs = self._listeners.get(listener.name, [])
            if len(theirs) >= (MOST_OF_VISITOR if is_visitor else MOST_OF_AGENT):
                detail = f"{len(theirs)} streams of yours are open here already; close one, or come back"
                raise Refused(429, "too_many_streams", detail, retry_after=RETRY_AFTER)
            if self._count >= self._most or (is_visitor and self._visitors >= int(self._most * FOR_VISITORS)):
                detail = "no more streams can be opened here just now; ask from time to time, or come back"
                raise Refused(503, "streams_full", detail, retry_after=RETRY_AFTER)
            self._listeners.setdefault(listener.name, []).append(listener)
            if isinstance(listener, AgentListener):
                self._agents.setdefault(listener.caller.agent_id, []).append(listener)
            self._count += 1
            self._visitors += is_visitor
            self._joined += 1
            listener.joined = self._joined

    def leave(self, listener: Listener) -> None:
        """Forget somebody; nothing happens if they have left already."""
        with self._lock:
            if not _taken_out(self._listeners, listener.name, listener):
                return
            if isinstance(listener, AgentListener):
                _taken_out(self._agents, listener.caller.agent_id, listener)
            self._count -= 1
            self._visitors -= isinstance(listener, VisitorListener)
            self._alone_since = time.monotonic()

    def everybody(self) -> list[Listener]:
        """Return all who listen at this moment."""
        with self._lock:
            return [one for theirs in self._listeners.values() for one in theirs]

    def alone_for(self) -> float:
        """Return for how many seconds nobody has listened."""
        return 0.0 if self._count else time.monotonic() - self._alone_since

    # What one listener's connection asks.

    def take(self, listener: Listener) -> bytes:
        """Return what waits for a listener."""
        with self._lock:
            return listener.take(self._line.until if self._line else listener.position)

    def enlist(self, listener: Listener) -> Line | None:
        """Let a listener get what comes from now on; return behind what. None: there is nothing to go by just now."""
        with self._lock:
            if self._line is None or self._trouble:
                listener.silence()
                return None
            listener.enlist()
            return self._line

    def reach(self, listener: Listener) -> Position:
        """Return from where a listener goes on who loses the connection now. It tells nothing of what others get."""
        with self._lock:
            if self._line is None or listener.behind or listener.pending:
                return listener.sent
            return max(listener.sent, self._line.until.coarsely)

    def remembered(self, after: Position, until: Position) -> Sequence[Item] | None:
        """Return what came between two positions; None where this process does not remember all of it."""
        with self._lock:
            if after < self._remembered_from:
                return None
            first = bisect_right(self._remembered, after, key=POSITION)
            return self._remembered[first : bisect_right(self._remembered, until, key=POSITION)]

    @property
    def trouble(self) -> str:
        """Return what keeps news from coming, "" for nothing."""
        return self._trouble

    # What the reader asks.

    def audience(self) -> tuple[Audience, int]:
        """Return for whom news is to be judged, and the number of the last one who has joined."""
        with self._lock:
            return Audience(frozenset(self._agents), visitors=bool(self._visitors)), self._joined

    def callers_for(self, told: Iterable[Told]) -> list[Caller]:
        """Return those whose token or login has to count still: they are about to get something."""
        ids = {agent for one in told for agent in (*one.agents, *one.leavers)}
        with self._lock:
            found = {one.caller.holder: one.caller for agent in ids for one in self._agents.get(agent, ())}
        return list(found.values())

    def hand_out(
        self, told: Iterable[Told], items: Sequence[Item], line: Line, joined: int, in_force: set[str]
    ) -> None:
        """Let wait for everybody what is theirs. Who has joined since it was judged reads it for themselves."""
        with self._lock:
            for one in told:
                for listener in self._of(one):
                    if listener.joined > joined:
                        continue
                    if isinstance(listener, AgentListener) and listener.caller.holder not in in_force:
                        listener.end(SIGNED_OUT)
                    elif theirs := listener.of(one):
                        listener.give(theirs, one.position)
            self._line = line
            self._remember(items)
            for listener in self._since(joined):
                listener.fall_behind()

    def connected(self, line: Line) -> None:
        """Go on, or begin, from a line. In another epoch all that was before is gone, and everybody learns that."""
        with self._lock:
            had_trouble, self._trouble = self._trouble, ""
            if self._line is None or self._line.epoch != line.epoch:
                self._line = line
                self._remembered, self._remembered_from = [], line.until
                for theirs in self._listeners.values():
                    for one in theirs:
                        one.fall_behind()
            elif had_trouble:
                self._give_all(frame("ready", {"resumed": True}))
                for theirs in self._listeners.values():
                    for one in theirs:
                        one.ring()  # who is behind was given nothing, and waits to read for themselves

    def troubled(self, by: str) -> None:
        """Tell everybody that what comes may be late."""
        with self._lock:
            if self._trouble != by:
                self._trouble = by
                self._give_all(frame("trouble", {"code": by}))

    def forget(self) -> None:
        """Nobody reads any more."""
        with self._lock:
            self._line = None

    def _of(self, told: Told) -> Iterable[Listener]:
        for agent in told.agents:
            yield from self._agents.get(agent, ())
        for agent in told.leavers:
            yield from self._agents.get(agent, ())
        for visitor in told.visitors:
            yield from self._listeners.get(f"visitor:{visitor}", ())

    def _since(self, joined: int) -> list[Listener]:
        if self._joined == joined:
            return []
        return [one for theirs in self._listeners.values() for one in theirs if one.joined > joined]

    def _give_all(self, event: bytes) -> None:
        for theirs in self._listeners.values():
            for one in theirs:
                one.give(event)

    def _remember(self, items: Sequence[Item]) -> None:
        self._remembered.extend(items)
        if len(self._remembered) > 2 * REMEMBERED:
            self._remembered_from = self._remembered[-REMEMBERED - 1].position
            del self._remembered[:-REMEMBERED]

    # What the keeper asks.

    def give(self, listener: Listener, event: bytes) -> None:
        """Let something wait for one listener that is in no journal."""
        with self._lock:
            listener.give(event)

    def give_visitor(self, visitor: str, event: bytes) -> None:
        """Let something wait for a visitor, on all of their connections."""
        with self._lock:
            for one in self._listeners.get(f"visitor:{visitor}", ()):
                one.give(event)

    def fall_behind(self, listener: Listener) -> None:
        """Let one listener read for themselves what they have not got."""
        with self._lock:
            listener.fall_behind()

    def end(self, listeners: Iterable[Listener], why: str) -> None:
        """Let connections end."""
        with self._lock:
            for one in listeners:
                one.end(why)


def _taken_out(where: dict[Key, list[Any]], key: Key, listener: Listener) -> bool:
    theirs = where.get(key, [])
    if listener not in theirs:
        return False
    theirs.remove(listener)
    if not theirs:
        del where[key]
    return True
