"""Fixtures of the tests that keep clocks in a store."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from tests.sla import desk
from ticketing.store import db
from ticketing.transaction import transaction


@pytest.fixture
def calls(app: Flask) -> None:
    """Whoever calls is owed an answer within an hour, and the desk is warned ten minutes before."""
    with transaction("test"):
        desk.policy("Calls", {"channel": ["phone"]}, allowance_seconds=3600, warn_seconds_before=600)


@pytest.fixture
def statements(app: Flask) -> Iterator[Callable[[], list[str]]]:
    """Return a function that hands out the SQL statements since it was last called."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith("BEGIN"):  # we send it ourselves on SQLite only
            seen.append(statement)

    def take() -> list[str]:
        taken = seen.copy()
        seen.clear()
        return taken

    event.listen(db.engine, "before_cursor_execute", note)
    yield take
    event.remove(db.engine, "before_cursor_execute", note)
