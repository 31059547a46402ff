"""What the journal has told of a ticket so far, as far as clocks and policies want to know. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Self

from sla.changing import replace
from ticketing.events import (
    CustomerAnswered,
    CustomerLost,
    Entry,
    Event,
    FieldsChanged,
    MessageReceived,
    PriorityChanged,
    ReplyWritten,
    StatusChanged,
    TagsChanged,
    TicketAbsorbed,
    TicketAssigned,
    TicketMoved,
    TicketOpened,
    TicketReleased,
    TicketReopened,
    TicketResolved,
    TicketSnoozed,
    TicketSplit,
    TicketWoke,
)
from ticketing.status import Status


@dataclass(frozen=True)
class Facts:
    """A ticket at one moment. `waiting_since` is the oldest unanswered message; None: the customer is not waiting."""

    channel: str
    queue_id: int
    priority: str
    opened_at: datetime
    waiting_since: datetime | None
    status: str = Status.NEW
    snoozed: bool = False
    assignee_id: int | None = None
    answered: bool = False  # a person at the desk has written, or nobody owed a first answer
    language: str = ""
    tags: frozenset[str] = frozenset()
    fields: Mapping[str, Any] = field(default_factory=dict, hash=False)
    customer_fields: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @classmethod
    def at_opening(cls, entry: Entry, opened: TicketOpened) -> Self:
        """Return what the entry that opens a ticket tells."""
        since = _moment(opened.waiting_since)
        return cls(
            channel=opened.channel,
            queue_id=opened.queue_id,
            priority=opened.priority,
            opened_at=entry.at,
            waiting_since=None if since is None else min(entry.at, since),
            answered=since is None,
            language=opened.language,
            tags=frozenset(opened.tags),
            fields=opened.fields,
            customer_fields=opened.customer_fields,
        )

    def pack(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        packed = {one.name: getattr(self, one.name) for one in fields(self)}  # asdict copies deeply, which takes long
        packed["opened_at"] = self.opened_at.isoformat()
        packed["waiting_since"] = None if self.waiting_since is None else self.waiting_since.isoformat()
        packed["tags"] = sorted(self.tags)
        return packed

    @classmethod
    def unpack(cls, packed: Mapping[str, Any]) -> Self:
        """Return what `pack` packed; values that are no more are ignored."""
        known = {one.name for one in fields(cls)}
        values = {name: value for name, value in packed.items() if name in known}
        values["opened_at"] = datetime.fromisoformat(packed["opened_at"])
        values["waiting_since"] = _moment(packed["waiting_since"])
        values["tags"] = frozenset(packed["tags"])
        return cls(**values)


def tell(facts: Facts, entry: Entry) -> Facts:
    """Return the facts after the entry. Entries come in the order in which they were written."""
    change = CHANGES.get(type(entry.event))
    return facts if change is None else change(facts, entry)


def _received(facts: Facts, entry: Entry) -> Facts:
    if entry.event.automatic:  # type: ignore[attr-defined]
        return facts
    # One that was kept back and is taken in late may be older than what came in meanwhile.
    since = min(facts.waiting_since or entry.at, entry.at)
    return facts if since == facts.waiting_since else replace(facts, waiting_since=since)


def _absorbed(facts: Facts, entry: Entry) -> Facts:
    return replace(facts, waiting_since=_moment(entry.event.waiting_since))  # type: ignore[attr-defined]


def _split(facts: Facts, entry: Entry) -> Facts:
    left = entry.event.waiting_since  # type: ignore[attr-defined]
    return facts if left == TicketSplit.UNTOLD else replace(facts, waiting_since=_moment(left))


def _tagged(facts: Facts, entry: Entry) -> Facts:
    event: Any = entry.event
    return replace(facts, tags=facts.tags.difference(event.removed).union(event.added))


CHANGES: dict[type[Event], Callable[[Facts, Any], Facts]] = {
    MessageReceived: _received,
    ReplyWritten: lambda facts, entry: (
        facts if entry.event.automatic else replace(facts, waiting_since=None, answered=True)
    ),
    CustomerAnswered: lambda facts, _: replace(facts, waiting_since=None, answered=True),
    CustomerLost: lambda facts, entry: replace(facts, waiting_since=_moment(entry.event.waiting_since)),
    TicketAssigned: lambda facts, entry: replace(facts, assignee_id=entry.event.after),
    TicketReleased: lambda facts, _: replace(facts, assignee_id=None),
    TicketMoved: lambda facts, entry: replace(facts, queue_id=entry.event.after),
    PriorityChanged: lambda facts, entry: replace(facts, priority=entry.event.after),
    TagsChanged: _tagged,
    FieldsChanged: lambda facts, entry: replace(facts, fields=entry.event.after),
    StatusChanged: lambda facts, entry: replace(facts, status=entry.event.after),
    TicketResolved: lambda facts, _: replace(facts, status=Status.SOLVED.value, waiting_since=None),
    TicketReopened: lambda facts, _: replace(facts, status=Status.OPEN.value),
    TicketSnoozed: lambda facts, _: replace(facts, snoozed=True),
    TicketWoke: lambda facts, _: replace(facts, snoozed=False),
    TicketAbsorbed: _absorbed,
    TicketSplit: _split,
}


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
