"""Policies and calendars that somebody proposes, as the API takes them, ready for the reducer. Pure.

    {"policies": [{"name": "Mail", "position": 10, "calendar": "Longer", "targets": {…}, …}],
     "calendars": [{"name": "Longer", "time_zone": "Europe/Paris", "weekly": {…}, "imported": {…}}]}

Complete in itself: every policy names its calendar, and every calendar is there. So a replay that was asked for today
means the same tomorrow, whatever is edited meanwhile.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from zoneinfo import ZoneInfo

from sla.agreement import Agreement, OnReopen, targets_of
from sla.errors import InvalidCalendar, InvalidPolicy, NeverOpen, OutOfReach
from sla.facts import Facts
from sla.hours import BusinessHours, due
from sla.policy import check_policy
from ticketing.errors import InvalidInput

MOST_POLICIES = 500
MOST_CALENDARS = 50


@dataclass(frozen=True)
class Proposal:
    """Agreements in order, in force at all times; the first one's id is -1, the next one's -2."""

    agreements: Sequence[Agreement]
    zone: ZoneInfo

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Return what a document proposes that was checked (see `checked`)."""
        calendars = {one["name"]: hours_of(one) for one in document["calendars"]}
        policies = in_order(document["policies"])
        agreements = [_agreement(-place, one, calendars[one["calendar"]]) for place, one in enumerate(policies, 1)]
        zone = calendars[policies[0]["calendar"]].time_zone if policies else ZoneInfo("UTC")
        return cls(agreements, zone)

    def agreement_for(self, facts: Facts, at: datetime) -> Agreement | None:
        return next((one for one in self.agreements if one.is_for(facts)), None)

    def agreement(self, agreement_id: int) -> Agreement:
        return self.agreements[-agreement_id - 1]


def checked(document: Mapping[str, Any], now: datetime) -> Proposal:
    """Return what a document proposes. Raises InvalidPolicy and InvalidCalendar, which name the place."""
    policies, calendars = document["policies"], document["calendars"]
    known: dict[str, BusinessHours] = {}
    for place, calendar in enumerate(calendars, 1):
        known[calendar["name"]] = _checked_hours(calendar, f"calendars, number {place} ({calendar['name']!r})")
    for place, policy in enumerate(policies, 1):
        _check_policy(policy, known, now, f"policies, number {place} ({_named(policy)})")
    return Proposal.read(document)


def in_order(policies: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return policies in the order in which they are asked; those at one position as they are listed."""
    return sorted(policies, key=lambda one: one["position"])


def hours_of(calendar: Mapping[str, Any]) -> BusinessHours:
    """Return the working hours of a calendar as the API takes it. Raises InvalidCalendar."""
    return BusinessHours.from_dict({name: value for name, value in calendar.items() if name != "name"})


def _checked_hours(calendar: Mapping[str, Any], where: str) -> BusinessHours:
    try:
        return hours_of(calendar)
    except InvalidInput as error:
        raise InvalidCalendar(f"{where}: {error}") from None


def _check_policy(policy: Mapping[str, Any], known: Mapping[str, BusinessHours], now: datetime, where: str) -> None:
    try:
        check_policy(policy)
        _refuse_shadow(policy)
        hours = known[policy["calendar"]]
        for name, target in targets_of(policy["targets"], hours, None).items():
            try:
                due(now, target.allowance, target.hours)
            except (NeverOpen, OutOfReach) as error:
                raise InvalidPolicy(f"{name}: {error}") from None
    except InvalidPolicy as error:
        raise InvalidPolicy(f"{where}: {error}") from None


def _refuse_shadow(policy: Mapping[str, Any]) -> None:
    if policy.get("shadow"):
        raise InvalidPolicy("a shadow is never chosen; propose the policy without `shadow`")


def _named(policy: Any) -> str:
    name = policy.get("name") if isinstance(policy, Mapping) else None
    return repr(name)[:100] if name else "without a name"


def _agreement(agreement_id: int, policy: Mapping[str, Any], hours: BusinessHours) -> Agreement:
    return Agreement(
        id=agreement_id,
        origin=agreement_id,
        position=policy["position"],
        conditions=policy.get("conditions", {}),
        targets=targets_of(policy["targets"], hours, None),
        automatic_answers_count=policy.get("automatic_answers_count", False),
        on_reopen=OnReopen(policy.get("on_reopen", OnReopen.CONTINUE)),
    )
