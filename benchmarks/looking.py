"""Look into single calls, in this process: which SQL they send, by which index, and whether raw answers the same."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, event

from benchmarks.rounds import Call, Scenario
from benchmarks.stage import Stage
from benchmarks.yardstick import create_yardstick
from ticketing.store import db

MUCH = 10_000  # rows; a few pages may be sorted, and a ticket's tags
UNCOUNTED = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")  # as tests/api/test_statements.py counts


@dataclass(frozen=True)
class Sent:
    """A statement that went to the database."""

    sql: str
    values: Any


@dataclass(frozen=True)
class Looks:
    """What single calls showed: statements by scenario (ours, raw), our statements themselves, answers that differ."""

    statements: dict[str, tuple[int, int]]
    sent: dict[str, list[Sent]]
    different: list[str]


def look(stage: Stage, scenarios: Sequence[Scenario], *, compare: Sequence[str] = ()) -> Looks:
    """Make one call of each scenario to ours and to raw. `compare` names those whose answers must be equal."""
    raw = create_yardstick(stage.app.config["SQLALCHEMY_DATABASE_URI"])
    raw.testing = True  # its SQL falls behind a changed table: say how
    store = raw.extensions["store"]
    looks = Looks({}, {}, [])
    for number, one in enumerate(scenarios):
        first = -10 * (number + 1)  # numbers that no round uses
        _answer(stage.app.test_client(), one.ours(first))
        with statements(stage.app) as sent:
            ours = _answer(stage.app.test_client(), one.ours(first - 1))
        before = store.statements
        theirs = _answer(raw.test_client(), one.raw(first - 2 if one.name not in compare else first - 1))
        looks.statements[one.name] = (len(sent), store.statements - before)
        looks.sent[one.name] = sent
        if one.name in compare and _comparable(ours) != _comparable(theirs):
            looks.different.append(one.name)
        one.reset()
    return looks


def ways(stage: Stage, sent: Sequence[Sent]) -> tuple[list[str], bool]:
    """Return how the database finds rows of `ticket` for these statements, and whether it reads or sorts them all."""
    found: list[str] = []
    explain = _explain_sqlite if stage.database == "sqlite" else _explain_postgresql
    with stage.app.app_context(), db.engine.connect() as connection:
        for one in sent:
            if one.sql.startswith("SELECT") and "FROM ticket " in " ".join(one.sql.split()):
                found += explain(connection, one)
    return found, any(way.startswith(("Seq Scan", "Sort", "USE TEMP")) or way == "SCAN ticket" for way in found)


def _explain_postgresql(connection: Connection, one: Sent) -> list[str]:
    plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {one.sql}", one.values).scalar_one()
    return list(_ways(plan[0]["Plan"]))


def _explain_sqlite(connection: Connection, one: Sent) -> list[str]:
    steps = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {one.sql}", one.values)]
    return [step for step in steps if "ticket" in step.split()[:2] or step.startswith("USE TEMP")]


def _ways(node: dict[str, Any]) -> Iterator[str]:
    sorts_much = node["Node Type"].endswith("Sort") and node["Plan Rows"] > MUCH
    if node.get("Relation Name") == "ticket" or sorts_much:
        yield f"{node['Node Type']} {node.get('Index Name', 'ticket')}"
    for inner in node.get("Plans", ()):
        yield from _ways(inner)


@contextlib.contextmanager
def statements(app: Flask) -> Iterator[list[Sent]]:
    """Yield a list that fills with the statements that this process sends meanwhile."""
    sent: list[Sent] = []

    def note(_connection: object, _cursor: object, sql: str, values: Any, *_: object) -> None:
        if not sql.startswith(UNCOUNTED):
            sent.append(Sent(sql, values))

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


def _answer(client: FlaskClient, call: Call) -> list[bytes]:
    answer = client.open(call.path, method=call.method, data=call.body, headers=call.headers)
    if answer.status_code != call.status:
        raise RuntimeError(f"{call.method} {call.path}: {answer.status} {answer.data[:500]!r}")
    return [answer.data, *(_answer(client, call.then) if call.then else [])]


def _comparable(contents: Sequence[bytes]) -> list[Any]:
    every = [orjson.loads(content) for content in contents]
    for shown in every:
        if "items" in shown:
            shown["next"] = None  # raw has no cursors
    return every
