"""How each clock of a ticket came to stand as it does: when it counted, by which hours, when it rested and why. Pure.

The reducer in sla.life tells only where a clock stands; here it is watched, entry by entry.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sla.agreement import Metric, Promises, always_open
from sla.clock import SLAClock
from sla.facts import Facts
from sla.hours import BusinessHours, elapsed
from sla.life import Life
from sla.segments import NOTHING
from ticketing.events import (
    CustomerLost,
    Entry,
    Event,
    LiveBegan,
    TicketAssigned,
    TicketOpened,
    TicketReleased,
    TicketResolved,
)

SOLVED = "solved"
UNTOLD = "untold"


@dataclass(frozen=True)
class Choice:
    """When a ticket came under a policy, and what was known of it then. `policy_id` None: under none."""

    policy_id: int | None
    at: datetime
    facts: Facts


@dataclass(frozen=True)
class Run:
    """A time for which a clock counted by these hours. `until` is None while it goes on."""

    since: datetime
    until: datetime | None
    hours: BusinessHours
    policy_id: int | None
    allowance: timedelta


@dataclass(frozen=True)
class Rest:
    """A time for which a clock did not count: pending, on_hold, snoozed or solved."""

    since: datetime
    until: datetime
    reason: str


@dataclass
class Course:
    """One clock, and how it came there. `ended_by` is the kind of entry that ended it; "": none did.

    `before` has been counted when the runs begin: more than nothing only where nobody can tell how it came about.
    """

    clock: SLAClock
    choice: Choice | None
    runs: list[Run] = field(default_factory=list)
    reasons: list[tuple[datetime, str]] = field(default_factory=list)  # of resting, from when on
    ended_by: str = ""
    before: timedelta = NOTHING
    notes: list[tuple[datetime, str]] = field(default_factory=list)  # what happened on the way, and stopped nothing

    def end(self, now: datetime) -> datetime:
        """Return until when there is something to tell: until it ended, or until now."""
        ended = self.clock.met_at or self.clock.cancelled_at or now
        # An entry that had to wait for a lock may end a clock before the last moment that was counted.
        counted = [run.until for run in self.runs if run.until is not None and run.until > run.since]
        return max(self.clock.started_at, ended, *counted)

    def spans(self, now: datetime) -> Iterator[Run | Rest]:
        """Yield what the time from the clock's start to its end consists of, without gaps; each has an end."""
        position, end = self.clock.started_at, self.end(now)
        for run in self.runs:
            since, until = min(run.since, end), min(run.until or end, end)
            if position < since:
                yield from self._rests(position, since)
                position = since
            if since < until:
                yield Run(since, until, run.hours, run.policy_id, run.allowance)
                position = until
        if position < end:
            yield from self._rests(position, end)

    def counted(self, now: datetime) -> timedelta:
        """Return the working time of all runs."""
        runs = (span for span in self.spans(now) if isinstance(span, Run))
        return self.before + sum((elapsed(run.since, run.until or now, run.hours) for run in runs), NOTHING)

    def _rests(self, since: datetime, until: datetime) -> Iterator[Rest]:
        found = UNTOLD
        for at, reason in self.reasons:
            if at <= since:
                found = reason
            elif at < until and reason != found:
                yield Rest(since, at, found)
                since, found = at, reason
        yield Rest(since, until, found)


def courses_of(entries: Iterable[Entry], promises: Promises) -> list[Course]:
    """Return the course of every clock of a ticket, as its journal tells it, in the order in which they started."""
    life: Life | None = None
    courses: list[Course] = []
    choice: Choice | None = None
    for entry in entries:
        before = [] if life is None else list(life.clocks)
        if life is not None:
            life.take(entry, promises)
        elif isinstance(entry.event, TicketOpened):
            life = Life.opened(entry, promises)
        else:
            continue
        if choice is None or choice.policy_id != life.policy_id:
            choice = Choice(life.policy_id, entry.at, life.facts)
        if before != life.clocks:
            _follow(courses, life, entry, choice, promises)
        _note_on_the_way(courses, entry)
    return courses


def kept_course(clock: SLAClock, hours: BusinessHours, now: datetime) -> Course:
    """Return what a clock itself tells of its course: what it had counted by then, and what came after."""
    course = Course(clock, None)
    if clock.paused_by or clock.has_ended:
        whole = elapsed(clock.started_at, course.end(now), hours)
        runs = whole == clock.counted and not clock.paused_by
        since = clock.started_at if runs else course.end(now)
    else:
        since = clock.running_since if clock.counted else clock.started_at
    course.runs = [Run(since, None, hours, clock.policy_id, clock.allowance)]
    course.before = clock.counted if since != clock.started_at else NOTHING
    if clock.paused_by:
        course.reasons = [(clock.started_at, clock.paused_by)]
    return course


def _note_on_the_way(courses: Iterable[Course], entry: Entry) -> None:
    """Note what a customer in line lived through while their wait went on: that a phone rang is no answer, nor that
    somebody has taken them on who has not written yet.
    """
    name = ON_THE_WAY.get(type(entry.event))
    if isinstance(entry.event, TicketAssigned) and not entry.event.rings:
        name = "taken" if entry.event.awaits else None
    if name is None:
        return
    for course in courses:
        clock = course.clock
        begins = clock.started_at == entry.at and name == "lined_up"
        if clock.metric is Metric.QUEUE_WAIT and not clock.has_ended and not begins:
            course.notes.append((entry.at, name))


ON_THE_WAY: dict[type[Event], str] = {
    LiveBegan: "lined_up",
    TicketAssigned: "rang",
    TicketReleased: "given_back",
    CustomerLost: "lost",
}


def _follow(courses: list[Course], life: Life, entry: Entry, choice: Choice, promises: Promises) -> None:
    for course, clock in zip(courses, life.clocks, strict=False):
        if course.clock is not clock:
            _go_on(course, clock, entry, choice, _hours(clock, promises))
    for clock in life.clocks[len(courses) :]:
        courses.append(_begun(clock, choice, _hours(clock, promises)))


def _hours(clock: SLAClock, promises: Promises) -> BusinessHours:
    target = promises.agreement(clock.policy_id).targets.get(clock.metric) if clock.policy_id else None
    return target.hours if target else always_open()


def _begun(clock: SLAClock, choice: Choice, hours: BusinessHours) -> Course:
    course = Course(clock, choice)
    if clock.paused_by:
        course.reasons.append((clock.started_at, clock.paused_by))
    else:
        course.runs.append(Run(clock.running_since, None, hours, clock.policy_id, clock.allowance))
    return course


def _go_on(course: Course, after: SLAClock, entry: Entry, choice: Choice, hours: BusinessHours) -> None:
    before, course.clock = course.clock, after
    if after.started_at < before.started_at:
        _backdate(course, before.started_at, hours)
        return
    counted, counts = _counts(before), _counts(after)
    if before.policy_id != after.policy_id:
        course.choice = choice
    moved = (before.running_since, before.policy_id) != (after.running_since, after.policy_id)
    if not counts or (counted and moved):
        _close(course, max(before.running_since, after.running_since if counts else entry.at))
    if counts and (not course.runs or course.runs[-1].until is not None):
        course.runs.append(Run(after.running_since, None, hours, after.policy_id, after.allowance))
    if before.met_at and not after.met_at:
        course.ended_by = ""
    _note_rest(course, before, entry)


def _backdate(course: Course, until: datetime, hours: BusinessHours) -> None:
    """Let the course begin earlier: what lies before its first moment counts."""
    clock, runs = course.clock, course.runs
    first = runs[0] if runs and runs[0].since == until and runs[0].policy_id == clock.policy_id else None
    if first:
        runs[0] = Run(clock.started_at, first.until, hours, first.policy_id, first.allowance)
    else:
        runs.insert(0, Run(clock.started_at, until, hours, clock.policy_id, clock.allowance))


def _note_rest(course: Course, before: SLAClock, entry: Entry) -> None:
    after = course.clock
    if after.paused_by and (after.paused_by != before.paused_by):
        course.reasons.append((entry.at, after.paused_by))
    if after.has_ended:
        ended = after.met_at or after.cancelled_at or entry.at
        course.ended_by = entry.event.kind()
        if ended < entry.at:  # thanks took the reopening back
            course.ended_by = TicketResolved.kind()
            course.runs = [_cut(run, ended) for run in course.runs if run.since < ended]
            course.reasons = [one for one in course.reasons if one[0] < ended]
        course.reasons.append((ended, SOLVED))


def _counts(clock: SLAClock) -> bool:
    return not clock.paused_by and not clock.has_ended


def _close(course: Course, at: datetime) -> None:
    if course.runs and course.runs[-1].until is None:
        last = course.runs[-1]
        course.runs[-1] = Run(last.since, max(last.since, at), last.hours, last.policy_id, last.allowance)


def _cut(run: Run, at: datetime) -> Run:
    return Run(run.since, min(run.until or at, at), run.hours, run.policy_id, run.allowance)
