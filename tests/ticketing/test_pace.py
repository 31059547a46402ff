"""Whether what callers are told of their wait is true: on lines as they might be, with everything that happens there.

Each world is a line over four hours, and four such lines of the weeks before. Every few minutes all who wait are told a
span, from nothing but what could be known at that moment, and held against how long it took in the end.
"""

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

import pytest

from ticketing.pace import Estimate, Pace, Past, Sample, Spell, learn, quantile, remember

HOUR = 3600.0
TOLD_EVERY = 420.0
LATELY = 5400.0


@dataclass(frozen=True)
class World:
    """Callers a second and agents by the second; a talk's mean length, how much it varies, and how patient they are."""

    callers: Callable[[float], float]
    agents: Callable[[float, bool], int]  # whether it is a past week
    talk: float
    varies: float = 0.6
    patience: float = 1500.0


WORLDS = {
    "steady": World(lambda t: 8 / 180, lambda t, past: 8, talk=185),
    "morning rush": World(lambda t: (3 if t < HOUR else 13 if t < 2 * HOUR else 6) / 200, lambda t, past: 8, talk=200),
    "few agents": World(lambda t: 2 / 300, lambda t, past: 2, talk=300, varies=0.7),
    "half of the agents leave": World(
        lambda t: 8 / 200, lambda t, past: 8 if past or t < 1.5 * HOUR else 4, talk=200, patience=900
    ),
    "quiet": World(lambda t: 1 / 100, lambda t, past: 4, talk=200),
    "nobody there for half an hour": World(
        lambda t: 5 / 200, lambda t, past: 0 if not past and 1.5 * HOUR < t < 2 * HOUR else 5, talk=190
    ),
}


@pytest.mark.parametrize("name", WORLDS)
def test_most_callers_wait_as_long_as_they_were_told(name: str) -> None:
    told = list(_told(WORLDS[name], 1))

    spans = [(estimate, waited) for estimate, waited in told if estimate.high_seconds is not None]
    more_than = [(estimate, waited) for estimate, waited in told if estimate.high_seconds is None]
    right = [estimate.low_seconds <= waited <= (estimate.high_seconds or 0) for estimate, waited in spans]
    longer = [waited >= estimate.low_seconds for estimate, waited in more_than]
    print(
        f"{name}: {len(spans)} spans, {_share(right)} right; {len(more_than)} times more than, {_share(longer)} right"
    )
    assert len(spans) > len(told) / 2
    assert sum(right) >= 0.8 * len(right)
    assert sum(longer) >= 0.8 * len(longer)


def test_nothing_is_told_where_nothing_is_known() -> None:
    assert Pace([]).estimate(1) == Estimate(0, None)
    assert learn([Spell(0, None)], Past(), 60.0).estimate(1) == Estimate(0, None)


def test_what_has_never_taken_so_long_has_no_upper_end() -> None:
    answered = [Spell(60.0 * number, 60.0 * number + 110, answered=True) for number in range(60)]
    waiting = [Spell(3600.0 + number, None) for number in range(3)]

    before = learn([*answered, *waiting], Past(), 3700.0).estimate(2)
    stalled = learn([*answered, *waiting], Past(), 4500.0).estimate(2)

    assert before.high_seconds is not None
    assert stalled.high_seconds is None
    assert stalled.low_seconds >= 60


def test_the_weeks_before_tell_while_today_does_not() -> None:
    week = [Spell(60.0 * number, 60.0 * number + 150, answered=True) for number in range(40)]

    told = learn([], remember([week, week]), 7200.0).estimate(2)

    assert told == Estimate(60, 120)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (20, Estimate(0, 60)),
        (150, Estimate(120, 180)),
        (700, Estimate(600, 900)),
        (2700, Estimate(2400, 3000)),
        (9000, Estimate(9000, 9000)),
    ],
)
def test_spans_are_such_as_people_say(seconds: float, told: Estimate) -> None:
    known = Pace([Sample(1, seconds, True, 1.0)] * 20)

    assert known.estimate(1) == told


def test_who_left_has_waited_at_least_so_long() -> None:
    answered = [Sample(1, float(seconds), True, 1.0) for seconds in (10, 20, 30, 40)]
    left = [Sample(1, 15.0, False, 1.0)] * 4

    assert quantile(answered, 0.5) == 20
    assert quantile([*answered, *left], 0.5) == 30
    assert quantile(left, 0.5) is None


def _share(right: Sequence[bool]) -> str:
    return f"{sum(right) / len(right):.0%}" if right else "none"


def _told(world: World, seed: int) -> Iterator[tuple[Estimate, float]]:
    """Yield what each caller was told at a moment, and how long it then took, for those who were answered."""
    today = _line(world, Random(seed), past=False)
    weeks = [_line(world, Random(f"{seed} {week}"), past=True) for week in range(4)]
    past, now = Past(), HOUR
    while now < 3.5 * HOUR:
        if now % HOUR < TOLD_EVERY:
            past = remember([[one for one in week if abs((one.ended or 0) - now) < HOUR] for week in weeks])
        pace = learn(
            [_as_known(one, now) for one in today if one.began <= now < (one.ended or now) + LATELY], past, now
        )
        waiting = [one for one in today if one.began <= now < (one.ended or now)]
        for place, one in enumerate(waiting, 1):
            if one.answered and one.ended is not None:
                yield pace.estimate(place), one.ended - now
        now += TOLD_EVERY


def _as_known(one: Spell, now: float) -> Spell:
    return one if one.ended is not None and one.ended <= now else Spell(one.began, None)


def _line(world: World, chance: Random, *, past: bool) -> list[Spell]:
    """Play four hours of a line, first come, first served; whoever is not patient enough leaves."""
    came = _arrivals(world, chance)
    patience = [chance.expovariate(1 / world.patience) for _ in came]
    ends: dict[int, tuple[float, bool]] = {}
    line: list[int] = []
    talking = 0
    events = [(at, 0, caller) for caller, at in enumerate(came)]
    events += [(at + patience[caller], 1, caller) for caller, at in enumerate(came)]
    events += [(30.0 * number, 2, -1) for number in range(720)]  # agents come and go
    heapq.heapify(events)
    while events:
        at, kind, caller = heapq.heappop(events)
        if kind == 0:
            line.append(caller)
        elif kind == 1 and caller in line:
            line.remove(caller)
            ends[caller] = at, False
        talking -= kind == 3
        while line and talking < world.agents(at, past):
            first, talking = line.pop(0), talking + 1
            ends[first] = at + chance.uniform(2, 8), True  # a device rings
            talk = chance.lognormvariate(math.log(world.talk) - world.varies**2 / 2, world.varies)
            heapq.heappush(events, (ends[first][0] + talk, 3, -1))
    return [Spell(at, *ends.get(caller, (None, False))) for caller, at in enumerate(came)]


def _arrivals(world: World, chance: Random) -> list[float]:
    most = max(world.callers(60.0 * minute) for minute in range(240))
    came, now = [], 0.0
    while now < 4 * HOUR:
        now += chance.expovariate(most)
        if chance.random() < world.callers(now) / most:
            came.append(now)
    return came
