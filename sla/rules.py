"""The policies and calendars that there are, read from the store and ready for use.

Each process keeps those in force until their stamp changes: a ticket that comes in costs one small read, however many
policies there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import contains_eager

from sla.agreement import Agreement, OnReopen, targets_of
from sla.calendars import hours_of
from sla.facts import Facts
from sla.hours import BusinessHours
from sla.models import SEEN, Policy, RulesStamp
from ticketing.fetching import fetch_one
from ticketing.store import db


def agreement_of(
    agreement_id: int,
    *,
    origin: int,
    position: int,
    conditions: Mapping[str, Any],
    targets: Mapping[str, Any],
    rules: Mapping[str, Any],
    hours: BusinessHours,
    calendar_id: int | None,
) -> Agreement:
    """Return a policy's words as an agreement; they have been checked (see `sla.policy`)."""
    return Agreement(
        id=agreement_id,
        origin=origin,
        position=position,
        conditions=conditions,
        targets=targets_of(targets, hours, calendar_id),
        automatic_answers_count=rules.get("automatic_answers_count", False),
        on_reopen=OnReopen(rules.get("on_reopen", OnReopen.CONTINUE)),
    )


@dataclass(frozen=True)
class InForce:
    """The policies in force now. Those of former times are read when a ticket still stands under one of them."""

    agreements: Sequence[Agreement]  # in order
    _known: dict[int, Agreement] = field(default_factory=dict, repr=False, compare=False)

    def agreement_for(self, facts: Facts, at: datetime) -> Agreement | None:
        return next((one for one in self.agreements if one.is_for(facts)), None)

    def agreement(self, agreement_id: int) -> Agreement:
        found = self._known.get(agreement_id)
        if found is None:
            found = self._known[agreement_id] = _agreement(db.session().get_one(Policy, agreement_id))
        return found


@dataclass(frozen=True)
class History:
    """All policies that ever were in force, each for its time: what the journal is to be read with."""

    periods: Sequence[tuple[Agreement, datetime, datetime | None]]  # in order; from when, until when

    def agreement_for(self, facts: Facts, at: datetime) -> Agreement | None:
        return next(
            (
                one
                for one, since, until in self.periods
                if since <= at and (until is None or at < until) and one.is_for(facts)
            ),
            None,
        )

    def agreement(self, agreement_id: int) -> Agreement:
        return next(one for one, _, _ in self.periods if one.id == agreement_id)


_kept: dict[str, InForce] = {}  # by stamp; the last one only


def in_force() -> InForce:
    """Return the policies in force, as they stand in this transaction; asks for their stamp once in each."""
    session = db.session()
    under_way = session.get_transaction()
    seen: tuple[object, InForce] | None = session.info.get(SEEN)
    if seen is None or seen[0] is not under_way:
        found = _read_in_force_unless_kept()
        seen = session.info[SEEN] = (session.get_transaction(), found)
    return seen[1]


def _read_in_force_unless_kept() -> InForce:
    stamp = fetch_one(_STAMP)
    if stamp is None:
        return _read_in_force()
    kept = _kept.get(stamp.value)
    if kept is None:
        kept = _read_in_force()
        _kept.clear()
        _kept[stamp.value] = kept
    return kept


_STAMP = select(RulesStamp.value).where(RulesStamp.id == 1)


def history() -> History:
    """Return every policy that was ever in force, shadows left out."""
    return History([(_agreement(one), one.created_at, one.archived_at) for one in db.session().scalars(_policies())])


def _read_in_force() -> InForce:
    query = _policies().where(Policy.archived_at.is_(None))
    agreements = [_agreement(one) for one in db.session().scalars(query)]
    return InForce(agreements, {one.id: one for one in agreements})


def _policies() -> Select[Policy]:
    query: Select[Policy] = select(Policy).join(Policy.calendar).options(contains_eager(Policy.calendar))
    origin = func.coalesce(Policy.origin_id, Policy.id)  # so that an edit does not move a policy among its equals
    return query.where(Policy.shadow.is_(False)).order_by(Policy.position, origin, Policy.id)


def _agreement(row: Policy) -> Agreement:
    return agreement_of(
        row.id,
        origin=row.origin,
        position=row.position,
        conditions=row.conditions,
        targets=row.targets,
        rules=row.rules,
        hours=hours_of(row.calendar),
        calendar_id=row.calendar_id,
    )
