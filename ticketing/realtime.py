"""The news of the desk, for whoever listens: after each commit its journal entries go into one capped Redis stream.

The stream holds ids and kinds only; what listeners are told is read from the store when they are told, so that nothing
erased lives on there. Each entry goes in once, however often it is published. `api/realtime` hands it on.
"""

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import orjson
import structlog
from flask import Flask, current_app
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.settings import Settings

log = structlog.get_logger()

STREAM = "comptoir:events"
PUBLISHED = "comptoir:events:published"  # a sorted set of the entries that are or were in the stream
EPOCH = "comptoir:events:epoch"  # random, made with the stream: positions in another one mean nothing here
KEPT = 50_000  # entries in the stream, or a few more
BATCH = 1000  # entries that one script adds: the server does nothing else meanwhile
PATIENCE = 0.25  # seconds
QUIET_SECONDS = 2.0  # a Redis that hangs must not slow every request down

# Whom a signal is for: the agents who see its ticket, or the visitor of its session.
ToAgents = Literal["onlookers", "chat_typing", "chat_seen", "chat_presence"]
ToVisitor = Literal["typing", "seen", "line", "session"]
TO_VISITOR = frozenset(get_args(ToVisitor))

# KEYS: stream, published, epoch. ARGV: an epoch if there is none, how many are kept, then id, ticket and kind of each.
PUBLISH = """
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('EXISTS', KEYS[3]) == 0 then
    redis.call('DEL', KEYS[1], KEYS[2])
    redis.call('SET', KEYS[3], ARGV[1])
    redis.call('XADD', KEYS[1], '*', 'epoch', ARGV[1])
end
for i = 3, #ARGV, 3 do
    if redis.call('ZADD', KEYS[2], 'NX', ARGV[i], ARGV[i]) == 1 then
        redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'e', ARGV[i], 't', ARGV[i + 1], 'k', ARGV[i + 2])
    end
end
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -tonumber(ARGV[2]) - 1)
return redis.call('GET', KEYS[3])
"""


class News(NamedTuple):
    """A journal entry that was committed."""

    entry_id: int
    ticket_id: int
    kind: str


@dataclass
class Wire:
    """The application's connection for news; None without Redis. After a failure it is left alone for a moment."""

    redis: Redis | None
    quiet_until: float = 0.0  # by the monotonic clock


def connect_news(app: Flask, settings: Settings) -> None:
    """Attach the connection; nothing is asked of Redis yet."""
    app.extensions["comptoir.news"] = Wire(connect(settings.redis_url, PATIENCE) if settings.redis_url else None)


def connect(url: str, patience: float) -> Redis:
    """Return a client that waits for so many seconds, and tries once more on a connection that has died meanwhile."""
    once_more = Retry(NoBackoff(), 1)
    return Redis.from_url(url, socket_connect_timeout=patience, socket_timeout=patience, retry=once_more)


def publish(news: Sequence[News]) -> None:
    """Tell of journal entries that were committed. A failure is logged: the ticker finds what was left untold."""
    server = redis() if news else None
    if server is None:
        return
    try:
        send(server, news)
    except RedisError as error:
        _leave_alone(error)


def send(server: Redis, news: Sequence[News]) -> str:
    """Put entries into the stream, which is made if there is none; return its epoch. Raises RedisError."""
    script = server.register_script(PUBLISH)
    epoch: Any = b""
    for some in _batches(news):
        values = [value for one in some for value in one]
        epoch = script(keys=[STREAM, PUBLISHED, EPOCH], args=[secrets.token_hex(4), KEPT, *values])
    return bytes(epoch).decode()


def signal(
    kind: ToAgents | ToVisitor,
    *,
    ticket_id: int | None = None,
    session: str = "",
    data: Mapping[str, Any] | None = None,
    lasts: float = 30,
) -> None:
    """Tell at once of what is in no journal: who types, who looks, what was seen. Call it after the commit.

    It goes to the agents who see the ticket, or to the visitor of the chat session (`ChatSession.visitor`), by its
    kind. `data` is small and holds nobody's words; after `lasts` seconds it is news to nobody. It may get lost: what
    is not to be lost is in the journal.
    """
    server = redis()
    if server is None:
        return
    words = orjson.dumps(dict(data or {}), option=orjson.OPT_UTC_Z)
    fields: dict[Any, Any] = {"s": kind, "d": words, "u": int((time.time() + lasts) * 1000)}
    if ticket_id is not None:
        fields["t"] = ticket_id
    if session:
        fields["v"] = session
    try:
        # Who listens has made the stream.
        server.xadd(STREAM, fields, maxlen=KEPT, approximate=True, nomkstream=True)
    except RedisError as error:
        _leave_alone(error)


def redis() -> Redis | None:
    """Return the application's client for news; None without Redis, or while it is left alone."""
    wire = _wire()
    return None if time.monotonic() < wire.quiet_until else wire.redis


def start_anew(server: Redis) -> None:
    """Empty the stream: whoever listens learns that everything may have changed. Raises RedisError."""
    server.delete(STREAM, PUBLISHED, EPOCH)
    send(server, ())


def _batches(news: Sequence[News]) -> Iterator[Sequence[News]]:
    for start in range(0, max(1, len(news)), BATCH):
        yield news[start : start + BATCH]


def _leave_alone(error: RedisError) -> None:
    _wire().quiet_until = time.monotonic() + QUIET_SECONDS
    log.warning("news not told", error=type(error).__name__)


def _wire() -> Wire:
    found: Wire = current_app.extensions["comptoir.news"]
    return found
