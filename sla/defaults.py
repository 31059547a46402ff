"""Load the calendars and policies of config/defaults.toml into an empty store."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select

from sla.calendar_versions import definition_of
from sla.errors import InvalidPolicy
from sla.hours import BusinessHours
from sla.models import Calendar, Policy
from sla.policies import must_be_keepable
from sla.policy import check_policy
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
        BusinessHours.from_dict(definition)  # which refuses what no calendar has
        definition = definition_of(definition, at=now)
        db.session().add(Calendar(name=name, version=1, definition=definition, created_at=now))
        known.add(name)
    db.session().flush()


def _load_policies(policies: list[dict[str, Any]], now: datetime) -> None:
    known = set(db.session().scalars(select(Policy.name)))
    in_force = db.session().scalars(select(Calendar).where(Calendar.archived_at.is_(None)))
    calendars = {calendar.name: calendar for calendar in in_force}
    for entry in policies:
        name, _ = _named("policy", entry)
        if name not in known:
            db.session().add(_policy(entry, calendars, now))
            known.add(name)


def _policy(entry: Mapping[str, Any], calendars: Mapping[str, Calendar], now: datetime) -> Policy:
    """Return a policy in the words of the API, but that its calendar is named by its name."""
    try:
        check_policy(entry)
    except InvalidPolicy as error:
        raise InvalidPolicy(f"policy {entry['name']!r}: {error}") from None
    calendar = calendars.get(str(entry.get("calendar")))
    if calendar is None:
        raise InvalidPolicy(f"policy {entry['name']!r} needs a calendar in force, not {entry.get('calendar')!r}")
    must_be_keepable(entry["name"], entry["targets"], calendar, at=now)
    return Policy(
        name=entry["name"],
        version=1,
        position=entry["position"],
        conditions=dict(entry.get("conditions", {})),
        targets=dict(entry["targets"]),
        rules={name: entry[name] for name in ("on_reopen", "automatic_answers_count") if name in entry},
        shadow=entry.get("shadow", False),
        calendar_id=calendar.id,
        created_at=now,
    )


def _named(kind: str, entry: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    name = entry.get("name")
    if not isinstance(name, str) or not name.strip():
        raise InvalidPolicy(f"every {kind} in the defaults needs a name")
    return name, {key: value for key, value in entry.items() if key != "name"}
