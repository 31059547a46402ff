"""A ticket left alone past its deadline says so: within seconds, to the second, and without any ticker."""

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.flows.running import AgentClient, running_desk, wait_for

pytestmark = pytest.mark.processes

DEFAULTS = """
[[queues]]
name = "Support"

[[calendars]]
name = "Always"
time_zone = "UTC"
[calendars.weekly]
mon = [["00:00", "24:00"]]
tue = [["00:00", "24:00"]]
wed = [["00:00", "24:00"]]
thu = [["00:00", "24:00"]]
fri = [["00:00", "24:00"]]
sat = [["00:00", "24:00"]]
sun = [["00:00", "24:00"]]

[[policies]]
name = "Two seconds"
position = 1
calendar = "Always"
targets = { first_response = { allowance_seconds = 2 } }
"""


def open_ticket(agent: AgentClient) -> dict[str, Any]:
    ticket: dict[str, Any] = agent.post(
        "/tickets", {"subject": "Slow", "body": "Hello?", "customer": {"name": "Karim"}}
    )
    return ticket


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@contextmanager
def nobody_writing(folder: Path) -> Iterator[None]:
    with closing(sqlite3.connect(folder / "comptoir.sqlite3", timeout=30, isolation_level=None)) as store:
        store.execute("BEGIN IMMEDIATE")
        yield
        store.execute("ROLLBACK")


def test_a_breach_is_flagged_with_the_deadline_and_read_without_the_ticker(tmp_path: Path) -> None:
    defaults = tmp_path / "defaults.toml"
    defaults.write_text(DEFAULTS)
    with running_desk(tmp_path / "var", COMPTOIR_DEFAULTS_FILE=str(defaults)) as desk:
        agnes = desk.agent("agnes@desk.example")
        ticket = open_ticket(agnes)

        flagged = wait_for(
            lambda: [e for e in agnes.get(f"/tickets/{ticket['id']}/events")["items"] if e["kind"] == "sla_breached"],
            seconds=60,
        )
        (clock,) = agnes.get(f"/tickets/{ticket['id']}/sla")
        assert clock["state"] == "breached"
        assert clock["breached_at"] == clock["due_at"] == ticket["due_at"]
        assert moment(flagged[0]["at"]) == moment(clock["due_at"])

        with nobody_writing(tmp_path / "var"):  # it would be stopped for good with the store's lock in its hands
            desk.part("ticker").send_signal(signal.SIGSTOP)
        other = open_ticket(agnes)
        wait_for(lambda: agnes.get(f"/tickets/{other['id']}")["sla"] == "breached", seconds=60)
        (clock,) = agnes.get(f"/tickets/{other['id']}/sla")
        assert (clock["state"], clock["breached_at"]) == ("breached", clock["due_at"])
        assert other["id"] in [one["id"] for one in agnes.get("/tickets", sla="breached")["items"]]
        desk.part("ticker").send_signal(signal.SIGCONT)
