"""Promises to test the reducer with: agreements on paper. 2 March 2026 is a Monday; the desk opens at nine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sla.agreement import Agreement, OnReopen, targets_of
from sla.facts import Facts
from sla.hours import BusinessHours
from ticketing.events import Actor, Entry, Event, TicketOpened

DESK = BusinessHours.from_dict(
    {"time_zone": "UTC", "weekly": {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}}
)
HOUR = 3600
AGENT, CUSTOMER = Actor.agent(7), Actor.customer(3)

EVERYTHING: dict[str, dict[str, Any]] = {
    "first_response": {"allowance_seconds": 2 * HOUR, "warn_seconds_before": HOUR // 2},
    "next_response": {"allowance_seconds": 3 * HOUR},
    "update": {"allowance_seconds": 8 * HOUR},
    "resolution": {"allowance_seconds": 16 * HOUR},
    "queue_wait": {"allowance_seconds": HOUR},
}


@dataclass(frozen=True)
class Book:
    """Agreements in order."""

    agreements: Sequence[Agreement]

    def agreement_for(self, facts: Facts, at: datetime) -> Agreement | None:
        return next((one for one in self.agreements if one.is_for(facts)), None)

    def agreement(self, agreement_id: int) -> Agreement:
        return next(one for one in self.agreements if one.id == agreement_id)


def agreement(
    number: int = 1,
    targets: Mapping[str, Mapping[str, Any]] = EVERYTHING,
    *,
    hours: BusinessHours = DESK,
    on_reopen: str = "continue",
    automatic_answers_count: bool = False,
    origin: int | None = None,
    **conditions: Any,
) -> Agreement:
    """An agreement for tickets that meet the conditions."""
    return Agreement(
        id=number,
        origin=origin or number,
        position=number,
        conditions=conditions,
        targets=targets_of(targets, hours, 1),
        on_reopen=OnReopen(on_reopen),
        automatic_answers_count=automatic_answers_count,
    )


def at(time: str) -> datetime:
    """The moment of `10:00` on 2 March, or of `3T10:00` on another day of that month."""
    day, _, clock = time.rpartition("T")
    hour, minute = clock.split(":")
    return datetime(2026, 3, int(day or 2), int(hour), int(minute), tzinfo=UTC)


def opened(waiting_since: datetime | None, **facts: Any) -> TicketOpened:
    since = waiting_since.isoformat() if waiting_since else None
    told = {"channel": "email", "queue_id": 1, "priority": "normal", "customer_id": 3, **facts}
    return TicketOpened(**told, waiting_since=since)


def entry(moment: datetime, event: Event, by: Actor = AGENT) -> Entry:
    return Entry(ticket_id=1, at=moment, actor=by, source="test", event=event)
