"""The one place that asks what time it is, and the one way to write it.

Only entry points (views, jobs, commands) ask; everything below is told.
"""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return this moment, aware, in UTC."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """Return the moment as clients read it, in UTC with `Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
