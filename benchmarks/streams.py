"""Thousands of live streams on one web process, and one of two web processes that is killed; see benchmarks/README.md.

.venv/bin/python benchmarks/streams.py [--streams N] [--per-second N] [--seconds N] [--events N] [--only hold|kill]
"""

import argparse
import os
import random
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPConnection, HTTPException
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import orjson
from flask import Flask
from sqlalchemy import select

from api import web_server
from api.app import create_app
from api.embedded.orphans import ends_with_parent
from api.embedded.ports import LOOPBACK, free_port
from benchmarks.stage import ROOT, Server, Stage, set_stage
from channels.events import MessageRead
from channels.models import ChatSession
from channels.webchat.tokens import VisitorTokens
from config.settings import load_settings
from tests import servers
from ticketing import agents, customers, journal, lifecycle, queues
from ticketing.envelope import Channel
from ticketing.events import SYSTEM
from ticketing.models import Inbox, JournalEntry, Role
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

IN_A_QUEUE = 20  # agents, and as many visitors
TICKETS_OF_A_QUEUE = 4


@dataclass(frozen=True)
class Wanted:
    """A stream to open."""

    path: str
    token: str


@dataclass(frozen=True)
class Desk:
    """Who listens, and on what things happen."""

    agents: list[str]  # tokens
    visitors: list[str]
    tickets: list[int]


def main() -> None:
    """Measure, and print what came out."""
    asked = _arguments()
    with servers.valkey() as url, set_stage("postgresql", workers=2) as stage:
        os.environ.update({"COMPTOIR_REDIS_URL": url, "COMPTOIR_SANDBOX": "off"})
        app = create_app(load_settings())
        with app.app_context():
            desk = _furnish(app, asked.streams)
            db.session.remove()
            db.engine.dispose()  # the generator of events gets a process of its own
        environment = {"COMPTOIR_REDIS_URL": url, "COMPTOIR_SANDBOX": "off"}
        if asked.only != "kill":
            _hold(stage, environment, desk, asked)
        if asked.only != "hold":
            _kill(stage, environment, desk, asked)


def _furnish(app: Flask, streams: int) -> Desk:
    """Make queues of IN_A_QUEUE agents each, an agent or a visitor for every stream, and tickets in each queue."""
    desk = Desk([], [], [])
    signed = VisitorTokens(app.extensions["comptoir.settings"])
    for number in range(max(1, streams // 2 // IN_A_QUEUE)):
        with transaction("benchmark"):
            _furnish_queue(number, desk, signed)
    return desk


def _furnish_queue(number: int, desk: Desk, signed: VisitorTokens) -> None:
    session, at = db.session(), utc_now()
    staff = [
        agents.create_agent(f"a{number}.{one}@desk.example", name=f"Agent {one}", role=Role.AGENT, at=at)
        for one in range(IN_A_QUEUE)
    ]
    desk.agents.extend(agents.create_token(one, name="stream", at=at)[1] for one in staff)
    queue = queues.create_queue(f"Queue {number}", members=[one.id for one in staff], at=at)
    values = {"name": "Chat", "settings": {}, "created_at": at}
    inbox = Inbox(channel=Channel.CHAT, address=f"w{number}", queue_id=queue.id, **values)
    session.add(inbox)
    session.flush()
    customer = customers.new_customer("Karim", at=at)
    for _ in range(TICKETS_OF_A_QUEUE):
        shape: dict[str, Any] = {"subject": "The kettle leaks", "channel": Channel.API, "queue": queue}
        ticket = lifecycle.open_ticket(customer=customer, by=SYSTEM, at=at, **shape)
        desk.tickets.append(ticket.id)
    for one in range(IN_A_QUEUE):
        visitor, ticket_id = f"v{number}-{one}", desk.tickets[-1 - one % TICKETS_OF_A_QUEUE]
        times = {"created_at": at, "seen_at": at}
        session.add(ChatSession(visitor=visitor, inbox_id=inbox.id, name="", ticket_id=ticket_id, **times))
        desk.visitors.append(signed.make(visitor))


# Thousands of streams.


def _hold(stage: Stage, environment: dict[str, str], desk: Desk, asked: argparse.Namespace) -> None:
    wanted = [Wanted("/api/v1/events", one) for one in desk.agents]
    wanted += [Wanted("/chat/events", one) for one in desk.visitors]
    with _web(stage, environment, workers=1) as server:
        alone = _api(server.port, desk.agents[0], asked.seconds)
        with _generator(desk.tickets, asked.per_second, asked.seconds):
            busy = _api(server.port, desk.agents[0], asked.seconds)
        before = _resident(server)
        with _client(server.port, wanted) as client:
            opened_in = client.ask("open")
            held = _resident(server)
            print(f"{len(wanted)} streams on one process, opened in {opened_in:.1f} s", flush=True)
            each = (held - before) / len(wanted) / 1024
            print(f"memory: {each:.1f} kB for each ({before >> 20} MB before, {held >> 20} MB then)", flush=True)
            used = server.processor_seconds()
            time.sleep(asked.seconds)
            used = (server.processor_seconds() - used) / asked.seconds
            print(f"while nothing happens: {used:.2f} of a core", flush=True)
            quiet = _api(server.port, desk.agents[0], asked.seconds)
            client.ask("forget")
            used = server.processor_seconds()
            with _generator(desk.tickets, asked.per_second, asked.seconds):
                under = _api(server.port, desk.agents[0], asked.seconds)
            time.sleep(1)
            used = (server.processor_seconds() - used) / asked.seconds
            got, took = client.ask("tell")
    print(
        f"{got} events arrived, {len(took)} of them at agents: {_percentiles(took)}; web process {used:.2f} of a core"
    )
    print(f"GET /tickets, nothing else: {_percentiles(alone)}")
    print(f"GET /tickets, {asked.per_second} events/s, no streams: {_percentiles(busy)}")
    print(f"GET /tickets, quiet streams: {_percentiles(quiet)}")
    print(f"GET /tickets, streams and {asked.per_second} events/s: {_percentiles(under)}")


def _api(port: int, token: str, seconds: float) -> list[float]:
    """Ask for a page of tickets ten times a second; return how long each answer took."""
    connection = HTTPConnection(LOOPBACK, port, timeout=60)
    took = []
    until = time.monotonic() + seconds
    while (started := time.monotonic()) < until:
        connection.request("GET", "/api/v1/tickets?limit=50", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"GET /tickets: {answer.status}")
        took.append(time.monotonic() - started)
        time.sleep(max(0.0, 0.1 - took[-1]))
    connection.close()
    return took


def _percentiles(took: Sequence[float]) -> str:
    if len(took) < 2:
        return "too few"
    every = statistics.quantiles(took, n=100)
    return f"p50 {every[49] * 1000:.1f} ms, p95 {every[94] * 1000:.1f} ms, p99 {every[98] * 1000:.1f} ms"


def _resident(server: Server) -> int:
    """Return the resident memory of the web processes below gunicorn's master, in bytes."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in children]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def _generator(tickets: Sequence[int], per_second: float, seconds: float) -> Iterator[None]:
    """Let things happen to tickets, in a process of its own."""
    process = get_context("spawn").Process(target=_let_happen, args=(list(tickets), per_second, seconds))
    process.start()
    time.sleep(3)  # it imports first
    try:
        yield
    finally:
        process.join()


def _let_happen(tickets: Sequence[int], per_second: float, seconds: float) -> None:
    app = create_app(load_settings())
    chance = random.Random(1)
    time.sleep(1)
    started = time.monotonic()
    with app.app_context():
        for number in range(int(per_second * seconds)):
            time.sleep(max(0.0, started + number / per_second - time.monotonic()))
            with transaction("benchmark"):
                ticket = lifecycle.lock_ticket(chance.choice(tickets))
                journal.append(ticket, MessageRead(message_id=1), by=SYSTEM, at=utc_now())
            db.session.remove()


# The client: a process of its own, which reads all streams in one loop.


@dataclass
class Client:
    """The other end of the client's pipe."""

    pipe: Connection

    def ask(self, word: str) -> Any:
        self.pipe.send(word)
        answer = self.pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer


@contextmanager
def _client(port: int, wanted: Sequence[Wanted]) -> Iterator[Client]:
    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_listen, args=(port, wanted, theirs))
    process.start()
    try:
        yield Client(ours)
        ours.send("end")
    finally:
        process.join(10)
        process.kill()


def _listen(port: int, wanted: Sequence[Wanted], pipe: Connection) -> None:
    readable = selectors.DefaultSelector()
    got, took = 0, list[float]()
    while True:
        if pipe.poll(0):
            match pipe.recv():
                case "open":
                    started = time.monotonic()
                    for one in wanted:
                        readable.register(_opened(port, one), selectors.EVENT_READ)
                    pipe.send(time.monotonic() - started)
                case "forget":
                    got, took = 0, []
                    pipe.send(None)
                case "tell":
                    pipe.send((got, took))
                case _:
                    return
        for key, _ in readable.select(0.05) if readable.get_map() else ():
            chunk = key.fileobj.recv(65536)
            now = time.time()
            got += chunk.count(b"event: message_read") + chunk.count(b"event: state")
            took += [now - _moment(one[:28]) for one in chunk.split(b'"at":"')[1:]]


def _opened(port: int, wanted: Wanted) -> socket.socket:
    """Open a stream, and wait until it is ready."""
    connection = socket.create_connection((LOOPBACK, port), timeout=30)
    head = f"GET {wanted.path} HTTP/1.1\r\nHost: desk.example\r\nAuthorization: Bearer {wanted.token}\r\n\r\n"
    connection.sendall(head.encode())
    had = b""
    while b"event: ready" not in had:
        chunk = connection.recv(4096)
        if not chunk or b" 200 " not in had + chunk:
            raise RuntimeError((had + chunk)[:500])
        had += chunk
    return connection


def _moment(text: bytes) -> float:
    return datetime.fromisoformat(text.partition(b'"')[0].decode().replace("Z", "+00:00")).timestamp()


# One of two web processes is killed.


def _kill(stage: Stage, environment: dict[str, str], desk: Desk, asked: argparse.Namespace) -> None:
    with _web(stage, environment, workers=2) as server, _ticker(stage, environment):
        first, last = desk.tickets[0], desk.tickets[TICKETS_OF_A_QUEUE - 1]
        mine = Wanted("/api/v1/events", desk.agents[0])
        followers = [Follower(server.port, Wanted(mine.path, one)) for one in desk.agents[:IN_A_QUEUE]]
        for one in followers:
            one.start()
        for one in followers:
            one.is_ready.wait(30)
        with stage.app.app_context():
            query = select(JournalEntry.id).where(JournalEntry.ticket_id.between(first, last))
            before = set(db.session.scalars(query))
            db.session.remove()
        writers = [
            threading.Thread(
                target=_write, args=(server.port, mine.token, range(first, last + 1), number, asked.events)
            )
            for number in range(4)
        ]
        for writer in writers:
            writer.start()
        time.sleep(2)
        victim = int(Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()[0])
        os.kill(victim, signal.SIGKILL)
        for writer in writers:
            writer.join()
        with stage.app.app_context():
            happened = set(db.session.scalars(query)) - before
            db.session.remove()
        patient_until = time.monotonic() + 20
        while any(happened - set(one.got) for one in followers) and time.monotonic() < patient_until:
            time.sleep(0.2)
        for one in followers:
            one.is_over = True
    missing = sum(len(happened - set(one.got)) for one in followers)
    doubled = sum(count - 1 for one in followers for count in one.got.values() if count > 1)
    print(f"\n{len(happened)} events, {len(followers)} streams on two web processes, one of them killed with SIGKILL:")
    print(
        f"{sum(one.connections - 1 for one in followers)} reconnections, {missing} missing, {doubled} doubled, "
        f"{sum(one.reloads for one in followers)} times told to reload"
    )


@dataclass(eq=False)
class Follower(threading.Thread):
    """A client that comes back where it was cut, as the documentation tells clients to do."""

    port: int
    wanted: Wanted
    got: "Counter[int]" = field(default_factory=Counter)
    connections: int = 0
    reloads: int = 0
    is_over: bool = False
    last_id: str = ""
    is_ready: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def run(self) -> None:
        """Follow until it is over."""
        while not self.is_over:
            try:
                self._follow()
            except OSError:
                time.sleep(random.uniform(0.1, 0.5))

    def _follow(self) -> None:
        headers = {"Authorization": f"Bearer {self.wanted.token}"}
        if self.last_id:
            headers["Last-Event-ID"] = self.last_id
        connection = HTTPConnection(LOOPBACK, self.port, timeout=30)
        connection.request("GET", self.wanted.path, headers=headers)
        answer = connection.getresponse()
        self.connections += 1
        event, data, last_id = "", b"", self.last_id
        while line := answer.readline():
            name, _, value = line.rstrip(b"\n").partition(b": ")
            if name == b"id":
                last_id = value.decode()
            elif name == b"event":
                event = value.decode()
            elif name == b"data":
                data = value
            elif not line.strip():
                self.last_id = last_id
                self._take(event, data)
                event, data = "", b""

    def _take(self, event: str, data: bytes) -> None:
        if event == "ready":
            self.is_ready.set()
        elif event == "reload":
            self.reloads += 1
        elif data and "id" in (told := orjson.loads(data)):
            self.got[told["id"]] += 1


def _write(port: int, token: str, tickets: Sequence[int], number: int, events: int) -> None:
    """Write notes, each until it is answered: the same `Idempotency-Key` writes it once."""
    chance = random.Random(number)
    for one in range(events // 4):
        ticket = chance.choice(tickets)
        key = f"{os.getpid()}-{number}-{one}"
        while not _note(port, token, ticket, key):
            time.sleep(0.1)


def _note(port: int, token: str, ticket: int, key: str) -> bool:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Idempotency-Key": key}
    connection = HTTPConnection(LOOPBACK, port, timeout=10)
    try:
        connection.request("POST", f"/api/v1/tickets/{ticket}/notes", b'{"body": "Look."}', headers)
        return connection.getresponse().status == 201
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


# What runs beside.


@contextmanager
def _web(stage: Stage, environment: dict[str, str], *, workers: int) -> Iterator[Server]:
    port = free_port()
    given = {**environment, "COMPTOIR_PORT": str(port), "COMPTOIR_WEB_WORKERS": str(workers)}
    with stage.running(web_server.command(), port, **given) as server:
        while not _answers(port):
            time.sleep(0.1)
        time.sleep(2)  # every worker has loaded the program
        yield server


def _answers(port: int) -> bool:
    try:
        connection = HTTPConnection(LOOPBACK, port, timeout=5)
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False


@contextmanager
def _ticker(stage: Stage, environment: dict[str, str]) -> Iterator[None]:
    argv = [sys.executable, "-c", "from api.cli import main; main()", "ticker"]
    with (stage.folder / "ticker.log").open("wb") as log:
        process = subprocess.Popen(
            argv,
            cwd=ROOT,
            env={**stage.environment, **environment},
            stdout=log,
            stderr=log,
            preexec_fn=ends_with_parent(),
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=2000)
    parser.add_argument("--per-second", type=float, default=50)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--only", choices=["hold", "kill"])
    return parser.parse_args()


if __name__ == "__main__":
    main()
