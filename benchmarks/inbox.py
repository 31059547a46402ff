"""How fast agents read and take work: a page by deadline, a ticket, its messages, the next one, beside raw SQL.

.venv/bin/python benchmarks/inbox.py [--database postgresql|sqlite] [--tickets N]; see benchmarks/README.md.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from sqlalchemy import func, select, update

from api.seed import demo_tokens
from benchmarks.fill import LONG, MEMBER, RARE, fill
from benchmarks.intake import plan_of, read_arguments
from benchmarks.looking import Looks, look, ways
from benchmarks.rounds import Call, Scenario, measure, table
from benchmarks.stage import Stage, set_stage
from ticketing.models import Role, Ticket
from ticketing.moment import utc_now
from ticketing.status import Status
from ticketing.store import db, write_options

LIST, TEAM = "GET /tickets?sort=due&limit=50", "the same, some queues"
TICKET, SEARCH, NEXT = "GET ticket and 20 messages", "GET /search, a rare word", "POST next"
CLAIMED_FROM = 1  # the queue


def main() -> None:
    """Measure, and print the table and what the database does."""
    arguments = read_arguments(__doc__)
    for database in arguments.database:
        with set_stage(database, workers=arguments.workers) as stage:
            _fill(stage, arguments.tickets)
            scenarios = _scenarios(stage)
            print(f"\n## Inbox, {database}, {arguments.tickets} tickets\n")
            looks = look(stage, scenarios, compare=[LIST, TEAM, TICKET])
            print(table(measure(stage, scenarios, looks.statements, plan=plan_of(arguments))), flush=True)
            _tell(stage, looks)


def _fill(stage: Stage, tickets: int) -> None:
    began = time.perf_counter()
    with stage.app.app_context():
        with db.engine.execution_options(**write_options()).begin() as connection:
            fill(connection, tickets, at=utc_now())
        _settle(stage)
    print(f"filled in {time.perf_counter() - began:.0f} s", flush=True)


def _scenarios(stage: Stage) -> list[Scenario]:
    with stage.app.app_context():
        tokens = demo_tokens(stage.app)
        agent, admin = ({"Authorization": f"Bearer {tokens[role]}"} for role in (Role.AGENT, Role.ADMIN))
        claimable = db.session().scalar(select(func.count()).select_from(Ticket).where(*_claimable())) or 0
        db.session.remove()
    api = "/api/v1"

    def reading(name: str, path: str, *then: str, who: dict[str, str] = agent, raw: str = "") -> Scenario:
        def call(n: int, prefix: str, headers: dict[str, str], *paths: str) -> Call:
            address = prefix + paths[0].format(1 + n % LONG)
            behind = call(n, prefix, headers, *paths[1:]) if len(paths) > 1 else None
            return Call("GET", address, headers=headers, then=behind)

        return Scenario(name, lambda n: call(n, api, who, path, *then), lambda n: call(n, "", {}, raw or path, *then))

    return [
        reading(LIST, "/tickets?sort=due&limit=50", who=admin),
        reading(TEAM, "/tickets?sort=due&limit=50", raw=f"/tickets?sort=due&limit=50&agent={MEMBER}"),
        reading(TICKET, "/tickets/{}", "/tickets/{}/messages"),
        reading(SEARCH, f"/search?q={RARE}&limit=50"),
        Scenario(
            NEXT,
            lambda _: Call("POST", f"{api}/queues/{CLAIMED_FROM}/next", headers=agent),
            lambda _: Call("POST", f"/queues/{CLAIMED_FROM}/next"),
            reset=lambda: _give_back(stage),
            most=claimable,
        ),
    ]


def _claimable() -> tuple[object, ...]:
    return Ticket.queue_id == CLAIMED_FROM, Ticket.assignee_id.is_(None), Ticket.status == Status.NEW


def _give_back(stage: Stage) -> None:
    """Put back what was claimed: what the filling left has version 1."""
    free = update(Ticket).where(Ticket.version > 1).values(assignee_id=None, status=Status.NEW, version=1)
    with stage.app.app_context():
        with db.engine.execution_options(**write_options()).begin() as connection:
            connection.execute(free)
        _settle(stage)


def _settle(stage: Stage) -> None:
    """Do at once what autovacuum would do in a minute."""
    if stage.database == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


def _tell(stage: Stage, looks: Looks) -> None:
    print()
    for name in (LIST, TEAM, NEXT):
        found, reads_all = ways(stage, looks.sent[name])
        print(f"{'WARNING: ' if reads_all else ''}{name}: {', '.join(found)}")
    for name in looks.different:
        print(f"WARNING: {name}: raw answers something else")


if __name__ == "__main__":
    main()
