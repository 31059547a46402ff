"""Load the calendars and policies of config/defaults.toml into an empty store."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from sla.calendars import hours_of
from sla.errors import InvalidPolicy
from sla.hours import BusinessHours, due
from sla.models import Calendar, Policy
from sla.policy import check_conditions, check_targets
from ticketing.store import db


def load_defaults(toml: Mapping[str, Any], now: datetime) -> None:
    """Add the `calendars` and `policies` whose names the store has never known, archived ones included.

    Runs inside a transaction; a second time it changes nothing, so what people have edited since stays as it is.
    Raises InvalidCalendar, InvalidPolicy, and NeverOpen for a policy whose calendar could not be kept.
    """
    _load_calendars(toml.get("calendars", []), now)
    _load_policies(toml.get("policies", []), now)
    db.session().flush()


def _load_calendars(calendars: list[dict[str, Any]], now: datetime) -> None:
    known = set(db.session().scalars(select(Calendar.name)))
    for entry in calendars:
        name, definition = _named("calendar", entry)
        if name in known:
            continue
        BusinessHours.from_dict(definition)
        db.session().add(Calendar(name=name, version=1, definition=definition, created_at=now))
        known.add(name)
    db.session().flush()


def _load_policies(policies: list[dict[str, Any]], now: datetime) -> None:
    known = set(db.session().scalars(select(Policy.name)))
    in_force = db.session().scalars(select(Calendar).where(Calendar.archived_at.is_(None)))
    calendars = {calendar.name: calendar for calendar in in_force}
    for entry in policies:
        name, rest = _named("policy", entry)
        if name not in known:
            db.session().add(_policy(name, rest, calendars, now))
            known.add(name)


def _policy(name: str, entry: Mapping[str, Any], calendars: Mapping[str, Calendar], now: datetime) -> Policy:
    unknown = set(entry) - {"position", "calendar", "conditions", "targets"}
    if unknown:
        raise InvalidPolicy(f"policy {name!r} has unknown keys: {', '.join(sorted(unknown))}")
    calendar = calendars.get(entry.get("calendar", ""))
    if calendar is None:
        raise InvalidPolicy(f"policy {name!r} needs a calendar in force, not {entry.get('calendar')!r}")
    conditions, targets = entry.get("conditions", {}), entry.get("targets", {})
    check_conditions(conditions)
    check_targets(targets)
    for target in targets.values():
        due(now, timedelta(seconds=target["allowance_seconds"]), hours_of(calendar))  # raises NeverOpen
    return Policy(
        name=name,
        version=1,
        position=_position(name, entry),
        conditions=dict(conditions),
        targets=dict(targets),
        calendar_id=calendar.id,
        created_at=now,
    )


def _position(name: str, entry: Mapping[str, Any]) -> int:
    position = entry.get("position")
    if not isinstance(position, int) or isinstance(position, bool):
        raise InvalidPolicy(f"policy {name!r} needs a position, a whole number; the lowest is asked first")
    return position


def _named(kind: str, entry: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    name = entry.get("name")
    if not isinstance(name, str) or not name.strip():
        raise InvalidPolicy(f"every {kind} in the defaults needs a name")
    return name, {key: value for key, value in entry.items() if key != "name"}
