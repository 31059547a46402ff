"""Alembic's environment: runs over the connection that `ticketing.schema` hands it, on SQLite and PostgreSQL alike."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext

from ticketing.store import Base, UTCDateTime

# The names that script.py.mako defines in every script, so that no script changes with the program.
OURS = {UTCDateTime: "MOMENT", sa.BigInteger: "BIG", sa.JSON: "DOCUMENT"}


def render_item(kind: str, item: Any, _autogen: AutogenContext) -> str | Literal[False]:
    """Write types into new migrations as what they are in the database, so that old scripts stay true."""
    if kind != "type":
        return False
    if isinstance(item, sa.Enum):
        return f"sa.String(length={item.length})"
    return next((name for known, name in OURS.items() if isinstance(item, known)), False)


def is_ours(name: str | None, _kind: str, _parents: Any) -> bool:
    """Leave the index of words alone: it is no model's, each database has it in its own way (see 0003)."""
    return not (name or "").startswith("search_")


def run() -> None:
    connection: sa.Connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=render_item,
        include_name=is_ours,
        compare_type=False,
        user_module_prefix="",
    )
    with context.begin_transaction():
        context.run_migrations()


run()
