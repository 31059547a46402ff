"""The one place that asks what time it is. Only entry points (views, jobs, commands) call it; all below is told."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return this moment, aware, in UTC."""
    return datetime.now(UTC)
