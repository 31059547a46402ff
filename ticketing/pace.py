"""Say how long somebody in a line still has to wait, from how long others waited before them. Pure.

The method, in plain words: whoever stood at the same place in the same line before tells how long it takes from there.

1. Past waits are put side by side again, so that at every moment it is known who stood where. From these moments come
   samples: somebody stood at place 3, and was answered 140 seconds later. Who left without an answer, or still waits,
   has waited *at least* so long, and counts as that and no more (Kaplan and Meier, 1958).
2. What happened a quarter of an hour ago counts half as much as what happens now. The same hour and weekday of the
   weeks before count little, and so decide only while today tells little.
3. For a place, the samples of that place and of those near it are taken, these in proportion (from place 6 it takes
   twice as long as from place 3). Told is the span between the time within which one in ten was answered, and that
   within which nine in ten were.
4. Nothing is told that is not known: with few samples, or where too many who waited long are not answered yet, there is
   no upper end. Nor is there one while nobody is answered for longer than it has ever taken: the present is then worse
   than all the past, and the past says nothing.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

HALF_LIFE = 900.0  # seconds after which what happened counts half as much
LONG_AGO = 0.03  # what a sample of the weeks before counts
KNOWN = 6.0  # samples of the same weight, from which on we know anything
NEAR = 1.5  # samples of places up to so many times farther, or nearer
FAR = 3.0  # where there are too few of those
LOW, HIGH = 0.08, 0.93
LEAST = 0.03  # where there is no upper end, "more than" what nearly all have waited
MOST_PAST = 600  # samples of the weeks before
PLACES = (
    1,
    2,
    3,
    4,
    5,
    6,
    8,
    10,
    12,
    16,
    20,
    24,
    32,
    48,
    64,
    96,
    128,
    192,
    256,
    384,
    512,
)  # of which samples are taken
MINUTE = 60
STEPS = ((600, 60), (1800, 300), (5400, 600))  # up to so many seconds people say so many at a time; beyond, LARGE
LARGE = 1800


@dataclass(frozen=True)
class Estimate:
    """Between how many seconds somebody still has to wait; `high_seconds` None: more than `low_seconds`, nobody knows
    how much. Low 0 and high None: nothing is known at all.
    """

    low_seconds: int
    high_seconds: int | None


@dataclass(frozen=True)
class Spell:
    """One wait, in seconds on any one time line. `ended` is None while it lasts; else `answered`, or they left."""

    began: float
    ended: float | None
    answered: bool = False


@dataclass(frozen=True)
class Sample:
    """Somebody stood at a place and was answered so many seconds later; not `answered`: they waited at least so."""

    place: int
    seconds: float
    answered: bool
    weight: float


@dataclass
class Pace:
    """What is known of a line at a moment. `stalled`: nobody is answered for longer than it has ever taken."""

    samples: Sequence[Sample]
    stalled: bool = False
    _spans: dict[int, tuple[float | None, float | None, float | None]] = field(default_factory=dict)  # of a place, once

    def estimate(self, place: int) -> Estimate:
        """Return how long it still takes from a place in the line, 1 for the front, as people say it."""
        place = max(1, place)
        reckoned = max(one for one in PLACES if one <= place)
        ratio = place / reckoned
        least, low, high = self._span(reckoned)
        if low is None or high is None or self.stalled:
            return Estimate(_round_down((least or 0.0) * ratio), None)
        return Estimate(_round_down(low * ratio), _round_up(high * ratio))

    def _span(self, place: int) -> tuple[float | None, float | None, float | None]:
        if place not in self._spans:
            near = self._near(place)
            enough = _known([one for one in near if one.answered]) >= KNOWN
            high = quantile(near, HIGH) if enough else None
            self._spans[place] = quantile(near, LEAST), quantile(near, LOW), high
        return self._spans[place]

    def _near(self, place: int) -> list[Sample]:
        """Return the samples of places like this one, in proportion to it."""
        found: list[Sample] = []
        for factor in (NEAR, FAR):
            found = [
                Sample(place, one.seconds * place / one.place, one.answered, one.weight)
                for one in self.samples
                if one.place <= place * factor and place <= one.place * factor
            ]
            if _known([one for one in found if one.answered]) >= KNOWN:
                break
        return found


@dataclass(frozen=True)
class Past:
    """What the weeks before tell: samples, and for how long the line stood still between two answers."""

    samples: Sequence[Sample] = ()
    gaps: Sequence[float] = ()


def remember(weeks: Iterable[Sequence[Spell]]) -> Past:
    """Return what the waits of other days tell, each day's on its own time line."""
    samples: list[Sample] = []
    gaps: list[float] = []
    for spells in weeks:
        ended = max((one.ended or 0.0 for one in spells), default=0.0)
        samples += [one for _, one in _samples(spells, ended)]
        gaps += _gaps(spells)
    thinned = samples[:: len(samples) // MOST_PAST + 1]
    return Past([_weighed(one, LONG_AGO) for one in thinned], gaps)


def learn(today: Sequence[Spell], past: Past, now: float) -> Pace:
    """Return what the waits of the last hours, open ones included, and the past tell at this moment."""
    lately = [_weighed(one, 0.5 ** ((now - at) / HALF_LIFE)) for at, one in _samples(today, now)]
    return Pace([*lately, *past.samples], stalled=_is_stalled(today, [*_gaps(today), *past.gaps], now))


def quantile(samples: Iterable[Sample], share: float) -> float | None:
    """Return the time within which so many of all were answered; None: it is not known (Kaplan and Meier)."""
    ordered = sorted(samples, key=lambda one: (one.seconds, not one.answered))
    left = sum(one.weight for one in ordered)
    waiting = 1.0
    for one in ordered:
        if one.answered and left > 0:
            waiting *= max(0.0, 1 - one.weight / left)
            if waiting <= 1 - share:
                return one.seconds
        left -= one.weight
    return None


def _known(samples: Sequence[Sample]) -> float:
    """Return how many samples of one weight tell as much as these do (Kish, 1965)."""
    squares = sum(one.weight**2 for one in samples)
    return sum(one.weight for one in samples) ** 2 / squares if squares else 0.0


def _weighed(one: Sample, weight: float) -> Sample:
    return Sample(one.place, one.seconds, one.answered, weight)


def _samples(spells: Sequence[Spell], now: float) -> Iterable[tuple[float, Sample]]:
    """Yield who stood where when, and how long it took them from there; with the moment of each.

    One of each who comes, when they come, and of the line as it stood in the middle between two who went.
    """
    ordered = sorted(spells, key=lambda one: one.began)
    departures = sorted(one.ended for one in ordered if one.ended is not None)
    middles = [(one + other) / 2 for one, other in pairwise([*departures, now]) if other > one]
    line: list[tuple[float, int]] = []  # began, number in `ordered`: whoever waits, in their order
    ends = sorted((one.ended, number) for number, one in enumerate(ordered) if one.ended is not None)
    came = gone = 0
    moments = sorted([(one.began, 0, number) for number, one in enumerate(ordered)] + [(at, 1, 0) for at in middles])
    for at, kind, number in moments:
        while came < len(ordered) and ordered[came].began <= at:
            insort(line, (ordered[came].began, came))
            came += 1
        while gone < len(ends) and ends[gone][0] <= at:
            _take_out(line, ordered, ends[gone][1])
            gone += 1
        if kind == 0:
            place = bisect_right(line, (ordered[number].began, number))
            yield at, _sample(place, ordered[number], at, now)
            continue
        for place in PLACES:
            if place > len(line):
                break
            yield at, _sample(place, ordered[line[place - 1][1]], at, now)


def _take_out(line: list[tuple[float, int]], ordered: Sequence[Spell], number: int) -> None:
    place = bisect_right(line, (ordered[number].began, number)) - 1
    if place >= 0 and line[place][1] == number:
        del line[place]


def _sample(place: int, one: Spell, at: float, now: float) -> Sample:
    until = now if one.ended is None else one.ended
    return Sample(max(1, place), max(0.0, until - at), one.answered and one.ended is not None, 1.0)


def _gaps(spells: Sequence[Spell]) -> list[float]:
    """Return how long the line stood still between two answers while somebody waited for the second all along."""
    answered = sorted((one for one in spells if one.answered and one.ended is not None), key=lambda one: one.ended or 0)
    return [(after.ended or 0) - max(before.ended or 0, after.began) for before, after in pairwise(answered)]


def _is_stalled(today: Sequence[Spell], gaps: Sequence[float], now: float) -> bool:
    """Say whether the line stands still for longer than it did nearly ever."""
    waiting = [one.began for one in today if one.ended is None]
    if not waiting or not gaps:
        return False
    last = max((one.ended for one in today if one.ended is not None and one.answered), default=min(waiting))
    ordered = sorted(gaps)
    return now - max(last, min(waiting)) > ordered[min(len(ordered) - 1, int(len(ordered) * 0.98))]


def _round_down(seconds: float) -> int:
    """Return a span that is no longer, as people say it: whole minutes, then five, ten, thirty at a time."""
    step = _step(seconds)
    return int(seconds // step) * step


def _round_up(seconds: float) -> int:
    step = _step(seconds)
    return max(MINUTE, -int(-seconds // step) * step)


def _step(seconds: float) -> int:
    return next((step for most, step in STEPS if seconds <= most), LARGE)
