"""Kill -9 what runs amid 200 replies: each is handed over once or stands as unknown; none is missing."""

import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from channels import twilio_api
from tests import servers
from tests.flows.running import START_SECONDS, AgentClient, Desk, running_desk, wait_for

pytestmark = pytest.mark.processes

REPLIES = 200
KILLED = ("worker", "valkey", "web", "worker")
SETTLED = {"sent", "delivered", "unknown"}


def a_customer_texts(desk: Desk, number: int) -> None:
    answer = desk.twilio(
        "/inbound/twilio/sms",
        MessageSid=f"SM{number:032x}",
        From=f"+1514555{number:04d}",
        To=desk.inbox("sms"),
        Body=f"Question {number}",
    )
    assert answer.status_code == 200, answer.text


def reply(agent: AgentClient, ticket_id: int) -> int:
    """Write one reply, as a front-end does that tries again only when it surely was not taken."""
    body = {"body": f"Answer to ticket {ticket_id}"}
    message: dict[str, Any] = agent.post(f"/tickets/{ticket_id}/replies", body)
    return int(message["id"])


def try_to_reply(agent: AgentClient, ticket_id: int) -> bool:
    try:
        reply(agent, ticket_id)
    except requests.RequestException:
        return False  # cut off by the kill: perhaps written, perhaps not
    return True


def states(agent: AgentClient, ticket_ids: list[int]) -> dict[int, list[str]]:
    found = {}
    for one in ticket_ids:
        messages = agent.get(f"/tickets/{one}/messages")["items"]
        found[one] = [m["state"] for m in messages if m["kind"] == "outbound"]
    return found


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_kill_nine_loses_and_doubles_nothing(tmp_path: Path, run_folder: Path, database: str) -> None:
    own = {"COMPTOIR_DATABASE_URL": servers.postgres(run_folder)} if database == "postgresql" else {}
    with running_desk(tmp_path / "var", COMPTOIR_DELIVERY_LEASE_SECONDS="5", **own) as desk:
        agnes = desk.agent("agnes@desk.example")
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda n: a_customer_texts(desk, n), range(REPLIES)))
        tickets = all_ticket_ids(agnes)
        assert len(tickets) == REPLIES

        with ThreadPoolExecutor(4) as pool, ThreadPoolExecutor(1) as watch:
            answered = pool.map(lambda one: try_to_reply(agnes, one), tickets)
            for name in KILLED:
                time.sleep(0.7)
                desk.part(name).send_signal(signal.SIGKILL)
                if name == "web":
                    away = watch.submit(seconds_until_it_answers, desk)
            accepted = [ticket for ticket, written in zip(tickets, answered, strict=True) if written]

        wait_for(lambda: requests.get(f"{desk.url}/readyz", timeout=30).status_code == 200, seconds=START_SECONDS)

        open_ones = set(tickets)

        def settled() -> bool:
            found = states(agnes, sorted(open_ones)[:20])
            open_ones.difference_update(one for one, outcomes in found.items() if set(outcomes) <= SETTLED)
            return not open_ones

        wait_for(settled, seconds=300, what="every reply sent or unknown")
        # The sandbox's provider answers at the web too: while it is away, a sending gives up when its patience ends.
        cut_off = len(KILLED) + int(away.result() / twilio_api.TIMEOUT)
        check(states(agnes, tickets), desk.outbox(channel="sms"), accepted, cut_off)


def seconds_until_it_answers(desk: Desk) -> float:
    began_at = time.monotonic()
    wait_for(lambda: requests.get(f"{desk.url}/healthz", timeout=30).status_code == 200, seconds=START_SECONDS)
    return time.monotonic() - began_at


def check(found: dict[int, list[str]], outbox: list[dict[str, Any]], accepted: list[int], cut_off: int) -> None:
    arrived = Counter(item["body"] for item in outbox)
    for ticket_id, outcomes in found.items():
        times = arrived[f"Answer to ticket {ticket_id}"]
        known = sum(one != "unknown" for one in outcomes)
        assert known <= times <= len(outcomes), f"ticket {ticket_id}: {outcomes}, arrived {times} times"
    assert all(found[one] for one in accepted), "a reply that was accepted is missing"
    assert len(accepted) > REPLIES / 2
    unknown = sum(one == "unknown" for outcomes in found.values() for one in outcomes)
    assert unknown <= cut_off, f"{unknown} unknown: each kill can cut off one sending"


def all_ticket_ids(agent: AgentClient) -> list[int]:
    ids: list[int] = []
    page: dict[str, Any] = {"next": None}
    while not ids or page["next"]:
        query = {"limit": 200, "sort": "created"} | ({"after": page["next"]} if page["next"] else {})
        page = agent.get("/tickets", **query)
        ids += [one["id"] for one in page["items"]]
    return ids
