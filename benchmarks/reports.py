"""How fast reports are over a year of clocks and messages on PostgreSQL, beside plain SQL that asks the same.

.venv/bin/python benchmarks/reports.py [--clocks 1000000] [--rounds 3]; see benchmarks/README.md.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).parent.parent))

from sqlalchemy import event

from benchmarks.stage import set_stage
from sla.reports.attainment import read_attainment
from sla.reports.question import Dimension, Question
from sla.reports.sunday_map import read_sunday_map
from sla.reports.waits import read_waits
from ticketing.store import db, write_options

CLOCKS_A_TICKET = 10
END = datetime(2026, 11, 1, tzinfo=UTC)
YEAR, MONTH = timedelta(days=365), timedelta(days=31)
PARIS = "Europe/Paris"

FILL = (
    "INSERT INTO customer (name, name_key, language, time_zone, preferred_channels, fields, notes, created_at)"
    " VALUES ('Karim', 'karim', '', '', '[]', '{{}}', '', now())",
    "INSERT INTO queue (name, access, assignment, created_at)"
    " SELECT 'Queue ' || n, 'everyone', 'off', now() FROM generate_series(1, 9) AS n",
    "INSERT INTO ticket (subject, status, priority, channel, queue_id, customer_id, fields, live, created_at,"
    " updated_at, version, sla_breached, sla_tracked)"
    " SELECT 'The kettle leaks', 'closed', 'normal', 'email', 1 + n % 10, 1, '{{}}',"
    " false, {moment}, {moment}, 1, false, false FROM generate_series(1, {tickets}) AS n",
    "INSERT INTO message (ticket_id, kind, channel, body, html, quoted, automatic, state, data, attempts, created_at)"
    " SELECT 1 + n % {tickets}, 'inbound', 'email', 'It drips.', '', '', false, 'received', '{{}}', 0, {moment}"
    " FROM generate_series(1, {clocks}) AS n",
    # Two of a hundred still run, one was cancelled, every ninth of the others is late.
    "INSERT INTO clock (ticket_id, metric, sequence, policy_id, calendar_id, allowance_seconds, started_at,"
    " counted_microseconds, running_since, due_at, met_at, breached_at, cancelled_at, steps_done, channel, queue_id,"
    " priority, agent_id)"
    " SELECT 1 + n / {per}, (ARRAY['first_response', 'next_response', 'resolution', 'queue_wait'])[1 + n % 4],"
    " 1 + n % {per}, 1 + n % 3, 1, 3600, at, 600000 * (n * 104729 % 9973), at, at + interval '1 hour',"
    " CASE WHEN n % 100 > 2 THEN at + interval '1 second' * (n * 104729 % 9973) END,"
    " CASE WHEN n % 100 > 2 AND n % 9 = 0 THEN at + interval '1 hour' END,"
    " CASE WHEN n % 100 = 2 THEN at + interval '10 minutes' END,"
    " 0, 'email', 1 + n % 10, 'normal', 1 + n % 3"
    " FROM (SELECT n, {moment} AS at FROM generate_series(0::bigint, {clocks} - 1) AS n) AS numbered",
)
# In order of time, as a desk writes them.
MOMENT = "timestamptz '2025-11-01 00:00:00Z' + interval '365 days' * (n::float / {of})"

VERDICTS = """
    SELECT policy_id, metric, count(*), count(breached_at)
    FROM clock
    WHERE coalesce(breached_at, met_at) >= %(since)s AND coalesce(breached_at, met_at) < %(until)s
    GROUP BY 1, 2
"""
BY_DAY = """
    SELECT date_trunc('day', coalesce(breached_at, met_at), 'Europe/Paris'), metric, count(*), count(breached_at)
    FROM clock
    WHERE coalesce(breached_at, met_at) >= %(since)s AND coalesce(breached_at, met_at) < %(until)s
    GROUP BY 1, 2
"""
WAITS = """
    SELECT metric, count(*), avg(counted_microseconds), max(counted_microseconds), max(met_at - started_at),
        percentile_disc(ARRAY[0.5, 0.8, 0.9, 0.95, 0.99]) WITHIN GROUP (ORDER BY counted_microseconds),
        percentile_disc(ARRAY[0.5, 0.8, 0.9, 0.95, 0.99]) WITHIN GROUP (ORDER BY met_at - started_at)
    FROM clock WHERE met_at >= %(since)s AND met_at < %(until)s GROUP BY metric
"""
MAP = """
    SELECT extract(isodow FROM at), extract(hour FROM at), count(*) FROM (
        SELECT message.created_at AT TIME ZONE 'Europe/Paris' AS at FROM message JOIN ticket ON ticket.id = ticket_id
        WHERE kind = 'inbound' AND NOT automatic AND message.created_at >= %(since)s AND message.created_at < %(until)s
    ) AS received GROUP BY 1, 2
"""


def main() -> None:
    """Fill, measure, and print the table and the plans."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clocks", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with set_stage("postgresql", workers=1) as stage, stage.app.app_context():
        _fill(arguments.clocks)
        print(f"\n## Reports, postgresql, {arguments.clocks} clocks and as many messages of a year\n")
        print("| | ours s | raw s | ratio |\n| --- | --- | --- | --- |")
        for span, covers in (("a month", MONTH), ("a year", YEAR)):
            for name, by, read, raw in (
                ("kept, by policy and metric", ("policy", "metric"), read_attainment, VERDICTS),
                ("kept, by day and metric", ("day", "metric"), read_attainment, BY_DAY),
                ("waits by metric", (), read_waits, WAITS),
                ("Sunday map", (), read_sunday_map, MAP),
            ):
                _compare(f"{name}, {span}", _question(by, covers), read, raw, arguments.rounds)
        _show_plans()


def _fill(clocks: int) -> None:
    began = time.perf_counter()
    tickets = clocks // CLOCKS_A_TICKET
    with db.engine.execution_options(**write_options()).begin() as connection:
        for statement in FILL:
            moment = MOMENT.format(of=tickets if "INTO ticket" in statement else clocks)
            values = {"moment": moment, "tickets": tickets, "clocks": clocks, "per": CLOCKS_A_TICKET}
            connection.exec_driver_sql(statement.format(**values).replace("%", "%%"))
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
    print(f"filled in {time.perf_counter() - began:.0f} s", flush=True)


def _question(by: tuple[str, ...], covers: timedelta) -> Question:
    named = tuple(Dimension(one) for one in by)
    return Question(since=END - covers, until=END, now=END, zone=ZoneInfo(PARIS), by=named)


def _compare(name: str, question: Question, read: Callable[[Question], Any], raw: str, rounds: int) -> None:
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(_took(lambda: read(question)))
        db.session.remove()
        theirs.append(_took(lambda: _ask(raw, question)))
    mine, other = statistics.median(ours), statistics.median(theirs)
    print(f"| {name} | {mine:.3f} | {other:.3f} | **{other / mine:.0%}** |", flush=True)


def _ask(raw: str, question: Question) -> None:
    with db.engine.connect() as connection:
        connection.exec_driver_sql(raw, {"since": question.since, "until": question.until}).all()


def _took(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _show_plans() -> None:
    """Print how the database finds what a report of a month reads."""
    seen: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        seen.append((statement, values))

    event.listen(db.engine, "before_cursor_execute", note)
    for name, by, read in (
        ("kept", ("day",), read_attainment),
        ("waits", (), read_waits),
        ("map", (), read_sunday_map),
    ):
        seen.clear()
        read(_question(by, MONTH))
        asked = [one for one in seen if "clock" in one[0] or "message" in one[0]]
        for statement, values in asked:
            with db.engine.connect() as connection:
                lines = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, TIMING OFF) {statement}", values).scalars()
                scans = [line.strip().split(" (cost")[0].lstrip("-> ") for line in lines if "Scan" in line]
            print(f"{name}: {'; '.join(dict.fromkeys(scans))}")
    event.remove(db.engine, "before_cursor_execute", note)


if __name__ == "__main__":
    main()
