"""Find the journal entries that nobody has told of: their process ended, or Redis was away. For the ticker.

Each look reads the entries behind the last one that it has seen, and those between: PostgreSQL hands out numbers before
the commit, so an entry may appear behind others that were written later.
"""

import time
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import structlog
from flask import current_app
from redis import Redis, RedisError
from sqlalchemy import and_, func, or_, select

from ticketing import realtime
from ticketing.models.journal import JournalEntry
from ticketing.realtime import News
from ticketing.store import db

log = structlog.get_logger()

SWEPT = "comptoir:events:swept"  # the entry up to which everything was told; for the next ticker
LOOKS = "comptoir:events:looks"  # how many there were: fewer than before, and Redis has lost what came last
BATCH = 5000
TOO_MANY = 20_000  # then whoever listens is quicker to ask for everything again
GAP_LASTS = 60.0  # seconds; a transaction that takes longer was rolled back
MOST_GAPS = 200


@dataclass(frozen=True)
class Gap:
    """Numbers that no entry has yet: from `first` to `last`, since when."""

    first: int
    last: int
    since: float  # by the monotonic clock


@dataclass
class Swept:
    """How far this process has looked."""

    until: int
    gaps: list[Gap] = field(default_factory=list)
    looks: int = 0  # when this process looked last


def tell_what_was_left() -> int:
    """Tell of the entries that are in the journal and may not have been told of; return how many were looked at."""
    redis = realtime.redis()
    if redis is None:
        return 0
    try:
        return _look(redis)
    except RedisError as error:
        log.warning("news not swept", error=type(error).__name__)
        return 0


def _look(redis: Redis) -> int:
    newest = db.session().scalar(select(func.max(JournalEntry.id))) or 0
    swept = _so_far(redis, newest)
    if newest < swept.until or newest - swept.until > TOO_MANY:
        # The store is an older one than before, whose numbers come again, or there is too much to tell.
        realtime.start_anew(redis)
        swept.until, swept.gaps = newest, []
    found = 0
    while news := _unseen(swept):
        realtime.send(redis, news)
        _note(swept, [one.entry_id for one in news], time.monotonic())
        found += len(news)
        if len(news) < BATCH:
            break
    swept.gaps = [one for one in swept.gaps if one.since > time.monotonic() - GAP_LASTS][-MOST_GAPS:]
    redis.set(SWEPT, min([swept.until, *(one.first - 1 for one in swept.gaps)]))
    swept.looks = int(redis.incr(LOOKS))
    return found


def _so_far(redis: Redis, newest: int) -> Swept:
    found: Swept | None = current_app.extensions.get("comptoir.swept")
    told, looks = redis.mget(SWEPT, LOOKS)
    if found is None or (told is not None and int(looks or 0) < found.looks):
        found = current_app.extensions["comptoir.swept"] = Swept(newest if told is None else int(told))
    return found


def _unseen(swept: Swept) -> list[News]:
    """Return the entries that have come since, the lowest numbers first."""
    between = [and_(JournalEntry.id >= one.first, JournalEntry.id <= one.last) for one in swept.gaps]
    query = select(JournalEntry.id, JournalEntry.ticket_id, JournalEntry.kind)
    query = query.where(or_(JournalEntry.id > swept.until, *between)).order_by(JournalEntry.id).limit(BATCH)
    return [News(*row) for row in db.session().execute(query)]


def _note(swept: Swept, seen: Sequence[int], now: float) -> None:
    """Move on behind what was seen, and keep the gaps that are left."""
    gaps = swept.gaps
    if seen[-1] > swept.until:
        gaps = [*gaps, Gap(swept.until + 1, seen[-1], now)]
        swept.until = seen[-1]
    swept.gaps = [left for gap in gaps for left in _left(gap, seen)]


def _left(gap: Gap, seen: Sequence[int]) -> list[Gap]:
    inside = seen[bisect_left(seen, gap.first) : bisect_right(seen, gap.last)]
    edges = pairwise([gap.first - 1, *inside, gap.last + 1])
    return [replace(gap, first=before + 1, last=after - 1) for before, after in edges if after - before > 1]
