"""How long does it take to replay past tickets under other policies, and how much memory?

    .venv/bin/python benchmarks/replay.py --tickets 100000

The tickets have ten entries each in the journal and four clocks. The raw yardstick reads the same rows of the same
database and decodes their JSON, and does nothing with them: whoever replays must do at least that.
"""

import argparse
import gc
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import orjson
import psycopg
from sqlalchemy import Connection, text

from benchmarks.stage import set_stage
from sla import replaying, replays
from sla.comparison import Tally
from sla.life import OBSERVED
from sla.replays import Span
from ticketing.events import SYSTEM
from ticketing.store import db
from ticketing.transaction import transaction

FIRST = datetime(2026, 9, 1, tzinfo=UTC)
EVERY = 60  # seconds a ticket is opened
HOUR = 3600
LUNCH = [["09:00", "12:00"], ["14:00", "18:00"]]
HOURS = {
    "name": "Lyon",
    "time_zone": "Europe/Paris",
    "weekly": dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), LUNCH),
    "exceptions": {"2026-11-11": []},
}
TARGETS = {
    "first_response": {"allowance_seconds": 2 * HOUR},
    "next_response": {"allowance_seconds": 3 * HOUR},
    "resolution": {"allowance_seconds": 12 * HOUR},
    "queue_wait": {"allowance_seconds": HOUR},
}
POLICIES = [
    {"name": "Calls", "position": 1, "calendar": "Lyon", "targets": TARGETS, "conditions": {"channel": ["phone"]}},
    {"name": "Urgent", "position": 2, "calendar": "Lyon", "targets": TARGETS, "conditions": {"priority": ["urgent"]}},
    {"name": "French", "position": 3, "calendar": "Lyon", "targets": TARGETS, "conditions": {"language": ["fr"]}},
    {"name": "Others", "position": 4, "calendar": "Lyon", "targets": TARGETS},
]
# Kind, seconds after the opening (some more for some tickets), data.
LIFE = [
    ("ticket_assigned", 600, '\'{"before": null, "after": 1, "stolen": false, "automatic": false, "reason": ""}\''),
    ("status_changed", 610, '\'{"before": "new", "after": "open"}\''),
    ("reply_written", 1800, '\'{"message_id": 1, "channel": "email", "automatic": false}\''),
    ("status_changed", 1801, '\'{"before": "open", "after": "pending"}\''),
    ("message_received", 20000, '\'{"message_id": 2, "channel": "email", "automatic": false}\''),
    ("status_changed", 20001, '\'{"before": "pending", "after": "open"}\''),
    ("priority_changed", 21000, '\'{"before": "normal", "after": "high"}\''),
    ("reply_written", 30000, '\'{"message_id": 3, "channel": "email", "automatic": false}\''),
    ("ticket_resolved", 90000, '\'{"before": "open", "answer_needed": true}\''),
]
CLOCKS = [
    ("first_response", 0, 1800),
    ("next_response", 20000, 30000),
    ("resolution", 0, 90000),
    ("queue_wait", 0, 600),
]


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--tickets", type=int, default=100_000)
    tickets = asked.parse_args().tickets
    with set_stage("postgresql", workers=1) as stage, stage.app.app_context():
        with db.engine.connect().execution_options(isolation_level="READ COMMITTED") as connection:
            filling = time.monotonic()
            for statement in _statements(tickets):
                connection.exec_driver_sql(statement.replace("%", "%%"))
            connection.commit()
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))
            print(f"{tickets} tickets filled in {time.monotonic() - filling:.1f} s")
            raw = _read_raw(connection)
        took, used, early, late = _replay(tickets)
        print(f"raw: read and decoded in {raw:.1f} s")
        print(
            f"replayed in {took:.1f} s ({used:.1f} s of processor): {tickets / took:.0f}/s, {took / raw:.1f} times raw"
        )
        print(f"memory: peak {early:.0f} MB at 10 %, {late:.0f} MB at 100 %")


def _replay(tickets: int) -> tuple[float, float, float, float]:
    now, span = datetime.now(UTC), Span(FIRST, FIRST + timedelta(seconds=EVERY * (tickets + 1)))
    with transaction("benchmark"):
        replay_id = replays.ask(wanted=POLICIES, calendars=[HOURS], span=span, by=SYSTEM, at=now).id
    gc.collect()
    gc.freeze()  # as a worker does
    _forget_peak()
    started, used, early = time.monotonic(), time.process_time(), 0.0
    while replaying.advance(replay_id, now=lambda: datetime.now(UTC), most=timedelta(seconds=1)):
        if not early and replays.find(replay_id).done >= tickets / 10:
            early = _peak()
        db.session.remove()
    took, used = time.monotonic() - started, time.process_time() - used
    row = replays.find(replay_id)
    if row.done != tickets:
        raise RuntimeError(f"{row.state}: {row.done} of {tickets} done; {row.error}")
    for (metric,), counts in Tally.unpack(row.tally).counts("metric"):
        print(metric, counts)
    return took, used, early, _peak()


def _read_raw(connection: Connection) -> float:
    started = time.monotonic()
    driver = connection.connection.dbapi_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("not on PostgreSQL")
    kinds = [event.kind() for event in OBSERVED]
    psycopg.types.json.set_json_loads(orjson.loads, driver)
    for columns, table, where in (
        ("ticket_id, kind, data, at", "journal", "kind = ANY(%s)"),
        ("ticket_id, metric, started_at, due_at, met_at, breached_at, cancelled_at", "clock", "metric <> ALL(%s)"),
    ):
        with driver.cursor("raw", binary=True) as cursor:
            cursor.itersize = 5000
            driver.autocommit = False
            cursor.execute(f"SELECT {columns} FROM {table} WHERE {where} ORDER BY ticket_id, id", (kinds,))
            for _ in cursor:
                pass
        driver.rollback()
    return time.monotonic() - started


def _statements(tickets: int) -> Iterator[str]:
    opened = f"CAST('{FIRST.isoformat()}' AS timestamptz) + make_interval(secs => n * {EVERY})"
    yield "SET LOCAL session_replication_role = replica"
    yield (
        "INSERT INTO ticket (id, subject, status, priority, channel, queue_id, customer_id, fields, live, created_at,"
        " updated_at, solved_at, version, sla_breached, sla_tracked)"
        " SELECT n, 'The kettle leaks', 'solved', 'high', CASE n % 5 WHEN 0 THEN 'phone' ELSE 'email' END, 1, 1, '{}',"
        f" false, {opened}, {opened}, {opened}, 1, false, true FROM generate_series(1, {tickets}) AS n"
    )
    since = "replace(to_char(created_at, 'YYYY-MM-DD HH24:MI:SS'), ' ', 'T') || 'Z'"
    opening = (
        "jsonb_build_object('channel', channel, 'queue_id', 1, 'priority', CASE id % 7 WHEN 0 THEN 'urgent' ELSE"
        f" 'normal' END, 'customer_id', 1, 'waiting_since', {since}, 'follows', null, 'language', CASE id % 3 WHEN 0"
        " THEN 'fr' ELSE 'en' END, 'tags', '[\"kettle\"]'::jsonb, 'fields', '{\"product\": \"kettle\"}'::jsonb,"
        " 'customer_fields', '{}'::jsonb)"
    )
    lines = ", ".join(
        f"({place}, '{kind}', {seconds}, {data}::jsonb)" for place, (kind, seconds, data) in enumerate(LIFE, 1)
    )
    # As it happens at a desk: the entries of a ticket lie far apart, among those of others.
    yield (
        "INSERT INTO journal (ticket_id, kind, actor_type, source, data, at, dispatched_at, attempts)"
        " SELECT ticket_id, kind, 'system', 'api', data, at, at, 0 FROM ("
        f" SELECT id AS ticket_id, 'ticket_opened' AS kind, {opening} AS data, created_at AS at FROM ticket"
        " UNION ALL SELECT ticket.id, line.kind, line.data, created_at + make_interval(secs => line.seconds"
        " * (1 + id % 4)) FROM ticket CROSS JOIN"
        f" (VALUES {lines}) AS line (place, kind, seconds, data)) AS every ORDER BY at, ticket_id"
    )
    for metric, begins, ends in CLOCKS:
        yield (
            "INSERT INTO clock (ticket_id, metric, sequence, policy_id, calendar_id, allowance_seconds, started_at,"
            " counted_microseconds, running_since, due_at, met_at, steps_done, channel, queue_id, priority)"
            f" SELECT id, '{metric}', 1, 1, 1, 14400, created_at + make_interval(secs => {begins} * (1 + id % 4)),"
            f" 7200000000, created_at, created_at + make_interval(secs => {ends} * 8),"
            f" created_at + make_interval(secs => {ends} * (1 + id % 4)), 1, channel, 1, 'high' FROM ticket ORDER BY id"
        )


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): the peak starts anew


def _peak() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main()
