"""Turn calendar rows into working hours, each once per process."""

from typing import Any

from sla.hours import BusinessHours
from sla.models import Calendar

MOST_KEPT = 500

_kept: dict[int, tuple[dict[str, Any], BusinessHours]] = {}  # by the row's id


def hours_of(calendar: Calendar) -> BusinessHours:
    """Return the working hours of one version of a calendar."""
    kept = _kept.get(calendar.id)
    # A version never changes, but one process may serve two stores, as the tests do.
    if kept and kept[0] == calendar.definition:
        return kept[1]
    hours = BusinessHours.from_dict(calendar.definition)
    if len(_kept) >= MOST_KEPT:
        _kept.clear()
    _kept[calendar.id] = (calendar.definition, hours)
    return hours
