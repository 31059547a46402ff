"""The exchange's own time, which may run as fast as it likes or stand still until it is stepped, and what falls due."""

import heapq
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf

from ticketing.moment import utc_now

FASTEST = 100.0


class Clock:
    """Goes on by itself at `speed` times real time; a speed of nought stands still. It never goes back."""

    def __init__(self, *, speed: float = 1.0, began: datetime | None = None) -> None:
        self._at = began if began is not None else utc_now()
        self._read = time.monotonic()
        self._speed = speed

    @property
    def speed(self) -> float:
        return self._speed

    def now(self) -> datetime:
        return self._at + timedelta(seconds=(time.monotonic() - self._read) * self._speed)

    def run_at(self, speed: float) -> None:
        """Go on from now at another speed."""
        self._at, self._read = self.now(), time.monotonic()
        self._speed = speed

    def step_to(self, moment: datetime) -> None:
        """Be at `moment`, unless that is past already."""
        self._at, self._read = max(moment, self.now()), time.monotonic()

    def real_seconds_until(self, moment: datetime) -> float:
        """Return how long whoever waits for `moment` has to sleep; infinity while the clock stands still."""
        ahead = (moment - self.now()).total_seconds()
        if ahead <= 0:
            return 0.0
        return ahead / self._speed if self._speed else inf


@dataclass(order=True)
class Appointment:
    """Something that happens at a moment, unless it is called off."""

    moment: datetime
    number: int
    action: Callable[[], None] = field(compare=False)
    is_off: bool = field(default=False, compare=False)

    def call_off(self) -> None:
        self.is_off = True


class Schedule:
    """What falls due, in order; what falls due at the same moment comes in the order in which it was entered."""

    def __init__(self) -> None:
        self._heap: list[Appointment] = []
        self._numbers = itertools.count()

    def enter(self, moment: datetime, action: Callable[[], None]) -> Appointment:
        appointment = Appointment(moment, next(self._numbers), action)
        heapq.heappush(self._heap, appointment)
        return appointment

    def pop_due(self, moment: datetime) -> Appointment | None:
        """Return the first that is due by `moment`, and forget it."""
        first = self._first()
        if first is None or first.moment > moment:
            return None
        return heapq.heappop(self._heap)

    def next_moment(self) -> datetime | None:
        first = self._first()
        return first.moment if first is not None else None

    def _first(self) -> Appointment | None:
        while self._heap and self._heap[0].is_off:
            heapq.heappop(self._heap)
        return self._heap[0] if self._heap else None
