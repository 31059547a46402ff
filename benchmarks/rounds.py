"""Measure ours and raw in turns, so that noise hits both, and say what came out."""

import http.client
import math
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from api.embedded.ports import LOOPBACK
from benchmarks.stage import Server, Stage

WARM_UP = 40  # calls before the first round


@dataclass(frozen=True)
class Call:
    """One HTTP request, and the status that it must get; `then` is made right after it and counts with it as one."""

    method: str
    path: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200
    then: "Call | None" = None


@dataclass(frozen=True)
class Scenario:
    """The same thing asked of both; `ours` and `raw` make the call number n, and no number comes twice.

    `reset` puts back between rounds what the calls have used up.
    """

    name: str
    ours: Callable[[int], Call]
    raw: Callable[[int], Call]
    reset: Callable[[], None] = lambda: None
    most: int = 1_000_000  # calls between two resets


@dataclass(frozen=True)
class Figures:
    """All rounds of one side: calls per second by round, the waits of all calls, processor time of one call."""

    rates: Sequence[float]
    waits: Sequence[float]  # seconds, sorted
    processor: float  # seconds

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    def wait(self, share: float) -> float:
        """Return the wait that this share of the calls did not exceed."""
        return self.waits[min(len(self.waits) - 1, math.ceil(share * len(self.waits)) - 1)]


@dataclass(frozen=True)
class Measured:
    """What a scenario came to; `statements` are SQL statements of one call, ours and raw."""

    name: str
    ours: Figures
    raw: Figures
    statements: tuple[int, int]

    @property
    def ratio(self) -> float:
        return self.ours.rate / self.raw.rate

    @property
    def ratios(self) -> list[float]:
        """Return the ratio of each pair of neighbouring rounds."""
        return [ours / raw for ours, raw in zip(self.ours.rates, self.raw.rates, strict=True)]


def measure(
    stage: Stage, scenarios: Sequence[Scenario], statements: dict[str, tuple[int, int]], *, plan: "Plan"
) -> list[Measured]:
    """Run every scenario against both servers."""
    with stage.servers() as (ours, raw):
        return [_measured(one, ours, raw, statements[one.name], plan) for one in scenarios]


@dataclass(frozen=True)
class Plan:
    """How much is asked: rounds of each side, calls of a round, clients at once."""

    rounds: int
    count: int
    clients: int


def _measured(scenario: Scenario, ours: Server, raw: Server, statements: tuple[int, int], plan: Plan) -> Measured:
    sides = ((ours, scenario.ours, _Tally()), (raw, scenario.raw, _Tally()))
    number = 1
    for turn in range(plan.rounds + 1):
        count = min(plan.count, scenario.most) if turn else min(WARM_UP, scenario.most)
        for server, make, tally in sides:
            calls = [make(number + n) for n in range(count)]
            number += count
            began = server.processor_seconds()
            rate, waits = _round(server.port, calls, plan.clients)
            if turn:
                tally.add(rate, waits, server.processor_seconds() - began)
            scenario.reset()
    return Measured(scenario.name, sides[0][2].figures(), sides[1][2].figures(), statements)


class _Tally:
    def __init__(self) -> None:
        self._rates: list[float] = []
        self._waits: list[float] = []
        self._processor = 0.0

    def add(self, rate: float, waits: list[float], processor: float) -> None:
        self._rates.append(rate)
        self._waits += waits
        self._processor += processor

    def figures(self) -> Figures:
        return Figures(self._rates, sorted(self._waits), self._processor / len(self._waits))


def _round(port: int, calls: Sequence[Call], clients: int) -> tuple[float, list[float]]:
    """Make the calls from some clients at once; return calls per second and every call's wait."""
    waits: list[float] = []
    troubles: list[BaseException] = []
    threads = [
        threading.Thread(target=_client, args=(port, calls[n::clients], waits, troubles)) for n in range(clients)
    ]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    if troubles:
        raise troubles[0]
    return len(calls) / took, waits


def _client(port: int, calls: Sequence[Call], waits: list[float], troubles: list[BaseException]) -> None:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=60)
    try:
        for call in calls:
            began = time.perf_counter()
            one: Call | None = call
            while one is not None:
                connection.request(one.method, one.path, one.body, one.headers)
                answer = connection.getresponse()
                check(one, answer.status, answer.read())
                one = one.then
            waits.append(time.perf_counter() - began)
    except BaseException as trouble:  # noqa: BLE001 - told by the thread that waits for us
        troubles.append(trouble)
    finally:
        connection.close()


def check(call: Call, status: int, content: bytes) -> None:
    """Raise RuntimeError unless the call was answered as it must be."""
    if status != call.status:
        raise RuntimeError(f"{call.method} {call.path}: {status} {content[:500]!r}")


COLUMNS = ("", "ours /s", "raw /s", "ratio", "spread", "p50 ms", "p95 ms", "CPU ms", "CPU ratio", "SQL")


def table(measured: Sequence[Measured]) -> str:
    """Return the figures as a Markdown table. Where two stand in a cell, they are ours / raw."""
    rows = [COLUMNS, ["---"] * len(COLUMNS), *map(_row, measured)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(one: Measured) -> list[str]:
    ours, raw = one.ours, one.raw
    return [
        one.name,
        f"{ours.rate:.0f}",
        f"{raw.rate:.0f}",
        f"**{one.ratio:.0%}**",
        f"{min(one.ratios):.0%}–{max(one.ratios):.0%}",
        f"{ours.wait(0.5) * 1000:.1f} / {raw.wait(0.5) * 1000:.1f}",
        f"{ours.wait(0.95) * 1000:.1f} / {raw.wait(0.95) * 1000:.1f}",
        f"{ours.processor * 1000:.2f} / {raw.processor * 1000:.2f}",
        f"{raw.processor / ours.processor:.0%}" if ours.processor else "",
        f"{one.statements[0]} / {one.statements[1]}",
    ]
