"""How fast callers on hold are answered who ask every ten seconds, beside other work; see benchmarks/README.md.

.venv/bin/python benchmarks/hold.py [--database postgresql|sqlite] [--callers N] [--seconds N] [--tickets-per-second N]
"""

import argparse
import heapq
import itertools
import random
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

sys.path.insert(0, str(Path(__file__).parent.parent))

import orjson
from twilio.request_validator import RequestValidator

from api.embedded.ports import LOOPBACK
from api.seed import demo_tokens
from benchmarks.looking import statements
from benchmarks.rounds import Call, check
from benchmarks.stage import PUBLIC_URL, Server, Stage, set_stage

EVERY = 10.0  # seconds between two questions of a caller
CLIENTS = 24
OURS = "+15145550100"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
VOICE = "/inbound/twilio/voice"
COLUMNS = ("", "asked", "per second", "p50 ms", "p95 ms", "p99 ms", "slowest ms", "SQL")


@dataclass(frozen=True)
class Due:
    """Something to ask at a moment, counted in seconds from the beginning."""

    at: float
    kind: str
    call: Call


def main() -> None:
    """Measure, and print the table."""
    asked = _arguments()
    with set_stage(asked.database, workers=asked.workers) as stage, stage.servers() as (ours, _):
        desk = Desk(stage, ours)
        waits = [desk.arrive(number) for number in range(asked.callers)]
        print(f"{asked.callers} callers hold the line; they are answered for {asked.seconds} s", flush=True)
        used, used_below = ours.processor_seconds(), _database(stage)
        plan = [*_polls(desk, waits, asked.seconds), *_tickets(desk, asked.tickets_per_second, asked.seconds)]
        took = _run(ours.port, sorted(plan, key=lambda due: due.at))
        used, used_below = ours.processor_seconds() - used, _database(stage) - used_below
        print(_table(took, asked.seconds, {"waitUrl": desk.statements_of(waits[0]), "POST /tickets": 0}))
        print(
            f"\nProcessor: ours {used / asked.seconds:.2f}, the database's {used_below / asked.seconds:.2f} of a core"
        )


class Desk:
    """The desk as Twilio and an agent's program reach it."""

    def __init__(self, stage: Stage, server: Server) -> None:
        self._stage, self._server = stage, server
        account = stage.app.extensions["comptoir.settings"].twilio
        self._account_sid, self._validator = account.account_sid, RequestValidator(account.auth_token)
        with stage.app.app_context():
            self._token = demo_tokens(stage.app)["agent"]

    def arrive(self, number: int) -> Call:
        """Call the desk; return what Twilio asks while this caller holds the line. Raises RuntimeError."""
        form = {
            "AccountSid": self._account_sid,
            "CallSid": f"CA{number:032x}",
            "From": f"+1416{2_000_000 + number}",
            "To": OURS,
            "Direction": "inbound",
            "CallStatus": "ringing",
        }
        connection = HTTPConnection(LOOPBACK, self._server.port, timeout=60)
        url, form = PUBLIC_URL + VOICE, form
        for _ in range(5):
            call = self._signed(url, form)
            connection.request(call.method, call.path, call.body, call.headers)
            answer = connection.getresponse()
            words = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{call.path}: {answer.status} {words[:300]!r}")
            document = ElementTree.fromstring(words)
            form = {**form, "CallStatus": "in-progress"}
            held = document.find(".//Enqueue")
            if held is not None:
                queue = {
                    "QueueSid": "QU" + "0" * 32,
                    "QueuePosition": "1",
                    "QueueTime": "10",
                    "CurrentQueueSize": "500",
                }
                connection.close()
                return self._signed(held.attrib["waitUrl"], form | queue)
            onward = document.find("Redirect")
            url = (onward.text or "") if onward is not None else ""
        raise RuntimeError(f"this caller is not put on hold: {words[:500]!r}")

    def ticket(self, number: int) -> Call:
        """Return the opening of a ticket by a program."""
        who = {"name": f"Karim {number}", "email": f"karim{number}@home.example"}
        body = orjson.dumps({"subject": "The kettle leaks", "body": "Since last week.", "customer": who})
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        return Call("POST", "/api/v1/tickets", body, headers, status=201)

    def statements_of(self, call: Call) -> int:
        """Return how many SQL statements an answer takes."""
        client = self._stage.app.test_client()
        with statements(self._stage.app) as sent:
            answer = client.open(call.path, method=call.method, data=call.body, headers=call.headers)
        if answer.status_code != 200:
            raise RuntimeError(f"{call.path}: {answer.status_code}")
        return len(sent)

    def _signed(self, url: str, form: dict[str, str]) -> Call:
        url = url if url.startswith("http") else PUBLIC_URL + url
        parts = urlsplit(url)
        sign = {"X-Twilio-Signature": self._validator.compute_signature(url, form)}
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        return Call("POST", path, urlencode(form).encode(), {**FORM, **sign})


def _polls(desk: Desk, waits: Sequence[Call], seconds: float) -> Iterator[Due]:
    chance = random.Random(1)
    for call in waits:
        at = chance.random() * EVERY
        while at < seconds:
            yield Due(at, "waitUrl", call)
            at += EVERY


def _tickets(desk: Desk, per_second: float, seconds: float) -> Iterator[Due]:
    for number in range(int(per_second * seconds)):
        yield Due(number / per_second, "POST /tickets", desk.ticket(number))


def _run(port: int, plan: Sequence[Due]) -> dict[str, list[float]]:
    """Ask everything at its moment; return how long each answer took from then on, whoever was late."""
    took: dict[str, list[float]] = {}
    troubles: list[BaseException] = []
    turn = itertools.count()
    began = time.perf_counter() + 0.5

    def ask() -> None:
        connection = HTTPConnection(LOOPBACK, port, timeout=60)
        try:
            while (number := next(turn)) < len(plan) and not troubles:
                due = plan[number]
                time.sleep(max(0.0, began + due.at - time.perf_counter()))
                connection.request(due.call.method, due.call.path, due.call.body, due.call.headers)
                answer = connection.getresponse()
                content = answer.read()
                check(due.call, answer.status, content)
                took.setdefault(due.kind, []).append(time.perf_counter() - began - due.at)
        except BaseException as trouble:  # noqa: BLE001 - told by the thread that waits for us
            troubles.append(trouble)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if troubles:
        raise troubles[0]
    return took


def _database(stage: Stage) -> float:
    return stage.database_seconds() if stage.database == "postgresql" else 0.0


def _table(took: dict[str, list[float]], seconds: float, sql: dict[str, int]) -> str:
    rows = [list(COLUMNS), ["---"] * len(COLUMNS)]
    for kind, found in sorted(took.items()):
        slowest = heapq.nlargest(len(found), found)

        def share(part: float, slowest: list[float] = slowest) -> str:
            return f"{slowest[int(len(slowest) * (1 - part))] * 1000:.0f}"

        count = str(sql[kind] or "")
        rate = f"{len(found) / seconds:.0f}"
        rows.append([kind, str(len(found)), rate, share(0.5), share(0.95), share(0.99), share(1.0), count])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=["postgresql", "sqlite"], default="postgresql")
    parser.add_argument("--callers", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--tickets-per-second", type=float, default=20)
    parser.add_argument("--workers", type=int, default=1, help="web processes on PostgreSQL (%(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
