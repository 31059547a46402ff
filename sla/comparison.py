"""Compare verdicts as they were kept with those under a proposal, and count what would have been otherwise. Pure.

A clock of today and one of the proposal are the same wait when both measure the same from the same moment on. Counts
are kept by metric, and within a metric by channel and priority, by queue and by hour of the week: small, however many
tickets there are, and plain values on the way to the store and back.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from math import exp, log
from typing import Any, NamedTuple, Protocol, Self
from zoneinfo import ZoneInfo

from sla.agreement import Metric


class Verdict(StrEnum):
    """What came of a clock."""

    MET = "met"
    BREACHED = "breached"
    RUNNING = "running"  # nothing has been decided yet
    NONE = "none"  # there was no such clock, or it ended without a verdict


class Judged(Protocol):
    """A clock as far as its verdict goes: a row of the table, or what the reducer came to."""

    @property
    def metric(self) -> Metric: ...
    @property
    def started_at(self) -> datetime: ...
    @property
    def due_at(self) -> datetime | None: ...
    @property
    def met_at(self) -> datetime | None: ...
    @property
    def breached_at(self) -> datetime | None: ...
    @property
    def cancelled_at(self) -> datetime | None: ...
    @property
    def counted(self) -> timedelta: ...


class Place(NamedTuple):
    """Where a wait is counted."""

    channel: str
    priority: str
    queue_id: int


class Kept(NamedTuple):
    """A clock as it stands in its table, as far as a comparison asks for it."""

    metric: Metric
    started_at: datetime
    due_at: datetime | None
    met_at: datetime | None
    breached_at: datetime | None
    cancelled_at: datetime | None
    counted: timedelta
    place: Place


class Flip(NamedTuple):
    """A wait that is breached one way and not the other."""

    metric: Metric
    started_at: datetime
    before: Verdict
    after: Verdict


def verdict_of(clock: Judged | None, now: datetime) -> Verdict:
    """Return the true verdict at `now`, as `sla.clock.as_of` has it; None is a clock that never was."""
    if clock is None:
        return Verdict.NONE
    if clock.breached_at is not None:
        return Verdict.BREACHED
    if clock.met_at is not None:
        return Verdict.MET
    if clock.cancelled_at is not None:
        return Verdict.NONE
    return Verdict.BREACHED if clock.due_at is not None and clock.due_at <= now else Verdict.RUNNING


def paired(kept: Iterable[Kept], proposed: Iterable[Judged]) -> Iterator[tuple[Kept | None, Judged | None]]:
    """Yield the same wait as it was kept and as it would have been; None: one of the two knows no such wait."""
    alone: dict[tuple[str, datetime], list[Kept]] = {}
    for before in kept:
        alone.setdefault((before.metric, before.started_at), []).append(before)
    for after in proposed:
        same = alone.get((after.metric, after.started_at))
        yield same.pop(0) if same else None, after
    for left in alone.values():
        for before in left:
            yield before, None


# A cell counts the outcomes of waits by what they were and would be, and behind them the tickets.
NONE, KEPT, BREACHED = range(3)
OUTCOMES = {Verdict.NONE: NONE, Verdict.MET: KEPT, Verdict.RUNNING: KEPT, Verdict.BREACHED: BREACHED}
TICKETS = 9

Cell = list[int]
Key = tuple[str | int, ...]

BUCKETS = 50.0  # per factor e: a span is known to one per cent


class Tally:
    """What has been counted so far.

    `cells` are by `("metric", metric)`, `("place", metric, channel, priority)`, `("queue", metric, queue's id)` and
    `("hour", metric, hour of the week)`; hour 0 is Monday's first in `zone`, in which the wait began. `spans` count the
    working time of waits that came to an end, by metric, side ("now", "proposed") and bucket.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self.tickets = self.flips = 0
        self.cells: dict[Key, Cell] = {}
        self.spans: dict[tuple[str, str], dict[int, int]] = {}
        self._found: dict[tuple[str, Place | int], tuple[Cell, ...]] = {}  # the cells in which a wait counts

    def add(self, kept: Iterable[Kept], proposed: Iterable[Judged], place: Place, now: datetime) -> list[Flip]:
        """Count one ticket's waits; return those that flip. `place` is for a wait that only the proposal knows."""
        self.tickets += 1
        flips: list[Flip] = []
        touched: set[int] = set()  # the cells that have counted this ticket
        for before, after in paired(kept, proposed):
            was, would_be = verdict_of(before, now), verdict_of(after, now)
            wait = before or after
            if wait is None or (was is Verdict.NONE and would_be is Verdict.NONE):
                continue
            outcome = 3 * OUTCOMES[was] + OUTCOMES[would_be]
            for cell in self._cells_of(wait, before.place if before else place):
                cell[outcome] += 1
                if id(cell) not in touched:
                    touched.add(id(cell))
                    cell[TICKETS] += 1
            self._measure("now", before)
            self._measure("proposed", after)
            if (was is Verdict.BREACHED) is not (would_be is Verdict.BREACHED):
                flips.append(Flip(wait.metric, wait.started_at, was, would_be))
        self.flips += len(flips)
        return flips

    def _cells_of(self, wait: Judged, place: Place) -> tuple[Cell, ...]:
        metric, began = wait.metric, wait.started_at.astimezone(self.zone)
        hour = began.weekday() * 24 + began.hour
        of_place = self._found.get((metric, place)) or self._find(
            (metric, place),
            *(("metric", metric), ("place", metric, place.channel, place.priority), ("queue", metric, place.queue_id)),
        )
        return of_place + (self._found.get((metric, hour)) or self._find((metric, hour), ("hour", metric, hour)))

    def _find(self, known_by: tuple[str, Place | int], *keys: Key) -> tuple[Cell, ...]:
        found = self._found[known_by] = tuple(self.cells.setdefault(key, [0] * (TICKETS + 1)) for key in keys)
        return found

    def _measure(self, side: str, clock: Judged | None) -> None:
        if clock is None or clock.met_at is None:
            return
        counts = self.spans.setdefault((clock.metric, side), {})
        bucket = bucket_of(clock.counted)
        counts[bucket] = counts.get(bucket, 0) + 1

    def pack(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "zone": self.zone.key,
            "tickets": self.tickets,
            "flips": self.flips,
            "cells": [[*key, cell] for key, cell in self.cells.items()],
            "spans": [[*key, sorted(counts.items())] for key, counts in self.spans.items()],
        }

    @classmethod
    def unpack(cls, packed: Mapping[str, Any]) -> Self:
        """Return what `pack` packed."""
        tally = cls(ZoneInfo(packed["zone"]))
        tally.tickets, tally.flips = packed["tickets"], packed["flips"]
        tally.cells = {tuple(key): cell for *key, cell in packed["cells"]}
        tally.spans = {(metric, side): dict(counts) for metric, side, counts in packed["spans"]}
        return tally

    def counts(self, kind: str) -> Iterator[tuple[Key, "Counts"]]:
        """Yield the counts of the cells of one kind by what is behind it in their keys, in order."""
        for key in sorted(key for key in self.cells if key[0] == kind):
            yield key[1:], Counts.of(self.cells[key])

    def percentile(self, metric: str, side: str, share: float) -> int | None:
        """Return within how many seconds of working time this share of the waits was over, to one per cent."""
        counts = sorted(self.spans.get((metric, side), {}).items())
        wanted = share * sum(count for _, count in counts)
        passed = 0
        for bucket, count in counts:
            passed += count
            if passed >= wanted:
                return _seconds_of(bucket)
        return None


class Counts(NamedTuple):
    """What a cell says: waits that began, and deadlines that were missed; each wait is one clock."""

    tickets: int
    clocks_now: int
    clocks_proposed: int
    breaches_now: int
    breaches_proposed: int
    newly_breached: int
    no_longer_breached: int

    @classmethod
    def of(cls, cell: Cell) -> Self:
        matrix = [cell[0:3], cell[3:6], cell[6:9]]  # rows: now; columns: proposed
        proposed = [sum(column) for column in zip(*matrix, strict=True)]
        return cls(
            tickets=cell[TICKETS],
            clocks_now=sum(matrix[KEPT]) + sum(matrix[BREACHED]),
            clocks_proposed=proposed[KEPT] + proposed[BREACHED],
            breaches_now=sum(matrix[BREACHED]),
            breaches_proposed=proposed[BREACHED],
            newly_breached=matrix[NONE][BREACHED] + matrix[KEPT][BREACHED],
            no_longer_breached=matrix[BREACHED][NONE] + matrix[BREACHED][KEPT],
        )


def bucket_of(span: timedelta) -> int:
    """Return the bucket of a span: 0 below a second, above it one for every two per cent more."""
    seconds = span.total_seconds()
    return 0 if seconds < 1 else 1 + int(log(seconds) * BUCKETS)


def _seconds_of(bucket: int) -> int:
    return 0 if bucket == 0 else round(exp((bucket - 0.5) / BUCKETS))
