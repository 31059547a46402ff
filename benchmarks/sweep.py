"""Sweep a desk with a million running clocks: when nothing is due, and when a hundred thousand fall due at once.

    .venv/bin/python benchmarks/sweep.py [--clocks 1000000] [--due 100000] [--batch 500] [--idle 200]

Two tickers sweep at the same time (in production one leads and the other stands by: here both are let loose), and one
of them is killed in the middle. Afterwards every clock that was due must have one entry in the journal, one verdict and
one consequence, and no other clock any.
"""

import argparse
import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent.parent))

from flask import Flask
from sqlalchemy import event, text

from api.app import create_app
from api.tick import CLOCKS, SWEEPERS
from benchmarks.fill import without_indexes
from benchmarks.stage import ROOT, Stage, set_stage
from config.settings import load_settings
from sla.models import Policy
from sla.sweep import Swept, flag_due
from ticketing.store import db
from ticketing.transaction import transaction

AT = datetime(2026, 11, 18, 12, tzinfo=UTC)  # when everything falls due that does
BEFORE, AFTER = AT - timedelta(hours=1), AT + timedelta(seconds=30)
TARGETS = {
    "first_response": {
        "allowance_seconds": 14_400,
        "steps": [{"offset_seconds": 0, "actions": [{"kind": "notify", "to": ["supervisors"]}]}],
    }
}


def main() -> None:
    asked = _parser().parse_args()
    if asked.sweeper:
        sweep_all(create_app(load_settings()), asked.batch)
        return
    os.environ.setdefault("TEST_SHARED_BUFFERS", "1GB")  # its indexes have as much
    with set_stage("postgresql", workers=1) as stage, stage.app.app_context():
        started = time.monotonic()
        _fill(asked.clocks, asked.due)
        print(f"{asked.clocks} running clocks, filled in {time.monotonic() - started:.0f} s")
        _idle(asked.idle)
        _busy(stage, asked.due, asked.batch)
        _check(asked.due)


def sweep_all(app: Flask, batch: int) -> None:
    """Sweep until nothing is left, and say after each batch what it was."""
    gc.collect()
    gc.freeze()  # as the ticker does
    print("ready", flush=True)
    sys.stdin.readline()
    before = time.process_time()
    threads = [threading.Thread(target=_sweep_on, args=(app, batch, before)) for _ in range(SWEEPERS["postgresql"])]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


def _sweep_on(app: Flask, batch: int, before: float) -> None:
    with app.app_context():
        while True:
            started = time.perf_counter()
            swept = _sweep(AFTER, batch)
            sys.stdout.write(f"{swept.clocks} {time.perf_counter() - started} {time.process_time() - before}\n")
            sys.stdout.flush()
            if not swept.clocks and not _one(f"SELECT count(*) FROM clock WHERE next_at <= '{AFTER.isoformat()}'"):
                return


def _sweep(now: datetime, batch: int) -> Swept:
    with transaction("ticker"):
        return flag_due(now, batch)


def _fill(clocks: int, due: int) -> None:
    """Add as many tickets, each with one running clock; those that came first fall due first, `due` within a second."""
    with transaction("benchmark") as session:
        calendar_id = session.execute(text("SELECT min(id) FROM calendar")).scalar_one()
        policy = Policy(name="Much", version=1, position=99, conditions={}, targets=TARGETS, calendar_id=calendar_id)
        policy.created_at = AT - timedelta(days=9)
        session.add(policy)
        session.flush()
        values = {"clocks": clocks, "due": due, "at": AT, "policy": policy.id}
        with without_indexes(session.connection()):
            for statement in _FILLING:
                session.execute(text(statement), {k: v for k, v in values.items() if f":{k}" in statement})
    _run_alone("VACUUM ANALYZE")


_FILLING = (
    "INSERT INTO customer (name, name_key, language, time_zone, preferred_channels, fields, notes, created_at)"
    " SELECT 'Customer ' || n, 'customer ' || n, '', '', '[]', '{}', '', :at FROM generate_series(1, 1000) AS s(n)",
    """
    INSERT INTO ticket (id, subject, status, priority, channel, queue_id, customer_id, fields, live, waiting_since,
        created_at, updated_at, version, due_at, sla_breached, sla_tracked)
    SELECT n, 'The kettle leaks, case ' || n, 'open', 'normal', 'email', 1, 1 + n % 1000, '{}', false, opened, opened,
        opened, 1, opened + interval '4 hours', false, true
    FROM (
        SELECT n, CAST(:at AS timestamptz) - interval '4 hours'
            + make_interval(secs => CASE WHEN n <= :due THEN n / (1.0 + :due) ELSE 3600 + n / 10.0 END) AS opened
        FROM generate_series(1, :clocks) AS s(n)) AS numbers
    """,
    """
    INSERT INTO clock (ticket_id, metric, sequence, policy_id, calendar_id, allowance_seconds, started_at,
        counted_microseconds, running_since, due_at, next_at, steps_done, channel, queue_id, priority)
    SELECT id, 'first_response', 1, :policy, 1, 14400, created_at, 0, created_at, due_at, due_at, 0, channel, queue_id,
        priority FROM ticket ORDER BY id
    """,
    "SELECT setval(pg_get_serial_sequence('ticket', 'id'), max(id)) FROM ticket",
)


def _idle(times: int) -> None:
    """Sweep when nothing is due."""
    spans, processor = [], time.process_time()
    with _asked() as statements:
        for _ in range(times):
            started = time.perf_counter()
            _sweep(BEFORE, CLOCKS)
            spans.append((time.perf_counter() - started) * 1000)
    each = (time.process_time() - processor) / times * 1000
    print(f"\nnone due, {times} sweeps: median {median(spans):.2f} ms, slowest {max(spans):.2f} ms")
    print(f"    {each:.2f} ms of processor time each, besides the database's; {_others()}")
    statement, values = statements.pop()
    with db.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {statement}", values).scalars().all()
    print("\n".join(f"    {line}" for line in plan))


class _asked:  # noqa: N801 - it reads as a function
    """Yield the statements about clocks that are sent meanwhile, with their values."""

    def __enter__(self) -> list[tuple[str, object]]:
        self.found: list[tuple[str, object]] = []
        event.listen(db.engine, "before_cursor_execute", self._note)
        return self.found

    def __exit__(self, *_: object) -> None:
        event.remove(db.engine, "before_cursor_execute", self._note)

    def _note(self, _c: object, _cursor: object, statement: str, values: object, *_rest: object) -> None:
        if "FROM clock" in statement:
            self.found.append((statement, values))


def _busy(stage: Stage, due: int, batch: int) -> None:
    """Let two sweep what is due, and kill the first of them when about half is done."""
    db.session.remove()
    first, second = (_sweeper(stage, batch) for _ in range(2))
    for one in (first, second):
        assert one.stdout is not None
        one.stdout.readline()
    started = time.monotonic()
    for one in (first, second):
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    done = 0
    assert first.stdout is not None
    with _server_seconds() as server:
        while done < due // 4:
            line = first.stdout.readline().split()
            done += int(line[0])
        os.kill(first.pid, signal.SIGKILL)
        killed_after = time.monotonic() - started
        first.wait()
        output, _ = second.communicate(timeout=600)
    took = time.monotonic() - started
    lines = [line.split() for line in output.splitlines()]
    spans = [float(span) for clocks, span, _ in lines if int(clocks)]
    ours, theirs = float(line[2]) + float(lines[-1][2]), sum(server.values())
    print(f"\n{due} due at once, two sweepers, batches of {batch}: {took:.1f} s, {due / took:.0f} clocks a second")
    print(f"    processor time: {ours:.1f} s ours, {theirs:.1f} s the database's; {_others()}")
    print(f"    the first was killed after {killed_after:.1f} s and {done} clocks; the second swept the rest")
    print(f"    one transaction: median {median(spans) * 1000:.0f} ms, longest {max(spans) * 1000:.0f} ms")


@contextlib.contextmanager
def _server_seconds() -> Iterator[dict[int, float]]:
    """Yield the processor time of the database's processes meanwhile, by process; it is read ten times a second."""
    name = str(db.engine.url.database)
    before, used, over = _backends(name), dict[int, float](), threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            used.update({pid: seconds - before.get(pid, 0) for pid, seconds in _backends(name).items()})

    watcher = threading.Thread(target=watch)
    watcher.start()
    yield used
    over.set()
    watcher.join()


def _backends(database: str) -> dict[int, float]:
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f" {database} " in (folder / "cmdline").read_text():
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                found[int(folder.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def _others() -> str:
    return f"{os.getloadavg()[0]:.1f} processes wanted the {os.cpu_count()} cores"


def _sweeper(stage: Stage, batch: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, __file__, "--sweeper", "--batch", str(batch)],
        cwd=ROOT,
        env=stage.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _check(due: int) -> None:
    print("\nafterwards")
    late = f"due_at <= '{AFTER.isoformat()}'"
    wrong = 0
    for name, expected, sql in (
        ("clocks flagged at their deadline", due, f"SELECT count(*) FROM clock WHERE breached_at = due_at AND {late}"),
        ("clocks flagged in all", due, "SELECT count(*) FROM clock WHERE breached_at IS NOT NULL"),
        ("clocks still to sweep of those", 0, f"SELECT count(*) FROM clock WHERE {late} AND next_at IS NOT NULL"),
        ("tickets written", 0, "SELECT count(*) FROM ticket WHERE version > 1"),
        ("entries of a breach", due, "SELECT count(*) FROM journal WHERE kind = 'sla_breached'"),
        (
            "tickets with such an entry",
            due,
            "SELECT count(DISTINCT ticket_id) FROM journal WHERE kind = 'sla_breached'",
        ),
        ("consequences", due, "SELECT count(*) FROM sla_consequence"),
        ("clocks with a consequence", due, "SELECT count(DISTINCT clock_id) FROM sla_consequence"),
    ):
        found = _one(sql)
        wrong += found != expected
        print(f"    {'ok   ' if found == expected else 'WRONG'} {name}: {found}")
    if wrong:
        sys.exit(1)


def _one(sql: str) -> int:
    with db.engine.connect() as connection:
        return int(connection.exec_driver_sql(sql).scalar_one())


def _run_alone(sql: str) -> None:
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(sql)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clocks", type=int, default=1_000_000)
    parser.add_argument("--due", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=CLOCKS, help="clocks in one transaction")
    parser.add_argument("--idle", type=int, default=200, help="sweeps when nothing is due")
    parser.add_argument("--sweeper", action="store_true", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
