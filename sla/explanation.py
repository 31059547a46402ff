"""Explain one clock: what was promised and under which policy, and every interval of its time, in words. Pure.

The clock as it was kept decides; where the journal, read again, comes to something else, `differs` says so.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sla.agreement import Metric
from sla.clock import SLAClock, State, as_of, counted_at
from sla.courses import Course, Rest, Run, kept_course
from sla.hours import BusinessHours, elapsed
from sla.reasons import Reasons
from sla.segments import NOTHING
from sla.telling import Kind, Piece, Teller, allowance_in_words, ending
from sla.words import Words

SECOND = timedelta(seconds=1)
MOST_INTERVALS = 500


@dataclass(frozen=True)
class Interval:
    """A time that counts, or why it does not; half-open, UTC."""

    since: datetime
    until: datetime
    kind: Kind
    counted_seconds: int
    why: str


@dataclass(frozen=True)
class PolicyName:
    """A version of a policy. `id` is that of the first version, by which the API names the policy."""

    id: int
    name: str
    version: int


@dataclass(frozen=True)
class Explanation:
    """One clock in words. Times in sentences are those of `time_zone`. `differs` is None where all agrees."""

    metric: Metric
    sequence: int
    policy: PolicyName | None
    state: State
    allowance_seconds: int
    started_at: datetime
    due_at: datetime | None
    met_at: datetime | None
    breached_at: datetime | None
    time_zone: str
    summary: str
    why_policy: str
    elapsed_seconds: int
    intervals: list[Interval]
    differs: str | None


@dataclass(frozen=True)
class Kept:
    """A clock as the store keeps it; `hours` are those that it counts by, `zone` that of its policy's calendar."""

    clock: SLAClock
    policy: PolicyName | None
    hours: BusinessHours
    zone: ZoneInfo


def explain(
    kept: Kept,
    course: Course | None,
    now: datetime,
    reasons: Reasons,
    *,
    most: int = MOST_INTERVALS,
    untold: str = "differs_untold",
) -> Explanation:
    """Return the explanation of a clock at `now`; `course` None: the journal does not tell of it, as `untold` says."""
    clock, words = as_of(kept.clock, now), reasons.words
    differs = _difference(clock, kept, course, now, words) if course else words.say(untold)
    choice = course.choice if course else None
    if course is None or course.counted(now) != _counted(clock, now, kept.hours):
        course = kept_course(clock, kept.hours, now)
    names = {one: reasons.policy(one) for one in reasons.named.policies}
    teller = Teller(course, now, kept.zone, words, names)
    told = teller.taken_together(teller.pieces(), most)
    return Explanation(
        metric=clock.metric,
        sequence=clock.sequence,
        policy=kept.policy,
        state=clock.state,
        allowance_seconds=clock.allowance // SECOND,
        started_at=clock.started_at,
        due_at=clock.due_at,
        met_at=clock.met_at,
        breached_at=clock.breached_at,
        time_zone=kept.zone.key,
        summary=words.typeset(_Summary(clock, kept, course, now, words, told).told()),
        why_policy=words.typeset(reasons.why(clock.policy_id, choice, kept.zone)),
        elapsed_seconds=_counted(clock, now, kept.hours) // SECOND,
        intervals=_in_seconds(told, words),
        differs=words.typeset(differs) if differs else None,
    )


def _in_seconds(pieces: list[Piece], words: Words) -> list[Interval]:
    """Return the intervals in whole seconds, cut so that they add up to the whole seconds of the sum."""
    found, total = [], NOTHING
    for piece in pieces:
        seconds = (total + piece.counted) // SECOND - total // SECOND
        total += piece.counted
        found.append(Interval(piece.since, piece.until, piece.kind, seconds, words.typeset(piece.why)))
    return found


def _counted(clock: SLAClock, now: datetime, hours: BusinessHours) -> timedelta:
    return counted_at(clock, now, hours)


def _difference(clock: SLAClock, kept: Kept, course: Course, now: datetime, words: Words) -> str:
    told, counted = as_of(course.clock, now), course.counted(now)
    if _verdict(told) == _verdict(clock) and counted == _counted(clock, now, kept.hours):
        return ""
    return words.say(
        "differs",
        told=_in_words(told, counted, kept.zone, words),
        kept=_in_words(clock, _counted(clock, now, kept.hours), kept.zone, words),
    )


def _verdict(clock: SLAClock) -> tuple[object, ...]:
    moments = (clock.started_at, clock.due_at, clock.met_at, clock.breached_at, clock.cancelled_at)
    return (clock.state, clock.allowance, clock.policy_id, *moments)


def _in_words(clock: SLAClock, counted: timedelta, zone: ZoneInfo, words: Words) -> str:
    due = words.moment(clock.due_at.astimezone(zone), year=True) if clock.due_at else words.say("nobody_knows")
    return words.say("verdict", state=words.value(clock.state), counted=words.span(counted), due=due)


@dataclass(frozen=True)
class _Summary:
    clock: SLAClock
    kept: Kept
    course: Course
    now: datetime
    words: Words
    pieces: list[Piece]

    def told(self) -> str:
        return f"{self._promised()} {self._stands()}"

    def _promised(self) -> str:
        clock, zone = self.clock, self.words.zone(self.kept.zone.key)
        start = self.words.moment(clock.started_at.astimezone(self.kept.zone), year=True)
        if clock.metric is Metric.PROMISE:
            due = clock.due_at or clock.started_at + clock.allowance
            return self.words.say("promise", start=start, due=self._moment(due), zone=zone)
        allowance = allowance_in_words(clock.allowance, self.kept.hours, self.words)
        return self.words.say(clock.metric, allowance=allowance, start=start, zone=zone)

    def _stands(self) -> str:
        clock = self.clock
        counted = _counted(clock, self.now, self.kept.hours)
        left, late = max(NOTHING, clock.allowance - counted), max(NOTHING, counted - clock.allowance)
        values = {"counted": self.words.span(counted), "left": self.words.span(left), "late": self.words.span(late)}
        if clock.due_at:
            values |= {"due": self._moment(clock.due_at), "left_out": self._left_out(clock.due_at)}
        for name, at in (("met", clock.met_at), ("cancelled", clock.cancelled_at)):
            values |= {name: self._moment(at)} if at else {}
        done = ending(self.course, self.words)
        values |= {"done": done, "Done": done[:1].upper() + done[1:]}
        values["why"] = _uncapitalised(self.pieces[-1].why) if self.pieces else ""
        name = _standing(clock)
        return self.words.say("untouched" if name == "running" and not counted else name, **values)

    def _left_out(self, due: datetime) -> str:
        """Say how much of the time until the deadline does not count, and for what reason."""
        spans = list(self.course.spans(max(self.now, self.clock.started_at)))
        rests = sum(
            (min(one.until, due) - one.since for one in spans if isinstance(one, Rest) and one.since < due), NOTHING
        )
        runs = [one for one in spans if isinstance(one, Run) and one.since < due]
        counted = self.course.before + sum(
            (elapsed(one.since, min(one.until or due, due), one.hours) for one in runs), NOTHING
        )
        counted = counted if due <= self.course.end(self.now) else self.clock.allowance
        closed = due - self.clock.started_at - counted - rests
        if rests + closed < SECOND:
            return ""
        name = "without_closed" if not rests else "without_both" if closed >= SECOND else "without_rests"
        return self.words.say(name, span=self.words.long_span(rests + closed))

    def _moment(self, moment: datetime) -> str:
        """Return a moment, with its year where that is not the year in which the clock started."""
        local, started = moment.astimezone(self.kept.zone), self.clock.started_at.astimezone(self.kept.zone)
        return self.words.moment(local, year=local.year != started.year)


def _standing(clock: SLAClock) -> str:
    """Return the name of the sentence that says how a clock stands."""
    if clock.breached_at:
        return "late" if clock.met_at else "given_up" if clock.cancelled_at else "overdue"
    if clock.cancelled_at:
        return "cancelled"
    if clock.met_at:
        return "met" if clock.due_at else "met_unpressed"
    return "paused" if clock.paused_by else "running"


def _uncapitalised(text: str) -> str:
    return text[:1].lower() + text[1:]
