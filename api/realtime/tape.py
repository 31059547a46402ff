"""The Redis stream as it is read: what came behind a position, in order."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from api.realtime.positions import START, Position, of_redis
from ticketing import realtime
from ticketing.realtime import EPOCH, STREAM, TO_VISITOR

BLOCK_MS = 250  # after so long without news we look whether we are to end
PATIENCE = 5.0  # seconds for an answer
MOST = 500  # entries read at once


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of the stream: of the journal (`entry_id`), or a signal that is in no journal."""

    position: Position
    kind: str
    ticket_id: int | None = None
    entry_id: int | None = None
    session: str = ""  # of the visitor for whom it is; "" where it is for agents
    data: bytes = b"{}"  # of a signal, JSON
    until_ms: int = 0  # of a signal: then it is news to nobody


@dataclass(frozen=True)
class Read:
    """What was read: the stream's epoch, how far, and what came. `anew`: all that came before is gone."""

    epoch: str
    until: Position
    items: list[Item]
    anew: bool = False


class Tape:
    """Reads the stream. Everything raises RedisError."""

    def __init__(self, redis_url: str) -> None:
        self._redis = realtime.connect(redis_url, PATIENCE)

    def open(self) -> Read:
        """Return the epoch and where the stream ends; makes it if there is none."""
        epoch = realtime.send(self._redis, ())
        last: Any = self._redis.xrevrange(STREAM, count=1)
        return Read(epoch, of_redis(last[0][0]) if last else START, [])

    def wait(self, epoch: str, after: Position) -> Read:
        """Return what comes next, or nothing after a while."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.get(EPOCH)
        pipe.xread({STREAM: after.redis_id}, count=MOST, block=BLOCK_MS)
        now, answer = pipe.execute()
        if now is None or now.decode() != epoch:
            return Read(realtime.send(self._redis, ()), START, [], anew=True)
        found = answer[0][1] if answer else []
        begun = [fields[b"epoch"].decode() for _, fields in found if b"epoch" in fields]
        if begun and begun[-1] != epoch:  # it was emptied while we waited
            return Read(begun[-1], START, [], anew=True)
        return Read(epoch, of_redis(found[-1][0]) if found else after, _items(found))

    def between(self, after: Position, until: Position, most: int) -> list[Item] | None:
        """Return what came behind one position up to another; None if some of it is gone, or it is more than `most`."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.xrange(STREAM, count=1)
        pipe.xrange(STREAM, min=f"({after.redis_id}", max=until.redis_id, count=most + 1)
        oldest, found = pipe.execute()
        if not oldest or len(found) > most:
            return None
        is_whole = b"epoch" in oldest[0][1]
        if not is_whole and after < of_redis(oldest[0][0]):
            return None
        return _items(found)

    def close(self) -> None:
        self._redis.close()


def _items(found: Iterable[tuple[bytes, dict[bytes, bytes]]]) -> list[Item]:
    return [_item(of_redis(redis_id), fields) for redis_id, fields in found if b"epoch" not in fields]


def _item(position: Position, fields: dict[bytes, bytes]) -> Item:
    ticket_id = int(fields[b"t"]) if b"t" in fields else None
    if b"e" in fields:
        return Item(position, fields[b"k"].decode(), ticket_id, entry_id=int(fields[b"e"]))
    kind = fields[b"s"].decode()
    session = fields.get(b"v", b"").decode() if kind in TO_VISITOR else ""
    return Item(position, kind, ticket_id, None, session, fields[b"d"], int(fields[b"u"]))
