"""When the desk is open for whoever comes by a channel to a queue: by the calendar of the policy that is for them."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import merge

from sqlalchemy import select
from sqlalchemy.orm import contains_eager

from sla.calendars import hours_of
from sla.hours import intervals
from sla.models import Calendar, Policy
from sla.reports.local_time import HOUR, seconds
from ticketing.envelope import Channel
from ticketing.models import Queue
from ticketing.store import db

WAYS_IN = {"queue", "channel"}  # the conditions that every ticket of a queue and a channel meets


@dataclass(frozen=True)
class Counter:
    """A calendar, and who is served by it: queues by channel."""

    calendar: Calendar
    served: dict[Channel, list[int]]


def counters_of(queues: Sequence[int] | None, channel: Channel | None) -> list[Counter]:
    """Return the calendars that are in force for these queues (None: all) and this channel (None: all).

    Of several policies the first counts that asks for nothing but queue and channel, since that is what most tickets
    get; if there is none, the first of all. Whom no policy serves has no calendar. Two statements.
    """
    policies = _policies()
    found: dict[int, Counter] = {}
    for queue_id in _every(queues):
        for one in Channel if channel is None else [channel]:
            policy = _policy_for(policies, queue_id, one)
            if policy is not None:
                counter = found.setdefault(policy.calendar_id, Counter(policy.calendar, {}))
                counter.served.setdefault(one, []).append(queue_id)
    return list(found.values())


def _every(queues: Sequence[int] | None) -> Sequence[int]:
    query = select(Queue.id).order_by(Queue.id)
    return db.session().scalars(query if queues is None else query.where(Queue.id.in_(queues))).all()


def _policies() -> Sequence[Policy]:
    query = select(Policy).join(Policy.calendar).options(contains_eager(Policy.calendar))
    in_force = query.where(Policy.archived_at.is_(None), Policy.shadow.is_(False))
    return db.session().scalars(in_force.order_by(Policy.position, Policy.id)).all()


def _policy_for(policies: Iterable[Policy], queue_id: int, channel: Channel) -> Policy | None:
    fitting = [
        one
        for one in policies
        if queue_id in one.conditions.get("queue", [queue_id])
        and channel.value in one.conditions.get("channel", [channel.value])
    ]
    plain = (one for one in fitting if set(one.conditions) <= WAYS_IN)
    return next(plain, fitting[0] if fitting else None)


@dataclass(frozen=True)
class Openings:
    """When a calendar is open, as seconds since 1970: `opens` and `closes` in turn, half-open."""

    opens: Sequence[int]
    closes: Sequence[int]

    @classmethod
    def of(cls, calendar: Calendar, begins: datetime, ends: datetime) -> "Openings":
        """Return them for a span, to whose whole hours it is widened."""
        first, last = seconds(begins) // HOUR * HOUR, -(-seconds(ends) // HOUR) * HOUR
        span = datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC)
        found = [
            (seconds(one), seconds(other)) for one, other, is_open in intervals(*span, hours_of(calendar)) if is_open
        ]
        return cls([one for one, _ in found], [other for _, other in found])

    def has(self, second: int) -> bool:
        """Say whether it is open at a second."""
        place = bisect_right(self.opens, second) - 1
        return place >= 0 and second < self.closes[place]


def joined(every: Sequence[Openings]) -> Iterator[tuple[int, int]]:
    """Yield when at least one of several is open."""
    held: tuple[int, int] | None = None
    for opening, closing in merge(*(zip(one.opens, one.closes, strict=True) for one in every)):
        if held is not None and opening <= held[1]:
            held = held[0], max(held[1], closing)
            continue
        if held is not None:
            yield held
        held = opening, closing
    if held is not None:
        yield held
