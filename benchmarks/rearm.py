"""How long a policy that is edited takes to reach 50,000 open tickets, with a worker killed in the middle.

    .venv/bin/python benchmarks/rearm.py [--tickets 50000]

On PostgreSQL. Every ticket has three clocks. A worker process is killed (SIGKILL) when a third is done, another one
goes on; then every ticket must have exactly one entry in its journal, and its clocks must run under the new version.
"""

import argparse
import multiprocessing
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select, text

sys.path.insert(0, str(Path(__file__).parent.parent))

from api.app import create_app
from benchmarks.stage import Stage, set_stage
from config.logs import configure_logs
from config.settings import load_settings
from sla import policies, rearming
from sla.models import Policy, Rearming
from ticketing import lifecycle
from ticketing.customers import new_customer
from ticketing.envelope import Channel
from ticketing.events import SYSTEM
from ticketing.models import Queue
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

POLICY = "Email and API"
KINDS = "kind = 'sla_rearmed'"


def main() -> None:
    """Fill, edit, kill, go on, check; print the seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tickets", type=int, default=50_000)
    tickets = parser.parse_args().tickets
    with set_stage("postgresql", workers=1) as stage, stage.app.app_context():
        _report("filled", lambda: _fill(tickets))
        asked = _edit()
        began = time.perf_counter()
        _kill_in_the_middle(asked, tickets // 3)
        killed = time.perf_counter() - began
        done = _progress(asked)[0]
        print(f"killed after {killed:.1f} s, {done} done ({done / killed:.0f}/s)", flush=True)
        began = time.perf_counter()
        another = multiprocessing.get_context("spawn").Process(target=_work, args=(asked,))
        another.start()
        another.join()
        resumed = time.perf_counter() - began
        rest = _progress(asked)[0] - done
        print(f"the rest, {rest}, in {resumed:.1f} s with its start ({rest / resumed:.0f}/s)", flush=True)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(f"together {killed + resumed:.1f} s; {used.ru_utime + used.ru_stime:.1f} s of processor time", flush=True)
        _check(stage, asked, tickets)


def _fill(tickets: int) -> None:
    """Open a template as the intake does it, then multiply its rows in SQL."""
    with transaction("benchmark"):
        queue = db.session().scalars(select(Queue).limit(1)).one()
        one = lifecycle.open_ticket(
            subject="The kettle leaks",
            customer=new_customer("Karim", at=utc_now()),
            queue=queue,
            channel=Channel.EMAIL,
            by=SYSTEM,
            at=utc_now() - timedelta(minutes=5),
        )
    columns = {
        table: ", ".join(
            db.session().scalars(
                text(
                    "SELECT column_name FROM information_schema.columns WHERE table_name = :table"
                    " AND column_name NOT IN ('id', 'ticket_id') AND is_generated = 'NEVER'"
                ),
                {"table": table},
            )
        )
        for table in ("ticket", "clock", "journal")
    }
    with transaction("benchmark") as session:
        mine = f"SELECT {columns['ticket']} FROM ticket, generate_series(2, {tickets}) WHERE id = {one.id}"
        session.execute(text(f"INSERT INTO ticket ({columns['ticket']}) {mine}"))
        for table in ("clock", "journal"):
            its = ", ".join(f"{table}.{name}" for name in columns[table].split(", "))
            session.execute(
                text(
                    f"INSERT INTO {table} (ticket_id, {columns[table]}) SELECT ticket.id, {its} FROM ticket, {table}"
                    f" WHERE {table}.ticket_id = {one.id} AND ticket.id <> {one.id} ORDER BY ticket.id, {table}.id"
                )
            )
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")


def _edit() -> int:
    """Promise an answer within three hours instead of four."""
    with transaction("benchmark"):
        current = db.session().scalars(select(Policy).where(Policy.name == POLICY)).one()
        words = policies.words_of(current)
        answer = {**words["targets"]["first_response"], "allowance_seconds": 10_800}
        words["targets"] = {**words["targets"], "first_response": answer}
        row = policies.revise(current.origin, words, by=SYSTEM, at=utc_now())
        return rearming.ask([row.origin], by=SYSTEM, at=utc_now()).id


def _kill_in_the_middle(asked: int, enough: int) -> None:
    worker = multiprocessing.get_context("spawn").Process(target=_work, args=(asked,))
    worker.start()
    while _progress(asked)[0] < enough:
        if not worker.is_alive():
            raise RuntimeError("the worker ended before it was killed")
        time.sleep(0.02)
    os.kill(worker.pid or 0, signal.SIGKILL)
    worker.join()


def _work(asked: int) -> None:
    """Go on until nothing is left, as the job does."""
    from api.rearming import carry_on

    configure_logs("error", "json")
    with create_app(load_settings()).app_context():
        while rearming.find_rearming(asked).finished_at is None:
            db.session.remove()
            carry_on(asked)
            db.session.remove()


def _progress(asked: int) -> tuple[int, int]:
    row = db.session().execute(select(Rearming.done, Rearming.changed).where(Rearming.id == asked)).one()
    return row.done, row.changed


def _check(stage: Stage, asked: int, tickets: int) -> None:
    new = select(Policy.id).where(Policy.name == POLICY, Policy.archived_at.is_(None))
    with stage.app.app_context():
        policy = db.session().scalars(new).one()

        def count(sql: str) -> int:
            return int(db.session().scalar(text(sql), {"policy": policy}) or 0)

        entries = count(f"SELECT count(*) FROM journal WHERE {KINDS}")
        of = count(f"SELECT count(DISTINCT ticket_id) FROM journal WHERE {KINDS}")
        old = count("SELECT count(*) FROM clock WHERE policy_id <> :policy")
        wrong = count("SELECT count(*) FROM clock WHERE metric = 'first_response' AND allowance_seconds <> 10800")
        told = count("SELECT count(*) FROM ticket WHERE (sla_state->>'policy')::bigint <> :policy")
        print(
            f"entries {entries}, of tickets {of}; clocks under the old version {old}, with the old time {wrong};"
            f" tickets under the old version {told}; progress {_progress(asked)}"
        )
        if (entries, of, old, wrong, told, _progress(asked)) != (tickets, tickets, 0, 0, 0, (tickets, tickets)):
            raise SystemExit("something was done twice, or left out")


def _report(what: str, act: Callable[[], None]) -> None:
    began = time.perf_counter()
    act()
    print(f"{what} in {time.perf_counter() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main()
