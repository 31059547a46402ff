"""What news becomes for listeners: who may have it, and in which words. Judged from the store at this moment.

Nothing here is remembered: a ticket that was moved, an agent who was taken off a queue, a role that was changed count
from the next batch on.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cache
from time import time
from typing import Any

import orjson
from sqlalchemy import Select, select

from api.realtime.frames import frame
from api.realtime.hints import HINTS, hint_of
from api.realtime.positions import Position, written
from api.realtime.tape import Item
from api.schemas.events import EventSchema
from channels.models import ChatSession
from ticketing.events import TicketAssigned, TicketMoved, TicketReleased
from ticketing.fetching import fetch
from ticketing.filters import among
from ticketing.models import JournalEntry
from ticketing.sight import Sight, sights, workers_of
from ticketing.store import dialect

LEFT = "ticket_left"
LEAVING = frozenset(one.kind() for one in (TicketMoved, TicketAssigned, TicketReleased))
NOBODY: frozenset[int] = frozenset()
EVENT = EventSchema()


@dataclass(frozen=True, slots=True)
class Told:
    """One piece of news as listeners get it; b"" where there is nothing to tell.

    `agents` may have `body`. Those who saw the ticket until now get `left`: `leavers`, and whoever listens to the queue
    `left_queue` alone.
    """

    position: Position
    ticket_id: int | None = None
    queue_id: int = 0
    agents: AbstractSet[int] = NOBODY
    body: bytes = b""
    leavers: AbstractSet[int] = NOBODY
    left_queue: int = 0
    left: bytes = b""
    visitors: Mapping[str, bytes] = field(default_factory=dict)  # by the visitor's id


@dataclass(frozen=True)
class Audience:
    """Who listens at all: what is for nobody costs nothing."""

    agents: AbstractSet[int]
    visitors: bool  # whether there are any


def tell(items: Sequence[Item], epoch: str, audience: Audience) -> list[Told]:
    """Return what these news are, for whom. Reads the store, in as many statements for one as for hundreds."""
    now_ms = int(time() * 1000)
    fresh = [one for one in items if one.entry_id is not None or one.until_ms > now_ms]
    wanted = [one for one in fresh if audience.agents or one.session or one.kind in HINTS]
    if not wanted:
        return []
    store = _Store.read(wanted, audience)
    return [_told(item, epoch, store) for item in wanted]


@dataclass
class _Store:
    """What the store says of a batch, now."""

    audience: Audience
    entries: Mapping[int, Any]
    sights: Mapping[int, Sight]
    workers: Mapping[int, set[int]]  # of the queues that tickets have left
    visitors: Mapping[int, list[str]]  # by ticket

    @classmethod
    def read(cls, items: Sequence[Item], audience: Audience) -> "_Store":
        entries = _entries([one.entry_id for one in items if one.entry_id is not None])
        tickets = {one.ticket_id for one in items if one.ticket_id is not None}
        left = [row.data["before"] for row in entries.values() if row.kind == TicketMoved.kind()]
        chats = {one.ticket_id for one in items if one.kind in HINTS and one.ticket_id is not None}
        return cls(
            audience,
            entries,
            sights(tickets, audience.agents) if audience.agents and tickets else {},
            workers_of(left, audience.agents) if audience.agents and left else {},
            _visitors(chats) if audience.visitors and chats else {},
        )

    def sight(self, ticket_id: int | None) -> Sight:
        """Return who of the listeners sees a ticket."""
        found = self.sights.get(ticket_id or 0)
        return Sight(0) if found is None else Sight(found.queue_id, found.agents & self.audience.agents)

    def who_left(self, entry: Any, still: AbstractSet[int]) -> tuple[AbstractSet[int], int]:
        """Return which listeners lost sight of the ticket by this, if anybody did, and the queue that it has left."""
        if entry.kind not in LEAVING:
            return NOBODY, 0
        before = entry.data["before"]
        if entry.kind == TicketMoved.kind():
            return (self.workers.get(before, NOBODY) & self.audience.agents) - still, before
        return (self.audience.agents & {before}) - still, 0


def _told(item: Item, epoch: str, store: _Store) -> Told:
    number = written(epoch, item.position)
    if item.session:
        return Told(item.position, visitors={item.session: frame(item.kind, item.data, number)})
    sight = store.sight(item.ticket_id)
    if item.entry_id is None:
        said = {"ticket": item.ticket_id, **orjson.loads(item.data)}
        return Told(item.position, item.ticket_id, sight.queue_id, sight.agents, frame(item.kind, said, number))
    entry = store.entries.get(item.entry_id)
    return Told(item.position) if entry is None else _of_journal(item, entry, sight, number, store)


def _of_journal(item: Item, entry: Any, sight: Sight, number: str, store: _Store) -> Told:
    leavers, left_queue = store.who_left(entry, sight.agents)
    hint = hint_of(entry.kind, entry.data)
    visitors = store.visitors.get(entry.ticket_id, ()) if hint else ()
    return Told(
        item.position,
        entry.ticket_id,
        sight.queue_id,
        sight.agents,
        frame(entry.kind, {**EVENT.dump(entry), "queue": sight.queue_id}, number) if sight.agents else b"",
        leavers,
        left_queue,
        frame(LEFT, {"ticket": entry.ticket_id}, number) if leavers or left_queue else b"",
        {one: frame(hint, b"{}", number) for one in visitors},
    )


def _entries(ids: Iterable[int]) -> dict[int, Any]:
    return {row.id: row for row in fetch(_journal(dialect()), {"ids": sorted(ids)})}


@cache
def _journal(_dialect: str) -> Select[Any]:
    e = JournalEntry
    row = (e.id, e.ticket_id, e.kind, e.actor_type, e.actor_id, e.source, e.data, e.at)
    return select(*row).where(among(e.id, "ids"))


def _visitors(ticket_ids: Iterable[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for row in fetch(_sessions(dialect()), {"tickets": sorted(ticket_ids)}):
        found.setdefault(row.ticket_id, []).append(row.visitor)
    return found


@cache
def _sessions(_dialect: str) -> Select[str, int | None]:
    return select(ChatSession.visitor, ChatSession.ticket_id).where(among(ChatSession.ticket_id, "tickets"))
